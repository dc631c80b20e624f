"""The steps of `tegula run` in scanpy, scikit-learn and leidenalg: file to labelled h5ad.

Usage: python benches/peers/pipeline.py IN.h5ad OUT.h5ad [S_NEIGH] [E_NEIGH]
"""

import sys

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial.distance import cdist


def majority(nearest, codes):
    """Return the commonest code among each row's neighbours, of several the one that comes first."""
    smooth = []
    for row in nearest:
        counts = np.bincount(codes[row])
        best = np.flatnonzero(counts == counts.max())
        smooth.append(next(c for c in codes[row] if c in best))
    return np.array(smooth)


def by_distance(space):
    """Every observation's others from near to far, as spateo finds them: on the N-by-N matrix of distances."""
    return np.argsort(cdist(space, space), axis=1, kind="stable")


def main(source, target, s_neigh=6, e_neigh=30):
    import scanpy as sc

    adata = ad.read_h5ad(source)
    sc.pp.filter_genes(adata, min_cells=3)
    sc.pp.filter_cells(adata, min_genes=1)
    sc.pp.normalize_total(adata)
    sc.pp.log1p(adata)
    sc.pp.pca(adata, n_comps=30)
    sc.pp.neighbors(adata, n_neighbors=e_neigh + 1)  # scanpy counts the observation itself
    sc.tl.leiden(adata, flavor="leidenalg", n_iterations=-1, directed=False)

    # SCC: the union of both kNN graphs, a mutual pair weighing 2, then Leiden.
    expression = sparse.csr_matrix((adata.obsp["distances"] > 0).astype(np.float32))
    order = by_distance(adata.obsm["spatial"])
    nearest = order[:, 1 : s_neigh + 1]
    rows = np.repeat(np.arange(adata.n_obs), s_neigh)
    spatial = sparse.csr_matrix((np.ones(rows.size, np.float32), (rows, nearest.ravel())), shape=order.shape)
    union = ((expression + spatial) > 0).astype(np.float32)
    sc.tl.leiden(adata, adjacency=union + union.T, flavor="leidenalg", n_iterations=-1, directed=False, key_added="scc")

    smooth = majority(order[:, 1:11], adata.obs["scc"].cat.codes.to_numpy())
    adata.obs["scc_smooth"] = pd.Categorical(smooth.astype(str))
    adata.write_h5ad(target, compression="gzip")


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:5]))
