"""Files of instruments, read from Python."""

import doctest
import gzip
import shutil
import subprocess
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import tegula as tg

ROOT = Path(__file__).parents[2]
OSMFISH = ROOT / "data/osmfish/osmfish.h5ad"

GEM = """#FileFormat=GEMv0.1
#BinSize=1
geneID\tx\ty\tMIDCounts
Plp1\t0\t0\t2
Plp1\t1\t0\t3
Mbp\t2\t3\t1
"""


def test_a_gem_becomes_bins(tmp_path):
    path = tmp_path / "tissue.gem.gz"
    with gzip.open(path, "wt") as file:
        file.write(GEM)
    adata = tg.io.read(path, bin_size=2)
    assert adata.X.sum() == 6 and adata.n_obs == 2
    assert adata[:, "Plp1"].X.toarray().ravel().tolist() == [5, 0]
    assert adata.obsm["spatial"].shape == (2, 2)


def test_what_the_reader_noticed_is_warned_of(tmp_path):
    (tmp_path / "matrix.mtx").write_text("%%MatrixMarket matrix coordinate integer general\n2 1 1\n2 1 7\n")
    (tmp_path / "genes.tsv").write_text("ENSG1\tA\nENSG2\tA\n")
    (tmp_path / "barcodes.tsv").write_text("AAAC-1\n")
    with pytest.warns(UserWarning, match="names of variables"):
        adata = tg.io.read(tmp_path)
    assert list(adata.var_names) == ["A", "A-1"] and adata.X.toarray().tolist() == [[0, 7]]
    assert list(tg.io.read(tmp_path, gene_ids=True).var_names) == ["ENSG1", "ENSG2"]


def test_the_example_reads_a_folder_of_space_ranger(tmp_path, monkeypatch):
    counts, spatial = tmp_path / "outs/filtered_feature_bc_matrix", tmp_path / "outs/spatial"
    counts.mkdir(parents=True)
    spatial.mkdir()
    (counts / "matrix.mtx").write_text("%%MatrixMarket matrix coordinate integer general\n1 2 1\n1 2 7\n")
    (counts / "features.tsv").write_text("ENSG1\tA\tGene Expression\n")
    (counts / "barcodes.tsv").write_text("AAAC-1\nAAAG-1\n")
    (spatial / "scalefactors_json.json").write_text("{}")
    (spatial / "tissue_positions_list.csv").write_text("AAAC-1,1,0,0,10,20\nAAAG-1,1,0,2,10,40\n")
    monkeypatch.chdir(tmp_path)
    (test,) = doctest.DocTestFinder(recurse=False).find(tg.io.read, "read")
    assert len(test.examples) == 3 and doctest.DocTestRunner().run(test).failed == 0


def test_an_h5ad_is_as_anndata_reads_it(tmp_path):
    theirs = ad.read_h5ad(OSMFISH)
    theirs.layers["twice"] = theirs.X * 2
    theirs.raw = theirs
    tg.pp.neighbors(theirs, n_neighbors=5, use_rep="spatial")
    path = tmp_path / "a.h5ad"
    theirs.write_h5ad(path)
    ours = tg.io.read(path)
    assert (ours.X != theirs.X).nnz == 0 and (ours.layers["twice"] != theirs.layers["twice"]).nnz == 0
    assert (ours.obsp["connectivities"] != theirs.obsp["connectivities"]).nnz == 0
    assert list(ours.obs["region"].astype(str)) == list(theirs.obs["region"].astype(str))
    np.testing.assert_array_equal(ours.obsm["spatial"], theirs.obsm["spatial"])
    assert (ours.raw.X != theirs.raw.X).nnz == 0 and list(ours.raw.var_names) == list(theirs.raw.var_names)


def test_a_table_with_genes_in_rows_and_positions_beside(tmp_path):
    counts, spots = tmp_path / "counts.csv", tmp_path / "spots.csv"
    counts.write_text("gene,a,b\nG1,1,0\nG2,0,2\nG3,3,0\n")
    spots.write_text("barcode,x,y,kind\nb,3,4,t\na,1,2,t\n")
    turned = tg.io.read(counts, genes_in_rows=True)
    assert list(turned.var_names) == ["G1", "G2", "G3"] and turned.X.toarray().tolist() == [[1, 0, 3], [0, 2, 0]]
    with (
        pytest.warns(UserWarning, match="genes are taken to be in rows"),
        pytest.warns(UserWarning, match="positions are the columns `x` and `y`"),
    ):
        joined = tg.io.read(counts, obs=spots)
    assert joined.obsm["spatial"].tolist() == [[1, 2], [3, 4]] and list(joined.obs["kind"]) == ["t", "t"]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.filterwarnings("ignore:positions are")
def test_observations_described_in_parquet(named, tmp_path):
    pytest.importorskip("pyarrow")
    counts, spots = tmp_path / "counts.csv", tmp_path / "spots.parquet"
    counts.write_text("cell,A,B\na,1,0\nb,0,2\n")
    table = pd.DataFrame({"x": [3.5, 1], "y": [4, 2], "kind": ["t", "t"]}, index=["b", "a"])
    (table if named else table.reset_index(names="barcode")).to_parquet(spots)
    a = tg.io.read(counts, obs=spots)
    np.testing.assert_array_equal(a.obsm["spatial"], [[1, 2], [3.5, 4]])
    assert list(a.obs["kind"]) == ["t", "t"] and a.obs["kind"].dtype == "category" and list(a.obs) == ["x", "y", "kind"]


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        tg.io.read(tmp_path / "absent")
    odd = tmp_path / "odd.bin"
    odd.write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="no format that Tegula reads"):
        tg.io.read(odd)
    with pytest.raises(ValueError, match="bin"):
        path = tmp_path / "t.gem"
        path.write_text(GEM)
        tg.io.read(path, bin_size=0)


def test_a_table_is_not_overwritten_in_place(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("cell,A,B\nc1,1,2\nc2,0,3\n")
    command = shutil.which("tegula") or ROOT / "target/debug/tegula"
    done = subprocess.run([command, "pp", "log1p", path, "--in-place"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--in-place" in done.stderr
    assert path.read_text().startswith("cell,A,B")


def test_what_cannot_be_kept_is_told_before_the_work(tmp_path):
    path, out = tmp_path / "a.h5ad", tmp_path / "a.zarr"
    ad.AnnData(np.ones((3, 2), dtype=np.float32)).write_h5ad(path)
    with h5py.File(path, "r+") as file:
        file["mine/complex"] = np.array([1 + 2j])
    command = shutil.which("tegula") or ROOT / "target/debug/tegula"
    call = [command, "pp", "log1p", path, "-o", out]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "`mine` would be lost" in done.stderr, done.stderr
    assert "log1p" not in done.stderr and not out.exists(), "it was told after the work"
    subprocess.run([*call, "--allow-loss"], check=True)
    assert np.allclose(ad.read_zarr(out).X, np.log(2))


def test_what_is_written_is_read_by_others(tmp_path):
    adata = tg.simulate(n_obs=60, n_vars=12, n_domains=3)
    adata.obs["depth"] = np.asarray(adata.X.sum(1)).ravel()
    tg.io.write(adata, tmp_path / "a.h5ad")
    for back in (ad.read_h5ad(tmp_path / "a.h5ad"), tg.io.read(tmp_path / "a.h5ad")):
        assert (back.X != adata.X).nnz == 0
        assert list(back.obs["domain"]) == list(adata.obs["domain"])
    tg.io.write(adata, tmp_path / "a.zarr")
    assert (ad.read_zarr(tmp_path / "a.zarr").X != adata.X).nnz == 0
    tg.io.write(adata, tmp_path / "obs.csv")
    table = pd.read_csv(tmp_path / "obs.csv", index_col=0)
    assert list(table.index.astype(str)) == list(adata.obs_names)
    assert np.allclose(table["depth"], adata.obs["depth"])
    tg.io.write(adata, tmp_path / "places.parquet", slot="obsm/spatial")
    places = pd.read_parquet(tmp_path / "places.parquet")
    assert np.array_equal(places.to_numpy(), adata.obsm["spatial"])
    tg.io.write(adata, tmp_path / "tenx", format="10x_mtx")
    back = tg.io.read(tmp_path / "tenx")
    assert (back.X != adata.X).nnz == 0
    assert list(back.var_names) == list(adata.var_names)


def test_what_cannot_be_written_is_named_before_anything_is(tmp_path):
    adata = tg.simulate(n_obs=20, n_vars=5)
    for path, options, told in (
        ("a.xyz", {}, "tells no format"),
        ("a.h5ad", {"slot": "obs"}, "goes with tables"),
        ("a.csv", {"slot": "nothing"}, "is no table"),
        ("a.csv", {"format": "word"}, "`word` is unknown"),
    ):
        with pytest.raises(ValueError, match=told):
            tg.io.write(adata, tmp_path / path, **options)
    with pytest.raises(KeyError, match="nothing"):
        tg.io.write(adata, tmp_path / "a.csv", slot="obsm/nothing")
    assert not list(tmp_path.iterdir())
