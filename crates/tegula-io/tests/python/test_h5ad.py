"""What Python's anndata writes, Tegula reads and writes; what Tegula writes, Python's anndata reads.

Run with `pytest crates/tegula-io/tests/python` in an environment with anndata; the binary is the example `roundtrip`
(`cargo build -p tegula-io --example roundtrip`), found under `TEGULA_ROUNDTRIP` or in the target folder.
"""

import os
import struct
import subprocess
import warnings
from importlib.metadata import version
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata.tests.helpers import assert_equal

warnings.simplefilter("ignore")
ROOT = Path(__file__).parents[4]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = Path(os.environ.get("TEGULA_ROUNDTRIP", TARGET / "debug/examples/roundtrip"))
ANNDATA = tuple(int(x) for x in version("anndata").split(".")[:2])
N, M = 60, 40
RNG = np.random.default_rng(0)


def frame(n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "f64": RNG.normal(size=n),
            "f32": RNG.normal(size=n).astype("f4"),
            "i64": np.arange(n) - 5,
            "i32": np.arange(n, dtype="i4"),
            "flag": np.arange(n) % 3 == 0,
            "cat": pd.Categorical([f"c{i % 4}" if i % 5 else None for i in range(n)]),
            "ordered": pd.Categorical(
                [f"c{i % 4}" for i in range(n)], categories=["c3", "c2", "c1", "c0"], ordered=True
            ),
            "maybe_int": pd.array([i if i % 4 else None for i in range(n)], dtype="Int64"),
            "maybe_flag": pd.array([bool(i % 2) if i % 4 else None for i in range(n)], dtype="boolean"),
        },
        index=[f"n{i}" for i in range(n)],
    )


def base(x=None, **slots) -> ad.AnnData:
    x = sp.random(N, M, 0.2, format="csr", dtype="f4", random_state=1) if x is None else x
    return ad.AnnData(x, obs=frame(N), var=frame(M), **slots)


def with_uns() -> ad.AnnData:
    a = base()
    a.uns = {
        "text": "ünï",
        "empty": "",
        "int": 3,
        "float": 0.5,
        "bool": True,
        "np_bool": np.bool_(False),
        "texts": np.array(["a", "", "ccc"], dtype=object),
        "ints": np.arange(7),
        "image": RNG.random((20, 30, 3)).astype("f4"),
        "nested": {"deep": {"deeper": {"x": np.eye(3)}}, "none_here": {}},
        "sparse": sp.random(5, 6, 0.5, format="csr", dtype="f4"),
        "table": frame(3),
        "cat": pd.Categorical(["a", "b", "a"]),
        "colors": np.array(["#ff0000", "#00ff00"], dtype=object),
        "ranked": np.rec.fromarrays(
            [np.array(["CD3E", "ünï"], dtype=object), np.array([1.5, -2.0], dtype="f4"), np.array([1e-300, 1.0])],
            names=["T cells", "score", "p"],
        ),
    }
    return a


def with_maps() -> ad.AnnData:
    a = base()
    a.layers["counts"] = a.X.copy()
    a.layers["dense"] = RNG.random((N, M)).astype("f4")
    a.obsm["X_pca"] = RNG.random((N, 5)).astype("f4")
    a.obsm["spatial"] = RNG.random((N, 2))
    a.obsm["table"] = frame(N).set_index(a.obs_names)
    a.obsm["sparse"] = sp.random(N, 9, 0.3, format="csr", dtype="f4")
    a.varm["PCs"] = RNG.random((M, 5))
    a.obsp["connectivities"] = sp.random(N, N, 0.1, format="csr", dtype="f4")
    a.varp["dense"] = RNG.random((M, M))
    a.raw = base(sp.random(N, M, 0.3, format="csr", dtype="f4"))
    return a


def named_index() -> ad.AnnData:
    a = base()
    a.obs.index.name = "barcode"
    a.var.index.name = "gene_id"
    return a


PLAIN = {
    "csr": base,
    "dense": lambda: base(RNG.random((N, M)).astype("f4")),
    "uns": with_uns,
    "maps": with_maps,
    "named": named_index,
    "bare": lambda: ad.AnnData(np.ones((3, 2), dtype="f4")),
    "no_x": lambda: ad.AnnData(obs=frame(5), var=frame(4)),
    "empty": lambda: ad.AnnData(np.zeros((0, 4), dtype="f4")),
    "one": lambda: ad.AnnData(sp.csr_matrix(np.ones((1, 1), dtype="f4"))),
}


def odd_types() -> ad.AnnData:
    a = base(RNG.random((N, M)))
    a.layers["csc"] = sp.random(N, M, 0.2, format="csc", dtype="f8")
    a.layers["ints"] = sp.random(N, M, 0.2, format="csr", dtype="f4").astype("i8")
    for t in ["i1", "u1", "i2", "u2", "u4", "u8", "f2"]:
        a.obs[t] = np.arange(N).astype(t)
    a.obs["int_cat"] = pd.Categorical(np.arange(N) % 3)
    a.obs["u8_big"] = np.array([2**63 + 5] * N, dtype="u8")
    a.uns["rank"] = {"names": np.array([("a", 1.0), ("b", 2.0)], dtype=[("g", "U5"), ("s", "f4")])}
    a.uns["i1"] = np.arange(5, dtype="i1")
    a.uns["complex"] = {"wide": np.arange(6, dtype="u2").reshape(2, 3)}
    a.obsm["ints"] = np.arange(N * 2, dtype="i8").reshape(N, 2)
    return a


def many_categories() -> ad.AnnData:
    n = 40_000
    a = ad.AnnData(sp.random(n, 3, 0.2, format="csr", dtype="f4"))
    a.obs["k200"] = pd.Categorical([f"c{i % 200}" for i in range(n)])
    a.obs["k40000"] = pd.Categorical([f"c{i}" for i in range(n)])
    return a


PLAIN["many_categories"] = many_categories


def run(source: Path, target: Path, *words: str) -> str:
    done = subprocess.run([BINARY, source, target, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
@pytest.mark.parametrize("mode", [(), ("fresh",), ("x",)])
@pytest.mark.parametrize("case", PLAIN)
def test_plain_types_come_back_either_way(tmp_path, case, mode, compression):
    want = PLAIN[case]()
    if mode == ("x",) and want.X is None:
        pytest.skip("no X")
    want.write_h5ad(tmp_path / "in.h5ad", compression=compression)
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad", *mode)
    got = ad.read_h5ad(tmp_path / "out.h5ad")
    assert_equal(got, ad.read_h5ad(tmp_path / "in.h5ad"), exact=True)


@pytest.mark.parametrize("case", PLAIN)
def test_zarr_that_is_written_is_read_by_anndata(tmp_path, case):
    pytest.importorskip("zarr")
    PLAIN[case]().write_h5ad(tmp_path / "in.h5ad")
    run(tmp_path / "in.h5ad", tmp_path / "out.zarr")
    assert_equal(ad.read_zarr(tmp_path / "out.zarr"), ad.read_h5ad(tmp_path / "in.h5ad"), exact=True)
    run(tmp_path / "out.zarr", tmp_path / "again.h5ad")
    assert_equal(ad.read_h5ad(tmp_path / "again.h5ad"), ad.read_h5ad(tmp_path / "in.h5ad"), exact=True)


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "parquet"])
def test_tables_that_are_written_are_read_by_pandas(tmp_path, ending):
    a = with_maps()
    a.obs.index.name = "barcode"
    a.obs["text"] = [f"ü{i}" for i in range(N)]
    a.write_h5ad(tmp_path / "in.h5ad")

    def table(slot: str) -> pd.DataFrame:
        path = tmp_path / f"t.{ending}"
        run(tmp_path / "in.h5ad", path, f"slot={slot}")
        if ending == "parquet":
            pytest.importorskip("pyarrow")
            return pd.read_parquet(path)
        return pd.read_csv(path, sep="\t" if ending == "tsv" else ",", index_col=0, float_precision="round_trip")

    obs = table("obs")
    assert list(obs.index) == list(a.obs_names) and obs.index.name == "barcode" and list(obs) == list(a.obs)
    for name in obs:
        x, y = obs[name], a.obs[name]
        assert list(x.isna()) == list(y.isna()), name
        if pd.api.types.is_bool_dtype(y) or not pd.api.types.is_numeric_dtype(y):
            assert [str(v) for v in x.dropna()] == [str(v) for v in y.dropna()], name
        else:
            np.testing.assert_allclose(x.dropna().astype("f8"), y.dropna().astype("f8"), rtol=1e-6)
        if ending == "parquet" and not isinstance(y.dtype, pd.CategoricalDtype) and name != "text":
            assert x.dtype == y.dtype, name
    np.testing.assert_array_equal(table("obsm/spatial"), a.obsm["spatial"])
    x = table("X")
    assert list(x) == list(a.var_names)
    np.testing.assert_array_equal(x.to_numpy().astype("f4"), a.X.toarray())
    assert table("var").index.name is None


@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
def test_odd_types_are_carried_over(tmp_path, compression):
    odd_types().write_h5ad(tmp_path / "in.h5ad", compression=compression)
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad")
    got, want = ad.read_h5ad(tmp_path / "out.h5ad"), ad.read_h5ad(tmp_path / "in.h5ad")
    assert_equal(got, want, exact=True)
    assert type(got.layers["csc"]) is type(want.layers["csc"])


def test_odd_types_keep_their_numbers_when_encoded_anew(tmp_path):
    a = odd_types()
    del a.obs["u8_big"], a.obs["int_cat"], a.uns["rank"]
    a.write_h5ad(tmp_path / "in.h5ad")
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "fresh")
    got = ad.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_allclose(got.X, a.X, rtol=1e-6)
    np.testing.assert_allclose(got.layers["csc"].toarray(), a.layers["csc"].toarray(), rtol=1e-6)
    for t in ["i1", "u1", "i2", "u2", "u4", "u8", "f2"]:
        np.testing.assert_array_equal(got.obs[t].to_numpy().astype("f8"), a.obs[t].to_numpy().astype("f8"))


def test_backed_mode_and_editing_in_place(tmp_path):
    want = with_maps()
    want.write_h5ad(tmp_path / "in.h5ad")
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "fresh")
    backed = ad.read_h5ad(tmp_path / "out.h5ad", backed="r")
    assert_equal(backed.to_memory().X, want.X)
    backed.file.close()
    with h5py.File(tmp_path / "out.h5ad", "r+") as f:
        f["uns"].attrs["more"] = "text"
        for i in range(30):
            f["uns"][f"new{i}"] = np.arange(i + 1)
        del f["obsm/X_pca"]
        f["X/data"][:3] = 7
    got = ad.read_h5ad(tmp_path / "out.h5ad")
    assert (got.X.data[:3] == 7).all() and len(got.uns["new29"]) == 30 and "X_pca" not in got.obsm


def test_unknown_groups_survive(tmp_path):
    base().write_h5ad(tmp_path / "in.h5ad")
    with h5py.File(tmp_path / "in.h5ad", "r+") as f:
        f["mine/deep"] = np.arange(5, dtype=">i2")
        f["mine"].attrs["note"] = "kept"
        f["mine/complex"] = np.array([1 + 2j])
        f["obs/odd"] = np.zeros((N, 2))
        f["obs"].attrs["column-order"] = ["odd", *[c for c in f["obs"].attrs["column-order"]]]
        t = h5py.string_dtype()
        f.create_dataset("uns/records", data=np.array([("a", 1)], dtype=[("s", t), ("i", "i8")]))
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad")
    with h5py.File(tmp_path / "out.h5ad") as f:
        assert f["mine/deep"].dtype == np.dtype(">i2") and (f["mine/deep"][:] == np.arange(5)).all()
        assert f["mine"].attrs["note"] == "kept" and f["mine/complex"][0] == 1 + 2j
        assert f["obs/odd"].shape == (N, 2) and f["obs"].attrs["column-order"][0] == "odd"
        assert f["uns/records"][0]["s"] == b"a"


@pytest.mark.skipif(ANNDATA < (0, 12), reason="None is stored since 0.12")
def test_none_is_kept_or_left_out(tmp_path):
    a = base()
    a.uns["none"] = None
    a.write_h5ad(tmp_path / "in.h5ad")
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad")
    assert ad.read_h5ad(tmp_path / "out.h5ad").uns["none"] is None
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "fresh")
    assert "none" not in ad.read_h5ad(tmp_path / "out.h5ad").uns


@pytest.mark.skipif(ANNDATA < (0, 12), reason="nullable strings are stored since 0.11")
def test_nullable_strings(tmp_path):
    a = base()
    a.obs["s"] = pd.array(["x", None] * (N // 2), dtype="string")
    try:
        with ad.settings.override(allow_write_nullable_strings=True):
            a.write_h5ad(tmp_path / "in.h5ad", convert_strings_to_categoricals=False)
    except (TypeError, AttributeError) as e:
        pytest.skip(str(e))
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad")
    got = ad.read_h5ad(tmp_path / "out.h5ad").obs["s"]
    assert got.isna().sum() == N // 2
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "fresh")
    got = ad.read_h5ad(tmp_path / "out.h5ad").obs["s"]
    assert got.isna().sum() == N // 2 and got.iloc[0] == "x"


@pytest.mark.parametrize("mode", [(), ("fresh",)])
@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_names_with_a_slash_become_names_that_files_hold(tmp_path, ending, mode):
    a = base()
    a.var["T/B"] = RNG.random(M)
    a.raw = a
    a.obs["T/B"] = pd.Categorical(["x/y", "z"] * (N // 2))
    a.obs.index.name = "slide/barcode"
    a.obsm["table"] = pd.DataFrame({"T_B": RNG.random(N), "T/B": RNG.random(N)}, index=a.obs_names)
    a.write_h5ad(tmp_path / "in.h5ad")
    out = tmp_path / f"out.{ending}"
    if ending == "zarr":
        pytest.importorskip("zarr")
    notes = run(tmp_path / "in.h5ad", out, *mode)
    assert "the index `slide/barcode` of `obs` is called `slide_barcode` now" in notes
    assert "the column `T/B` of `raw/var` is called `T_B` now" in notes
    assert "the column `T/B` of `obsm/table` is called `T_B-1` now" in notes
    got = ad.read_zarr(out) if ending == "zarr" else ad.read_h5ad(out)
    assert got.obs.index.name == "slide_barcode"
    assert list(got.obs_names) == list(a.obs_names)
    pd.testing.assert_frame_equal(got.obs, a.obs.rename(columns={"T/B": "T_B"}), check_names=False)
    pd.testing.assert_frame_equal(got.raw.var, a.var.rename(columns={"T/B": "T_B"}))
    pd.testing.assert_frame_equal(
        got.obsm["table"], a.obsm["table"].rename(columns={"T/B": "T_B-1"}), check_names=False
    )


def test_names_with_a_slash_in_records_of_old_files(tmp_path):
    obs = np.array([(b"a", 1, 2.5), (b"b", 2, 3.5)], dtype=[("cell/id", "S1"), ("n", "i8"), ("T/B", "f8")])
    with h5py.File(tmp_path / "in.h5ad", "w") as f:
        f["X"] = np.ones((2, 1), "f4")
        f["obs"] = obs
        f["var"] = np.array([(b"g",)], dtype=[("index", "S1")])
        f["obsm"] = np.array([([1, 2],), ([3, 4],)], dtype=[("X/umap", "f8", 2)])
    notes = run(tmp_path / "in.h5ad", tmp_path / "out.h5ad")
    assert "the entry `X/umap` of `obsm` is called `X_umap` now" in notes
    got = ad.read_h5ad(tmp_path / "out.h5ad")
    assert got.obs.index.name == "cell_id" and list(got.obs_names) == ["a", "b"]
    assert list(got.obs.columns) == ["n", "T_B"] and list(got.obs["T_B"]) == [2.5, 3.5]
    assert got.obsm["X_umap"].tolist() == [[1, 2], [3, 4]]


def test_format_of_hdf5_1_10(tmp_path):
    a = with_maps()
    a.write_h5ad(tmp_path / "in.h5ad", compression="gzip")
    with h5py.File(tmp_path / "in.h5ad") as f, h5py.File(tmp_path / "new.h5ad", "w", libver=("v108", "v110")) as g:
        for k in f:
            f.copy(k, g)
        for k, v in f.attrs.items():
            g.attrs[k] = v
        x = f["X/data"][:]
        del g["X/data"]
        g.create_dataset(
            "X/data", data=x, chunks=(16,), maxshape=(None,), compression="gzip", shuffle=True, fletcher32=True
        )
        for k, v in f["X/data"].attrs.items():
            g["X/data"].attrs[k] = v
    for mode in ((), ("fresh",)):
        run(tmp_path / "new.h5ad", tmp_path / "out.h5ad", *mode)
        assert_equal(ad.read_h5ad(tmp_path / "out.h5ad"), ad.read_h5ad(tmp_path / "in.h5ad"), exact=True)


DATA = Path(os.environ.get("TEGULA_DATA", ROOT.parent / "shared")) / "data"


@pytest.mark.parametrize("path", sorted(DATA.glob("labelled/*.h5ad")) or [None], ids=lambda p: p and p.stem)
def test_labelled_data_read_the_same(tmp_path, path):
    if path is None:
        pytest.skip(f"no data at {DATA}")
    run(path, tmp_path / "out.h5ad", "fresh")
    assert_equal(ad.read_h5ad(tmp_path / "out.h5ad"), ad.read_h5ad(path), exact=False)


@pytest.mark.parametrize("where", ["X", "obs/big", "uns/big", "uns/texts"])
@pytest.mark.parametrize("chunks", [True, None])
def test_a_small_file_cannot_ask_for_endless_memory(tmp_path, where, chunks):
    base().write_h5ad(tmp_path / "in.h5ad")
    with h5py.File(tmp_path / "in.h5ad", "r+") as f:
        if where == "X":
            del f["X"]
        kind = h5py.string_dtype() if "texts" in where else "f4"
        f.create_dataset(where, shape=(2**40, 2) if where == "X" else (2**40,), dtype=kind, chunks=chunks)
        if where.startswith("obs"):
            f["obs"].attrs["column-order"] = ["big"]
    done = subprocess.run([BINARY, tmp_path / "in.h5ad", tmp_path / "out.h5ad"], capture_output=True, text=True)
    assert done.returncode == 1 and f"`{where}`" in done.stderr and "does not fit the file" in done.stderr
    assert not (tmp_path / "out.h5ad").exists()


def repacked(path: Path, key: str, number: int, pack) -> np.ndarray:
    """The dataset packed by a filter that HDF5 itself does not have, as hdf5plugin's would; its values."""
    chunk = 400
    with h5py.File(path, "r+") as f:
        values = f[key][()]
        del f[key]
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_chunk((chunk,))
        layout.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple(values.shape)
        made = h5py.h5d.create(f.id, key.encode(), h5py.h5t.py_create(values.dtype), space, layout)
        whole = np.resize(values, -(-len(values) // chunk) * chunk)
        for start in range(0, len(values), chunk):
            made.write_direct_chunk((start,), pack(whole[start : start + chunk].tobytes()), 0)
    return values


def lz4_of_hdf5(data: bytes, block: int = 600) -> bytes:
    """Blocks of LZ4 with their sizes, one that does not shrink kept as it is."""
    from numcodecs import LZ4

    out = struct.pack(">QI", len(data), block)
    for at in range(0, len(data), block):
        own = data[at : at + block]
        packed = bytes(LZ4().encode(own))[4:]
        packed = packed if len(packed) < len(own) else own
        out += struct.pack(">I", len(packed)) + packed
    return out


@pytest.mark.parametrize("packing", ["zstd", "lz4", "blosc lz4", "blosc zstd", "blosc blosclz", "blosc zlib"])
def test_filters_of_hdf5plugin_are_undone(packing, tmp_path):
    numcodecs = pytest.importorskip("numcodecs")
    if packing == "zstd":
        number, pack = 32015, numcodecs.Zstd().encode
    elif packing == "lz4":
        number, pack = 32004, lz4_of_hdf5
    else:
        number, pack = 32001, numcodecs.Blosc(packing.split()[1], shuffle=numcodecs.Blosc.SHUFFLE).encode
    # Some values repeat and some do not.
    a = ad.AnnData(sp.random(300, 200, 0.2, format="csr", dtype="f4", random_state=1))
    a.X.data[: a.X.nnz // 2] = np.arange(a.X.nnz // 2) % 5 + 1
    a.write_h5ad(tmp_path / "in.h5ad")
    repacked(tmp_path / "in.h5ad", "X/data", number, pack)
    run(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "fresh")
    assert (ad.read_h5ad(tmp_path / "out.h5ad").X != a.X).nnz == 0


def test_a_filter_that_is_not_undone_is_named(tmp_path):
    base().write_h5ad(tmp_path / "in.h5ad")
    repacked(tmp_path / "in.h5ad", "X/data", 32026, bytes)
    done = subprocess.run([BINARY, tmp_path / "in.h5ad", tmp_path / "out.h5ad"], capture_output=True, text=True)
    assert done.returncode == 1 and "filter 32026, which is not read; write the file again" in done.stderr, done.stderr


def test_a_table_too_wide_for_hdf5_is_refused_with_a_reason(tmp_path):
    a = ad.AnnData(np.ones((2, 1), dtype="f4"))
    a.write_h5ad(tmp_path / "in.h5ad")
    with h5py.File(tmp_path / "in.h5ad", "r+") as f:
        g = f.create_group("obsm/wide")
        g.attrs["encoding-type"], g.attrs["encoding-version"], g.attrs["_index"] = "dataframe", "0.2.0", "_index"
        g["_index"] = np.array(["0", "1"], dtype=object)
        for i in range(5000):
            g[f"c{i}"] = np.zeros(2)
    done = subprocess.run(
        [BINARY, tmp_path / "in.h5ad", tmp_path / "out.h5ad", "fresh"], capture_output=True, text=True
    )
    assert done.returncode == 1 and "4000 columns" in done.stderr, done.stderr
    assert os.listdir(tmp_path) == ["in.h5ad"]


@pytest.mark.parametrize("link", ["hard", "soft", "external", "itself"])
def test_groups_that_hold_themselves_are_refused_or_left_alone(tmp_path, link):
    base().write_h5ad(tmp_path / "in.h5ad")
    with h5py.File(tmp_path / "in.h5ad", "r+") as f:
        if link == "hard":
            f["uns/loop"] = f["/"]
        elif link == "itself":
            f["uns/loop"] = f["uns"]
        elif link == "soft":
            f["uns/loop"] = h5py.SoftLink("/uns")
        else:
            f["uns/loop"] = h5py.ExternalLink("in.h5ad", "/uns")
    done = subprocess.run(
        [BINARY, tmp_path / "in.h5ad", tmp_path / "out.h5ad"], capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        reason = "holds a soft link" if link == "soft" else "is damaged, or newer than this reader"
        assert done.returncode == 1 and "`uns" in done.stderr and reason in done.stderr, done.stderr
        assert not (tmp_path / "out.h5ad").exists()
    else:
        assert link in ("soft", "external")
        assert_equal(ad.read_h5ad(tmp_path / "out.h5ad").X, base().X)
