"""Writes graph.csv and expected.csv beside it with scanpy: `python make.py FOLDER`.

FOLDER holds human_BreastCancer1272_data_pc200.csv of SpaSNE (https://github.com/Lin-Xu-lab/SpaSNE, BSD-3-Clause,
Copyright (c) 2022, Lin Xu lab): principal components of spots of a breast tumour (10x Genomics, Visium).
Made with scanpy 1.11.5, scipy 1.17.1, from the first 160 spots and 20 components.
"""

import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scanpy as sc
import scipy.sparse as sp

here = Path(__file__).parent
pcs = pd.read_csv(Path(sys.argv[1]) / "human_BreastCancer1272_data_pc200.csv", index_col=0)
x = pcs.to_numpy()[:160, :20]
adata = anndata.AnnData(x.astype(np.float32))
sc.pp.neighbors(adata, n_neighbors=9, use_rep="X", transformer="sklearn")
graph = sp.triu(adata.obsp["connectivities"]).tocoo()
with (here / "graph.csv").open("w") as f:
    f.write("i,j,weight\n")
    for i, j, w in zip(graph.row, graph.col, graph.data):
        f.write(f"{i},{j},{w:.9g}\n")


def run(a, iroot):
    a.uns["iroot"] = iroot
    sc.tl.diffmap(a, n_comps=15)
    sc.tl.dpt(a, n_dcs=10)
    return a.obs["dpt_pseudotime"].to_numpy()


time = run(adata, 7)
# The same graph without the edges between the first 100 spots and the others.
parts = adata.copy()
whole = parts.obsp["connectivities"].tocoo()
keep = (whole.row < 100) == (whole.col < 100)
parts.obsp["connectivities"] = sp.csr_matrix((whole.data[keep], (whole.row[keep], whole.col[keep])), shape=whole.shape)
del parts.obsm["X_diffmap"]
print("connected parts", sp.csgraph.connected_components(parts.obsp["connectivities"])[0])
apart = run(parts, 7)
with (here / "expected.csv").open("w") as f:
    f.write("pseudotime,pseudotime_apart," + ",".join(f"c{k}" for k in range(15)) + "\n")
    for i in range(160):
        values = [time[i], apart[i], *adata.obsm["X_diffmap"][i]]
        f.write(",".join(f"{v:.7g}" for v in values) + "\n")
    f.write("evals,," + ",".join(f"{v:.9g}" for v in adata.uns["diffmap_evals"]) + "\n")
