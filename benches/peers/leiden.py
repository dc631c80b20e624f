"""Times igraph's and leidenalg's Leiden, and louvain, beside `communities` on the same edge file.

python leiden.py EDGES.csv [RESOLUTION [SEEDS [PATH_OF_COMMUNITIES]]]
python leiden.py make-geometric N EDGES.csv     # kNN graph (10 others) of N random points in the unit cube
python leiden.py make-h5ad FILE.h5ad EDGES.csv  # scanpy's connectivities: log1p, 2000 HVG, 30 PCs, 15 neighbours
"""

import random
import subprocess
import sys
import time

import igraph as ig
import numpy as np


def make_geometric(n, out):
    from sklearn.neighbors import kneighbors_graph

    points = np.random.default_rng(0).random((n, 3))
    a = kneighbors_graph(points, 10)
    a = a.maximum(a.T).tocoo()
    keep = a.row < a.col
    np.savetxt(out, np.c_[a.row[keep], a.col[keep]], fmt="%d", delimiter=",")


def make_h5ad(path, out):
    import scanpy as sc

    adata = sc.read_h5ad(path)
    sc.pp.filter_genes(adata, min_cells=3)
    sc.pp.normalize_total(adata)
    sc.pp.log1p(adata)
    if adata.n_vars > 2000:
        sc.pp.highly_variable_genes(adata, n_top_genes=2000)
    sc.pp.pca(adata, n_comps=min(30, adata.n_vars - 1))
    sc.pp.neighbors(adata, n_neighbors=15)
    a = adata.obsp["connectivities"].tocoo()
    keep = a.row < a.col
    np.savetxt(out, np.c_[a.row[keep], a.col[keep], a.data[keep]], fmt=["%d", "%d", "%.9g"], delimiter=",")


def quality(graph, membership, resolution):
    return graph.modularity(membership, weights="weight", resolution=resolution)


def compare(path, resolution=1.0, seeds=5, ours=None):
    import leidenalg

    try:
        import louvain
    except ImportError:
        louvain = None
    edges = np.loadtxt(path, delimiter=",", ndmin=2)
    weights = edges[:, 2] if edges.shape[1] > 2 else np.ones(len(edges))
    graph = ig.Graph(edges[:, :2].astype(int), directed=False)
    graph.es["weight"] = weights
    print(f"{graph.vcount()} nodes, {graph.ecount()} edges, resolution {resolution}")

    def igraph_c(n):
        def run(seed):
            random.seed(seed)
            ig.set_random_number_generator(random)
            return graph.community_leiden(
                objective_function="modularity", weights="weight", resolution=resolution, n_iterations=n
            ).membership

        return run

    def other(package, **more):
        def run(seed):
            return package.find_partition(
                graph,
                package.RBConfigurationVertexPartition,
                weights="weight",
                resolution_parameter=resolution,
                seed=seed,
                **more,
            ).membership

        return run

    peers = {"igraph 2": igraph_c(2), "igraph 10": igraph_c(10), "igraph -1": igraph_c(-1)}
    peers["leidenalg 2"] = other(leidenalg, n_iterations=2)
    if graph.vcount() < 50_000:  # above, it takes many minutes
        peers["leidenalg -1"] = other(leidenalg, n_iterations=-1)
    if louvain:
        peers["louvain"] = other(louvain)
    seen = {name: [] for name in peers}
    for seed in range(seeds):
        if ours:
            subprocess.run([ours, path, str(resolution), "1"], check=True, stdout=subprocess.DEVNULL)
        for name, run in peers.items():
            start = time.perf_counter()
            membership = run(seed)
            seen[name].append(
                (time.perf_counter() - start, quality(graph, membership, resolution), max(membership) + 1)
            )
    for name, runs in seen.items():
        t, q, k = zip(*runs, strict=False)
        print(f"{name:>12}  {np.median(t) * 1e3:9.2f} ms  Q {np.mean(q):.5f} best {max(q):.5f}  k {list(k)[:10]}")
    if ours:
        subprocess.run([ours, path, str(resolution), str(seeds)], check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make-geometric", n, out]:
            make_geometric(int(n), out)
        case ["make-h5ad", path, out]:
            make_h5ad(path, out)
        case [path, *rest]:
            compare(path, *(f(a) for f, a in zip((float, int, str), rest, strict=False)))
        case _:
            sys.exit(__doc__)
