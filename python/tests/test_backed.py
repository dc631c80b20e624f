"""X in a file: the same results as in memory, and never twice in memory."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import tegula as tg
from scipy import sparse
from tegula import _ondisk
from tegula.pl._shade import look_up

KINDS = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "dense": np.asarray}


def stored(path, kind="csr", dtype=np.float64, compression=None):
    """A file of two halves that express other genes, with its raw counts."""
    rng = np.random.default_rng(0)
    side = np.arange(300) % 20 < 10
    x = rng.poisson(np.where((np.arange(40) % 2 == 0) == side[:, None], 4.0, 0.7)).astype(dtype)
    adata = ad.AnnData(KINDS[kind](x), obs=pd.DataFrame(index=[f"cell{i}" for i in range(300)]))
    adata.obs["side"] = pd.Categorical(np.where(side, "left", "right"))
    adata.obsm["spatial"] = np.column_stack([np.arange(300) % 20, np.arange(300) // 20]).astype(float)
    adata.write_h5ad(path, compression=compression)
    return path


def matrix(adata):
    x = adata.X.to_memory() if hasattr(adata.X, "to_memory") else adata.X[:]
    return x.toarray() if sparse.issparse(x) else x


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


READING = {
    "pp.calculate_qc_metrics": {},
    "pp.highly_variable_genes": {"n_top_genes": 10},
    "pp.pca": {"n_comps": 5},
    "pp.copy_layer": {},
    "tl.spatial_autocorr": {},
    "tl.rank_genes_groups": {"groupby": "side"},
    "tl.tsne": {"perplexity": 10, "n_iter": 50},
    "tl.cast_mark": {"hidden_dim": 8, "n_layers": 2, "n_epochs": 2, "n_clusters": 2},
    "tl.stagate": {"hidden_dims": [8, 4], "n_epochs": 2, "k_cutoff": 6},
}


def call(name, adata, **params):
    room, step = name.split(".")
    return getattr(getattr(tg, room), step)(adata, **params)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.float32])
def test_reading_steps_find_the_same_as_in_memory(tmp_path, kind, dtype):
    path = stored(tmp_path / "x.h5ad", kind, dtype, "gzip")
    memory, backed = ad.read_h5ad(path), ad.read_h5ad(path, backed="r")
    for adata in (memory, backed):
        tg.pp.spatial_neighbors(adata)
        for name in READING if dtype == np.float64 else ("pp.pca", "pp.calculate_qc_metrics"):
            call(name, adata, **READING[name])
    assert backed.isbacked and not memory.isbacked
    pd.testing.assert_frame_equal(memory.obs, backed.obs)
    pd.testing.assert_frame_equal(memory.var, backed.var)
    for key in memory.obsm:
        np.testing.assert_array_equal(memory.obsm[key], backed.obsm[key], key)
    if dtype == np.float64:
        assert (memory.layers["counts"] != backed.layers["counts"]).sum() == 0
        assert list(memory.uns["rank_genes_groups"]["names"]) == list(backed.uns["rank_genes_groups"]["names"])
        pd.testing.assert_frame_equal(memory.uns["moranI"], backed.uns["moranI"])


def test_blocks_cover_all_and_end_where_chunks_do(monkeypatch):
    monkeypatch.setattr(_ondisk, "BLOCK", 50)
    for shape, chunks in [((1000,), (7,)), ((33, 20), (4, 20)), ((33, 200), (33, 3)), ((5, 300), None), ((0, 4), None)]:
        seen = np.zeros(shape, dtype=int)
        for block in _ondisk._blocks(shape, chunks):
            seen[block] += 1
            for part, n, c in zip(block, shape, chunks or (1, 1), strict=False):
                assert part.stop == n or part.stop % c == 0
            assert seen[block].size <= max(50, np.prod(chunks or 1))
        assert (seen == 1).all(), (shape, chunks)


def test_a_matrix_of_many_blocks_is_read_as_one(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(_ondisk, "BLOCK", 256)
    path = stored(tmp_path / "x.h5ad", kind, compression="gzip")
    backed = ad.read_h5ad(path, backed="r")
    tg.pp.copy_layer(backed)
    counts = backed.layers["counts"]
    np.testing.assert_array_equal(counts.toarray() if sparse.issparse(counts) else counts, matrix(backed))


def test_writing_steps_write_the_file_where_it_may_be_written(tmp_path, kind):
    path = stored(tmp_path / "x.h5ad", kind)
    memory, reading, writing = (
        ad.read_h5ad(path),
        ad.read_h5ad(path, backed="r"),
        ad.read_h5ad(stored(tmp_path / "y.h5ad", kind), backed="r+"),
    )
    for name in ("pp.normalize_total", "pp.log1p", "pp.scale"):
        with pytest.raises(ValueError, match=rf'{name} writes X.*backed="r\+".*to_memory'):
            call(name, reading)
        call(name, memory)
        call(name, writing)
        np.testing.assert_array_equal(matrix(writing), memory.X if name == "pp.scale" else matrix_of(memory.X))
    assert "tegula" not in reading.uns
    assert writing.isbacked
    writing.write()
    # What was written is in the file, with what the steps noted.
    again = ad.read_h5ad(tmp_path / "y.h5ad")
    np.testing.assert_array_equal(again.X, memory.X)
    assert "log1p" in again.uns


def matrix_of(x):
    return x.toarray() if sparse.issparse(x) else x


def test_steps_that_keep_a_part_say_what_to_do(tmp_path):
    backed = ad.read_h5ad(stored(tmp_path / "x.h5ad"), backed="r+")
    for name, params in {"pp.filter_cells": {"min_genes": 5}, "pp.filter_genes": {"min_cells": 5}}.items():
        with pytest.raises(ValueError, match=rf"{name} keeps a part.*to_memory"):
            call(name, backed, **params)
    assert backed.shape == (300, 40)


def test_copies_and_views_come_into_memory(tmp_path, kind):
    backed = ad.read_h5ad(stored(tmp_path / "x.h5ad", kind), backed="r")
    other = tg.pp.log1p(backed, copy=True)
    assert not other.isbacked and backed.isbacked and "log1p" not in backed.uns
    np.testing.assert_allclose(matrix_of(other.X), np.log1p(matrix(backed)), rtol=1e-6)
    view = backed[:100, 5:]
    tg.pp.log1p(view)
    assert not view.is_view and not view.isbacked and view.shape == (100, 35)
    np.testing.assert_array_equal(matrix_of(view.X), matrix_of(other.X)[:100, 5:])
    assert backed.isbacked and backed.shape == (300, 40)


def test_x_is_left_alone_where_it_is_not_needed(tmp_path):
    path = stored(tmp_path / "x.h5ad")
    adata = ad.read_h5ad(path)
    tg.pp.pca(adata, n_comps=5)
    adata.raw = adata
    adata.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        del file["X/data"]
    backed = ad.read_h5ad(path, backed="r")
    tg.pp.neighbors(backed, n_neighbors=5)
    tg.tl.leiden(backed)
    tg.tl.scc(backed, e_neigh=5)
    tg.tl.tsne(backed, perplexity=10, n_iter=50)
    tg.tl.spasne(backed, perplexity=10, n_iter=50)
    tg.tl.rank_genes_groups(backed, groupby="side")
    with pytest.raises(KeyError, match="data"):
        tg.pp.pca(backed)
    with pytest.raises(KeyError, match="data"):
        tg.tl.rank_genes_groups(backed, groupby="side", use_raw=False)


def test_a_file_without_x_has_none(tmp_path):
    adata = ad.AnnData(obs=pd.DataFrame(index=["a", "b"]), var=pd.DataFrame(index=["g"]))
    adata.write_h5ad(tmp_path / "x.h5ad")
    backed = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    with pytest.raises(ValueError, match="no matrix"):
        tg.pp.pca(backed)


def test_figures_take_genes_from_the_file(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(_ondisk, "BLOCK", 256)
    backed = ad.read_h5ad(stored(tmp_path / "x.h5ad", kind, compression="gzip"), backed="r")
    for gene in (0, 7, 39):
        np.testing.assert_array_equal(look_up(backed, str(gene), None), matrix(backed)[:, gene])


PEAK = """
import re, sys
from pathlib import Path
import anndata as ad
import tegula as tg
# What getrusage tells includes the parent's.
peak = lambda: 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
# What every call needs once is there before.
tg.pp.calculate_qc_metrics(ad.read_h5ad(sys.argv[1], backed="r"))
adata = ad.read_h5ad(sys.argv[2], backed="r")
before = peak()
tg.pp.calculate_qc_metrics(adata)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc tells the peak")
def test_no_more_than_the_matrix_in_single_precision_is_held(tmp_path, kind):
    n_obs, n_vars, per_row = 4000, 2500, 2000
    if kind == "dense":
        x, held = np.ones((n_obs, n_vars)), n_obs * n_vars * 4
    else:
        row = np.arange(n_obs * per_row) // per_row
        column = (np.arange(n_obs * per_row) * 7) % n_vars
        x, held = KINDS[kind](sparse.csr_matrix((np.ones(len(row)), (row, column)))), n_obs * per_row * 8
    ad.AnnData(x).write_h5ad(tmp_path / "large.h5ad")
    small = stored(tmp_path / "small.h5ad", kind)
    call = [sys.executable, "-c", textwrap.dedent(PEAK), small, tmp_path / "large.h5ad"]
    env = os.environ | {"PYTHONPATH": str(Path(tg.__file__).parents[1])}
    grown = int(subprocess.check_output(call, env=env, stderr=subprocess.DEVNULL))
    # Held as it lies in the file besides, it would be twice as much and more.
    assert held * 0.9 < grown < held + 35e6, f"{grown / 1e6:.0f} MB for a matrix of {held / 1e6:.0f}"
