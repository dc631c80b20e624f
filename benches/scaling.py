"""How SpaSNE's time per step and memory grow with the number of observations.

    .venv-bench/bin/python benches/scaling.py [--sizes 1000 10000 100000] [--n-iter 1000] [--method fast]

Each size runs twice in a fresh process: one step, then all; the difference over the steps between is the time per step.
Prints both, the peak of the process, and the exponent of a line through the logarithms.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time


def measure(n, n_iter, method):
    """Seconds (wall, processor) of one run over a simulated tissue of 30 components, and the peak in MiB."""
    import tegula

    adata = tegula.simulate(n_obs=n, n_vars=200)
    tegula.pp.pca(adata, n_comps=30)
    wall, cpu = time.perf_counter(), time.process_time()
    tegula.tl.spasne(adata, alpha=9, beta=4, n_iter=n_iter, method=method)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    found = adata.uns["spasne"]
    told = {key: float(found[key]) for key in ("kl_divergence", "r1", "r2") if key in found}
    return (*spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found["params"]["method"], told)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    args.add_argument("--n-iter", type=int, default=1000)
    args.add_argument("--method", choices=("auto", "exact", "fast"), default="fast")
    args.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    args = args.parse_args()
    if args.one:
        print(json.dumps(measure(*args.one, args.method)))
        return

    def fresh(n, n_iter):
        call = [sys.executable, __file__, "--method", args.method, "--one", str(n), str(n_iter)]
        return json.loads(subprocess.run(call, stdout=subprocess.PIPE, check=True).stdout.splitlines()[-1])

    points = []
    for n in args.sizes:
        first, whole = fresh(n, 1), fresh(n, args.n_iter)
        wall, cpu = ((b - a) / (args.n_iter - 1) for a, b in zip(first[:2], whole[:2], strict=True))
        points.append((math.log(n), math.log(cpu)))
        told = " ".join(f"{key} {value:.4f}" for key, value in whole[4].items())
        print(
            f"{n:>9} {whole[3]:<5} start {first[0]:7.1f} s  step {wall * 1e3:9.3f} ms wall {cpu * 1e3:9.3f} ms cpu  "
            f"whole {whole[0]:7.1f} s  peak {whole[2]:6.0f} MiB  {told}",
            flush=True,
        )
    if len(points) > 1:
        x, y = ([p[i] for p in points] for i in (0, 1))
        mx, my = sum(x) / len(x), sum(y) / len(y)
        slope = sum((a - mx) * (b - my) for a, b in points) / sum((a - mx) ** 2 for a in x)
        print(f"processor time per step grows as N^{slope:.3f}")


if __name__ == "__main__":
    main()
