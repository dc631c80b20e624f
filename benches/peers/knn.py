"""Time the peers on exact and approximate nearest neighbours.

    python benches/peers/knn.py [--n 20000] [--d 30] [--k 30] [--repeat 3] [--command tegula]

Prints the best wall time and the CPU time of scikit-learn (exact), pynndescent (approximate, with its recall) and
scanpy's `neighbors`, and with --command the whole process `tegula pp neighbors` on the same data, file included.
"""

import argparse
import os
import subprocess
import tempfile
import time

import numpy as np


def blobs(n: int, d: int, seed: int = 1) -> np.ndarray:
    """Ten clouds whose spread falls by dimension, as principal components do."""
    rng = np.random.default_rng(seed)
    scale = 10.0 / (1.0 + np.arange(d))
    centres = rng.uniform(-2, 2, (10, d)) * scale
    noise = rng.normal(0, 0.7, (n, d)) * np.minimum(scale, 1.0)
    return (centres[rng.integers(0, 10, n)] + noise).astype(np.float32)


def best(name: str, repeat: int, run):
    wall, cpu, out = [], [], None
    for _ in range(repeat):
        c, w = os.times(), time.perf_counter()
        out = run()
        wall.append(time.perf_counter() - w)
        spent = os.times()
        cpu.append(sum(spent[:4]) - sum(c[:4]))
    print(f"{name:<32} wall {min(wall):8.3f} s   cpu {min(cpu):8.3f} s", flush=True)
    return out


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--n", type=int, default=20_000)
    args.add_argument("--d", type=int, default=30)
    args.add_argument("--k", type=int, default=30, help="neighbours, the observation itself not counted")
    args.add_argument("--repeat", type=int, default=3)
    args.add_argument("--command", help="the tegula binary, to be timed too")
    args = args.parse_args()
    x = blobs(args.n, args.d)
    print(f"{args.n} x {args.d}, k = {args.k}")

    from sklearn.neighbors import NearestNeighbors

    def sklearn_brute():
        return NearestNeighbors(n_neighbors=args.k, algorithm="brute", n_jobs=-1).fit(x).kneighbors()[1]

    exact = best("scikit-learn, exact", args.repeat, sklearn_brute)

    try:
        from pynndescent import NNDescent

        def descent():
            return NNDescent(x, n_neighbors=args.k + 1, random_state=0).neighbor_graph[0][:, 1:]

        descent()  # compiles
        found = best("pynndescent", args.repeat, descent)
        hits = sum(len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True))
        print(f"{'':<32} recall {hits / exact.size:.4f}")
    except ImportError:
        print("pynndescent is not installed: skipped")

    try:
        import anndata as ad
        import scanpy as sc

        adata = ad.AnnData(np.zeros((args.n, 1), dtype=np.float32), obsm={"X_pca": x})
        sc.pp.neighbors(adata, n_neighbors=args.k + 1, use_rep="X_pca")  # compiles
        best("scanpy neighbors", args.repeat, lambda: sc.pp.neighbors(adata, n_neighbors=args.k + 1, use_rep="X_pca"))
        if args.command:
            with tempfile.TemporaryDirectory() as folder:
                source, target = os.path.join(folder, "in.h5ad"), os.path.join(folder, "out.h5ad")
                ad.AnnData(np.zeros((args.n, 1), dtype=np.float32), obsm={"X_pca": x}).write_h5ad(source)
                call = [args.command, "pp", "neighbors", source, "-o", target, "--n-neighbors", str(args.k), "--quiet"]
                best("tegula, whole process", args.repeat, lambda: subprocess.run(call, check=True))
    except ImportError:
        print("scanpy is not installed: skipped")


if __name__ == "__main__":
    main()
