"""How near the domains of STAGATE's embeddings come to known ones: `tl.stagate` in both modes, and its peer.

    .venv-bench/bin/python benches/domains.py [--sets by3 BZ5 dlpfc] [--ways tied pyg] [--seeds 10] [-o FILE.csv]

The setting is the authors': expression scaled to 10,000, logged, of the 3,000 most variable genes where there are more
(seurat_v3); edges within a radius; 1,000 epochs; mclust's EEE at the number of known domains; the adjusted Rand index,
one line a seed, and the medians. `--ways torch` trains `peers/stagate.py` by the interpreter that `--torch` names and
hands its embedding to the same mclust.
"""

import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import anndata as ad
import numpy as np
import tegula as tg
from comparisons import tissue

SETS = {
    "by3": ("starmap_by3_1207", "layer", 400),
    "BZ5": ("starmap_mpfc_BZ5", "domain_code", 400),
    "dlpfc": ("dlpfc_151673", "layer", 150),
}
GENES = 3_000
COLUMNS = "set,way,seed,ari,loss,seconds".split(",")


def prepared(name):
    """The labelled observations, logged; the key of their labels, and the radius."""
    file, key, radius = SETS[name]
    adata = ad.read_h5ad(tissue(file))
    adata = adata[adata.obs[key].notna()].copy()
    if adata.n_vars > GENES:
        tg.pp.highly_variable_genes(adata, flavor="seurat_v3", n_top_genes=GENES)
    tg.pp.normalize_total(adata, target_sum=1e4)
    tg.pp.log1p(adata)
    return adata if adata.n_vars <= GENES else adata[:, adata.var["highly_variable"]].copy(), key, radius


def ours(adata, radius, mode, seed):
    """The loss of the last epoch; the embedding lies in `STAGATE`."""
    tg.tl.stagate(adata, mode=mode, rad_cutoff=radius, n_epochs=1000, seed=seed)
    return adata.uns["stagate"]["loss"]


def theirs(adata, radius, seed, python, threads):
    with tempfile.TemporaryDirectory() as folder:
        path, out = pathlib.Path(folder) / "in.h5ad", pathlib.Path(folder) / "z.npy"
        adata.write_h5ad(path)
        peer = pathlib.Path(__file__).parent / "peers" / "stagate.py"
        call = [python, str(peer), str(path), "--radius", str(radius)]
        call += ["--seed", str(seed), "--threads", str(threads), "-o", str(out)]
        done = subprocess.run(call, stdout=subprocess.PIPE, check=True, text=True).stdout
        adata.obsm["STAGATE"] = np.load(out)
    return json.loads(done)["last_loss"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--ways", nargs="+", choices=("tied", "pyg", "torch"), default=("tied", "pyg"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--torch", default=sys.executable)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    args = parser.parse_args()
    tg.settings.n_jobs = args.threads
    rows = []
    for name in args.sets:
        adata, key, radius = prepared(name)
        known = adata.obs[key].astype(str)
        for seed in range(args.first, args.first + args.seeds):
            for way in args.ways:
                start = time.perf_counter()
                if way == "torch":
                    loss = theirs(adata, radius, seed, args.torch, args.threads)
                else:
                    loss = ours(adata, radius, way, seed)
                seconds = time.perf_counter() - start
                tg.tl.mclust(adata, use_rep="STAGATE", n_components=known.nunique(), model_names="EEE")
                ari = tg.metrics.ari(known, adata.obs["mclust"])
                rows.append((name, way, seed, round(ari, 4), round(loss, 4), round(seconds, 1)))
                print(*rows[-1], flush=True)
    for name in args.sets:
        for way in args.ways:
            found = [r[3] for r in rows if r[:2] == (name, way)]
            print(f"{name} {way}: median {statistics.median(found):.3f} ({min(found):.3f}-{max(found):.3f})")
    if args.output:
        with args.output.open("w", newline="") as f:
            csv.writer(f).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
