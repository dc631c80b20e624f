"""Counts and what scanpy 1.11.5 (scikit-misc 0.5.3) makes of them: `python make.py` writes counts.csv and expected.csv.

A line of expected.csv is `case,column,values`, the values separated by spaces; `x` holds the first rows of the matrix.
"""

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

N_OBS, N_VARS, ROWS = 90, 40, 6
BATCH = np.array(["a", "b", "c"])[np.minimum(np.arange(N_OBS) // 25, 2)]


def counts():
    rng = np.random.default_rng(11)
    mean = np.exp(rng.uniform(-1.0, 3.0, N_VARS))
    spread = rng.uniform(0.5, 8.0, N_VARS)
    size = rng.uniform(0.5, 2.0, N_OBS)
    batch = np.where(BATCH == "b", 1.5, 1.0)[:, None] ** (np.arange(N_VARS) % 3)
    mu = size[:, None] * mean * batch
    return rng.negative_binomial(spread, spread / (spread + mu)).astype(np.float32)


def data(x, logged):
    obs = pd.DataFrame(index=[f"o{i}" for i in range(N_OBS)])
    obs["batch"] = pd.Categorical(BATCH)
    obs["depth"] = (np.arange(N_OBS) * 31 % 17) / 4
    obs["type"] = (np.arange(N_OBS) * 7 % 13 < 6).astype(float)
    obs["mask"] = BATCH == "a"
    var = pd.DataFrame({"mt": np.arange(N_VARS) % 7 == 0}, index=[f"g{j:02}" for j in range(N_VARS)])
    adata = ad.AnnData(sparse.csr_matrix(x), obs=obs, var=var)
    if logged:
        sc.pp.normalize_total(adata)
        sc.pp.log1p(adata)
    return adata


def main():
    x = counts()
    np.savetxt("counts.csv", x, fmt="%d", delimiter=",")
    lines = []

    def put(case, column, values):
        values = np.ravel(np.asarray(values, dtype=float))
        lines.append(f"{case},{column},{' '.join(f'{v:.8g}' for v in values)}")

    def table(case, frame, skip=()):
        for column in frame.columns.difference(skip, sort=False):
            put(case, column, frame[column])

    def matrix(case, m):
        put(case, "x", (m.toarray() if sparse.issparse(m) else np.asarray(m))[:ROWS])

    for batch in (None, "batch"):
        for flavor in ("seurat", "cell_ranger"):
            # Two genes in a percentile bin tie exactly: only the cut-offs tell them apart.
            for n_top in (None, 12) if flavor == "seurat" else (None,):
                a = data(x, True)
                sc.pp.highly_variable_genes(a, flavor=flavor, n_top_genes=n_top, n_bins=5, batch_key=batch)
                table(f"hvg {flavor} {n_top or 0} {batch or '-'}", a.var, ["mt"])
        for flavor in ("seurat_v3", "seurat_v3_paper"):
            a = data(x, False)
            sc.pp.highly_variable_genes(a, flavor=flavor, n_top_genes=12, span=0.5, batch_key=batch)
            table(f"hvg {flavor} 12 {batch or '-'}", a.var, ["mt"])
        a = data(x, False)
        sc.experimental.pp.highly_variable_genes(a, n_top_genes=12, clip=6.0, batch_key=batch)
        table(f"hvg pearson_residuals 12 {batch or '-'}", a.var, ["mt"])

    a = data(x, False)
    sc.experimental.pp.normalize_pearson_residuals(a)
    matrix("pearson", a.X)

    for case, options in {
        "scale": {},
        "scale max": {"max_value": 1.5},
        "scale flat": {"zero_center": False, "max_value": 1.5},
        "scale mask": {"mask_obs": "mask"},
    }.items():
        a = data(x, True)
        sc.pp.scale(a, **options)
        table(case, a.var, ["mt"])
        matrix(case, a.X)

    for case, covariates in {"combat": None, "combat covariates": ["depth", "type"]}.items():
        a = data(x, True)
        sc.pp.combat(a, key="batch", covariates=covariates)
        matrix(case, a.X)

    a = data(x, False)
    sc.pp.calculate_qc_metrics(a, qc_vars=["mt"], percent_top=[5, 10], inplace=True)
    table("qc obs", a.obs, ["batch", "depth", "type", "mask"])
    table("qc var", a.var, ["mt"])

    with open("expected.csv", "w") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
