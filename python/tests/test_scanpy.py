"""Numbers beside scanpy's, on dlpfc_151673 where it is at hand and on osmFISH always."""

import os
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import tegula as tg

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
