"""Ours beside theirs: the same step in Tegula and in its peer, in turn, on the same data.

    .venv-bench/bin/python benches/bench.py [--only STEP ...] [--repeat 7] [--seconds 60] [-o FILE.csv]

Both are called in one process on copies of the same AnnData (imports, compilation and copying not timed), ours, theirs,
ours, theirs; the ratio is that of the medians. Memory is what the call adds to a fresh process of its own. The pipeline
is compared as whole processes, file to file. A step's target is the least ratio that satisfies us.
"""

import argparse
import csv
import ctypes
import datetime
import functools
import gc
import importlib.metadata
import logging
import multiprocessing
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import anndata as ad
from comparisons import COMPARISONS, COUNTS, ROOT, present, stage, tissue, warm

COLUMNS = (
    "data n_obs n_vars step tool runs wall_median_s wall_min_s wall_max_s cpu_median_s peak_mib quality value ratio "
    "cpu_ratio target verdict"
).split()

# A small process that starts the one to be measured: the peak of a process counts that of the one it was forked from.
LAUNCHER = """
import os, sys, time
start = time.perf_counter()
_, status, used = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(status != 0)
"""


def clock(call, *args):
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    call(*args)
    return time.perf_counter() - wall, time.process_time() - cpu


def added_memory(number, side, path):
    """MiB that one call adds at its peak to this process, which runs nothing else (Linux)."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    comparison, state = COMPARISONS[number], ad.read_h5ad(path)
    call = getattr(comparison, side)
    call(warm(state), 0)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)

    def status(key):
        text = pathlib.Path("/proc/self/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith(key)).split()[1]) / 1024

    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = status("VmRSS")
    call(state, 0)
    return status("VmHWM") - before


def compare(number, name, args):
    """Rows of the record: ours and theirs."""
    comparison, sides, runs = COMPARISONS[number], ("ours", "theirs"), {"ours": [], "theirs": []}
    state = stage(name, comparison.stage)
    for side in sides:
        getattr(comparison, side)(warm(state), 0)
    start, done = time.perf_counter(), 0
    while done < 3 or (done < args.repeat and time.perf_counter() - start < args.seconds):
        made = {side: state.copy() for side in sides}
        spent = {side: clock(getattr(comparison, side), made[side], done) for side in sides}
        for side, other in (sides, sides[::-1]):
            runs[side].append((*spent[side], float(comparison.quality(state, made[side], made[other]))))
        done += 1
    memory = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state.h5ad")
        state.write_h5ad(path)
        for side in sides:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
                memory[side] = fresh.submit(added_memory, number, side, path).result()
    label = comparison.quality.__name__
    return rows(name, state.shape, comparison.step, comparison.peer, comparison.target, runs, memory, label)


def pipeline(name, args):
    """Whole processes, file to file; ours draws its figures too."""
    from sklearn.metrics import adjusted_rand_score

    runs, memory, source = {"ours": [], "theirs": []}, {"ours": 0.0, "theirs": 0.0}, str(tissue(name))
    truth = ad.read_h5ad(source).obs[{"osmfish": "region"}.get(name, "layer")]
    start, done = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "result.h5ad")
        calls = {
            "ours": [str(ROOT / "target" / "release" / "tegula"), "run", source, "-o", folder, "-q"],
            "theirs": [sys.executable, str(ROOT / "benches" / "peers" / "pipeline.py"), source, target],
        }
        while done < 3 or (done < args.repeat and time.perf_counter() - start < args.seconds):
            for side, call in calls.items():
                timed = subprocess.run(
                    [sys.executable, "-S", "-c", LAUNCHER, *call], stdout=subprocess.PIPE, check=True
                )
                wall, cpu, peak = map(float, timed.stdout.split()[-3:])
                found = ad.read_h5ad(target).obs["scc_smooth"].reindex(truth.index)
                known = truth.notna() & found.notna()
                ari = adjusted_rand_score(truth[known].astype(str), found[known].astype(str))
                runs[side].append((wall, cpu, ari))
                memory[side] = max(memory[side], peak)
            done += 1
    shape = ad.read_h5ad(source, backed="r").shape
    return rows(name, shape, "pipeline", "scanpy+leidenalg", 15, runs, memory, "ARI (scc_smooth)")


def rows(name, shape, step, peer, target, runs, memory, label):
    """Prints the comparison; returns its two lines of the record."""
    mid = {side: [statistics.median(x) for x in zip(*r, strict=True)] for side, r in runs.items()}
    ratio, cpu_ratio = (t / o for t, o in zip(mid["theirs"][:2], mid["ours"][:2], strict=True))
    verdict = "" if target is None else "met" if ratio >= target else f"MISSED by a factor of {target / ratio:.2f}"
    out = []
    for side, tool in (("ours", "tegula"), ("theirs", peer)):
        walls, _, qualities = zip(*runs[side], strict=True)
        wall, cpu, _ = mid[side]
        figures = (wall, min(walls), max(walls), cpu, memory[side])
        seen = ("", "", "", "") if side == "theirs" else (f"{ratio:.2f}", f"{cpu_ratio:.2f}", target or "", verdict)
        quality = f"{statistics.mean(qualities):.6g}"
        row = (name, *shape, step, tool, len(walls), *(f"{x:.4g}" for x in figures), label, quality, *seen)
        out.append(dict(zip(COLUMNS, row, strict=True)))
    a, b = out
    print(
        f"{step:<18} {name:<16} {a['wall_median_s']:>8} s  {peer:<16} {b['wall_median_s']:>8} s"
        f"  {ratio:7.1f}x wall {cpu_ratio:7.1f}x cpu  {'target ' + str(target) + 'x ' + verdict if target else '':<34}"
        f"  {a['peak_mib']:>7} : {b['peak_mib']:>7} MiB  {label} {a['value']} : {b['value']}",
        flush=True,
    )
    return out


def machine():
    text = pathlib.Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in text.read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {names[0] if names else platform.machine()}, {platform.system()}"


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--only", nargs="+", default=[], help="steps, sets of data, or 'STEP SET', by their beginning")
    args.add_argument("--repeat", type=int, default=7, help="pairs of runs; at least 3")
    args.add_argument("--seconds", type=float, default=60, help="no new pair of a comparison after this time")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    args.add_argument("-o", "--output", default=str(ROOT / "benches" / "record" / f"{today}-bench.csv"))
    args = args.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    jobs = [(c.step, n, functools.partial(compare, i, n)) for i, c in enumerate(COMPARISONS) for n in present(c.data)]
    jobs += [("pipeline", n, functools.partial(pipeline, n)) for n in present(COUNTS)]
    packages = ["tegula", "scanpy", "squidpy", "pynndescent", "openTSNE", "leidenalg", "igraph", "scikit-learn"]
    versions = " ".join(f"{p} {importlib.metadata.version(p)}" for p in [*packages, "scikit-misc", "numpy", "anndata"])
    print(f"{machine()}\n{versions}")
    with open(args.output, "w", newline="") as file:
        file.write(
            f"# {machine()}; {versions}\n# ratio: theirs / ours; peak_mib: added by the call; of the pipeline: whole\n"
        )
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for step, name, job in jobs:
            if args.only and not any(f"{step} {name}".startswith(o) or name.startswith(o) for o in args.only):
                continue
            try:
                writer.writerows(job(args))
            except Exception as e:  # noqa: BLE001 - one step that fails must not cost the figures of the others
                print(f"{step:<18} {name:<16} failed: {type(e).__name__}: {e}", flush=True)
            file.flush()
    print(f"record: {args.output}")


if __name__ == "__main__":
    main()
