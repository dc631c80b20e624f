"""Files of instruments, read from Python."""

import gzip
import shutil
import subprocess
from pathlib import Path

import anndata as ad
import numpy as np
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
