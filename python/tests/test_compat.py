"""Other packages' names: their arguments, their defaults, their slots."""

import inspect

import anndata as ad
import matplotlib
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import tegula as tg
from scipy import sparse
from scipy.spatial import distance
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors, kneighbors_graph
from tegula.compat import spasne, stagate
from tegula.compat import spateo as st

# Names and defaults as in spateo-release 1.1, STAGATE_pyG and SpaSNE.
THEIRS = {
    st.pp.filter.filter_cells: "adata filter_bool=None keep_filtered=False min_expr_genes=50 max_expr_genes=inf "
    "min_area=0 max_area=inf inplace=False",
    st.pp.filter.filter_genes: "adata filter_bool=None keep_filtered=False min_cells=1 max_cells=inf min_avg_exp=0 "
    "max_avg_exp=inf min_counts=0 max_counts=inf inplace=False",
    st.pp.normalize_total: "adata target_sum=None norm_factor=None exclude_highly_expressed=False max_fraction=0.05 "
    "key_added=None layer=None inplace=True copy=False",
    st.pp.select_hvf_seurat: "data n_top=2000 min_disp=0.5 max_disp=inf min_mean=0.0125 max_mean=7",
    st.pl.space: "adata color=None genes=() gene_cmaps=None space='spatial' width=6 marker='.' pointsize=None dpi=100 "
    "ps_sample_num=1000 alpha=0.8 stack_genes=False stack_genes_threshold=0.01 stack_colors_legend_size=10 "
    "figsize=None kwargs",
    st.tl.pca_spateo: "adata X_data=None n_pca_components=None pca_key='X_pca' genes=None layer=None random_state=1",
    st.tl.scc: "adata spatial_key='spatial' key_added='scc' pca_key='pca' e_neigh=30 s_neigh=6 resolution=None "
    "cluster_method='louvain'",
    st.tl.smooth: "adata radius=50 key='label'",
    st.tl.mclust_py: "adata n_components=None use_rep='X_pca' modelNames='EEE' random_seed=42",
    st.tl.kmeans_clustering: "adata n_clusters=10 use_rep='X_cast' random_state=42 cluster_key='kmeans_clusters'",
    st.tl.CAST: "adata sample_key=None basis='spatial' layer='norm_1e4' n_components=10 output_path='output/CAST_Mark' "
    "gpu_t=0 device='cuda:0' kwargs",
    st.tl.pySTAGATE: "adata num_batch_x num_batch_y basis='spatial' spatial_key=('X', 'Y') batch_size=1 rad_cutoff=200 "
    "num_epoch=1000 lr=0.001 weight_decay=0.0001 hidden_dims=(512, 30) device='cuda:0'",
    stagate.Cal_Spatial_Net: "adata rad_cutoff=None k_cutoff=None model='Radius' verbose=True",
    stagate.Stats_Spatial_Net: "adata",
    stagate.mclust_R: "adata num_cluster modelNames='EEE' used_obsm='STAGATE' random_seed=2020",
    stagate.train_STAGATE: "adata hidden_dims=(512, 30) n_epochs=1000 lr=0.001 key_added='STAGATE' "
    "gradient_clipping=5.0 weight_decay=0.0001 verbose=True random_seed=0 save_loss=False "
    "save_reconstrction=False device='cuda:0'",
    spasne.run_spasne: "data pixels=None alpha=None beta=None exaggeration=4 no_dims=2 perplexity=50 theta=0.5 "
    "randseed=-1 verbose=False initial_dims=0 use_pca=True max_iter=1000",
}


@pytest.mark.parametrize("function", THEIRS, ids=lambda f: f.__qualname__)
def test_arguments_are_theirs_and_all_are_described(function):
    parameters = inspect.signature(function).parameters.values()
    ours = " ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)
    assert ours == THEIRS[function]
    doc = inspect.getdoc(function)
    head, _, listed = doc.partition("Parameters\n---")
    assert len(head.splitlines()) > 2, "says where it differs"
    for p in parameters:
        assert p.name in listed, p.name


def tissue(n=400, genes=40, seed=0):
    rng = np.random.default_rng(seed)
    side = np.arange(n) % 20 < 10
    mean = np.where((np.arange(genes) % 2 == 0) == side[:, None], 4.0, 0.7) * rng.lognormal(size=genes)
    adata = ad.AnnData(sparse.csr_matrix(rng.poisson(mean).astype(np.float32)))
    places = np.column_stack([np.arange(n) % 20, np.arange(n) // 20]) + rng.uniform(-0.2, 0.2, (n, 2))
    adata.obsm["spatial"] = places
    return adata


def prepared(**kw):
    adata = tissue(**kw)
    st.pp.normalize_total(adata)
    st.pp.log1p(adata)
    st.tl.pca_spateo(adata, n_pca_components=8)
    return adata


def test_filters_mark_or_drop_and_copy_as_spateo_does():
    adata = tissue()
    x = adata.X.toarray()
    asked = np.arange(40) != 3
    expected = ((x > 0).sum(0) >= 250) & (x.mean(0) >= 1) & (x.mean(0) <= 6) & (x.sum(0) >= 500) & asked
    assert 0 < expected.sum() < 39
    bounds = {"min_cells": 250, "min_avg_exp": 1, "max_avg_exp": 6, "min_counts": 500, "filter_bool": asked}
    marked = st.pp.filter.filter_genes(adata, keep_filtered=True, **bounds)
    np.testing.assert_array_equal(marked.var["pass_basic_filter"], expected)
    assert "pass_basic_filter" not in adata.var, "a copy unless inplace"
    assert st.pp.filter.filter_genes(adata, inplace=True, **bounds) is None
    assert adata.n_vars == expected.sum() and adata.var["pass_basic_filter"].all()

    adata = tissue()
    adata.obs["area"] = np.arange(400.0)
    genes = (adata.X.toarray() > 0).sum(1)
    expected = (genes >= 24) & (genes <= 28) & (np.arange(400) >= 100)
    kept = st.pp.filter.filter_cells(adata, min_expr_genes=24, max_expr_genes=28, min_area=100)
    assert list(kept.obs_names) == list(adata.obs_names[expected]) and 0 < kept.n_obs < 300
    with pytest.raises(KeyError, match="area"):
        st.pp.filter.filter_cells(tissue(), max_area=3)


def test_normalisation_is_to_a_power_of_ten():
    adata = tissue()
    mean = adata.X.sum(1).mean()
    st.pp.normalize_total(adata)
    assert 100 < mean < 1000
    np.testing.assert_allclose(np.asarray(adata.X.sum(1)).ravel(), 1000, rtol=1e-5)
    with pytest.raises(ValueError, match="not supported"):
        st.pp.normalize_total(adata, exclude_highly_expressed=True)


def test_variable_features_are_seurats():
    adata = prepared()
    st.pp.select_hvf_seurat(adata, n_top=12)
    sc.pp.highly_variable_genes(adata, n_top_genes=12)
    np.testing.assert_array_equal(adata.var["highly_variable_features"], adata.var["highly_variable"])
    chosen = adata.var.query("highly_variable_features").sort_values("hvf_rank")
    assert list(chosen["hvf_rank"]) == list(range(12))
    assert chosen["dispersions_norm"].is_monotonic_decreasing
    assert (adata.var.query("not highly_variable_features")["hvf_rank"] == -1).all()
    other = prepared()
    st.pp.select_hvf_seurat(other)
    assert set(other.var) == {"robust", "hvf_rank", "highly_variable_features"}


def test_components_of_chosen_genes_or_of_a_matrix():
    adata = prepared()
    genes = list(adata.var_names[5:30])
    assert st.tl.pca_spateo(adata, n_pca_components=4, pca_key="few", genes=genes) is adata
    exact = PCA(4).fit_transform(adata[:, genes].X.toarray())
    np.testing.assert_allclose(np.abs(adata.obsm["few"]), np.abs(exact), atol=1e-3)
    st.tl.pca_spateo(adata, X_data=adata[:, genes].X.toarray(), n_pca_components=4, pca_key="same")
    np.testing.assert_allclose(adata.obsm["same"], adata.obsm["few"], atol=1e-4)
    st.tl.pca_spateo(adata, pca_key="knee")
    assert 1 <= adata.obsm["knee"].shape[1] < 20
    with pytest.raises(ValueError, match="genes"):
        st.tl.pca_spateo(adata, genes=["absent"])


def test_domains_are_of_spateos_graph():
    adata = prepared()
    assert st.tl.scc(adata, e_neigh=12, s_neigh=5) is adata
    joint = kneighbors_graph(adata.obsm["X_pca"], 11) + kneighbors_graph(adata.obsm["spatial"], 4)
    joint = (joint > 0).astype(float)
    assert ((joint + joint.T) != adata.obsp["scc_connectivities"]).nnz == 0
    assert len(adata.obs["scc"].cat.categories) > 1 and adata.uns["scc"]["params"]["cluster_method"] == "louvain"


def test_smoothed_labels_are_spateos():
    adata = tissue()
    adata.obs["label"] = pd.Categorical(np.random.default_rng(1).choice(list("abc"), 400))
    found = st.tl.smooth(adata, radius=7)
    order = distance.squareform(distance.pdist(adata.obsm["spatial"])).argsort(1)[:, 1:8]
    votes = adata.obs["label"].to_numpy()[order].tolist()
    assert found == [max(v, key=v.count) for v in votes] == list(adata.obs["label_smooth"])


def test_clusters_land_where_spateo_puts_them():
    adata = prepared()
    st.tl.mclust_py(adata, n_components=2)
    assert adata.obs["gmm_cluster"].equals(adata.obs["mclust"])
    st.tl.kmeans_clustering(adata, n_clusters=3, use_rep="X_pca")
    assert adata.obs["kmeans_clusters"].nunique() == 3


@pytest.mark.parametrize(
    ("given", "finder"),
    [({"rad_cutoff": 1.5}, {"radius": 1.5}), ({"k_cutoff": 6, "model": "KNN"}, {"n_neighbors": 7})],
)
def test_spatial_net_is_stagates(given, finder):
    adata = tissue()
    stagate.Cal_Spatial_Net(adata, **given)
    net = adata.uns["Spatial_Net"]
    near = NearestNeighbors(**finder).fit(adata.obsm["spatial"])
    graph = near.radius_neighbors_graph if "radius" in finder else near.kneighbors_graph
    d = graph(adata.obsm["spatial"], mode="distance").tocoo()
    expected = {(str(i), str(j)): v for i, j, v in zip(d.row, d.col, d.data, strict=True) if i != j}
    assert {(a, b) for a, b in zip(net["Cell1"], net["Cell2"], strict=True)} == expected.keys()
    pairs = zip(net["Cell1"], net["Cell2"], strict=True)
    np.testing.assert_allclose(net["Distance"], [expected[p] for p in pairs])
    assert list(net) == ["Cell1", "Cell2", "Distance"] and not adata.obsp


def test_stagate_trains_on_the_table(tmp_path):
    adata = prepared()
    with pytest.raises(ValueError, match="Cal_Spatial_Net"):
        stagate.train_STAGATE(adata)
    with pytest.raises(ValueError, match="rad_cutoff"):
        stagate.Cal_Spatial_Net(adata)
    stagate.Cal_Spatial_Net(adata, rad_cutoff=1.5, verbose=False)
    options = {"hidden_dims": [16, 4], "n_epochs": 5, "device": "cpu"}
    assert stagate.train_STAGATE(adata, save_loss=True, save_reconstrction=True, **options) is adata
    assert adata.obsm["STAGATE"].shape == (400, 4) and adata.layers["STAGATE_ReX"].min() >= 0
    assert isinstance(adata.uns["STAGATE_loss"], float) and "Spatial_Net" not in adata.obsp
    full = adata.obsm["STAGATE"].copy()
    adata.uns["Spatial_Net"] = adata.uns["Spatial_Net"].iloc[::2]
    stagate.train_STAGATE(adata, **options)
    assert not np.allclose(full, adata.obsm["STAGATE"]), "the table counts"
    stagate.mclust_R(adata, 2)
    assert set(adata.obs["mclust"].cat.categories) == {"1", "2"}
    adata.write_h5ad(tmp_path / "out.h5ad")
    assert len(ad.read_h5ad(tmp_path / "out.h5ad").uns["Spatial_Net"]) == len(adata.uns["Spatial_Net"])
    other = adata[10:].copy()
    with pytest.raises(ValueError, match="again"):
        stagate.train_STAGATE(other, **options)


def test_spateos_stagate_trains_then_predicts():
    adata = prepared()
    adata.var["highly_variable"] = np.arange(40) < 5
    net = st.tl.pySTAGATE(adata, 2, 1, rad_cutoff=1.5, num_epoch=4, hidden_dims=[16, 4])
    assert "Spatial_Net" in adata.uns and list(adata.obs["X"]) == list(adata.obsm["spatial"][:, 0])
    with pytest.raises(ValueError, match="train"):
        net.predicted()
    net.train()
    assert "STAGATE" not in adata.obsm
    net.predicted()
    assert adata.obsm["STAGATE"].shape == (400, 4)
    assert adata.layers["STAGATE_ReX"].shape == adata.shape, "all genes, as spateo"
    found = net.cal_pSM()
    assert found is not None and adata.obs["pSM_STAGATE"].max() == 1
    with pytest.raises(ValueError, match="batch_size"):
        st.tl.pySTAGATE(adata, 1, 1, batch_size=2)


def test_spateos_cast_takes_casts_options():
    adata = prepared()
    adata.layers["norm_1e4"] = adata.X.copy()
    adata.obs["slice"] = pd.Categorical(np.where(np.arange(400) < 200, "a", "b"))
    args = type("Args", (), {"encoder_dim": 16, "n_layers": 2, "epochs": 50, "wd1": 0})
    st.tl.CAST(adata, "slice", n_components=3, args=args, epoch_t=2, if_plot=False, graph_strategy="delaunay")
    told = adata.uns["tegula"]["tl.cast_mark"]["params"]
    assert (told["hidden_dim"], told["n_layers"], told["n_epochs"], told["graph"]) == (16, 2, 2, "delaunay")
    assert adata.obsm["X_cast"].shape == (400, 16) and adata.obs["CAST_clusters"].nunique() == 3
    with pytest.raises(TypeError, match="epochs_t"):
        st.tl.CAST(adata, epochs_t=3)


def test_space_draws_as_spateo_is_asked(tmp_path):
    matplotlib.use("Agg")
    adata = prepared()
    adata.obs["kind"] = pd.Categorical(["a", "b"] * 200)
    options = {"show_legend": "upper left", "color_key_cmap": "tab20", "pointsize": 0.2, "figsize": (4, 3)}
    axes = st.pl.space(adata, color=["kind"], genes=["7"], save_show_or_return="return", deaxis=True, **options)
    assert [a.get_title() for a in axes] == ["7", "kind"]
    assert adata.uns["kind_colors"] == ["#1f77b4", "#aec7e8"] and "X_spatial" not in adata.obsm
    width = axes[0].get_position().width * axes[0].figure.get_figwidth()
    points = axes[0].collections[0].diameter / np.ptp(axes[0].get_xlim()) * width * 72
    assert points == pytest.approx(0.5 * np.sqrt(16000 / 20 * 0.2), rel=0.1)
    out = tmp_path / "x.png"
    assert st.pl.space(adata, "kind", save_show_or_return="save", save_kwargs={"path": out}) is None
    assert out.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(TypeError, match="frontiers"):
        st.pl.space(adata, "kind", frontiers=True)
    with pytest.raises(ValueError, match="stack_genes"):
        st.pl.space(adata, genes=["7"], stack_genes=True)


def test_run_spasne_takes_tables_and_arrays():
    adata = prepared()
    data, pixels = pd.DataFrame(adata.X.toarray()), pd.DataFrame(adata.obsm["spatial"])
    y = spasne.run_spasne(data, pixels=pixels, alpha=9, beta=4, perplexity=10, max_iter=300, randseed=1)
    assert y.shape == (400, 2) and y.dtype == np.float64
    same = spasne.run_spasne(
        data.to_numpy(), pixels.to_numpy(), 9, 4, perplexity=10, max_iter=300, randseed=1, use_pca=False
    )
    np.testing.assert_array_equal(y, same)
    kept = np.corrcoef(distance.pdist(y), distance.pdist(pixels))[0, 1]
    tsne = spasne.run_spasne(data, alpha=0, perplexity=10, max_iter=300, initial_dims=12)
    assert kept > np.corrcoef(distance.pdist(tsne), distance.pdist(pixels))[0, 1]
    bare = ad.AnnData(data.to_numpy(), obsm={"spatial": pixels.to_numpy()})
    tg.tl.spasne(bare, alpha=9, beta=4, perplexity=10, n_iter=300, seed=1, use_rep="X")
    assert bare.uns["spasne"]["r2"] == pytest.approx(kept, abs=1e-3)
