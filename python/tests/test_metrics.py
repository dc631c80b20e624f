"""Measures of plain arrays beside scikit-learn's, and of slots beside the command's."""

import doctest
import json
import shutil
import subprocess
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
import tegula as tg
from scipy import sparse

ROOT = Path(__file__).parents[2]
OSMFISH = ROOT / "data/osmfish/osmfish.h5ad"


def test_agreement_is_scikit_learns():
    rng = np.random.default_rng(3)
    truth, found = rng.integers(0, 4, 500), rng.integers(0, 6, 500)
    found[:250] = truth[:250]
    pairs = {
        "ari": sk.adjusted_rand_score,
        "nmi": sk.normalized_mutual_info_score,
        "ami": sk.adjusted_mutual_info_score,
        "homogeneity": sk.homogeneity_score,
        "completeness": sk.completeness_score,
        "v_measure": sk.v_measure_score,
    }
    for name, theirs in pairs.items():
        assert abs(getattr(tg.metrics, name)(truth, found) - theirs(truth, found)) < 1e-9, name


def test_any_kind_of_labels_will_do_and_missing_ones_are_left_out():
    truth = ["a", "a", "b", "b", "b"]
    kinds = [
        np.array([1, 1, 0, 0, 0]),
        pd.Series(["x", "x", "y", "y", "y"], dtype="category"),
        pd.Categorical([True, True, False, False, False]),
        pd.Series([1.0, 1.0, 2.0, 2.0, np.nan]),
        ["1", "1", "2", "2", None],
    ]
    for found in kinds:
        assert tg.metrics.ari(truth, found) == 1


def test_silhouette_and_modularity_are_their_peers():
    import igraph

    rng = np.random.default_rng(5)
    x, labels = rng.normal(size=(300, 7)), rng.integers(0, 3, 300)
    assert abs(tg.metrics.silhouette(x, labels) - sk.silhouette_score(x, labels)) < 1e-5
    a = sparse.random(300, 300, 0.05, random_state=1)
    a = sparse.csr_matrix(a + a.T)
    a.setdiag(0)
    a.eliminate_zeros()
    upper = sparse.triu(a).tocoo()
    graph = igraph.Graph(n=300, edges=np.c_[upper.row, upper.col])
    theirs = graph.modularity(labels.tolist(), weights=upper.data.tolist())
    assert abs(tg.metrics.modularity(a, labels) - theirs) < 1e-6


def test_all_at_once_is_what_the_command_says(tmp_path):
    adata = ad.read_h5ad(OSMFISH)
    tg.pp.pca(adata, n_comps=10)
    tg.pp.neighbors(adata)
    tg.tl.leiden(adata)
    path = tmp_path / "a.h5ad"
    adata.write_h5ad(path)
    command = shutil.which("tegula") or ROOT / "target/debug/tegula"
    call = [command, "metrics", path, "--pred", "leiden", "--truth", "region", "--json"]
    theirs = json.loads(subprocess.run(call, capture_output=True, check=True).stdout)
    ours = tg.metrics.score(adata, "leiden", truth="region")
    assert ours == theirs | {"embeddings": {}} and {"ari", "chaos", "modularity"} <= set(ours["labels"]["leiden"])


def test_how_an_embedding_was_made_is_found_under_any_key():
    adata = tg.simulate(n_obs=120, n_vars=40)
    tg.pp.pca(adata, n_comps=5)
    for key in ("X_tsne", "mine", "X_mine"):
        tg.tl.tsne(adata, n_iter=50, perplexity=10, key_added=None if key == "X_tsne" else key)
        kept = adata.uns["tsne" if key == "X_tsne" else key]
        found = tg.metrics.score(adata, embeddings=key)["embeddings"][key]
        assert found["kl_divergence"] == kept["kl_divergence"]


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="3"):
        tg.metrics.ari([1, 2], [1, 2, 3])
    with pytest.raises(KeyError, match="nothing"):
        tg.metrics.score(tg.simulate(n_obs=50, n_vars=10), "nothing")
    with pytest.raises(ValueError, match="without a label"):
        tg.metrics.modularity(sparse.eye(2, format="csr"), [1, np.nan])


def test_examples_hold():
    assert doctest.testmod(tg.metrics).failed == 0
