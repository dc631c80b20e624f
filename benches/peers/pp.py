"""Time scanpy's preprocessing and PCA on an h5ad file of counts: `python pp.py FILE [n_top_genes] [n_comps]`.

Prints one JSON line: CPU and wall seconds per step, interpreter start and reading left out.
"""

import json
import sys
import time

import anndata
import numpy as np
import scanpy as sc
import scipy.sparse as sp


def main(path: str, n_top_genes: int = 2000, n_comps: int = 30) -> None:
    """Run the steps once to compile, once to measure."""
    x = sp.csr_matrix(anndata.read_h5ad(path).X).astype(np.float32)
    steps = {
        "filter_genes": lambda a: sc.pp.filter_genes(a, min_cells=3),
        "normalize_total": sc.pp.normalize_total,
        "log1p": sc.pp.log1p,
        "highly_variable_genes": lambda a: sc.pp.highly_variable_genes(a, n_top_genes=n_top_genes),
        "pca": lambda a: sc.pp.pca(a, n_comps=n_comps),
    }
    for _ in range(2):
        adata, seconds = anndata.AnnData(x.copy()), {}
        for name, step in steps.items():
            cpu, wall = time.process_time(), time.perf_counter()
            step(adata)
            seconds[name] = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({"shape": x.shape, "nnz": int(x.nnz), "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
