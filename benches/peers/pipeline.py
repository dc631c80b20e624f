"""The steps of `tegula run` in scanpy, scikit-learn and leidenalg: file to labelled h5ad.

Usage: python benches/peers/pipeline.py IN.h5ad OUT.h5ad [S_NEIGH] [E_NEIGH]
"""

import sys

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse
from scipy.spatial.distance import cdist

source, target = sys.argv[1:3]
s_neigh = int(sys.argv[3]) if len(sys.argv) > 3 else 6
e_neigh = int(sys.argv[4]) if len(sys.argv) > 4 else 30

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
space = adata.obsm["spatial"]
distance = cdist(space, space)
nearest = np.argsort(distance, axis=1, kind="stable")[:, 1 : s_neigh + 1]
rows = np.repeat(np.arange(adata.n_obs), s_neigh)
spatial = sparse.csr_matrix((np.ones(rows.size, np.float32), (rows, nearest.ravel())), shape=distance.shape)
union = ((expression + spatial) > 0).astype(np.float32)
sc.tl.leiden(adata, adjacency=union + union.T, flavor="leidenalg", n_iterations=-1, directed=False, key_added="scc")

# Smoothing: the majority among the ten nearest others, as spateo does it on the N-by-N distance matrix.
codes = adata.obs["scc"].cat.codes.to_numpy()
ten = np.argsort(distance, axis=1, kind="stable")[:, 1:11]
smooth = []
for row in ten:
    counts = np.bincount(codes[row])
    best = np.flatnonzero(counts == counts.max())
    smooth.append(next(c for c in codes[row] if c in best))
adata.obs["scc_smooth"] = pd.Categorical(np.array(smooth).astype(str))
adata.write_h5ad(target, compression="gzip")
