//! Input cut short at every twentieth of its length, for every format: an error, or less of the same; never another answer.
#![allow(clippy::disallowed_methods, reason = "broken files on purpose")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tegula_core::{AnnData, Column, Error, Frame};
use tegula_io::{ReadOptions, Reading, WriteOptions, read_with, write_parquet, write_zarr};
use tempfile::TempDir;

use crate::data::{full, shared};

/// Files in a new folder; those with names that end in `.gz` are packed.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = text.as_bytes().to_vec();
        if Path::new(name).extension().is_some_and(|e| e == "gz") {
            let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            w.write_all(&bytes).unwrap();
            bytes = w.finish().unwrap();
        }
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn read(path: &Path) -> Result<Reading, Error> {
    read_with(path, &ReadOptions { images: false, ..Default::default() })
}

/// Every file below a path.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let mut found: Vec<PathBuf> = fs::read_dir(path).unwrap().flat_map(|e| files(&e.unwrap().path())).collect();
    found.sort();
    found
}

fn total(a: &AnnData) -> f64 {
    a.x().map_or(0.0, |x| x.values().iter().map(|&v| f64::from(v)).sum())
}

/// What a file cut short may give.
#[derive(Clone, Copy, PartialEq)]
enum May {
    Fail,
    /// Texts that end where any text may end.
    GiveLess,
}

/// Cuts each file in turn.
fn cut(path: &Path, may: impl Fn(&Path) -> May) {
    let whole = read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).adata;
    for file in files(path) {
        let bytes = fs::read(&file).unwrap();
        for k in 0..20 {
            let to = bytes.len() * k / 20;
            fs::write(&file, &bytes[..to]).unwrap();
            match read(path) {
                Err(Error::Format { .. } | Error::Data { .. } | Error::Io { .. }) => {}
                Err(e) => panic!("{} cut at {k}/20: {e:?}", file.display()),
                Ok(r) => {
                    assert!(may(&file) == May::GiveLess, "{} cut at {k}/20 was read", file.display());
                    let less = total(&r.adata) <= total(&whole) && r.adata.n_obs() <= whole.n_obs();
                    assert!(less, "{} cut at {k}/20 gives more", file.display());
                }
            }
        }
        fs::write(&file, bytes).unwrap();
    }
}

const MTX: &str = "%%MatrixMarket matrix coordinate integer general\n%a comment\n3 2 3\n1 1 5\n3 1 2\n2 2 7\n";
const GENES: &str = "E1\tActb\nE2\tMbp\nE3\tGfap\n";
const BARCODES: &str = "AAAC-1\nAAAG-1\n";
const GEM: &str = "#BinSize=1\ngeneID\tx\ty\tMIDCount\nActb\t1\t2\t3\nActb\t60\t2\t1\nMbp\t5\t9\t4\n";

#[test]
fn folders_of_10x_are_never_half_read() {
    for gz in ["", ".gz"] {
        let name = |n: &str| format!("{n}{gz}");
        let dir = folder(&[
            (&name("matrix.mtx"), MTX),
            (&name("features.tsv"), "E1\tActb\tGene Expression\nE2\tMbp\tGene Expression\nE3\tGfap\tGene Expression\n"),
            (&name("barcodes.tsv"), BARCODES),
        ]);
        // The last name or word may be shorter; the numbers of rows and columns never are.
        cut(dir.path(), |f| {
            if gz.is_empty() && f.ends_with("matrix.mtx") || !gz.is_empty() { May::Fail } else { May::GiveLess }
        });
    }
}

#[test]
fn texts_are_refused_or_less() {
    let table = "cell,A,B\n11,1,0\n12,3,4\n13,0,2\n";
    for (name, text) in [("a.gem", GEM), ("a.csv", table), ("a.tsv", "\tActb\tMbp\n10x13\t0\t3\n11.5x13\t2\t0\n")] {
        let dir = folder(&[(name, text)]);
        cut(&dir.path().join(name), |_| May::GiveLess);
        let packed = format!("{name}.gz");
        let dir = folder(&[(&packed, text)]);
        cut(&dir.path().join(&packed), |_| May::Fail);
    }
}

#[test]
fn folders_of_instruments_are_refused_or_less() {
    let visium = folder(&[
        ("filtered_feature_bc_matrix/matrix.mtx.gz", MTX),
        ("filtered_feature_bc_matrix/features.tsv.gz", GENES),
        ("filtered_feature_bc_matrix/barcodes.tsv.gz", BARCODES),
        ("spatial/tissue_positions_list.csv", "AAAC-1,1,0,0,10,20\nAAAG-1,1,0,1,11,21\n"),
        ("spatial/scalefactors_json.json", "{\"tissue_hires_scalef\": 0.5}"),
    ]);
    cut(visium.path(), |f| if f.ends_with("tissue_positions_list.csv") { May::GiveLess } else { May::Fail });
    let xenium = folder(&[
        ("cell_feature_matrix/matrix.mtx.gz", MTX),
        ("cell_feature_matrix/features.tsv.gz", GENES),
        ("cell_feature_matrix/barcodes.tsv.gz", BARCODES),
    ]);
    let mut cells = Frame::with_range_index(2);
    cells.insert("cell_id", Column::Str(vec!["AAAC-1".into(), "AAAG-1".into()])).unwrap();
    cells.insert("x_centroid", Column::Float(vec![1.0, 2.0])).unwrap();
    cells.insert("y_centroid", Column::Float(vec![1.0, 2.0])).unwrap();
    write_parquet(&cells, xenium.path().join("cells.parquet")).unwrap();
    assert_eq!(read(xenium.path()).unwrap().format, "xenium");
    cut(xenium.path(), |_| May::Fail);
    for (counts, cells, a, b) in [
        ("cell_by_gene.csv", "cell_metadata.csv", "cell,A,B\n11,1,0\n12,3,4\n", ",center_x,center_y\n11,1,2\n12,3,4\n"),
        (
            "s_exprMat_file.csv",
            "s_metadata_file.csv",
            "fov,cell_ID,A\n1,0,9\n1,1,1\n",
            "fov,cell_ID,CenterX_global_px,CenterY_global_px\n1,1,101,102\n1,0,201,103\n",
        ),
        (
            "P_digital_expression.txt",
            "P_bead_locations.csv",
            "GENE\tAAA\tCCC\nActb\t1\t0\nMbp\t0\t4\n",
            "barcodes,xcoord,ycoord\nCCC,7,8\nAAA,5,6\n",
        ),
        (
            "w_raw_expression_pd.csv",
            "w_spatial.csv",
            "GENE,c1,c2\nA,1,0\nB,0,2\n",
            "NAME,X,Y\nc1,1.0,2.0\nc2,3.0,4.0\n",
        ),
        ("s_CxG.csv", "s_CellCoordinates.csv", "label,A\n1,4\n2,5\n", "label,center_x,center_y\n1,2,3\n2,4,5\n"),
    ] {
        let plain = folder(&[(counts, a), (cells, b)]);
        cut(plain.path(), |_| May::GiveLess);
        let packed = folder(&[(&format!("{counts}.gz"), a), (&format!("{cells}.gz"), b)]);
        cut(packed.path(), |_| May::Fail);
    }
}

#[test]
fn a_real_visium_folder_is_refused_or_less() {
    let Some(from) = shared("fixtures/squidpy_visium") else { return };
    let dir = tempfile::tempdir().unwrap();
    for file in files(&from) {
        let to = dir.path().join(file.strip_prefix(&from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    let used = |f: &Path| f.to_string_lossy().contains("filtered_feature_bc_matrix.h5");
    cut(dir.path(), |f| if used(f) { May::Fail } else { May::GiveLess });
}

#[test]
fn no_file_of_a_zarr_folder_may_be_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    write_zarr(&full(), &path, &WriteOptions::default()).unwrap();
    for file in files(&path) {
        let bytes = fs::read(&file).unwrap();
        for to in [bytes.len() / 3, bytes.len() - 1] {
            fs::write(&file, &bytes[..to]).unwrap();
            let e = read(&path).err().unwrap_or_else(|| panic!("{} cut to {to} was read", file.display()));
            assert!(matches!(e, Error::Format { .. }), "{e}");
        }
        fs::write(&file, bytes).unwrap();
    }
}
