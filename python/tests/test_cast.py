"""Sections embedded together, laid onto each other, and one brought onto the other."""

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
import tegula as tg


def test_cast_mark_embeds_all_sections():
    adata = tissue()
    tg.tl.cast_mark(adata, hidden_dim=16, n_layers=2, n_epochs=3, n_clusters=3, seed=0, save_loss=True)
    assert adata.obsm["X_cast"].shape == (adata.n_obs, 16)
    assert (adata.obsm["X_cast"] >= 0).all()
    assert list(adata.obs["CAST_clusters"].cat.categories) == ["0", "1", "2"]
    assert len(adata.uns["cast_mark"]["losses"]) == 3
    again = tissue()
    tg.tl.cast_mark(again, hidden_dim=16, n_layers=2, n_epochs=3, n_clusters=3, seed=0)
    np.testing.assert_array_equal(adata.obsm["X_cast"], again.obsm["X_cast"])


def tissue():
    """Two kinds of cells, side by side."""
    rng = np.random.default_rng(1)
    left = np.arange(120) < 60
    x = rng.poisson(np.where(left[:, None] == (np.arange(10) < 5), 5.0, 0.5)).astype("f4")
    adata = ad.AnnData(sp.csr_matrix(x), obs=pd.DataFrame(index=[f"cell{i}" for i in range(120)]))
    adata.obsm["spatial"] = np.c_[np.arange(120) // 10, np.arange(120) % 10] + 0.2 * rng.random((120, 2))
    return adata


def test_cast_stack_brings_a_turned_section_back():
    rng = np.random.default_rng(0)
    places = rng.random((800, 2)) * [3, 2]
    k = np.arange(12)
    along = places[:, :1] * np.cos(2.4 * k) + places[:, 1:] * np.sin(2.4 * k)
    waves = np.sin((1.2 + 0.23 * k) * along + 1.7 * k)
    section = pd.Categorical(["a"] * 400 + ["b"] * 400)
    adata = ad.AnnData(obs=pd.DataFrame({"section": section}, index=[f"cell{i}" for i in range(800)]))
    given = places.copy()
    given[400:] = 3 * places[400:] @ np.array([[0.6, 0.8], [0.8, -0.6]]) + 50
    adata.obsm["spatial"] = given
    adata.obsm["X_cast"] = (waves + 0.2 * rng.normal(size=waves.shape)).astype("f4")
    tg.tl.cast_stack(adata, library_key="section")
    assert np.median(np.linalg.norm(adata.obsm["spatial_aligned"] - places, axis=1)) < 0.06
    told = adata.uns["cast_stack"]["sections"]["b"]
    assert told["mirrored"] and abs(told["scale"] - 1 / 3) < 0.02
    tg.tl.apply_transform(adata, library_key="section")
    np.testing.assert_allclose(adata.obsm["spatial_transformed"], adata.obsm["spatial_aligned"])


def test_cast_project_carries_counts_and_labels():
    rng = np.random.default_rng(0)
    kind = np.repeat(["x", "y"], 100)
    x = rng.poisson(np.where((kind == "x")[:, None] == (np.arange(8) < 4), 6.0, 0.5))
    place = np.c_[rng.permutation(200) % 20, np.arange(200) // 10].astype(float)
    adata = ad.AnnData(sp.csr_matrix(np.vstack([x, x]).astype("f4")))
    adata.obs_names = [f"cell{i}" for i in range(400)]
    adata.obs["section"] = pd.Categorical(["a"] * 200 + ["b"] * 200)
    adata.obs["kind"] = pd.Categorical(np.r_[kind, kind])
    adata.obsm["spatial_aligned"] = np.vstack([place, place])
    tg.tl.cast_project(adata, library_key="section", label_key="kind")
    layer = adata.layers["cast_project"]
    assert sp.issparse(layer) and layer[:200].nnz == 0
    np.testing.assert_allclose(layer.toarray(), (adata.obsp["cast_project"] @ adata.X).toarray(), rtol=1e-5)
    assert (adata.obs["kind_projected"][200:] == adata.obs["kind"][200:]).mean() > 0.9


def test_copy_layer_is_a_copy():
    adata = tissue()
    tg.pp.copy_layer(adata)
    assert not np.shares_memory(adata.layers["counts"].data, adata.X.data)
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), adata.X.toarray())
