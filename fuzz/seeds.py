"""Small files of every format, from which fuzzing starts: fuzz/corpus/TARGET/*.

    python fuzz/seeds.py

Run by `make fuzz`. Needs anndata, h5py and pandas with a Parquet engine. Real files join them, as far as they are
small, where they lie in TEGULA_DATA (default: `shared` beside the checkout).
"""

import gzip
import itertools
import json
import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

CORPUS = Path(__file__).parent / "corpus"
DATA = Path(os.environ.get("TEGULA_DATA", CORPUS.parents[2] / "shared")) / "data"
LONGEST = 100_000  # `make fuzz` cuts what is longer
BETWEEN = "\n=====\n"

MTX = "%%MatrixMarket matrix coordinate integer general\n2 3 4\n1 1 5\n2 1 1\n1 2 7\n2 3 2\n"
BARCODES = "AAAC-1\nAAAG-1\nAAAT-1\n"
FEATURES = "ENSG1\tActb\tGene Expression\nENSG2\tMbp\tGene Expression\n"
POSITIONS = "AAAC-1,1,0,0,10,20\nAAAG-1,1,0,2,10,40\nAAAT-1,0,1,1,30,30\n"
SCALES = json.dumps({"spot_diameter_fullres": 10.5, "tissue_lowres_scalef": 0.1})


def png():
    """A picture of two by two."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(range(k, k + 6)) for k in (0, 6))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def put(target, name, *parts):
    """One seed, of one file or of several."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    parts = [p if isinstance(p, bytes) else p.encode() for p in parts]
    (folder / name).write_bytes(BETWEEN.encode().join(parts))


def annotated(dense=False):
    """Three observations with something in every slot."""
    x = sparse.csr_matrix(np.array([[5, 0], [0, 1], [7, 2]], dtype=np.float32))
    obs = pd.DataFrame(
        {"kind": pd.Categorical(["a", "b", "a"]), "n": [1, 2, 3], "f": [0.5, np.nan, 2.0]}, index=list("uvw")
    )
    a = ad.AnnData(x.toarray() if dense else x, obs=obs, var=pd.DataFrame(index=["Actb", "Mbp"]))
    a.obsm["spatial"] = np.arange(6.0).reshape(3, 2)
    a.obsp["connectivities"] = sparse.eye(3, format="csr")
    a.layers["counts"] = a.X.copy()
    a.uns["about"] = {"name": "t", "numbers": np.arange(3), "flag": True}
    a.raw = a.copy()
    return a


def h5(target, name, write):
    """A seed that h5py writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.h5"
        with h5py.File(path, "w") as f:
            write(f)
        put(target, name, path.read_bytes())


def tenx(version):
    """10x HDF5 of that version of Cell Ranger."""

    def write(f):
        group = f.create_group("matrix" if version == 3 else "mm10")
        for key, value in (
            ("data", [5, 1, 7, 2]),
            ("indices", [0, 1, 0, 1]),
            ("indptr", [0, 2, 3, 4]),
            ("shape", [2, 3]),
        ):
            group[key] = np.array(value, dtype=np.int32)
        group["barcodes"] = np.array(BARCODES.split(), dtype="S6")
        at = group.create_group("features") if version == 3 else group
        names = ("id", "name") if version == 3 else ("genes", "gene_names")
        at[names[0]] = np.array([b"ENSG1", b"ENSG2"])
        at[names[1]] = np.array([b"Actb", b"Mbp"])
        if version == 3:
            at["feature_type"] = np.array([b"Gene Expression"] * 2)
            at["genome"] = np.array([b"mm10"] * 2)

    return write


def loom(f):
    """Loom, with positions and a layer."""
    f["matrix"] = np.array([[1, 0, 2], [0, 3, 0]], dtype=np.float32)
    f["row_attrs/Gene"] = np.array([b"Actb", b"Mbp"])
    f["col_attrs/CellID"] = np.array([b"a", b"b", b"c"])
    f["col_attrs/X"] = np.arange(3.0)
    f["col_attrs/Y"] = np.arange(3.0)
    f["layers/spliced"] = np.ones((2, 3), dtype=np.float32)


def gef(f):
    """GEF of square bins."""
    expression = np.array([(1, 2, 3), (90, 2, 1), (5, 9, 4)], dtype=[("x", "<u4"), ("y", "<u4"), ("count", "<u2")])
    gene = np.array([(b"Actb", 0, 2), (b"Mbp", 2, 1)], dtype=[("gene", "S8"), ("offset", "<u4"), ("count", "<u4")])
    f["geneExp/bin1/expression"], f["geneExp/bin1/gene"] = expression, gene


def cells(f):
    """GEF of cells."""
    fields = ["id", "x", "y", "offset", "geneCount", "area"]
    f["cellBin/cell"] = np.array([(7, 10, 20, 0, 2, 40), (8, 30, 25, 2, 1, 12)], dtype=[(k, "<u4") for k in fields])
    gene = [("gene", "S8"), ("offset", "<u4"), ("cellCount", "<u4")]
    f["cellBin/gene"] = np.array([(b"Actb", 0, 1), (b"Mbp", 1, 2)], dtype=gene)
    f["cellBin/cellExp"] = np.array([(0, 4), (1, 1), (1, 1)], dtype=[("geneID", "<u4"), ("count", "<u2")])


def zipped(target, name, write):
    """A seed that is a zip of the folder which `write` makes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "x")
        put(target, name, Path(shutil.make_archive(Path(folder) / "y", "zip", Path(folder) / "x")).read_bytes())


def store(path):
    """A SpatialData store with one table."""
    (path / "tables").mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / "tables/.zgroup").write_text('{"zarr_format": 2}')
    annotated().write_zarr(path / "tables/table")


def real():
    """Seeds of what instruments and other tools wrote."""
    for target, pattern in (
        ("h5ad", "fixtures/**/*.h5ad"),
        ("zarr", "fixtures/**/*.zarr.zip"),
        ("tenx_h5", "fixtures/scanpy/**/*.h5"),
        ("parquet", "fixtures/**/*.parquet"),
        ("table", "spasne/*.csv"),
    ):
        for number, path in enumerate(sorted(DATA.glob(pattern))):
            if path.stat().st_size <= LONGEST:
                put(target, f"real_{number}", path.read_bytes())

    def unpacked(path):
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()

    for number, matrix in enumerate(sorted(DATA.glob("fixtures/**/matrix.mtx*"))):
        barcodes, *_ = matrix.parent.glob("barcodes.tsv*")
        genes, *_ = matrix.parent.glob("[fg]e*s.tsv*")  # features.tsv, genes.tsv
        parts = [unpacked(path) for path in (matrix, barcodes, genes)]
        if sum(map(len, parts)) <= LONGEST:
            put("tenx_mtx", f"real_{number}", *parts)
            spatial = matrix.parents[1] / "spatial"
            if spatial.is_dir():
                places = (spatial / "tissue_positions_list.csv", spatial / "scalefactors_json.json")
                put("visium", f"real_{number}", *parts, *map(unpacked, places))
    for path in DATA.glob("stereoseq/*.gem*"):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            put("gem", "real", b"".join(itertools.islice(lines, 1000)))


def main():
    """Write all seeds."""
    shutil.rmtree(CORPUS, ignore_errors=True)
    real()
    with tempfile.TemporaryDirectory() as folder:
        for dense in (False, True):
            for compression in (None, "gzip"):
                path = Path(folder) / "a.h5ad"
                annotated(dense).write_h5ad(path, compression=compression)
                put("h5ad", f"dense_{dense}_{compression}", path.read_bytes())
        table = pd.DataFrame({"x": [1.0, 2.0], "y": [3, 4], "s": ["a", None]}, index=["u", "v"])
        for compression in (None, "snappy", "gzip", "zstd"):
            path = Path(folder) / "a.parquet"
            table.to_parquet(path, compression=compression)
            put("parquet", str(compression), path.read_bytes())
        put("table", "parquet", ",Actb,Mbp\nu,3,0\nv,1,4\n", path.read_bytes())
        columns = ["barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]
        rows = [line.split(",") for line in POSITIONS.split()]
        places = pd.DataFrame([[r[0], *map(int, r[1:])] for r in rows], columns=columns)
        places.to_parquet(path, index=False)
        put("visium_hd", "a", MTX, BARCODES, FEATURES, path.read_bytes(), SCALES)
    h5("tenx_h5", "v2", tenx(2))
    h5("tenx_h5", "v3", tenx(3))
    h5("loom", "a", loom)
    h5("gef", "bins", gef)
    h5("gef", "cells", cells)
    zipped("zarr", "a", lambda path: annotated().write_zarr(path))
    zipped("spatialdata", "a", store)
    put(
        "gem",
        "a",
        "#FileFormat=GEMv0.1\n#BinSize=1\ngeneID\tx\ty\tMIDCount\tExonCount\nActb\t1\t2\t3\t1\nMbp\t0\t2\t1\t1\n",
    )
    put("gem", "b", "geneID\tgeneName\tx\ty\tMIDCounts\nE1\tActb\t1\t2\t3\nE2\tMbp\t90\t2\t1\n")
    put("st", "a", "\tActb\tMbp\n1x2\t3\t0\n2x2\t1\t4\n")
    put("table", "a", ",Actb,Mbp\nu,3,0\nv,1,4\n")
    put("table", "b", "Actb;Mbp\nu;3,5;0\nv;1;4\n")
    put("table", "blanks", '"Actb" "x" "y"\n"u" 3 1.5 2\n"v" 0 NA 4\n')
    put("table", "obs", ",Actb,Mbp\nu,3,0\nv,1,4\n", "cell\tx\ty\tkind\nv\t1\t2.5\ta\nu\t3\t4\ta\n")
    put("table", "turned", "gene,u,v\nActb,3,0\nMbp,1,4\n", ",x_centroid,y_centroid,ok\nv,1,2.5,True\nu,3,4,False\n")
    put("tenx_mtx", "a", MTX, BARCODES, FEATURES)
    put("visium", "a", MTX, BARCODES, FEATURES, POSITIONS, SCALES, png())
    put("xenium", "a", MTX, BARCODES, FEATURES, "cell_id,x_centroid,y_centroid\nAAAC-1,1.5,2\nAAAG-1,3,4\nAAAT-1,5,6\n")
    counts, places = (
        "fov,cell_ID,Actb,Mbp\n1,1,3,0\n1,2,1,4\n",
        "fov,cell_ID,CenterX_global_px,CenterY_global_px\n1,1,5,6\n1,2,7,8\n",
    )
    put("cosmx", "a", counts, places)
    put("merscope", "a", "cell,Actb,Blank-1\n1,3,0\n2,1,4\n", ",center_x,center_y\n1,5,6\n2,7,8\n")
    put("slideseq", "a", "GENE\tAA\tAC\nActb\t3\t0\nMbp\t1\t4\n", "barcodes,xcoord,ycoord\nAA,1,2\nAC,3,4\n")
    put("seqfish", "a", ",Actb,Mbp\n1,3,0\n2,1,4\n", "label,center_x,center_y\n1,5,6\n2,7,8\n")
    put("starmap", "a", "GENE,a,b\nActb,3,0\nMbp,1,4\n", "NAME,X,Y\nTYPE,numeric,numeric\na,5,6\nb,7,8\n")
    put("recipe", "a", '[[step]]\nid = "pp.pca"\nseed = 0\n[step.params]\nn_comps = 30\n')


if __name__ == "__main__":
    main()
