"""Importing the package costs next to nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
CODE = """
import json, sys, time
start = time.process_time()
import numpy
before, between = set(sys.modules), time.process_time()
import tegula
end = time.process_time()
print(json.dumps([between - start, end - between, sorted({m.partition(".")[0] for m in set(sys.modules) - before})]))
"""


def test_nothing_heavy_is_imported_until_needed():
    env = os.environ | {"PYTHONPATH": str(SOURCE)}
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", CODE], env=env)) for _ in range(5)]
    numpy, ours, loaded = zip(*runs, strict=True)
    assert set(loaded[0]) - set(sys.stdlib_module_names) == {"tegula"}, "beyond NumPy and Python itself"
    # Seconds say more of the machine and what else runs on it; a third to a half of NumPy's is usual.
    assert min(ours) < min(numpy)
