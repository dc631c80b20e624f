"""What is computed here is used by other packages as their own."""

from pathlib import Path

import anndata as ad
import matplotlib
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import tegula as tg

matplotlib.use("Agg")
OSMFISH = Path(__file__).parents[2] / "data/osmfish/osmfish.h5ad"


@pytest.fixture(scope="module")
def done():
    """A part of a real tissue, analysed here from counts to domains."""
    adata = ad.read_h5ad(OSMFISH)[::3].copy()
    tg.pp.filter_cells(adata, min_genes=1)
    tg.pp.normalize_total(adata)
    tg.pp.log1p(adata)
    tg.pp.pca(adata, n_comps=15)
    tg.pp.neighbors(adata, n_neighbors=15)
    tg.tl.leiden(adata)
    tg.pp.spatial_neighbors(adata, n_neighbors=6)
    tg.tl.scc(adata, s_neigh=8)
    tg.tl.rank_genes_groups(adata, groupby="scc", method="wilcoxon")
    tg.tl.tsne(adata, n_iter=250)
    return adata


@pytest.fixture
def adata(done):
    return done.copy()


def test_scanpy_goes_on_from_our_neighbours(adata):
    # Its own UMAP takes a minute to compile.
    adata.obsm["X_umap"] = adata.obsm["X_tsne"]
    axes = sc.pl.umap(adata, color=["leiden", "scc", "Plp1"], show=False)
    assert len(axes) == 3 and len(adata.uns["leiden_colors"]) == adata.obs["leiden"].nunique()
    assert tg.pl.embedding(adata, "umap", "leiden", show=False).get_legend()
    sc.tl.paga(adata, groups="leiden")
    assert adata.uns["paga"]["connectivities"].shape[0] == adata.obs["leiden"].nunique()


def test_scanpy_and_we_share_colours(adata):
    tg.pl.spatial(adata, "scc", show=False)
    kept = list(adata.uns["scc_colors"])
    sc.pl.embedding(adata, "tsne", color="scc", show=False)
    assert list(adata.uns["scc_colors"]) == kept
    del adata.uns["scc_colors"]
    with matplotlib.rc_context():
        sc.set_figure_params()
        sc.pl.embedding(adata, "spatial", color="scc", show=False)
    assert [c.lower() for c in adata.uns["scc_colors"]] == kept, "the same palette"


def test_scanpy_ranks_genes_of_our_labels_and_reads_our_ranking(adata):
    ours = sc.get.rank_genes_groups_df(adata, group="0")
    sc.tl.rank_genes_groups(adata, "scc", method="wilcoxon", key_added="theirs")
    theirs = sc.get.rank_genes_groups_df(adata, group="0", key="theirs")
    assert list(ours["names"][:5]) == list(theirs["names"][:5])
    np.testing.assert_allclose(ours["scores"][:5], theirs["scores"][:5], rtol=1e-4)
    assert sc.pl.rank_genes_groups_dotplot(adata, n_genes=2, show=False, dendrogram=False)


def test_squidpy_takes_our_graph(adata):
    sq = pytest.importorskip("squidpy")
    ours, theirs = adata.copy(), adata.copy()
    sq.gr.spatial_neighbors(theirs, coord_type="generic", n_neighs=6)
    # Of neighbours equally far either may be taken.
    distances = [np.sort(a.obsp["spatial_distances"].toarray()) for a in (ours, theirs)]
    np.testing.assert_allclose(*distances, rtol=1e-5)
    sq.gr.nhood_enrichment(ours, "scc", n_perms=50, seed=0, n_jobs=1, show_progress_bar=False)
    tg.tl.nhood_enrichment(adata, cluster_key="scc", n_perms=50)
    counts = [a.uns["scc_nhood_enrichment"]["count"] for a in (ours, adata)]
    np.testing.assert_array_equal(*counts)
    sq.pl.nhood_enrichment(adata, "scc")
    sq.gr.interaction_matrix(ours, "scc")
    sq.gr.spatial_autocorr(ours, mode="moran", genes=["Plp1"], n_jobs=1)
    tg.tl.spatial_autocorr(adata, genes=["Plp1"])
    assert adata.uns["moranI"]["I"]["Plp1"] == pytest.approx(ours.uns["moranI"]["I"]["Plp1"], rel=1e-4)


def test_spatialdata_holds_our_table(adata, tmp_path):
    sd = pytest.importorskip("spatialdata")
    cells = sd.models.ShapesModel.parse(adata.obsm["spatial"], geometry=0, radius=5.0, index=adata.obs_names)
    adata.obs["where"] = pd.Categorical(["cells"] * adata.n_obs)
    adata.obs["which"] = adata.obs_names
    table = sd.models.TableModel.parse(adata, region="cells", region_key="where", instance_key="which")
    sdata = sd.SpatialData(shapes={"cells": cells}, tables={"table": table})
    tg.tl.smooth(sdata["table"], key="scc")
    tg.pl.spatial(sdata["table"], "scc_smooth", show=False)
    sdata.write(tmp_path / "tissue.zarr")
    back = sd.read_zarr(tmp_path / "tissue.zarr")["table"]
    assert list(back.obs["scc_smooth"]) == list(sdata["table"].obs["scc_smooth"])
    assert (back.obsp["scc_connectivities"] != adata.obsp["scc_connectivities"]).nnz == 0


def test_pandas_groups_by_our_labels(adata):
    table = pd.crosstab(adata.obs["region"], adata.obs["scc"])
    assert table.to_numpy().sum() == adata.n_obs
    means = sc.get.obs_df(adata, ["Plp1", "scc"]).groupby("scc", observed=True)["Plp1"].mean()
    assert means.between(0, 10).all()


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_anndata_writes_and_reads_all_of_it(adata, tmp_path, suffix):
    tg.pl.spatial(adata, ["scc", "leiden"], show=False)
    tg.tl.sweep(adata, s_neigh=[6], e_neigh=[10], resolution=[0.5, 1.0], n_runs=2)
    path = tmp_path / f"out.{suffix}"
    getattr(adata, f"write_{suffix}")(path)
    back = getattr(ad, f"read_{suffix}")(path)
    for key in ("leiden", "scc"):
        assert back.obs[key].equals(adata.obs[key])
        assert list(back.uns[f"{key}_colors"]) == adata.uns[f"{key}_colors"]
    pd.testing.assert_frame_equal(back.uns["sweep"]["table"], adata.uns["sweep"]["table"], check_dtype=False)
    assert back.uns["tegula"].keys() == adata.uns["tegula"].keys()
    tg.tl.smooth(back, key="scc")
    joined = ad.concat({"a": back, "b": adata}, label="section", index_unique="-")
    tg.pp.pca(joined, n_comps=5)
    assert joined.obsm["X_pca"].shape == (2 * adata.n_obs, 5)
