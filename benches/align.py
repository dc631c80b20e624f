"""How long sections take to be laid onto each other, and how near they come: `tl.cast_stack` and `tl.cast_project`.

    .venv-bench/bin/python benches/align.py [--repeat 3] [--threads 2] [--only cortex waves project] [-o FILE.csv]

There is no peer to time beside: of the same pair of cortices CAST Stack takes 101 CPU seconds and 1.8 GB, and ends
where it began. Every run is one call in a fresh process: seconds of the clock and of the processor, MiB that the call
added at its peak, and the median distance of the cells from where they came from, in distances between neighbours.

- cortex: STARmap's visual cortex against a thinned copy of itself, turned by 25 degrees, stretched by 1.08 and 0.95 and
  bent by 3 % of its height, its components as noisy again as they were.
- waves: N cells of a tissue of twelve smooth programmes and as many other cells of it, turned, mirrored, 1.7 times as
  large and bent.
- project: counts of 200 genes, 10 a cell, from N of those cells onto N others lying on them.
"""

import argparse
import csv
import json
import os
import pathlib
import subprocess
import sys
import time

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
import tegula as tg
from bench import machine
from comparisons import tissue
from scipy.spatial import cKDTree

COLUMNS = "step,n_query,n_reference,wall_s,cpu_s,peak_mib,error_before,error".split(",")
RUNS = (("cortex", 0), ("waves", 1_000), ("waves", 10_000), ("waves", 100_000), ("project", 100_000))


def joined(reference, query, rows):
    """Two sections in one AnnData: positions of both, and their embedding."""
    section = pd.Categorical(["reference"] * len(reference) + ["query"] * len(query), ["reference", "query"])
    names = [f"cell{i}" for i in range(len(section))]
    return ad.AnnData(
        obs=pd.DataFrame({"section": section}, index=names),
        obsm={"spatial": np.vstack([reference, query]), "X_joint": rows.astype(np.float32)},
    )


def moved(places, degrees, stretch, mirror, share):
    """Bent by a share of the height, stretched, turned, perhaps mirrored, and shifted."""
    low, high = places.min(0), places.max(0)
    height = (high - low)[1]
    x, y = ((places - low) / height).T
    bent = places + share * height * np.c_[np.sin(4 * y + 0.7), np.cos(4 * x + 0.7)]
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1, -1 if mirror else 1])
    return (bent * stretch) @ turn.T + height


def cortex(_):
    """The pair that CAST Stack fails on."""
    a = ad.read_h5ad(tissue("starmap_by3_1207"))
    tg.pp.normalize_total(a)
    tg.pp.log1p(a)
    tg.pp.pca(a, n_comps=20)
    rng = np.random.default_rng(1)
    z, places = a.obsm["X_pca"], np.asarray(a.obsm["spatial"], dtype=float)[:, :2]
    kept = rng.random(len(z)) < 0.9
    noisy = (z + z.std(0) * rng.normal(size=z.shape))[kept]
    both = joined(places, moved(places[kept], 25, [1.08, 0.95], False, 0.03), np.vstack([z, noisy]))
    tg.pp.spatial_neighbors(both, coord_type="generic", n_neighbors=8, library_key="section")
    tg.pp.diffuse(both, n_steps=2, use_rep="X_joint", key_added="X_joint")
    return both, np.vstack([places, places[kept]])


def waves(n):
    """Cells at random places, what they are like, and the query moved."""
    rng = np.random.default_rng(2)
    truth, k = rng.random((2 * n, 2)) * [3, 2], np.arange(12)
    along = truth[:, :1] * np.cos(2.4 * k) + truth[:, 1:] * np.sin(2.4 * k)
    rows = np.sin((1.2 + 0.23 * k) * along + 1.7 * k) + 0.3 * rng.normal(size=(2 * n, 12))
    return joined(truth[:n], moved(truth[n:], 65, 1.7, True, 0.03), rows), truth


def project(n):
    """The same cells in their places, with counts of genes that follow the programmes."""
    both, truth = waves(n)
    rng = np.random.default_rng(3)
    genes = rng.normal(size=(12, 200)).astype(np.float32)
    # Ten genes without replacement, by the largest of their rates' logarithms and Gumbel's noise.
    keys = 0.5 * both.obsm["X_joint"] @ genes - np.log(1e-30 + rng.standard_exponential((2 * n, 200), dtype=np.float32))
    chosen = np.sort(np.argpartition(keys, 190, axis=1)[:, 190:], axis=1)
    x = sp.csr_matrix((np.ones(chosen.size, np.float32), chosen.ravel(), np.arange(0, chosen.size + 1, 10)))
    x.resize(2 * n, 200)
    both = ad.AnnData(x, obs=both.obs, obsm={"X_joint": both.obsm["X_joint"], "spatial_aligned": truth})
    return both, truth


def error(both, places, truth):
    query = (both.obs["section"] == "query").to_numpy()
    spacing = np.median(cKDTree(truth[~query]).query(truth[~query], 2)[0][:, 1])
    return np.median(np.linalg.norm(places[query] - truth[query], axis=1)) / spacing


def memory(key):
    text = pathlib.Path("/proc/self/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith(key)).split()[1]) / 1024


def one(step, n, threads):
    """One row, measured in this process."""
    tg.settings.n_jobs = threads
    both, truth = {"cortex": cortex, "waves": waves, "project": project}[step](n)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    resident, cpu, wall = memory("VmRSS"), time.process_time(), time.perf_counter()
    if step == "project":
        tg.tl.cast_project(both, library_key="section", source="reference", target="query", use_rep="X_joint")
    else:
        tg.tl.cast_stack(both, library_key="section", use_rep="X_joint")
    spent = time.perf_counter() - wall, time.process_time() - cpu, memory("VmHWM") - resident
    counts = both.obs["section"].value_counts()
    off = ("", "")
    if step != "project":
        off = (error(both, both.obsm[key], truth) for key in ("spatial", "spatial_aligned"))
    return [step, int(counts["query"]), int(counts["reference"]), *spent, *off]


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--only", nargs="+", default=["cortex", "waves", "project"])
    args.add_argument("--repeat", type=int, default=3)
    args.add_argument("--threads", type=int, default=os.cpu_count())
    args.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args.add_argument("-o", "--output")
    args = args.parse_args()
    if args.one:
        print(json.dumps(one(args.one[0], int(args.one[1]), args.threads)))
        return
    rows = []
    for step, n in RUNS:
        if step not in args.only or (step == "cortex" and not tissue("starmap_by3_1207").exists()):
            continue
        call = [sys.executable, __file__, "--threads", str(args.threads), "--one", step, str(n)]
        runs = [json.loads(subprocess.run(call, check=True, capture_output=True).stdout) for _ in range(args.repeat)]
        middle = sorted(runs, key=lambda row: row[3])[len(runs) // 2]
        rows.append([f"{x:.4g}" if isinstance(x, float) else x for x in middle])
        print(*(f"{name} {x}" for name, x in zip(COLUMNS, rows[-1], strict=True)), sep="  ", flush=True)
    if args.output:
        with open(args.output, "w", newline="") as file:
            file.write(
                f"# {machine()}; {args.threads} threads; tegula {tg.__version__}; medians of {args.repeat} runs\n"
            )
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
