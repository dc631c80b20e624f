"""Reading beside the peers: an h5ad file beside anndata, a GEM in bins and a table of genes beside pandas.

    .venv-bench/bin/python benches/reading.py [--only h5ad gem csv] [--n-obs 50000] [--lines 20000000] [--repeat 5]

Files are made first. Each read is a process of its own, ours, theirs, ours, theirs; it prints the seconds that the call
took (imports not counted), and the peak of the process is taken. Both must give the same matrix.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

BIN = 60
# Observations of the table: as many as a tissue has spots.
SPOTS = 3000

READ = {
    ("h5ad", "ours"): "import tegula as tg; read = lambda: tg.io.read(path)",
    ("h5ad", "theirs"): "import anndata as ad; read = lambda: ad.read_h5ad(path)",
    ("gem", "ours"): f"import tegula as tg; read = lambda: tg.io.read(path, bin_size={BIN})",
    ("gem", "theirs"): f"from reading import in_pandas; read = lambda: in_pandas(path, {BIN})",
    ("csv", "ours"): "import tegula as tg; read = lambda: tg.io.read(path, genes_in_rows=True)",
    ("csv", "theirs"): "from reading import turned_in_pandas; read = lambda: turned_in_pandas(path)",
}
TIMED = """
import sys, time; sys.path.insert(0, sys.argv[2]); path = sys.argv[1]
{read}
import anndata, pandas, scipy.sparse
start = time.perf_counter()
a = read()
seconds = time.perf_counter() - start
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(seconds, int(peak) / 1024, a.n_obs, a.n_vars, a.X.nnz, float(a.X.sum(dtype="f8")))
"""


def in_pandas(path, size):
    """A GEM in square bins: the table whole, labels for its bins, a matrix from codes."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    kinds = {"geneID": "category", "x": np.uint32, "y": np.uint32, "MIDCount": np.uint16}
    data = pd.read_csv(path, sep="\t", dtype=kinds, comment="#")
    x, y = data["x"] // size, data["y"] // size
    label = pd.Categorical(x.astype(str) + "-" + y.astype(str))
    genes = data["geneID"].cat
    counts = sparse.csr_matrix((data["MIDCount"], (label.codes, genes.codes)), dtype=np.uint16)
    a = ad.AnnData(counts.astype(np.float32))
    a.obs_names, a.var_names = label.categories, genes.categories
    return a


def turned_in_pandas(path):
    """A table whose rows are genes, as an annotated matrix."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    return ad.AnnData(sparse.csr_matrix(pd.read_csv(path, index_col=0).to_numpy("f4").T))


def make_csv(path, n, m=20_000):
    """A row per gene, as most tables are published."""
    counts = made(n, m).X.T.tocsr()
    with path.open("w") as f:
        f.write("," + ",".join(f"spot{i}" for i in range(n)) + "\n")
        for gene in range(m):
            f.write(f"Gene{gene}," + ",".join(map(str, counts[gene].toarray()[0].astype(int))) + "\n")


def make_h5ad(path, n):
    made(n).write_h5ad(path, compression="gzip")


def made(n, m=20_000, share=0.05):
    """Counts as deep sequencing gives them: few genes many."""
    import anndata as ad
    from scipy import sparse

    rng = np.random.default_rng(0)
    per = rng.poisson(m * share, n)
    indptr = np.concatenate([[0], np.cumsum(per)])
    columns = np.concatenate([np.sort(rng.choice(m, k, replace=False)) for k in per]).astype(np.int32)
    counts = rng.geometric(0.5, len(columns)).astype(np.float32)
    return ad.AnnData(sparse.csr_matrix((counts, columns, indptr), shape=(n, m)))


def make_gem(path, lines, genes=20_000, side=12_000):
    """Counts sorted by gene, as the instrument's software writes them."""
    rng = np.random.default_rng(0)
    share = rng.gamma(0.3, 1, genes)
    per = rng.multinomial(lines, share / share.sum())
    with path.open("w") as f:
        f.write("#FileFormat=GEMv0.1\ngeneID\tx\ty\tMIDCount\n")
        for gene, n in enumerate(per):
            x, y, c = rng.integers(0, side, n), rng.integers(0, side, n), rng.geometric(0.7, n)
            f.writelines(f"Gene{gene}\t{i}\t{j}\t{k}\n" for i, j, k in zip(x, y, c, strict=True))


def compare(kind, path, repeat):
    runs = {"ours": [], "theirs": []}
    for _ in range(repeat):
        for side, found in runs.items():
            code = TIMED.format(read=READ[kind, side])
            call = [sys.executable, "-c", code, str(path), str(pathlib.Path(__file__).parent)]
            out = subprocess.run(call, stdout=subprocess.PIPE, check=True, text=True).stdout
            found.append([float(v) for v in out.split()])
    ours, theirs = runs["ours"], runs["theirs"]
    if ours[0][2:] != theirs[0][2:]:
        sys.exit(f"{kind}: {ours[0][2:]} is not {theirs[0][2:]}")
    seconds = {side: statistics.median(r[0] for r in found) for side, found in runs.items()}
    peaks = {side: max(r[1] for r in found) for side, found in runs.items()}
    size = path.stat().st_size / 1e6
    print(f"{kind}, {size:.0f} MB, {ours[0][2]:.0f} x {ours[0][3]:.0f}, {ours[0][4]:.0f} values")
    for side in runs:
        print(f"  {side:7} {seconds[side]:7.2f} s  peak {peaks[side]:6.0f} MiB")
    print(f"  ratio   {seconds['theirs'] / seconds['ours']:7.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=("h5ad", "gem", "csv"), default=("h5ad", "gem", "csv"))
    parser.add_argument("--n-obs", type=int, default=50_000)
    parser.add_argument("--lines", type=int, default=20_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.only:
            path = pathlib.Path(folder) / f"tissue.{kind}"
            if kind == "h5ad":
                make_h5ad(path, args.n_obs)
            elif kind == "gem":
                make_gem(path, args.lines)
            else:
                make_csv(path, SPOTS)
            compare(kind, path, args.repeat)


if __name__ == "__main__":
    main()
