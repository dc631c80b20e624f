"""Makes reference.csv: scanpy 1.11.5, squidpy 1.8.2, esda 2.9.0, harmonypy 0.0.10, scikit-learn 1.9.1.

The tissue is the one of `tests/it/stats.rs`. One line per result: its name, then its numbers.
"""

import esda
import libpysal
import numpy as np
import pandas as pd
import scanpy as sc
import scipy.sparse as sp
import squidpy as sq
from anndata import AnnData
from harmonypy.lisi import compute_simpson
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import NearestNeighbors

state = 12345


def number() -> int:
    global state
    state = (state * 1103515245 + 12345) % (1 << 31)
    return state >> 16


n, g = 60, 6
draws = [number() for _ in range(n * g)]
groups = np.array([number() % 3 for _ in range(n)])
xy = np.array([number() % 1000 for _ in range(2 * n)], dtype=float).reshape(n, 2)
x = np.zeros((n, g))
for i in range(n):
    for j in range(g):
        r = draws[i * g + j] % 10
        x[i, j] = 0 if r < 4 and j != 5 else (r + (3 if groups[i] == j % 3 else 0)) / 4
x[:, 5] = 2.5
x[:, 4] -= 1
names = [f"g{j}" for j in range(g)]
obs = pd.DataFrame({"c": pd.Categorical(np.array(list("abd"))[groups])}, index=[str(i) for i in range(n)])
a = AnnData(sp.csr_matrix(x), obs=obs, var=pd.DataFrame(index=names), obsm={"spatial": xy})
out = open("reference.csv", "w")


def put(name, values) -> None:
    print(name, *[repr(float(v)) for v in np.ravel(values)], sep=",", file=out)


for name, options in {
    "wilcoxon": {"method": "wilcoxon"},
    "wilcoxon_ties": {"method": "wilcoxon", "tie_correct": True},
    "wilcoxon_b": {"method": "wilcoxon", "tie_correct": True, "reference": "b"},
    "t": {"method": "t-test"},
    "overestim": {"method": "t-test_overestim_var"},
    "t_b": {"method": "t-test", "reference": "b", "corr_method": "bonferroni"},
}.items():
    sc.tl.rank_genes_groups(a, "c", pts=True, **options)
    found = a.uns["rank_genes_groups"]
    for what in ["scores", "pvals", "pvals_adj", "logfoldchanges"]:
        of = found["names"].dtype.names
        put(f"{name}_{what}", [[dict(zip(found["names"][q], found[what][q]))[j] for j in names] for q in of])
    put(f"{name}_pts", found["pts"].T)

# Uneven weights, some edges in one direction only.
sq.gr.spatial_neighbors(a, coord_type="generic", n_neighs=4)
graph = a.obsp["spatial_connectivities"].tocsr().astype(float)
graph.sort_indices()
row = np.repeat(np.arange(n), 4)
graph.data = np.where((row + graph.indices) % 5 == 0, 0.0, 1.0 + (row * graph.indices) % 3)
graph.eliminate_zeros()
a.obsp["spatial_connectivities"] = graph
for mode in ["moran", "geary"]:
    for transformation in [True, False]:
        options = {"transformation": transformation, "two_tailed": not transformation}
        table = sq.gr.spatial_autocorr(a, mode=mode, genes=names[:5], copy=True, show_progress_bar=False, **options)
        table = table.loc[names[:5]]
        name = f"{mode}_{'rows' if transformation else 'plain'}"
        for key, column in [("score", table.columns[0]), ("p", "pval_norm"), ("var", "var_norm")]:
            put(f"{name}_{key}", table[column])
        put(f"{name}_fdr", table["pval_norm_fdr_bh"])
        w = libpysal.weights.WSP(graph).to_W(silence_warnings=True)
        kind, variance = (esda.Moran, "VI_rand") if mode == "moran" else (esda.Geary, "VC_rand")
        rule = "r" if transformation else "O"
        made = [kind(x[:, j], w, transformation=rule, permutations=0) for j in range(5)]
        put(f"{name}_rand", [getattr(m, variance) for m in made])
z, count = sq.gr.nhood_enrichment(a, "c", n_perms=10_000, seed=0, copy=True, show_progress_bar=False)
put("nhood_count", count)
put("nhood_z", z)
occ, interval = sq.gr.co_occurrence(a, "c", copy=True, interval=5)
put("occ", occ)
put("interval", interval)
near = NearestNeighbors(n_neighbors=15, algorithm="kd_tree").fit(xy)
distances, indices = near.kneighbors(xy)
simpson = compute_simpson(distances[:, 1:].T, indices[:, 1:].T, pd.Categorical(obs["c"]), 3, 5, tol=1e-13)
put("lisi", 1 / simpson)
put("silhouette", [silhouette_samples(xy, groups).mean()])
# scib's batch ASW with the batches i mod 2.
batch = np.arange(n) % 2
of = [1 - np.abs(silhouette_samples(xy[groups == q], batch[groups == q])) for q in range(3)]
put("asw_batch", [np.mean([v.mean() for v in of])])
