"""Writes squidpy.csv: graphs of squidpy's `gr.spatial_neighbors`, as numbers that any edge would change.

squidpy 1.8.2, scikit-learn 1.9.1, scipy 1.17.1, libpysal 4.14.1: `python make.py > squidpy.csv`. The points come from a fixed recurrence, so
that a test can make them again; `sections` is STAGATE's rule for three dimensions (`Cal_Spatial_Net_3D`), by
scikit-learn's search; `voronoi` is CAST's graph (`delaunay_dgl`), by the libpysal functions it calls.
"""

import logging
import warnings

import anndata as ad
import numpy as np
import scipy.sparse as sp
import squidpy as sq
from libpysal import weights
from libpysal.cg import voronoi_frames
from sklearn.neighbors import NearestNeighbors

warnings.simplefilter("ignore")
logging.disable()


def numbers(n, m, seed):
    """Whole numbers below m."""
    out = []
    for _ in range(n):
        seed = (seed * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        out.append((seed >> 33) % m)
    return np.array(out, float)


def lattice(rows, cols, x_step, y_step, shift, turn, seed):
    """Spots of a turned lattice, shaken by up to 3 % of a step; one in ten is missing."""
    keep = numbers(rows * cols, 10, seed) > 0
    shake = (numbers(2 * rows * cols, 1001, seed + 1) / 1000 - 0.5).reshape(-1, 2) * 0.06 * x_step
    i = np.arange(rows * cols)
    xy = np.c_[x_step * (i % cols + shift * (i // cols % 2)), y_step * (i // cols)] + shake
    sin, cos = np.sin(turn), np.cos(turn)
    return (xy @ np.array([[cos, sin], [-sin, cos]]))[keep]


def line(name, adjacency, lengths):
    adjacency, lengths = adjacency.tocoo(), lengths.tocoo()
    i, j = adjacency.row.astype(object) + 1, adjacency.col.astype(object) + 1
    check = int((i * j * j % 2_147_483_647).sum())
    print(f"{name},{adjacency.nnz},{check},{lengths.data.sum():.9g},{adjacency.data.sum():.9g}")


def squidpy(name, points, library=None, **options):
    adata = ad.AnnData(np.zeros((len(points), 1), np.float32), obsm={"spatial": points})
    if library is not None:
        adata.obs["library"] = [str(v) for v in library]
        adata.obs["library"] = adata.obs["library"].astype("category")
        options["library_key"] = "library"
    sq.gr.spatial_neighbors(adata, **options)
    line(name, adata.obsp["spatial_connectivities"], adata.obsp["spatial_distances"])


def sections(name, points, section, radius, radius_z):
    n = len(points)
    pairs = set()
    for a, b in [(s, s) for s in range(3)] + [(0, 1), (1, 2)]:
        ids = np.flatnonzero((section == a) | (section == b))
        near = NearestNeighbors(radius=radius if a == b else radius_z).fit(points[ids]).radius_neighbors()[1]
        for i, others in zip(ids, near):
            pairs |= {(i, ids[k]) for k in others if a == b or section[i] != section[ids[k]]}
    i, j = np.array(sorted(pairs)).T
    lengths = np.linalg.norm(points[i] - points[j], axis=1)
    line(name, *(sp.csr_matrix((v, (i, j)), shape=(n, n)) for v in (np.ones(len(i)), lengths)))


def voronoi(name, points):
    cells = voronoi_frames(points, clip="convex_hull")
    cells = cells[0] if isinstance(cells, tuple) else cells
    adjacency = weights.Rook.from_dataframe(cells, use_index=False).sparse.tocoo()
    lengths = np.linalg.norm(points[adjacency.row] - points[adjacency.col], axis=1)
    line(name, adjacency, sp.coo_matrix((lengths, (adjacency.row, adjacency.col)), shape=adjacency.shape))


def main():
    points = numbers(1000, 1_000_000, 7).reshape(-1, 2) / 100
    generic = {"coord_type": "generic"}
    squidpy("knn", points, n_neighs=6, **generic)
    squidpy("knn_percentile", points, n_neighs=6, percentile=90, **generic)
    squidpy("knn_spectral", points, n_neighs=8, transform="spectral", **generic)
    squidpy("knn_cosine_diag", points, n_neighs=5, transform="cosine", set_diag=True, **generic)
    squidpy("knn_library", points, np.arange(500) % 3, n_neighs=4, **generic)
    squidpy("radius", points, radius=500.0, **generic)
    squidpy("radius_pair", points, radius=(200.0, 500.0), **generic)
    squidpy("radius_pair_percentile", points, radius=(200.0, 600.0), percentile=80, **generic)
    squidpy("delaunay", points, delaunay=True, **generic)
    squidpy("delaunay_percentile", points, delaunay=True, percentile=95, **generic)
    squidpy("delaunay_pair", points, delaunay=True, radius=(200.0, 800.0), **generic)
    squidpy("delaunay_pair_percentile", points, delaunay=True, radius=(200.0, 800.0), percentile=90, **generic)
    squidpy("delaunay_library", points, np.arange(500) % 3, delaunay=True, percentile=95, **generic)
    squidpy("delaunay_spectral_diag", points, delaunay=True, transform="spectral", set_diag=True, **generic)
    hexagonal = lattice(22, 20, 137.5, 137.5 * 0.75**0.5, 0.5, 0.2, 11)
    squidpy("hex", hexagonal, coord_type="grid", n_neighs=6)
    squidpy("hex_rings_diag", hexagonal, coord_type="grid", n_neighs=6, n_rings=3, set_diag=True)
    squidpy("hex_delaunay_rings", hexagonal, coord_type="grid", delaunay=True, n_rings=2)
    square = lattice(20, 25, 50.0, 50.0, 0.0, 0.9, 17)
    squidpy("square_4", square, coord_type="grid", n_neighs=4)
    squidpy("square_8", square, coord_type="grid", n_neighs=8, n_rings=2)
    voronoi("voronoi", points)
    sections("sections", points, np.arange(500) * 7 % 3, 600.0, 300.0)


main()
