"""The workflows of the repository are what GitHub understands."""

import subprocess
import sys
from pathlib import Path

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github/workflows").glob("*.yml"))


def test_workflows_follow_githubs_schema():
    assert {w.stem for w in WORKFLOWS} == {"crates", "test", "wheels"}
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
