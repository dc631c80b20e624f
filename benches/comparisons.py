"""What `bench.py` compares: the data, the two sides of every step, and what makes a result good."""

import functools
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import anndata as ad
import numpy as np
from peers.pipeline import by_distance, majority
from scipy import sparse

ROOT = pathlib.Path(__file__).parent.parent
LABELLED = pathlib.Path(os.environ.get("TEGULA_DATA", ROOT.parent / "shared")) / "data" / "labelled"
TISSUES = ("dlpfc_151673", "seqfish_embryo2")
COUNTS = ("dlpfc_151673",)  # seqfish_embryo2 comes log-normalised
K, WARM = 30, 5_000


# The data, each stage made once by the peer.


def tissue(name):
    shipped = ROOT / "data" / name / f"{name}.h5ad"
    return shipped if shipped.exists() else LABELLED / f"{name}.h5ad"


def present(names):
    """The sets that are here; the one that is shipped stands in for those that are not."""
    return list(dict.fromkeys(n if n.startswith("blobs_") or tissue(n).exists() else "osmfish" for n in names))


@functools.cache
def stage(name, last):
    """Return one of `counts`, `logged`, `pca`, `graph` of a tissue, or N blobs in 30 or D columns (`blobs_NxD`)."""
    import scanpy as sc

    if name.startswith("blobs_"):
        return blobs(*map(int, name.removeprefix("blobs_").split("x")))
    if last == "counts":
        a = ad.read_h5ad(tissue(name))
        a = ad.AnnData(sparse.csr_matrix(a.X, dtype=np.float32), obsm={"spatial": a.obsm["spatial"]})
        sc.pp.filter_genes(a, min_cells=3)
    elif last == "logged":
        a = stage(name, "counts").copy()
        if not (a.X.data % 1).any():
            sc.pp.normalize_total(a)
            sc.pp.log1p(a)
    elif last == "pca":
        a = stage(name, "logged").copy()
        sc.pp.pca(a, n_comps=min(K, a.n_vars - 1))
    else:
        a = stage(name, "pca").copy()
        sc.pp.neighbors(a)
        for key in list(a.obsp):  # of many observations they come as csr_array, which scanpy's Leiden does not take
            a.obsp[key] = sparse.csr_matrix(a.obsp[key])
        sc.tl.leiden(a, flavor="igraph", directed=False, key_added="scc")
    return a


def warm(state):
    """The first observations, for the call that does not count."""
    return state[:WARM].copy()


def blobs(n, d=30):
    """Ten clouds whose spread falls by dimension, as principal components do."""
    rng = np.random.default_rng(1)
    scale = 10.0 / (1.0 + np.arange(d))
    centres = rng.uniform(-2, 2, (10, d)) * scale
    noise = rng.normal(0, 0.7, (n, d)) * np.minimum(scale, 1.0)
    x = (centres[rng.integers(0, 10, n)] + noise).astype(np.float32)
    return ad.AnnData(np.zeros((n, 1), dtype=np.float32), obsm={"X_pca": x})


# The two sides. Each changes the AnnData it is given.


def ours(room, step, **params):
    def call(a, seed):
        import tegula

        getattr(getattr(tegula, room), step)(a, seed=seed, **params)

    return call


def scanpy(room, step, seeded=False, **params):
    def call(a, seed):
        import scanpy as sc

        getattr(getattr(sc, room), step)(a, **params, **({"random_state": seed} if seeded else {}))

    return call


def both(*steps):
    def call(a, seed):
        for step in steps:
            step(a, seed)

    return call


def pynndescent(a, seed):
    from pynndescent import NNDescent

    found = NNDescent(a.obsm["X_pca"], n_neighbors=K + 1, random_state=seed).neighbor_graph[0]
    a.obsm["found"] = found[:, 1:]


def opentsne(a, seed):
    import openTSNE

    # 250 steps exaggerated and 500 more, as `ours`.
    fit = openTSNE.TSNE(perplexity=K, n_jobs=os.cpu_count(), random_state=seed).fit
    a.obsm["X_tsne"] = np.asarray(fit(a.obsm["X_pca"]), dtype=np.float32)


def squidpy(**params):
    def call(a, seed):
        import squidpy as sq

        sq.gr.spatial_neighbors(a, coord_type="generic", key_added="spatial", **params)

    return call


def sklearn_kmeans(n_clusters, **params):
    def call(a, seed):
        from sklearn.cluster import KMeans, MiniBatchKMeans

        kind = MiniBatchKMeans if "batch_size" in params else KMeans
        found = kind(n_clusters, n_init=1, random_state=seed, **params).fit(a.obsm["X_pca"])
        a.obs["kmeans"] = found.labels_.astype(str)

    return call


def sklearn_mixture(n_components):
    """Mixtures with one covariance, mclust's EEE; the start is k-means."""

    def call(a, seed):
        from sklearn.mixture import GaussianMixture

        x = a.obsm["X_pca"].astype(np.float64)
        found = GaussianMixture(n_components, covariance_type="tied", max_iter=1000, random_state=seed).fit(x)
        a.uns["mclust"] = {"loglik": found.score(x) * len(x)}

    return call


def batched(a, seed):
    """Four batches, each shifted its own way."""
    a.obs["batch"] = (np.arange(a.n_obs) % 4).astype(str)
    a.obsm["X_pca"] = (
        a.obsm["X_pca"]
        + np.float32(1.5) * np.eye(4, a.obsm["X_pca"].shape[1], dtype=np.float32)[np.arange(a.n_obs) % 4]
    )


def harmonypy(a, seed):
    from harmonypy import run_harmony

    found = run_harmony(a.obsm["X_pca"], a.obs, "batch", theta=2, random_state=seed, verbose=False)
    a.obsm["X_pca_harmony"] = found.Z_corr.T


def rooted(a, _):
    a.uns["iroot"] = 0


def spateo(a, seed):
    nearest = by_distance(a.obsm["spatial"])[:, 1:11]
    a.obs["scc_smooth"] = majority(nearest, a.obs["scc"].cat.codes.to_numpy()).astype(str)


# Qualities: of the state before, of what one side made, beside what the other made.


def worst_error(state, mine, _):
    exact = state.X.astype(np.float64)
    totals = np.asarray(exact.sum(1)).ravel()
    exact = (sparse.diags(np.median(totals[totals > 0]) / np.maximum(totals, 1)) @ exact).log1p()
    return abs(mine.X - exact).max()


def common_genes(_, mine, other):
    a, b = (x.var["highly_variable"].to_numpy() for x in (mine, other))
    return (a & b).sum() / max(b.sum(), 1)


def variance(state, mine, _):
    x = state.X.astype(np.float64)
    total = x.multiply(x).mean(0).sum() - np.square(x.mean(0)).sum()
    return mine.obsm["X_pca"].astype(np.float64).var(0).sum() / total


def recall(state, mine, _):
    """Share of the true neighbours found, over a thousand observations."""
    from sklearn.neighbors import NearestNeighbors

    x = state.obsm["X_pca"]
    some = np.random.default_rng(0).permutation(len(x))[:1000]
    truth = NearestNeighbors(n_neighbors=K + 1, algorithm="brute").fit(x).kneighbors(x[some], return_distance=False)
    found = mine.obsm["found"] if "found" in mine.obsm else mine.obsp["distances"].tolil().rows
    hits = sum(len(set(t) - {i} & set(found[i])) for i, t in zip(some, truth, strict=True))
    return hits / (K * len(some))


def neighbors_kept(state, mine, _):
    """Share of the ten nearest that are among the ten nearest in the embedding, over a thousand observations."""
    from sklearn.neighbors import NearestNeighbors

    some = np.random.default_rng(0).permutation(len(state))[:1000]
    near = [
        NearestNeighbors(n_neighbors=11).fit(x).kneighbors(x[some], return_distance=False)[:, 1:]
        for x in (state.obsm["X_pca"], mine.obsm["X_tsne"])
    ]
    return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*near, strict=True)])


def modularity(state, mine, _):
    import igraph as ig

    a = sparse.triu(state.obsp["connectivities"]).tocoo()
    graph = ig.Graph(n=a.shape[0], edges=np.c_[a.row, a.col])
    return graph.modularity(mine.obs["leiden"].astype("category").cat.codes.tolist(), weights=a.data.tolist())


def explained(state, mine, _):
    """The part of the variance that lies between the clusters."""
    x, labels = state.obsm["X_pca"].astype(np.float64), np.unique(mine.obs["kmeans"], return_inverse=True)[1]
    counts = np.bincount(labels)
    means = np.stack([np.bincount(labels, weights=column) for column in x.T], 1) / counts[:, None]
    return (counts @ np.square(means - x.mean(0))).sum() / (len(x) * x.var(0).sum())


def likelihood(state, mine, _):
    return mine.uns["mclust"]["loglik"] / state.n_obs


def batches_apart(_, mine, other):
    """Mean distance of the batches' means from the mean of all."""
    z = mine.obsm["X_pca_harmony"]
    means = np.array([z[mine.obs["batch"] == b].mean(0) for b in np.unique(mine.obs["batch"])])
    return np.linalg.norm(means - z.mean(0), axis=1).mean()


def eigenvalue_error(_, mine, other):
    return abs(np.asarray(mine.uns["diffmap_evals"]) - np.asarray(other.uns["diffmap_evals"])).max()


def pseudotime_error(_, mine, other):
    a, b = (x.obs["dpt_pseudotime"].to_numpy(dtype=float) for x in (mine, other))
    reached = np.isfinite(a) & np.isfinite(b)
    return abs(a - b)[reached].max() if (np.isfinite(a) == np.isfinite(b)).all() else np.inf


def same_labels(_, mine, other):
    return (mine.obs["scc_smooth"].astype(str).to_numpy() == other.obs["scc_smooth"].astype(str).to_numpy()).mean()


def same_edges(_, mine, other):
    a, b = (x.obsp["spatial_connectivities"] > 0 for x in (mine, other))
    return a.multiply(b).sum() / max(a.sum(), b.sum())


@dataclass(frozen=True)
class Comparison:
    """One step: on what, both sides, what makes a result good, and the least ratio wanted."""

    step: str
    peer: str
    data: tuple[str, ...]
    stage: str
    ours: Callable
    theirs: Callable
    quality: Callable
    target: float | None = None


HVG, HVG_V3 = {"n_top_genes": 2000}, {"n_top_genes": 2000, "flavor": "seurat_v3"}
BLOBS = ("blobs_20000", "blobs_100000")
NORMALISE = both(ours("pp", "normalize_total"), ours("pp", "log1p"))
# As many of the true neighbours as pynndescent finds (by default 98 % are asked for).
KNN = ours("pp", "neighbors", n_neighbors=K, method="binary", min_recall=0.99)
LEIDEN = ours("tl", "leiden")
COMPARISONS = [
    Comparison("normalise+log1p", "scanpy", COUNTS, "counts", NORMALISE,
               both(scanpy("pp", "normalize_total"), scanpy("pp", "log1p")), worst_error, 10),
    Comparison("hvg seurat", "scanpy", TISSUES, "logged", ours("pp", "highly_variable_genes", **HVG),
               scanpy("pp", "highly_variable_genes", **HVG), common_genes, 5),
    Comparison("hvg seurat_v3", "scanpy", COUNTS, "counts", ours("pp", "highly_variable_genes", **HVG_V3),
               scanpy("pp", "highly_variable_genes", **HVG_V3), common_genes, 5),
    Comparison("pca", "scanpy", TISSUES, "logged", ours("pp", "pca", n_comps=30),
               scanpy("pp", "pca", n_comps=30), variance, 3),
    Comparison("knn", "pynndescent", (*TISSUES, *BLOBS), "pca", KNN, pynndescent, recall, 2),
    Comparison("neighbors", "scanpy", (*TISSUES, *BLOBS), "pca", ours("pp", "neighbors", n_neighbors=K),
               scanpy("pp", "neighbors", seeded=True, n_neighbors=K + 1, use_rep="X_pca"), recall, 5),
    Comparison("leiden", "leidenalg", TISSUES, "graph", LEIDEN,
               scanpy("tl", "leiden", seeded=True, flavor="leidenalg", directed=False, n_iterations=-1),
               modularity, 5),
    Comparison("leiden", "igraph", TISSUES, "graph", LEIDEN,
               scanpy("tl", "leiden", seeded=True, flavor="igraph", directed=False, n_iterations=-1), modularity, 1),
    Comparison("kmeans", "scikit-learn", ("blobs_100000x50", "blobs_1000000x50"), "pca",
               ours("tl", "kmeans", n_clusters=20, n_init=1), sklearn_kmeans(20), explained, 1.5),
    Comparison("kmeans batches", "scikit-learn", ("blobs_1000000x50",), "pca",
               ours("tl", "kmeans", n_clusters=20, n_init=1, batch_size=1024), sklearn_kmeans(20, batch_size=1024),
               explained, 1),
    # R's Mclust(G = 7, "EEE") took 14.9 CPU seconds for a section of 3639 x 30; R is not installed by `make bench`.
    Comparison("mclust EEE", "scikit-learn", ("dlpfc_151673", "blobs_100000"), "pca",
               ours("tl", "mclust", n_components=[7], model_names=["EEE"]), sklearn_mixture(7), likelihood),
    Comparison("harmony", "harmonypy", ("dlpfc_151673", "blobs_100000"), "pca",
               both(batched, ours("pp", "harmony", key="batch")), both(batched, harmonypy), batches_apart, 3),
    Comparison("diffmap", "scanpy", TISSUES, "graph", ours("tl", "diffmap"), scanpy("tl", "diffmap", seeded=True),
               eigenvalue_error, 1),
    Comparison("diffmap+dpt", "scanpy", TISSUES, "graph", both(rooted, ours("tl", "diffmap"), ours("tl", "dpt")),
               both(rooted, scanpy("tl", "diffmap", seeded=True), scanpy("tl", "dpt")), pseudotime_error, 1),
    Comparison("smooth", "spateo's rule", COUNTS, "graph", ours("tl", "smooth"), spateo, same_labels, 50),
    Comparison("tsne", "openTSNE", ("dlpfc_151673", "blobs_50000"), "pca",
               ours("tl", "tsne", perplexity=K, n_iter=750), opentsne, neighbors_kept, 3),
    Comparison("spatial_neighbors", "squidpy", TISSUES, "counts", ours("pp", "spatial_neighbors"),
               squidpy(n_neighs=6), same_edges),
]  # fmt: skip
