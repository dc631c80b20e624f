"""Tegula reads every fixture as scanpy, anndata and spateo's recipe do: the same matrix, names, coordinates.

Run with `pytest crates/tegula-io/tests/python` in an environment with scanpy; see test_h5ad.py for the binary. Data
lie in TEGULA_DATA (default: `shared` beside the checkout); where they are absent, tests skip.
"""

import os
import subprocess
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

sc = pytest.importorskip("scanpy")
warnings.simplefilter("ignore")
ROOT = Path(__file__).parents[4]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = Path(os.environ.get("TEGULA_ROUNDTRIP", TARGET / "debug/examples/roundtrip"))
DATA = Path(os.environ.get("TEGULA_DATA", ROOT.parent / "shared")) / "data"
FIXTURES = DATA / "fixtures"


def there(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"no data at {path}")
    return path


def ours(path: Path, tmp_path: Path, *options: str) -> ad.AnnData:
    out = tmp_path / "out.h5ad"
    subprocess.run([BINARY, there(path), out, *options], check=True, capture_output=True)
    return ad.read_h5ad(out)


def dense(x) -> np.ndarray:
    return np.asarray(x.todense() if sp.issparse(x) else x)


def same(a: ad.AnnData, b: ad.AnnData, columns: bool = True) -> None:
    b.var_names_make_unique()
    b.obs_names_make_unique()
    assert list(a.obs_names) == [str(n) for n in b.obs_names]
    assert list(a.var_names) == [str(n) for n in b.var_names]
    np.testing.assert_array_equal(dense(a.X), dense(b.X).astype("f4"))
    for ours, theirs in [(a.obs, b.obs), (a.var, b.var)] if columns else []:
        for name in theirs.columns:
            x, y = ours[name], theirs[name]
            if pd.api.types.is_numeric_dtype(y) and pd.api.types.is_numeric_dtype(x):
                np.testing.assert_allclose(x.astype("f8"), y.astype("f8"))
            else:
                assert list(x.astype(str)) == list(y.astype(str)), name
    if "spatial" in b.obsm:
        np.testing.assert_array_equal(a.obsm["spatial"], np.asarray(b.obsm["spatial"], dtype="f8"))


TENX = FIXTURES / "scanpy/10x_data"


@pytest.mark.parametrize(
    ("path", "ours_options", "theirs"),
    [
        ("1.2.0/filtered_gene_bc_matrices_h5.h5", [], {}),
        ("1.2.0/multiple_genomes.h5", ["genome=hg19_chr21"], {"genome": "hg19_chr21"}),
        ("1.2.0/multiple_genomes.h5", ["genome=another_genome"], {"genome": "another_genome"}),
        ("3.0.0/filtered_feature_bc_matrix.h5", [], {}),
        ("3.0.0/filtered_feature_bc_matrix.h5", ["all"], {"gex_only": False}),
        ("../visium_data/1.0.0/filtered_feature_bc_matrix.h5", [], {}),
        ("../visium_data/2.1.0/raw_probe_bc_matrix.h5", [], {}),
    ],
)
def test_10x_h5(path, ours_options, theirs, tmp_path):
    same(ours(TENX / path, tmp_path, *ours_options), sc.read_10x_h5(there(TENX / path), **theirs))


@pytest.mark.parametrize(
    "path",
    [
        "scanpy/10x_data/1.2.0/filtered_gene_bc_matrices/hg19_chr21",
        "scanpy/10x_data/3.0.0/filtered_feature_bc_matrix",
        "seurat/cr2_mtx",
        "seurat/cr3.0",
    ],
)
def test_10x_mtx(path, tmp_path):
    same(ours(FIXTURES / path, tmp_path), sc.read_10x_mtx(there(FIXTURES / path)))


def test_10x_mtx_with_ids_that_are_numbers(tmp_path):
    folder = there(TENX / "int-ids")
    a = ours(folder, tmp_path)
    features = pd.read_csv(folder / "features.tsv", sep="\t", header=None)
    assert list(a.var["gene_ids"]) == [str(i) for i in features[0]]
    theirs = sc.read_mtx(folder / "matrix.mtx").T
    np.testing.assert_array_equal(dense(a.X), dense(theirs.X))


@pytest.mark.parametrize("path", ["scanpy/visium_data/1.0.0", "squidpy_visium"])
def test_visium(path, tmp_path):
    a, b = ours(FIXTURES / path, tmp_path), sc.read_visium(there(FIXTURES / path))
    same(a, b)
    (library,) = b.uns["spatial"]
    x, y = a.uns["spatial"][library], b.uns["spatial"][library]
    assert x["scalefactors"] == y["scalefactors"]
    assert {k: str(v) for k, v in x["metadata"].items()} == {
        k: v.decode() if isinstance(v, bytes) else str(np.asarray(v).ravel()[0].decode() if np.ndim(v) else v)
        for k, v in y["metadata"].items()
    }
    for size in ["hires", "lowres"]:
        np.testing.assert_array_equal(x["images"][size], y["images"][size])


def test_loom(tmp_path):
    path = there(FIXTURES / "loom/osmFISH_SScortex_mouse_all_cells.loom")
    pytest.importorskip("loompy")
    same(ours(path, tmp_path), ad.io.read_loom(path, X_name="", validate=False))


@pytest.mark.parametrize("path", ["scanpy/10x-10k-subset.zarr", "anndata_archives/v0.11.4/adata.zarr.zip"])
def test_zarr(path, tmp_path):
    zarr = pytest.importorskip("zarr")
    path = there(FIXTURES / path)
    a = ours(path, tmp_path)
    b = ad.read_zarr(zarr.storage.ZipStore(path, mode="r") if path.suffix == ".zip" else path)
    assert list(a.obs_names) == list(b.obs_names) and list(a.var_names) == list(b.var_names)
    if b.X is not None:
        np.testing.assert_array_equal(dense(a.X), dense(b.X))


def full() -> ad.AnnData:
    rng = np.random.default_rng(0)
    a = ad.AnnData(sp.random(300, 70, 0.2, format="csr", dtype="f4", random_state=1))
    a.obs["cat"] = pd.Categorical([f"c{i % 4}" if i % 5 else None for i in range(300)])
    a.obs["text"] = [f"ü{i}" for i in range(300)]
    a.obs["flag"] = np.arange(300) % 3 == 0
    a.obs["maybe"] = pd.array([i if i % 4 else None for i in range(300)], dtype="Int64")
    a.var["mean"] = rng.normal(size=70)
    a.layers["dense"] = rng.random((300, 70)).astype("f4")
    a.obsm["spatial"] = rng.random((300, 2))
    a.obsp["graph"] = sp.random(300, 300, 0.05, format="csr", dtype="f4", random_state=2)
    a.uns = {
        "text": "ünï",
        "n": 3,
        "x": 0.5,
        "flag": True,
        "texts": np.array(["a", ""], dtype=object),
        "d": {"e": np.arange(5)},
    }
    return a


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("chunks", [None, (7, 11)])
@pytest.mark.parametrize("packed", [None, "its content", "the folder"])
def test_zarr_of_every_version(version, chunks, packed, tmp_path):
    pytest.importorskip("zarr")
    import shutil
    import zipfile

    before = ad.settings.zarr_write_format
    ad.settings.zarr_write_format = version
    try:
        full().write_zarr(tmp_path / "a.zarr", **({"chunks": chunks} if chunks else {}))
    finally:
        ad.settings.zarr_write_format = before
    path = tmp_path / "a.zarr"
    if packed == "its content":
        path = Path(shutil.make_archive(str(tmp_path / "a"), "zip", path))
    elif packed == "the folder":
        path = Path(shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path, path.name))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("__MACOSX/._a.zarr", b"what macOS adds")
    from anndata.tests.helpers import assert_equal

    assert_equal(ours(path, tmp_path), full_as_written(tmp_path))


@pytest.mark.parametrize("name", ["cells", "bins"])
def test_the_table_of_a_spatialdata_store(name, tmp_path):
    sd = pytest.importorskip("spatialdata")
    from anndata.tests.helpers import assert_equal
    from spatialdata.models import ShapesModel, TableModel

    cells = full()
    cells.obs["region"] = pd.Categorical(["spots"] * cells.n_obs)
    cells.obs["spot"] = np.arange(cells.n_obs)
    cells = TableModel.parse(cells, region="spots", region_key="region", instance_key="spot")
    shapes = ShapesModel.parse(full().obsm["spatial"], geometry=0, radius=1)
    path = tmp_path / "s.zarr"
    sd.SpatialData(shapes={"spots": shapes}, tables={"cells": cells, "bins": full()[:40].copy()}).write(path)
    want = sd.read_zarr(path)[name]
    got = ours(path, tmp_path, f"table={name}")
    want.write_h5ad(tmp_path / "want.h5ad")
    assert_equal(got, ad.read_h5ad(tmp_path / "want.h5ad"))
    with pytest.raises(subprocess.CalledProcessError) as e:
        ours(path, tmp_path)
    assert b"the store has the tables bins, cells; name one of them" in e.value.stderr


def full_as_written(tmp_path: Path) -> ad.AnnData:
    full().write_h5ad(tmp_path / "plain.h5ad")
    return ad.read_h5ad(tmp_path / "plain.h5ad")


def write_10x_like(path: Path, a: ad.AnnData) -> None:
    path.mkdir()
    (path / "barcodes.tsv").write_text("\n".join(a.obs_names) + "\n")
    (path / "genes.tsv").write_text("".join(f"ENSG{i}\t{n}\n" for i, n in enumerate(a.var_names)))
    import scipy.io

    scipy.io.mmwrite(path / "matrix.mtx", a.X.T.tocoo())


GEM = DATA / "stereoseq/SS200000135TL_D1_bin1_small.gem.gz"


def spateo(data: pd.DataFrame, size: int) -> ad.AnnData:
    """What spateo's read_bgi makes of a table of counts, in pandas."""
    x, y = data["x"] // size, data["y"] // size
    label = x.astype(str) + "-" + y.astype(str)
    cells, genes = sorted(label.unique()), sorted(data["geneID"].unique())
    i, j = pd.Categorical(label, categories=cells).codes, pd.Categorical(data["geneID"], categories=genes).codes
    shape = (len(cells), len(genes))
    layers = {
        layer: sp.csr_matrix((data[column], (i, j)), shape=shape)
        for column, layer in [("EXONIC", "spliced"), ("INTRONIC", "unspliced")]
        if column in data
    }
    a = ad.AnnData(sp.csr_matrix((data.iloc[:, 3], (i, j)), shape=shape), layers=layers)
    a.obs_names, a.var_names = cells, genes
    first = pd.DataFrame({"x": x, "y": y, "label": label}).drop_duplicates().set_index("label").loc[cells]
    a.obsm["spatial"] = first.values * size + size / 2
    a.obs["area"] = size**2
    return a


@pytest.mark.parametrize("size", [1, 50, 60])
def test_gem(size, tmp_path):
    data = pd.read_csv(there(GEM), sep="\t", comment="#")
    same(ours(GEM, tmp_path, f"bin={size}"), spateo(data, size))


def test_gem_with_layers_and_comments_unsorted(tmp_path):
    rng = np.random.default_rng(0)
    n = 5000
    data = pd.DataFrame(
        {"geneID": rng.choice(["Actb", "Mbp", "Gfap"], n), "x": rng.integers(0, 300, n), "y": rng.integers(0, 300, n)}
    )
    data["UMICount"] = rng.integers(1, 9, n)
    data["EXONIC"] = rng.integers(0, 5, n)
    data["INTRONIC"] = rng.integers(0, 5, n)
    path = tmp_path / "a.gem"
    path.write_text("#FileFormat=GEMv0.1\n#BinSize=1\n" + data.to_csv(sep="\t", index=False))
    a, b = ours(path, tmp_path, "bin=20"), spateo(data, 20)
    same(a, b)
    for layer in b.layers:
        np.testing.assert_array_equal(dense(a.layers[layer]), dense(b.layers[layer]))


def test_gef_of_square_bins_is_the_gem(tmp_path):
    h5py = pytest.importorskip("h5py")
    data = pd.read_csv(there(GEM), sep="\t", comment="#").sort_values("geneID", kind="stable")
    path = tmp_path / "a.gef"
    with h5py.File(path, "w") as f:
        f.attrs["version"] = np.uint32(4)
        g = f.create_group("geneExp/bin1")
        g["expression"] = np.rec.fromarrays(
            [data["x"].astype("i4"), data["y"].astype("i4"), data["MIDCounts"].astype("u1")], names="x,y,count"
        )
        counts = data.groupby("geneID", sort=True).size()
        offset = np.concatenate([[0], np.cumsum(counts)[:-1]])
        g["gene"] = np.rec.fromarrays(
            [counts.index.values.astype("S64"), offset.astype("u4"), counts.astype("u4")], names="gene,offset,count"
        )
    same(ours(path, tmp_path, "bin=60"), spateo(data, 60))


def test_gef_of_cells(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.cellbin.gef"
    cell = np.array(
        [(7, 10, 20, 0, 2, 5, 9, 40, 0, 1), (8, 30, 25, 2, 1, 1, 3, 12, 0, 2)],
        dtype=[
            ("id", "u4"),
            ("x", "i4"),
            ("y", "i4"),
            ("offset", "u4"),
            ("geneCount", "u2"),
            ("expCount", "u2"),
            ("dnbCount", "u2"),
            ("area", "u2"),
            ("cellTypeID", "u2"),
            ("clusterID", "u2"),
        ],
    )
    gene = np.array(
        [(b"E1", b"Actb", 0, 1), (b"E2", b"Mbp", 1, 2)],
        dtype=[("geneID", "S64"), ("geneName", "S64"), ("offset", "u4"), ("cellCount", "u4")],
    )
    exp = np.array([(0, 4), (1, 1), (1, 1)], dtype=[("geneID", "u4"), ("count", "u2")])
    with h5py.File(path, "w") as f:
        for name, table in [("cell", cell), ("gene", gene), ("cellExp", exp)]:
            f[f"cellBin/{name}"] = table
        f["cellBin/cellBorder"] = np.zeros((2, 32, 2), "i2")
    a = ours(path, tmp_path)
    np.testing.assert_array_equal(dense(a.X), [[4, 1], [0, 1]])
    assert (
        list(a.obs_names) == ["7", "8"]
        and list(a.var_names) == ["Actb", "Mbp"]
        and list(a.var["gene_ids"]) == ["E1", "E2"]
    )
    assert list(a.obs["area"]) == [40, 12]
    np.testing.assert_array_equal(a.obsm["spatial"], [[10, 20], [30, 25]])
    assert a.obsm["cell_border"].shape == (2, 32, 2)


@pytest.mark.parametrize("compression", ["snappy", "gzip", "zstd", "none"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_xenium_with_parquet_of_every_packing(compression, version, tmp_path):
    pytest.importorskip("pyarrow")
    source = there(TENX / "3.0.0/filtered_feature_bc_matrix.h5")
    b = sc.read_10x_h5(source)
    folder = tmp_path / "outs"
    folder.mkdir()
    (folder / "cell_feature_matrix.h5").symlink_to(source)
    rng = np.random.default_rng(0)
    cells = pd.DataFrame(
        {"cell_id": b.obs_names, "x_centroid": rng.random(b.n_obs), "y_centroid": rng.random(b.n_obs).astype("f4")}
    )
    cells["transcript_counts"] = rng.integers(0, 9, b.n_obs)
    cells["flag"] = rng.random(b.n_obs) > 0.5
    cells["gaps"] = pd.array([i if i % 3 else None for i in range(b.n_obs)], dtype="Int64")
    cells["method"] = "Segmented"
    cells.to_parquet(
        folder / "cells.parquet", compression=None if compression == "none" else compression, data_page_version=version
    )
    a = ours(folder, tmp_path)
    b.obsm["spatial"] = cells[["x_centroid", "y_centroid"]].values.astype("f8")
    same(a, b)
    for name in ["transcript_counts", "flag"]:
        assert list(a.obs[name]) == list(cells[name])
    assert [None if pd.isna(v) else int(v) for v in a.obs["gaps"]] == [
        None if pd.isna(v) else int(v) for v in cells["gaps"]
    ]


def test_a_small_parquet_file_of_a_million_long_texts_is_refused(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    counts = tmp_path / "cell_feature_matrix"
    counts.mkdir()
    (counts / "matrix.mtx").write_text("%%MatrixMarket matrix coordinate integer general\n1 1 1\n1 1 5\n")
    (counts / "features.tsv").write_text("E1\tActb\tGene Expression\n")
    (counts / "barcodes.tsv").write_text("c0\n")
    # Each text is a number into a dictionary of one: 200 GB in the memory of whoever writes them out.
    text = pa.DictionaryArray.from_arrays(np.zeros(1_000_000, "i4"), ["a" * 200_000])
    pq.write_table(pa.table({"cell_id": text}), tmp_path / "cells.parquet")
    assert (tmp_path / "cells.parquet").stat().st_size < 1_000_000
    run = subprocess.run([BINARY, tmp_path, tmp_path / "out.h5ad"], capture_output=True, text=True)
    assert run.returncode != 0
    assert "its values do not fit the file" in run.stderr


def test_visium_hd_takes_the_bins_asked_for(tmp_path):
    folder = there(FIXTURES / "seurat/visium_hd")
    inner = folder / "binned_outputs/square_016um"
    pytest.importorskip("pyarrow")
    positions = pd.read_parquet(inner / "spatial/tissue_positions.parquet").set_index("barcode")
    shared = sc.read_10x_h5(inner / "filtered_feature_bc_matrix.h5").obs_names.intersection(positions.index)
    if len(shared) == 0:
        with pytest.raises(subprocess.CalledProcessError) as e:
            ours(folder, tmp_path, "bin=16")
        assert b"these files do not belong together" in e.value.stderr
    else:
        a = ours(folder, tmp_path, "bin=16")
        np.testing.assert_array_equal(
            a[shared].obsm["spatial"], positions.loc[shared, ["pxl_col_in_fullres", "pxl_row_in_fullres"]]
        )
