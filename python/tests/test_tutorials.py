"""The tutorials run from their first cell to their last and say what they promise."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
PROMISES = {
    "spatial_domains": """
assert ari["scc"] > 0.6 > 0.45 > ari["louvain"]
assert (other.obs["scc_smooth"] == adata.obs["scc_smooth"]).all()
""",
    "maps_that_keep_distances": """
tsne, both, expression, tissue = (row for _, row in table.iterrows())
assert tsne["r1"] < 0.4 and tsne["r2"] < 0.2
assert abs(both["r1"] - 0.646) < 0.01 and abs(both["r2"] - 0.723) < 0.01
assert expression["r1"] > 0.85 and tissue["r2"] > 0.9
""",
}


def execute(path, promise, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "python/src"), os.environ.get("PYTHONPATH", "")]))
    book = nbformat.read(path, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell(promise))
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    del book.cells[-1]
    return book


@pytest.mark.parametrize("name", PROMISES)
def test_tutorials_run(name, monkeypatch):
    path = ROOT / f"docs/tutorials/{name}.ipynb"
    executed = execute(path, PROMISES[name], monkeypatch)
    if os.environ.get("TEGULA_WRITE_TUTORIALS"):
        for cell in executed.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(executed, path)
    kept = nbformat.read(path, as_version=4)
    for ours, theirs in zip(executed.cells, kept.cells, strict=True):
        kinds = [[o.output_type for o in cell.get("outputs", [])] for cell in (ours, theirs)]
        assert kinds[0] == kinds[1], f"run it again and keep what it shows: {theirs.source[:60]}"
        assert "stream" not in kinds[0], "a tutorial shows no warnings"


def test_every_tutorial_is_small_and_is_run():
    books = sorted((ROOT / "docs/tutorials").glob("*.ipynb"))
    assert {b.stem for b in books} == PROMISES.keys()
    for book in books:
        assert book.stat().st_size < 1_000_000, "figures of fewer pixels, please"
