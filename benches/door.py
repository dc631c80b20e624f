"""What a call from Python costs beside the work itself, step by step.

    .venv-bench/bin/python benches/door.py [TISSUE.h5ad] [--repeat 11]

Of every call the seconds that the step took inside the library are subtracted from those of the whole call. The
tissue (default: dlpfc_151673, or osmFISH where that is absent) goes through the steps in their usual order, as often as
is asked for; medians are shown.
"""

import argparse
import statistics
import time

import anndata as ad
import numpy as np
import tegula as tg
from comparisons import present, tissue
from scipy import sparse

STEPS = {
    ("pp", "calculate_qc_metrics"): {},
    ("pp", "filter_genes"): {"min_cells": 3},
    ("pp", "normalize_total"): {},
    ("pp", "log1p"): {},
    ("pp", "highly_variable_genes"): {},
    ("pp", "pca"): {},
    ("pp", "neighbors"): {},
    ("pp", "spatial_neighbors"): {},
    ("tl", "leiden"): {},
    ("tl", "louvain"): {},
    ("tl", "scc"): {},
    ("tl", "smooth"): {"key": "scc"},
    ("tl", "kmeans"): {"n_clusters": 7},
    ("tl", "mclust"): {"n_components": [7], "model_names": ["EEE"]},
    ("tl", "rank_genes_groups"): {"groupby": "scc"},
    ("tl", "diffmap"): {},
    ("tl", "tsne"): {"n_iter": 250},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tissue", nargs="?", default=tissue(present(("dlpfc_151673",))[0]))
    parser.add_argument("--repeat", type=int, default=11)
    args = parser.parse_args()
    adata = ad.read_h5ad(args.tissue)
    adata.X = sparse.csr_matrix(adata.X, dtype=np.float32)
    inside, run = [], tg._tegula.run

    def spied(*given):
        done = run(*given)
        inside.append(done[-1])
        return done

    tg._tegula.run = spied
    tg.settings.progress = False
    spent = {step: [] for step in STEPS}
    for _ in range(args.repeat):
        copy = adata.copy()
        for (room, name), params in STEPS.items():
            start = time.perf_counter()
            getattr(getattr(tg, room), name)(copy, **params)
            spent[room, name].append((inside[-1], time.perf_counter() - start - inside[-1]))
    print(f"{'step':26} {'inside':>9} {'beside':>8}")
    for (room, name), times in spent.items():
        took, cost = (statistics.median(t) * 1e3 for t in zip(*times, strict=True))
        print(f"{room}.{name:23} {took:6.1f} ms {cost:5.2f} ms {cost / took:6.1%}")


if __name__ == "__main__":
    main()
