"""Numbers beside scanpy's, on dlpfc_151673 where it is at hand and on osmFISH always."""

import os
from pathlib import Path

import anndata as ad
import leidenalg
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import tegula as tg
from scipy import sparse

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("TEGULA_DATA", ROOT.parent / "shared"))
SETS = {"osmfish": ROOT / "data/osmfish/osmfish.h5ad", "dlpfc_151673": DATA / "data/labelled/dlpfc_151673.h5ad"}


@pytest.fixture(params=SETS)
def pair(request):
    path = SETS[request.param]
    if not path.exists():
        pytest.skip(f"no data at {path}")
    return ad.read_h5ad(path), ad.read_h5ad(path)


def close(ours, theirs, tolerance=1e-4):
    """Relative to the largest value, so that zeros do not blow up."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    np.testing.assert_allclose(ours, theirs, atol=tolerance * np.nanmax(np.abs(theirs)), rtol=tolerance)


def test_preprocessing_and_pca_are_scanpys(pair):
    ours, theirs = pair
    tg.pp.filter_genes(ours, min_cells=3)
    sc.pp.filter_genes(theirs, min_cells=3)
    assert list(ours.var_names) == list(theirs.var_names)
    close(ours.var["n_cells"], theirs.var["n_cells"], 0)
    tg.pp.filter_cells(ours, min_genes=1)
    sc.pp.filter_cells(theirs, min_genes=1)
    tg.pp.calculate_qc_metrics(ours)
    top = [n for n in (50, 100, 200, 500) if n <= theirs.n_vars]
    sc.pp.calculate_qc_metrics(theirs, percent_top=top or None, inplace=True)
    for key in ("n_genes_by_counts", "total_counts", *(f"pct_counts_in_top_{n}_genes" for n in top)):
        close(ours.obs[key], theirs.obs[key])
    for key in ("n_cells_by_counts", "mean_counts", "pct_dropout_by_counts", "total_counts"):
        close(ours.var[key], theirs.var[key])
    tg.pp.normalize_total(ours)
    sc.pp.normalize_total(theirs)
    tg.pp.log1p(ours)
    sc.pp.log1p(theirs)
    close(ours.X.toarray(), theirs.X.toarray())
    n_top = min(2000, ours.n_vars // 2)
    tg.pp.highly_variable_genes(ours, n_top_genes=n_top)
    sc.pp.highly_variable_genes(theirs, n_top_genes=n_top)
    close(ours.var["means"], theirs.var["means"])
    close(ours.var["dispersions_norm"], theirs.var["dispersions_norm"])
    # Genes in small bins tie exactly at the cut; rounding alone decides among them.
    cut = theirs.var.loc[theirs.var["highly_variable"], "dispersions_norm"].min()
    clear = (theirs.var["dispersions_norm"] - cut).abs() > 1e-5
    assert (ours.var["highly_variable"] == theirs.var["highly_variable"])[clear].all()
    assert ours.var["highly_variable"].sum() == n_top
    theirs.var["highly_variable"] = ours.var["highly_variable"]
    k = min(30, n_top - 1)
    tg.pp.pca(ours, n_comps=k, use_highly_variable=True)
    sc.pp.pca(theirs, n_comps=k, mask_var="highly_variable")
    close(ours.uns["pca"]["variance"], theirs.uns["pca"]["variance"])
    close(ours.uns["pca"]["variance_ratio"], theirs.uns["pca"]["variance_ratio"])
    # Scores beside the exact decomposition in float64: scanpy's own are good to about 1e-3.
    scores = exact_scores(theirs[:, theirs.var["highly_variable"]].X, k)
    close(ours.obsm["X_pca"] * np.sign((ours.obsm["X_pca"] * scores).sum(0)), scores)
    close(np.abs(theirs.obsm["X_pca"]), np.abs(scores), 5e-3)
    # Our own sign: the largest loading of each component is positive.
    loadings = ours.varm["PCs"]
    assert (loadings[np.abs(loadings).argmax(0), np.arange(k)] > 0).all()

    k = min(30, ours.n_vars - 1)
    tg.pp.pca(ours, n_comps=k, use_highly_variable=False)
    sc.pp.pca(theirs, n_comps=k, mask_var=None)
    close(ours.uns["pca"]["variance"], theirs.uns["pca"]["variance"])


def exact_scores(x, k):
    """Principal components by the eigenvectors of the covariance, all in float64."""
    x = np.asarray(x.todense() if hasattr(x, "todense") else x, dtype=np.float64)
    x = x - x.mean(0)
    _, vectors = np.linalg.eigh(x.T @ x)
    return x @ vectors[:, ::-1][:, :k]


def test_neighbours_are_scikit_learns(pair):
    from sklearn.neighbors import NearestNeighbors

    adata = pair[0]
    tg.pp.normalize_total(adata)
    tg.pp.log1p(adata)
    tg.pp.pca(adata, n_comps=15)
    tg.pp.neighbors(adata, n_neighbors=20)
    x = adata.obsm["X_pca"].astype(np.float64)
    distances, _ = NearestNeighbors(n_neighbors=21, algorithm="brute").fit(x).kneighbors(x)
    found = np.sort(adata.obsp["distances"].toarray(), axis=1)[:, -20:]
    np.testing.assert_allclose(found, distances[:, 1:], rtol=1e-4, atol=1e-4)


def test_scanpy_understands_our_graph(pair):
    from sklearn.metrics import adjusted_rand_score

    adata = pair[0]
    tg.pp.normalize_total(adata)
    tg.pp.log1p(adata)
    tg.pp.pca(adata, n_comps=15)
    tg.pp.neighbors(adata, n_neighbors=14)
    sc.tl.leiden(adata, flavor="igraph", n_iterations=2, key_added="theirs")
    tg.tl.leiden(adata, key_added="ours")
    assert adjusted_rand_score(adata.obs["theirs"], adata.obs["ours"]) > 0.4


@pytest.mark.parametrize("batch", [None, "b"])
@pytest.mark.parametrize("flavor", ["cell_ranger", "pearson_residuals"])
def test_flavours_are_scanpys(pair, flavor, batch):
    ours, theirs = pair
    for a in pair:
        a.obs["b"] = pd.Categorical(np.where(np.arange(a.n_obs) % 3 == 0, "x", "y"))
        if flavor == "cell_ranger":
            sc.pp.normalize_total(a)
            sc.pp.log1p(a)
    n = min(300, ours.n_vars // 2)
    options = {"n_top_genes": n, "batch_key": batch, "flavor": flavor}
    if flavor == "pearson_residuals":
        tg.pp.highly_variable_genes(ours, clip=30.0, **options)
        sc.experimental.pp.highly_variable_genes(theirs, clip=30.0, **options)
    else:
        tg.pp.highly_variable_genes(ours, **options)
        sc.pp.highly_variable_genes(theirs, **options)
    for key in ("means", "dispersions", "dispersions_norm", "variances", "residual_variances"):
        if key in theirs.var:
            close(ours.var[key], theirs.var[key])
    # Equal scores are ordered by scanpy's unstable sort; rounding decides at ties.
    assert (ours.var["highly_variable"] != theirs.var["highly_variable"]).sum() <= max(4, n // 10)


def test_scaling_residuals_and_combat_are_scanpys(pair):
    ours, theirs = pair
    for a in pair:
        sc.pp.filter_genes(a, min_cells=1)
        a.obs["b"] = pd.Categorical(np.where(np.arange(a.n_obs) % 3 == 0, "x", "y"))
    o, t = ours.copy(), theirs.copy()
    tg.pp.normalize_pearson_residuals(o)
    sc.experimental.pp.normalize_pearson_residuals(t)
    close(o.X, t.X)
    for a in pair:
        sc.pp.normalize_total(a)
        sc.pp.log1p(a)
    o, t = ours.copy(), theirs.copy()
    tg.pp.scale(o, max_value=3)
    sc.pp.scale(t, max_value=3)
    close(o.X, t.X)
    close(o.var["std"], t.var["std"])
    tg.pp.combat(ours, key="b")
    sc.pp.combat(theirs, key="b")
    close(ours.X, theirs.X)


def test_squares_and_samples(pair):
    a, b = pair
    total = a.X.sum()
    tg.pp.bin(a, bin_size=float(np.ptp(a.obsm["spatial"], axis=0).max() / 20))
    assert a.X.sum() == total and a.obs["n_obs"].sum() == b.n_obs
    half = b.n_obs // 2
    tg.pp.subsample(b, fraction=0.5)
    assert b.n_obs == half


def test_ranked_genes_are_scanpys(pair, tmp_path):
    ours, theirs = pair
    for a in pair:
        sc.pp.normalize_total(a)
        sc.pp.log1p(a)
        a.obs["half"] = pd.Categorical(np.where(a.obsm["spatial"][:, 0] > np.median(a.obsm["spatial"][:, 0]), "r", "l"))
    sc.tl.rank_genes_groups(theirs, "half", method="wilcoxon", pts=True)
    tg.tl.rank_genes_groups(ours, groupby="half", method="wilcoxon", pts=True)
    x, y = theirs.uns["rank_genes_groups"], ours.uns["rank_genes_groups"]
    for c in ["scores", "pvals", "pvals_adj", "logfoldchanges"]:
        assert x[c].dtype == y[c].dtype
        for g in x[c].dtype.names:
            p, q = pd.Series(x[c][g], x["names"][g]), pd.Series(y[c][g], y["names"][g])
            np.testing.assert_allclose(p, q[p.index], rtol=1e-6, atol=1e-12)
    ours.write_h5ad(tmp_path / "ranked.h5ad")
    again = sc.get.rank_genes_groups_df(ad.read_h5ad(tmp_path / "ranked.h5ad"), group=None)
    assert len(again) == 2 * ours.n_vars


def test_restricted_names_are_scanpys(pair):
    a = pair[0]
    tg.pp.pca(a, n_comps=20)
    tg.pp.neighbors(a)
    tg.tl.leiden(a)
    tg.tl.leiden(a, restrict_to_key="leiden", restrict_to_groups=["0", "1"])
    r, o = a.obs["leiden_R"].astype(str), a.obs["leiden"].astype(str)
    inside = o.isin(["0", "1"])
    assert r[inside].str.startswith("0-1,").all() and (r[~inside] == o[~inside]).all()


def test_cpm_quality_is_leidenalgs(pair):
    a = pair[0]
    tg.pp.pca(a, n_comps=20)
    tg.pp.neighbors(a)
    tg.tl.leiden(a, objective="cpm", resolution=0.05)
    graph = sc._utils.get_igraph_from_adjacency(sparse.triu(a.obsp["connectivities"], format="csr"), directed=False)
    found = leidenalg.CPMVertexPartition(
        graph,
        initial_membership=a.obs["leiden"].cat.codes.tolist(),
        weights="weight",
        resolution_parameter=0.05,
    )
    total = a.obsp["connectivities"].sum()
    assert abs(found.quality() / total - a.uns["leiden"]["quality"]) < 1e-6


def test_consensus_and_sweep(pair):
    a = pair[0]
    tg.pp.pca(a, n_comps=20)
    tg.pp.neighbors(a)
    tg.tl.consensus(a, n_runs=5)
    assert a.obs["consensus_confidence"].between(0, 1).all() and a.uns["consensus"]["mean_ari"] <= 1
    tg.tl.sweep(a, s_neigh=[4, 6], e_neigh=[10], resolution=[0.5, 1.0], n_runs=2)
    table, best = a.uns["sweep"]["table"], a.uns["sweep"]["recommended"]
    assert isinstance(table, pd.DataFrame) and len(table) == 4
    assert table["s_neigh"].iloc[best["row"]] == best["s_neigh"]


def test_diffusion_and_pseudotime_are_scanpys(pair):
    theirs, ours = pair
    sc.pp.pca(theirs, n_comps=10)
    sc.pp.neighbors(theirs, n_neighbors=16)
    ours.obsp["connectivities"] = theirs.obsp["connectivities"].copy()
    ours.uns["neighbors"] = theirs.uns["neighbors"]
    theirs.uns["iroot"] = 7
    sc.tl.diffmap(theirs)
    sc.tl.dpt(theirs)
    tg.tl.diffmap(ours)
    tg.tl.dpt(ours, iroot=7)
    assert np.allclose(ours.uns["diffmap_evals"], theirs.uns["diffmap_evals"], atol=1e-5)
    assert np.allclose(ours.obs["dpt_pseudotime"], theirs.obs["dpt_pseudotime"], atol=1e-4)
