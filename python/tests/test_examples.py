"""The examples in the docstrings run."""

import doctest
import functools

import anndata as ad
import numpy as np
import pytest
import tegula as tg

STEPS = {f"{room.__name__[7:]}.{name}": getattr(room, name) for room in (tg.pp, tg.tl) for name in room.__all__}
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
    adata.obsm["X_pca_harmony"], adata.obsm["spatial_aligned"] = (
        adata.obsm["X_pca"],
        np.tile(one.obsm["spatial"], (2, 1)),
    )
    adata.obsm["spatial"] = adata.obsm["spatial"] * 100
    return adata


@pytest.mark.parametrize("name", STEPS)
def test_an_example_runs(name, ready, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    room, own = name.split(".")
    step = STEPS[name]
    if step.__name__ in SHORT:
        monkeypatch.setattr(getattr(tg, room), own, functools.partial(step, **SHORT[step.__name__]))
    if own == "apply_transform":
        sections = ready.copy()
        sections.obs["section"] = sections.obs["section"].cat.rename_categories({"rna": "S1", "protein": "S2"})
        tg.tl.cast_stack(sections, library_key="section", save_transform="s.json", require_match=False)
    (test,) = doctest.DocTestFinder(recurse=False).find(step, name, globs={"adata": ready.copy()})
    assert len(test.examples) >= 2, "an import and a call"
    report = []
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


def test_the_example_of_simulate_runs():
    (test,) = doctest.DocTestFinder(recurse=False).find(tg.simulate, "simulate")
    assert doctest.DocTestRunner().run(test).failed == 0
