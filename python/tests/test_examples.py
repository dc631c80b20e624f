"""The examples in the docstrings run."""

import doctest
import functools
import re
from pathlib import Path

import anndata as ad
import matplotlib
import numpy as np
import pandas as pd
import pytest
import tegula as tg

matplotlib.use("Agg")

ROOMS = (tg.pp, tg.tl, tg.pl)
STEPS = {f"{room.__name__[7:]}.{name}": getattr(room, name) for room in ROOMS for name in room.__all__}
SHORT = {
    "stagate": {"n_epochs": 2},
    "cast_mark": {"n_epochs": 2},
    "spasne_screen": {"n_rough": 1, "n_fine": 1, "n_tsne": 1, "n_iter": 300},
}
"""What would take minutes takes seconds."""


@pytest.fixture(scope="module")
def ready():
    """A tissue of two sections in which every step finds what it reads."""
    one = tg.simulate(n_obs=700, n_vars=150, n_domains=8, density=0.3, seed=1)
    other = one.copy()
    other.obsm["spatial"] = one.obsm["spatial"] @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    adata = ad.concat({"rna": one, "protein": other}, label="section", index_unique="-")
    adata.obs["batch"], adata.obs["cell_type"] = adata.obs["section"], adata.obs["domain"]
    tg.pp.normalize_total(adata)
    tg.pp.log1p(adata)
    tg.pp.pca(adata, n_comps=30)
    tg.pp.neighbors(adata, n_neighbors=15)
    tg.tl.leiden(adata)
    tg.tl.diffmap(adata)
    adata.uns["iroot"] = 0
    tg.pp.spatial_neighbors(adata)
    tg.tl.scc(adata)
    adata.obsm["STAGATE"] = adata.obsm["X_cast"] = adata.obsm["X_pca"]
    adata.obsm["X_pca_harmony"] = adata.obsm["X_pca"]
    bend = 0.1 * np.sin(one.obsm["spatial"][:, ::-1])
    adata.obsm["spatial_aligned"] = np.vstack([one.obsm["spatial"], one.obsm["spatial"] + bend])
    adata.obs["total_counts"] = adata.X.sum(axis=1)
    adata.obsm["spatial"] = adata.obsm["spatial"] * 100
    return adata


@pytest.mark.parametrize("name", STEPS)
def test_an_example_runs(name, ready, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    step = STEPS[name]
    for own, params in SHORT.items():
        monkeypatch.setattr(tg.tl, own, functools.partial(STEPS[f"tl.{own}"], **params))
    if name == "tl.apply_transform":
        sections = ready.copy()
        sections.obs["section"] = sections.obs["section"].cat.rename_categories({"rna": "S1", "protein": "S2"})
        tg.tl.cast_stack(sections, library_key="section", save_transform="s.json", require_match=False)
    adata = ready.copy()
    if name == "pl.spasne_screen":
        table = pd.DataFrame({"stage": [0, 1, 1], "alpha": [0, 5, 9], "beta": [0, 4, 4], "r1": 0.5, "r2": 0.6})
        adata.uns["spasne_screen"] = {"table": table, "alpha": 9.0, "beta": 4.0}
    (test,) = doctest.DocTestFinder(recurse=False).find(step, name, globs={"adata": adata})
    assert len(test.examples) >= 2, "an import and a call"
    report = []
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


def test_the_example_of_simulate_runs():
    (test,) = doctest.DocTestFinder(recurse=False).find(tg.simulate, "simulate")
    assert doctest.DocTestRunner().run(test).failed == 0


def test_what_the_readme_shows_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    tissue = tg.simulate(n_obs=600, n_vars=120, n_domains=4, density=0.4)
    tissue.obs["layer"] = tissue.obs["domain"]
    tissue.var_names = ["Plp1", *tissue.var_names[1:]]
    for name in ("tissue", "a", "b"):
        tissue.write_h5ad(f"{name}.h5ad")
    text = (Path(__file__).parents[1] / "README.md").read_text()
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    assert {"scc_smooth", "layer"} <= set(ad.read_h5ad("domains.h5ad").obs)
    assert "spatial_aligned" in names["both"].obsm and names["adata"].isbacked
