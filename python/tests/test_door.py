"""The Python door: in place on AnnData, the same results as the command."""

import inspect
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import tegula as tg
from scipy import sparse
from tegula.compat import spateo as st

ROOT = Path(__file__).parents[2]
OSMFISH = ROOT / "data/osmfish/osmfish.h5ad"
STEPS = [getattr(room, name) for room in (tg.pp, tg.tl) for name in room.__all__]


def tissue(n=400, genes=40, seed=0, fmt=sparse.csr_matrix, dtype=np.float32):
    rng = np.random.default_rng(seed)
    side = np.arange(n) % 20 < 10
    mean = np.where((np.arange(genes) % 2 == 0) == side[:, None], 4.0, 0.7)
    x = rng.poisson(mean).astype(dtype)
    adata = ad.AnnData(fmt(x) if fmt else x)
    adata.obsm["spatial"] = np.column_stack([np.arange(n) % 20, np.arange(n) // 20]).astype(float)
    adata.obs["side"] = pd.Categorical(np.where(side, "left", "right"))
    return adata


def prepared(**kw):
    adata = tissue(**kw)
    tg.pp.normalize_total(adata)
    tg.pp.log1p(adata)
    tg.pp.pca(adata, n_comps=8)
    return adata


def test_signatures_follow_the_conventions_of_scverse():
    for step in STEPS:
        p = inspect.signature(step).parameters
        kinds = [q.kind for q in p.values()]
        assert next(iter(p)) == "adata", step.__name__
        assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) <= 3, step.__name__
        assert p["copy"].default is False and "random_state" in p, step.__name__
        doc = inspect.getdoc(step)
        for section in ("Parameters\n---", "Returns\n---", "References\n---"):
            assert section in doc, f"{step.__name__} lacks {section}"
        for name in p:
            assert f"\n{name}\n" in doc, f"{step.__name__}: {name} is not documented"


def test_works_in_place_and_returns_nothing():
    adata = prepared()
    assert tg.tl.scc(adata, e_neigh=15) is None
    assert isinstance(adata.obs["scc"].dtype, pd.CategoricalDtype)
    assert adata.obsm["X_pca"].dtype == np.float32
    assert sparse.issparse(adata.obsp["scc_connectivities"])
    assert "tl.scc" in adata.uns["tegula"]


def test_copy_leaves_the_original_alone():
    adata = tissue()
    before = adata.X.copy()
    other = tg.pp.log1p(adata, copy=True)
    assert (adata.X != before).nnz == 0 and "log1p" not in adata.uns
    np.testing.assert_allclose(other.X.toarray(), np.log1p(before.toarray()), rtol=1e-6)


def test_structure_is_borrowed_and_comes_back_as_the_same_arrays():
    adata = tissue()
    indices = adata.X.indices
    tg.pp.log1p(adata)
    assert adata.X.indices is indices or np.shares_memory(adata.X.indices, indices)


def test_reading_a_borrowed_matrix_leaves_it_untouched():
    adata = tissue()
    data = adata.X.data
    before = data.copy()
    tg.pp.calculate_qc_metrics(adata)
    assert adata.X.data is data
    np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize(
    "fmt", [None, sparse.csr_matrix, sparse.csc_matrix, getattr(sparse, "csr_array", sparse.csr_matrix)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_every_kind_of_matrix_gives_the_same_result(fmt, dtype):
    expected = prepared().obsm["X_pca"]
    found = prepared(fmt=fmt, dtype=dtype).obsm["X_pca"]
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_sparse_arrays_stay_arrays():
    adata = tissue()
    want = tissue()
    adata.X = sparse.csr_array(adata.X)
    adata.layers["counts"] = sparse.csc_array(adata.X)
    for layer in (None, "counts"):
        tg.pp.log1p(adata, layer=layer)
    tg.pp.log1p(want)
    tg.pp.filter_genes(adata, min_cells=1)
    tg.pp.filter_genes(want, min_cells=1)
    for matrix in (adata.X, adata.layers["counts"]):
        assert type(matrix) is sparse.csr_array and (matrix != sparse.csr_array(want.X)).nnz == 0


def test_filters_keep_anndata_in_step():
    adata = tissue()
    adata.X = sparse.csr_matrix(adata.X.toarray() * (np.arange(40) != 3))
    adata.layers["again"] = adata.X.copy()
    tg.pp.filter_genes(adata, min_cells=1)
    assert adata.n_vars == 39 and adata.layers["again"].shape == adata.shape
    tg.pp.filter_cells(adata, min_genes=15)
    assert (np.asarray((adata.X > 0).sum(1)).ravel() >= 15).all()


def test_views_become_actual_as_in_scanpy():
    view = tissue()[:200]
    tg.pp.log1p(view)
    assert not view.is_view and view.n_obs == 200


def test_raw_is_read_where_asked_for():
    adata = prepared()
    adata.raw = adata
    part = adata[:, :4].copy()
    tg.tl.rank_genes_groups(part, groupby="side")
    names = part.uns["rank_genes_groups"]["names"]
    assert sorted(names["left"]) == sorted(adata.var_names), "all genes, not the four"
    tg.tl.rank_genes_groups(part, groupby="side", use_raw=False)
    assert sorted(part.uns["rank_genes_groups"]["names"]["left"]) == sorted(part.var_names)
    part.raw = None
    with pytest.raises(ValueError, match="use_raw"):
        tg.tl.rank_genes_groups(part, groupby="side", use_raw=True)


def test_errors_are_pythons_own():
    adata = tissue()
    with pytest.raises(KeyError, match=r"pp\.neighbors"):
        tg.tl.leiden(adata)
    with pytest.raises(ValueError, match="n_comps"):
        tg.pp.pca(adata, n_comps=4000)
    with pytest.raises(ValueError, match="unknown field `resolutoin`"):
        tg._bridge.run("tl.leiden", adata, {"resolutoin": 1}, seed=0, copy=False)
    bad = tissue()
    bad.X.data[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        tg.pp.normalize_total(bad)
    assert "tegula" not in bad.uns


def test_empty_observations_are_said():
    adata = tissue()
    x = adata.X.toarray()
    x[5] = 0
    adata.X = sparse.csr_matrix(x)
    with pytest.warns(UserWarning, match="1 "):
        tg.pp.normalize_total(adata)


def test_seed_and_threads():
    results = []
    for jobs in (1, 2, 8):
        tg.settings.n_jobs = jobs
        adata = prepared()
        tg.tl.scc(adata, e_neigh=15, random_state=3)
        results.append((adata.obsm["X_pca"].tobytes(), list(adata.obs["scc"])))
    tg.settings.n_jobs = None
    assert results[0] == results[1] == results[2]
    assert int(adata.uns["tegula"]["tl.scc"]["seed"]) == 3


def big(n=60_000):
    adata = ad.AnnData(np.zeros((n, 1), dtype=np.float32))
    adata.obsm["X_pca"] = np.random.default_rng(0).normal(size=(n, 50)).astype(np.float32)
    return adata


def test_the_gil_is_released():
    adata, ticks, done = big(20_000), [], threading.Event()

    def work():
        tg.pp.neighbors(adata, n_neighbors=15)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        ticks.append(time.monotonic())
        time.sleep(0.005)
    thread.join()
    assert len(ticks) > 5, "Python stood still while the step ran"


def test_ctrl_c_stops_the_work_and_changes_nothing():
    import _thread

    adata = big()
    # Tests started in the background find the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, _thread.interrupt_main)
    start = time.monotonic()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            tg.pp.neighbors(adata, n_neighbors=30)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 5, "it took too long to stop"
    assert "connectivities" not in adata.obsp


def test_the_same_bits_as_the_command(tmp_path):
    command = shutil.which("tegula") or ROOT / "target/debug/tegula"
    chain = [
        ("pp", "normalize_total", {}),
        ("pp", "log1p", {}),
        ("pp", "pca", {"n_comps": 10}),
        ("pp", "neighbors", {"n_neighbors": 15}),
        ("tl", "leiden", {}),
        ("tl", "scc", {"s_neigh": 8}),
        ("tl", "smooth", {"key": "scc"}),
    ]
    adata = ad.read_h5ad(OSMFISH)
    path = tmp_path / "step.h5ad"
    shutil.copy(OSMFISH, path)
    path.chmod(0o644)
    for room, name, params in chain:
        getattr(getattr(tg, room), name)(adata, **params)
        flags = [f"--{k.replace('_', '-')}={v}" for k, v in params.items()]
        subprocess.run([command, room, name, path, "--in-place", "--quiet", *flags], check=True, env=os.environ)
    theirs = ad.read_h5ad(path)
    np.testing.assert_array_equal(adata.X.data, theirs.X.data)
    np.testing.assert_array_equal(adata.obsm["X_pca"], theirs.obsm["X_pca"])
    for key in ("connectivities", "distances", "scc_connectivities"):
        assert (adata.obsp[key] != theirs.obsp[key]).nnz == 0, key
    for key in ("leiden", "scc", "scc_smooth"):
        assert list(adata.obs[key]) == list(theirs.obs[key]), key


def test_a_result_can_be_written_and_read_by_anndata(tmp_path):
    adata = prepared()
    tg.pp.neighbors(adata, n_neighbors=10)
    tg.tl.leiden(adata)
    adata.write_h5ad(tmp_path / "out.h5ad")
    back = ad.read_h5ad(tmp_path / "out.h5ad")
    assert list(back.obs["leiden"]) == list(adata.obs["leiden"])
    assert int(back.uns["tegula"]["pp.pca"]["params"]["n_comps"]) == 8


def test_simulate_makes_an_annotated_matrix_that_anndata_writes(tmp_path):
    made = tg.simulate(n_obs=300, n_vars=60, n_domains=3, n_sections=2, random_state=4)
    assert (made.shape, made.X.format, made.X.dtype) == ((300, 60), "csr", np.float32)
    assert list(made.obs["domain"].cat.categories) == ["0", "1", "2"]
    assert made.obsm["spatial"].shape == (300, 2)
    assert made.uns["simulate"]["params"]["n_obs"] == 300
    again = tg.simulate(n_obs=300, n_vars=60, n_domains=3, n_sections=2, seed=4)
    assert (made.X != again.X).nnz == 0
    made.write_h5ad(tmp_path / "made.h5ad")
    assert ad.read_h5ad(tmp_path / "made.h5ad").obs["domain"].equals(made.obs["domain"])
    with pytest.raises(ValueError, match="`density`"):
        tg.simulate(density=2.0)


def test_the_knee_of_the_variances_decides_how_many_components():
    adata = prepared()
    tg.pp.pca(adata, knee=True)
    k = adata.obsm["X_pca"].shape[1]
    assert 1 <= k < 20
    assert len(adata.uns["pca"]["variance_ratio"]) == k


def test_autocorrelation_of_columns_of_obsm():
    adata = prepared()
    tg.pp.spatial_neighbors(adata, n_neighbors=4)
    tg.tl.spatial_autocorr(adata, attr="obsm", layer="X_pca", genes=["0"])
    of_column = adata.uns["moranI"]["I"].iloc[0]
    adata.obs["pc"] = adata.obsm["X_pca"][:, 0]
    tg.tl.spatial_autocorr(adata, attr="obs", genes=["pc"])
    assert abs(of_column - adata.uns["moranI"]["I"].iloc[0]) < 1e-9


def test_a_refused_logarithm_leaves_the_values_alone():
    adata = tissue()
    adata.X.data[5] = -1
    before = adata.X.data.copy()
    with pytest.raises(ValueError, match="negative"):
        tg.pp.log1p(adata)
    assert (adata.X.data == before).all()


def test_embeddings_write_their_places_and_what_they_keep():
    adata = prepared()
    tg.tl.spasne(adata, alpha=9, beta=4, perplexity=10, n_iter=300)
    assert adata.obsm["X_spasne"].shape == (400, 2)
    assert 0 < adata.uns["spasne"]["r1"] <= 1
    tg.tl.tsne(adata, perplexity=10, n_iter=300, n_components=3)
    assert adata.obsm["X_tsne"].shape == (400, 3)
    assert 0 < adata.uns["tsne"]["r2"] <= 1, "measured against the tissue, too"
    tg.tl.spasne(adata, alpha=9, beta=0, perplexity=10, n_iter=100, key_added="flat")
    assert "r2" in adata.uns["flat"]
    del adata.obsm["spatial"]
    with pytest.raises(KeyError, match="spatial"):
        tg.tl.spasne(adata, perplexity=10)


def test_groups_around_centres_and_of_mixtures():
    adata = prepared()
    tg.tl.kmeans(adata, n_clusters=2)
    assert list(adata.obs["kmeans"].cat.categories) == ["0", "1"]
    tg.tl.mclust(adata, n_components=[2, 3], n_pcs=4)
    k = adata.obs["mclust"].cat.categories
    assert list(k) == [str(c + 1) for c in range(len(k))]
    assert adata.obsm["mclust_prob"].shape == (400, len(k))
    assert np.allclose(adata.obsm["mclust_prob"].sum(1), 1)
    assert adata.obs["mclust_uncertainty"].between(0, 1).all()


def test_spateos_mclust_is_rs_and_one_value_will_do_for_a_list():
    adata = prepared()
    other = adata.copy()
    tg.tl.mclust(adata, n_components=2, model_names="EEE", seed=42)
    assert st.tl.mclust_py(other, n_components=2, use_rep="X_pca", modelNames="EEE") is other
    assert adata.obs["mclust"].equals(other.obs["mclust"])
    assert adata.uns["mclust"]["model"] == "EEE"
    st.tl.mclust_py(other)
    assert list(other.uns["mclust"]["bic_table"]["n_components"]) == list(range(1, 10))


def test_stagates_weights_come_back_from_a_file(tmp_path):
    adata = prepared()
    common = {"hidden_dims": [32, 8], "k_cutoff": 6}
    weights = str(tmp_path / "weights.safetensors")
    tg.tl.stagate(adata, n_epochs=20, save_weights=weights, save_loss=True, **common)
    z = adata.obsm["STAGATE"].copy()
    assert z.shape == (400, 8) and len(adata.uns["stagate"]["losses"]) == 20
    tg.tl.stagate(adata, n_epochs=0, load_weights=weights, **common)
    np.testing.assert_array_equal(z, adata.obsm["STAGATE"])
    with pytest.raises(FileNotFoundError, match="absent"):
        tg.tl.stagate(adata, n_epochs=0, load_weights=str(tmp_path / "absent"), **common)


def test_a_training_goes_on_from_its_file_to_the_same_bits(tmp_path):
    adata = prepared()
    common = {"hidden_dims": [32, 8], "k_cutoff": 6}
    tg.tl.stagate(adata, n_epochs=9, **common)
    whole = adata.obsm["STAGATE"].copy()
    common["checkpoint"] = str(tmp_path / "run.safetensors")
    tg.tl.stagate(adata, n_epochs=4, **common)
    with pytest.warns(UserWarning, match="goes on after epoch 4 of 9"):
        tg.tl.stagate(adata, n_epochs=9, **common)
    np.testing.assert_array_equal(whole, adata.obsm["STAGATE"])
    with pytest.raises(ValueError, match="a training with other lr"):
        tg.tl.stagate(adata, n_epochs=9, lr=0.01, **common)


def test_stagates_graph_and_rebuilt_genes_are_tables():
    adata = prepared()
    genes = list(adata.var_names[:2])
    tg.tl.stagate(
        adata,
        hidden_dims=[16, 4],
        n_epochs=3,
        k_cutoff=6,
        save_spatial_net=True,
        save_reconstruction=True,
        reconstruction_genes=genes,
    )
    assert list(adata.uns["Spatial_Net"].columns) == ["Cell1", "Cell2", "Distance"]
    assert list(adata.obsm["STAGATE_ReX"].columns) == genes
    with pytest.raises(Exception, match="cuda"):
        tg.tl.stagate(adata, k_cutoff=6, device="cuda")


def test_names_go_in_as_text_whatever_they_are():
    for names, wanted in [(["a", "b"], ["a", "b"]), ([1, 2], ["1", "2"]), ([1, "b"], ["1", "b"]), ([0.5], ["0.5"])]:
        assert tg._bridge.names_of(pd.Index(names)).tolist() == wanted
    assert tg._bridge.names_of(pd.CategoricalIndex(["x", "y"])).tolist() == ["x", "y"]


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy before 2 has no such strings")
def test_numpys_own_strings_are_understood():
    adata = prepared()
    tg.pp.neighbors(adata, n_neighbors=10)
    tg.tl.leiden(adata)
    n = adata.obs["leiden"].nunique()
    # So come colours back from zarr.
    adata.uns["leiden_colors"] = np.array(["#ff0000"] * n, dtype=np.dtypes.StringDType())
    tg.tl.smooth(adata, key="leiden")
    assert list(adata.uns["leiden_smooth_colors"]) == ["#ff0000"] * n


def test_a_step_that_needs_too_much_memory_does_not_begin():
    adata = tg.simulate(n_obs=300, n_vars=100)
    before = adata.X.copy()
    tg.settings.max_memory = "100K"
    try:
        with pytest.raises(
            MemoryError, match=r"`pp.scale` needs about 117.2 KiB .* 100.0 KiB; keep the variable genes"
        ):
            tg.pp.scale(adata)
        tg.settings.max_memory = 200_000
        tg.pp.scale(adata)
        tg.settings.max_memory = "much"
        with pytest.raises(ValueError, match="`much` is no size; write it as 8G"):
            tg.pp.log1p(adata)
    finally:
        tg.settings.max_memory = None
    assert (adata.X != before).any()


def test_names_that_change_between_calls_are_the_ones_used():
    adata = prepared()
    for name in "ab":
        adata.var_names = [f"{name}{j}" for j in range(adata.n_vars)]
        tg.tl.rank_genes_groups(adata, "side")
        assert all(gene.startswith(name) for gene in adata.uns["rank_genes_groups"]["names"]["left"])
    part = adata[:, ::-1].copy()
    tg.tl.rank_genes_groups(part, "side")
    best = [a.uns["rank_genes_groups"]["names"]["left"][0] for a in (adata, part)]
    assert best[0] == best[1]


def test_a_matrix_seen_before_is_looked_at_again_where_it_changed():
    def totals(x):
        adata = ad.AnnData(x)
        tg.pp.calculate_qc_metrics(adata)
        return adata.obs["total_counts"].to_numpy(), adata.var["total_counts"].to_numpy()

    first = tissue(n=50, genes=7).X
    expected = first.toarray().sum(1), first.toarray().sum(0)
    for _ in range(2):
        for got, want in zip(totals(first), expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6)
    # Other rows over the same columns: the first now holds some twice.
    first.indptr[1] = first.indptr[2]
    adata = ad.AnnData(first)
    tg.pp.calculate_qc_metrics(adata)
    assert list(adata.obs["n_genes_by_counts"]) == list((first.toarray() != 0).sum(1))
    first.indptr[2] -= 1
    with pytest.raises(ValueError, match="indptr does not ascend"):
        totals(first)
    # Fewer columns than the array was found to stay below.
    second = tissue(n=50, genes=7).X
    totals(second)
    narrow = sparse.csr_matrix((50, 3), dtype=np.float32)
    narrow.data, narrow.indices, narrow.indptr = second.data, second.indices, second.indptr
    with pytest.raises(ValueError, match="outside the 3 columns"):
        totals(narrow)
    # Another array in the place of one that is gone.
    for seed in range(20):
        x = tissue(n=50, genes=7, seed=seed).X
        x.indices = x.indices[::-1].copy()
        x.has_sorted_indices = x.has_canonical_format = False
        np.testing.assert_allclose(totals(x)[1], x.toarray().sum(0), rtol=1e-6)
