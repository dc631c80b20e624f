//! Broken input of every format: named with the way out; never a panic, a hang or half an answer.
#![allow(clippy::disallowed_methods, reason = "broken files on purpose")]

mod near;
mod odd;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use proptest::prelude::*;
use tegula_core::Error;
use tegula_io::{ReadOptions, Reading, read_with};
use tempfile::TempDir;

use crate::data::shared;

fn read(path: &Path) -> Result<Reading, Error> {
    read_with(path, &ReadOptions::default())
}

fn message(path: &Path) -> String {
    match read(path) {
        Ok(r) => panic!("read as {}: {:?}", r.format, r.adata),
        Err(e) => e.to_string(),
    }
}

/// Files in a new folder.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    w.write_all(text).unwrap();
    w.finish().unwrap()
}

const MTX: &str = "%%MatrixMarket matrix coordinate integer general\n%a comment\n3 2 3\n1 1 5\n3 1 2\n2 2 7\n";
const GENES: &str = "E1\tActb\nE2\tMbp\nE3\tGfap\n";
const BARCODES: &str = "AAAC-1\nAAAG-1\n";

fn tenx(mtx: &str, genes: &str, barcodes: &str) -> TempDir {
    folder(&[("matrix.mtx", mtx), ("genes.tsv", genes), ("barcodes.tsv", barcodes)])
}

/// A Visium folder of two spots.
fn visium(positions: &str) -> TempDir {
    folder(&[
        ("filtered_feature_bc_matrix/matrix.mtx", MTX),
        ("filtered_feature_bc_matrix/features.tsv", GENES),
        ("filtered_feature_bc_matrix/barcodes.tsv", BARCODES),
        ("spatial/tissue_positions_list.csv", positions),
        ("spatial/scalefactors_json.json", "{\"tissue_hires_scalef\": 0.5}"),
    ])
}

const GEM: &str = "#BinSize=1\ngeneID\tx\ty\tMIDCount\nActb\t1\t2\t3\nActb\t60\t2\t1\nMbp\t5\t9\t4\n";

#[test]
fn matrices_that_contradict_themselves_are_named_with_their_line() {
    for (mtx, words) in [
        (MTX.replace("3 2 3", "3 2 4"), "states 4 entries, but there are 3; the file is cut short"),
        (MTX.replace("3 2 3", "3 2 2"), "states 2 entries, but there are more"),
        (MTX.replace("3 2 3", "4 2 3"), "the matrix is 4 × 2, but there are 3 features and 2 barcodes"),
        (MTX.replace("3 2 3", "3 2"), "does not state rows, columns and entries"),
        (MTX.replace("3 1 2", "4 1 2"), "line 5`: `4 1 2` is no entry of a matrix of 3 × 2"),
        (MTX.replace("3 1 2", "0 1 2"), "`0 1 2` is no entry"),
        (MTX.replace("3 1 2", "3 1 x"), "`3 1 x` is no entry"),
        (MTX.replace("3 1 2", "3 1"), "`3 1` is no entry"),
        (MTX.replace("coordinate", "array"), "is no heading of a sparse Matrix Market file"),
        (MTX.replace("3 2 3", "18446744073709551615 2 3"), "does not state"),
        (MTX.replace("3 2 3", "3 2 9000000000000000000"), "states 9000000000000000000 entries, but there are 3"),
        (String::new(), "the file is empty"),
    ] {
        let e = message(tenx(&mtx, GENES, BARCODES).path());
        assert!(e.contains(words) && e.contains("matrix.mtx"), "{e}");
    }
    let e = message(tenx(MTX, "E1\tActb\nE2\n", BARCODES).path());
    assert!(e.contains("line 2`: has 1 cells where the first has 2"), "{e}");
    let bytes = [b"E1\tA\nE2\tB\nE3\t", &[0xff][..], b"\n"].concat();
    let dir = tenx(MTX, "", BARCODES);
    fs::write(dir.path().join("genes.tsv"), bytes).unwrap();
    assert!(message(dir.path()).contains("is not UTF-8"));
}

#[test]
fn a_written_mtx_folder_is_read_again() {
    let adata = read(tenx(MTX, GENES, BARCODES).path()).unwrap().adata;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("with space/ünï");
    tegula_io::write_10x_mtx(&adata, &path).unwrap();
    let again = read(&path).unwrap().adata;
    assert_eq!((again.x(), again.obs()), (adata.x(), adata.obs()));
    assert_eq!(again.var().get("gene_ids"), adata.var().get("gene_ids"));
    assert!(again.var().get("feature_types").is_some());
    let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["barcodes.tsv.gz", "features.tsv.gz", "matrix.mtx.gz"]);
    let blocked = dir.path().join("file");
    fs::write(&blocked, "").unwrap();
    assert!(matches!(tegula_io::write_10x_mtx(&adata, &blocked), Err(Error::Io { .. })));
}

#[test]
fn names_that_repeat_are_numbered_and_told_of() {
    let r = read(tenx(MTX, "E1\tA\nE2\tB\nE3\tA\n", "X\nX\n").path()).unwrap();
    assert_eq!(r.adata.var().index(), ["A", "B", "A-1"]);
    assert_eq!(r.adata.obs().index(), ["X", "X-1"]);
    assert_eq!(r.notes.len(), 2, "{:?}", r.notes);
}

#[test]
fn gzip_that_is_damaged_or_cut_short_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gem.gz");
    let packed = gzip(GEM.as_bytes());
    fs::write(&path, &packed).unwrap();
    assert_eq!(read(&path).unwrap().format, "gem");
    let mut bad = packed.clone();
    let crc = bad.len() - 8;
    bad[crc] ^= 1;
    fs::write(&path, &bad).unwrap();
    assert!(message(&path).contains("the gzip stream is damaged or cut short"), "{}", message(&path));
    for k in 1..20 {
        fs::write(&path, &packed[..packed.len() * k / 20]).unwrap();
        message(&path);
    }
}

#[test]
fn lines_of_a_gem_that_are_broken_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gem");
    for (from, to, words) in [
        ("60\t2\t1", "60\t2", "line 4`: has 3 columns where the heading has 4"),
        ("60\t2\t1", "-60\t2\t1", "line 4`: `x` or `y` is no whole number"),
        ("60\t2\t1", "60\t2\tmany", "line 4`: `many` is no count"),
        ("60\t2\t1", "60\t2\t-1", "line 4`: `-1` is no count"),
        ("60\t2\t1", "99999999999\t2\t1", "line 4`: `x` or `y` is no whole number"),
    ] {
        fs::write(&path, GEM.replace(from, to)).unwrap();
        let e = message(&path);
        assert!(e.contains(words), "{e}");
    }
    fs::write(&path, "geneID\tx\ty\tMIDCount\n").unwrap();
    assert!(message(&path).contains("holds no counts"));
    fs::write(&path, GEM).unwrap();
    let with = |o: ReadOptions| read_with(&path, &o).unwrap_err().to_string();
    let e = with(ReadOptions { bin_size: Some(0), ..Default::default() });
    assert!(e.contains("a bin has at least 1 spot"), "{e}");
    let e = with(ReadOptions { label_column: Some("cell".into()), ..Default::default() });
    assert!(e.contains("has the columns geneID, x, y, MIDCount"), "{e}");
    let e = with(ReadOptions { format: Some("visium".into()), ..Default::default() });
    assert!(
        e.contains("this is not Visium folder of Space Ranger: looked for") && e.contains("a text that begins with"),
        "{e}"
    );
    let e = with(ReadOptions { format: Some("visum".into()), ..Default::default() });
    assert!(e.contains("`visum` is unknown; name one of h5ad"), "{e}");
}

#[test]
fn cells_of_a_gem_are_summed_by_their_label() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gem");
    fs::write(
        &path,
        "geneID\tx\ty\tMIDCount\tCellID\nA\t1\t2\t3\t7\nB\t3\t2\t1\t7\nA\t3\t2\t1\t7\nA\t9\t9\t4\t0\nA\t5\t5\t2\t12\n",
    )
    .unwrap();
    let options = ReadOptions { label_column: Some("CellID".into()), ..Default::default() };
    let a = read_with(&path, &options).unwrap().adata;
    assert_eq!(a.obs().index(), ["12", "7"]);
    assert_eq!(a.x().unwrap().column(0), [2.0, 4.0]);
    assert_eq!(a.coords("spatial").unwrap().data(), [5.5, 5.5, 2.5, 2.5]);
    assert_eq!(a.obs().get("area").unwrap().to_f64().unwrap(), [1.0, 2.0]);
}

#[test]
fn positions_that_do_not_belong_are_told_with_examples() {
    let good = "AAAC-1,1,0,0,10,20\nAAAG-1,1,0,1,11,21\n";
    let a = read(visium(good).path()).unwrap().adata;
    assert_eq!(a.coords("spatial").unwrap().data(), [20.0, 10.0, 21.0, 11.0]);
    let headed = format!("barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres\n{good}");
    assert_eq!(read(visium(&headed).path()).unwrap().adata.coords("spatial").unwrap().point(1), [21.0, 11.0]);
    let e = message(visium(&good.replace("-1,", "-9,")).path());
    assert!(
        e.contains("holds none of the 2 observations: they are named as `AAAC-1`, `AAAG-1`, its rows as `AAAC-9`"),
        "{e}"
    );
    let r = read(visium("AAAC-1,1,0,0,10,20\n").path()).unwrap();
    assert!(
        r.notes.iter().any(|n| n.starts_with("1 of 2 observations have no position") && n.contains("`AAAG-1`")),
        "{:?}",
        r.notes
    );
    let e = message(visium(&good.replace(",20", "")).path());
    assert!(e.contains("line 1`: has 5 cells where positions have 6"), "{e}");
    let e = message(visium(&good.replace("11,", "here,")).path());
    assert!(e.contains("line 2`: `here` is no number for `pxl_row_in_fullres`"), "{e}");
    let dir = visium(good);
    fs::write(dir.path().join("spatial/tissue_hires_image.png"), b"no picture").unwrap();
    assert!(message(dir.path()).contains("read without images"));
    assert!(read_with(dir.path(), &ReadOptions { images: false, ..Default::default() }).is_ok());
    fs::write(dir.path().join("spatial/scalefactors_json.json"), b"{\"a\": ").unwrap();
    let e = read_with(dir.path(), &ReadOptions { images: false, ..Default::default() }).unwrap_err().to_string();
    assert!(e.contains("is no JSON"), "{e}");
}

#[test]
fn tables_of_cells_are_joined_whatever_wrote_them() {
    let dir = folder(&[
        ("cell_by_gene.csv", "cell,Actb,Blank-1,Mbp\n11,1,0,0\n12,0,3,2\n"),
        ("cell_metadata.csv", ",fov,center_x,center_y\n12,0,3.5,4.5\n11,0,1.5,2.5\n"),
    ]);
    let r = read(dir.path()).unwrap();
    assert_eq!((r.format, r.adata.var().index()), ("merscope", &["Actb".to_owned(), "Mbp".into()][..]));
    assert_eq!(r.adata.coords("spatial").unwrap().data(), [1.5, 2.5, 3.5, 4.5]);
    assert_eq!(r.adata.obsm()["blank_genes"].n_cols(), Some(1));
    let dir = folder(&[
        ("s_exprMat_file.csv", "fov,cell_ID,A,B\n1,0,9,9\n1,1,1,0\n2,1,0,2\n"),
        (
            "s_metadata_file.csv",
            "fov,cell_ID,Area,CenterX_local_px,CenterY_local_px,CenterX_global_px,CenterY_global_px\n1,1,5,1,2,101,102\n2,1,6,1,3,201,103\n",
        ),
    ]);
    let r = read(dir.path()).unwrap();
    assert_eq!((r.format, r.adata.obs().index()), ("cosmx", &["1_1".to_owned(), "1_2".into()][..]));
    assert_eq!(r.adata.coords("spatial").unwrap().data(), [101.0, 102.0, 201.0, 103.0]);
    assert_eq!(r.adata.coords("spatial_local").unwrap().point(1), [1.0, 3.0]);
    let dir = folder(&[
        ("Puck_1.digital_expression.txt", "GENE\tAAA\tCCC\nActb\t1\t0\nMbp\t0\t4\n"),
        ("Puck_1_bead_locations.csv", "barcodes,xcoord,ycoord\nCCC,7,8\nAAA,5,6\nTTT,1,1\n"),
    ]);
    let r = read(dir.path()).unwrap();
    assert_eq!((r.format, r.adata.coords("spatial").unwrap().data()), ("slideseq", &[5.0, 6.0, 7.0, 8.0][..]));
    assert_eq!(r.adata.x().unwrap().column(1), [0.0, 4.0]);
    let dir = folder(&[
        ("cortex_svz_counts.csv", "A,B\n1,0\n0,2\n"),
        ("cortex_svz_cellcentroids.csv", "Field of View,Cell ID,X,Y,Region\n0,0,1.0,2.0,c\n0,1,3.0,4.0,c\n"),
    ]);
    let r = read(dir.path()).unwrap();
    assert_eq!((r.format, r.adata.coords("spatial").unwrap().data()), ("seqfish", &[1.0, 2.0, 3.0, 4.0][..]));
    let dir = folder(&[
        ("well01_raw_expression_pd.csv", "GENE,c1,c2\nA,1,0\nB,0,2\n"),
        ("well01_spatial.csv", "NAME,X,Y,Z\nTYPE,numeric,numeric,numeric\nc1,1.0,2.0,0\nc2,3.0,4.0,0\n"),
    ]);
    let r = read(dir.path()).unwrap();
    assert_eq!((r.format, r.adata.coords("spatial").unwrap().data()), ("starmap", &[1.0, 2.0, 3.0, 4.0][..]));
    let dir = folder(&[
        ("cell_feature_matrix/matrix.mtx", MTX),
        ("cell_feature_matrix/features.tsv", GENES),
        ("cell_feature_matrix/barcodes.tsv", BARCODES),
        ("cells.csv", "cell_id,x_centroid,y_centroid,area\nAAAC-1,1,2,3\nAAAG-1,4,5,6\n"),
    ]);
    let r = read(dir.path()).unwrap();
    assert_eq!((r.format, r.adata.coords("spatial").unwrap().data()), ("xenium", &[1.0, 2.0, 4.0, 5.0][..]));
}

#[test]
fn ragged_tables_and_texts_among_numbers_are_named() {
    let cells = ("cell_metadata.csv", ",center_x,center_y\n11,1,2\n12,3,4\n");
    for (counts, words) in [
        ("cell,A,B\n11,1,0\n12,3\n", "line 3`: has 2 cells where the heading has 3"),
        ("cell,A,B\n11,1,0\n12,3,high\n", "line 3`: `high` in column `B` is no number"),
        ("", "empty"),
    ] {
        let dir = folder(&[("cell_by_gene.csv", counts), cells]);
        let e = message(dir.path());
        assert!(e.contains(words) || e.contains("there is no heading"), "{e}");
    }
    let dir = folder(&[("cell_by_gene.csv", "cell,A\n11,nan\n12,-1\n"), cells]);
    let r = read(dir.path()).unwrap();
    assert!(r.notes.iter().any(|n| n.contains("not finite")), "{:?}", r.notes);
    let dir = folder(&[("cell_by_gene.csv", "cell,A\n11,1\n12,1\n"), ("cell_metadata.csv", ",a,b\n11,1,2\n12,3,4\n")]);
    assert!(message(dir.path()).contains("has no positions (looked for center_x, center_y; there are a, b)"));
}

#[test]
fn what_is_of_no_format_is_told_what_was_found() {
    let dir = folder(&[("notes.md", "x"), ("empty", "")]);
    let e = message(dir.path());
    assert!(e.contains("found a folder with `empty`, `notes.md`; looked for h5ad"), "{e}");
    assert!(message(&dir.path().join("empty")).ends_with("the file is empty; make it again"));
    assert!(message(&dir.path().join("nothing")).ends_with("no such file; check the path"));
    fs::write(dir.path().join("b"), [1u8, 0, 2, 0]).unwrap();
    assert!(message(&dir.path().join("b")).contains("found bytes that are neither HDF5, nor zip, nor text"));
    fs::write(dir.path().join("z.zip"), b"PK\x03\x04 and then nothing").unwrap();
    assert!(message(&dir.path().join("z.zip")).contains("the zip archive is damaged or cut short"));
}

#[test]
fn columns_that_no_file_can_name_are_renamed_and_told_of() {
    let dir = folder(&[("a.csv", "cell,A,B\nc1,1,2\nc2,0,3\n"), ("meta.csv", ",k,T/B,z\nc1,1,1.5,2\nc2,2,2.5,3\n")]);
    let options = ReadOptions { obs: Some(dir.path().join("meta.csv")), ..ReadOptions::default() };
    let reading = read_with(dir.path().join("a.csv"), &options).unwrap();
    assert!(reading.notes.iter().any(|n| n.contains("`T/B` of `obs` is called `T_B` now")), "{:?}", reading.notes);
    assert_eq!(reading.adata.obs().columns().keys().collect::<Vec<_>>(), ["k", "T_B", "z"]);
    assert_eq!(reading.adata.obs().get("T_B").unwrap().to_f64().unwrap(), [1.5, 2.5]);
    tegula_io::write_h5ad(&reading.adata, dir.path().join("a.h5ad"), &tegula_io::WriteOptions::default()).unwrap();
}

#[test]
fn what_is_known_but_not_read_is_told_with_the_way_out() {
    let mut tar = vec![b'x'; 257];
    tar.extend_from_slice(b"ustar\x0000");
    for (bytes, words) in [
        (b"BZh91AY&SY\0\0".to_vec(), "packed with bzip2; unpack it first"),
        (gzip(b"\x89HDF\r\n\x1a\n\0\0"), "an HDF5 file packed with gzip; unpack it first (gunzip)"),
        (gzip(&tar), "a tar archive; unpack it (tar xf) and name the folder"),
        (gzip(b"X\n\0\0\0\x03\0\x04"), "a file of R (rds); write its object from R as h5ad"),
        (b"\xff\xfec\0,\0A\0\n\0".to_vec(), "a text in UTF-16; save it as UTF-8"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, bytes).unwrap();
        let said = message(&path);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn real_files_cut_short_are_refused_or_read_but_never_panic() {
    for name in [
        "fixtures/scanpy/10x_data/3.0.0/filtered_feature_bc_matrix.h5",
        "fixtures/scanpy/10x_data/1.2.0/filtered_gene_bc_matrices_h5.h5",
        "fixtures/loom/osmFISH_SScortex_mouse_all_cells.loom",
        "fixtures/scanpy/10x_pbmc68k_reduced.zarr.zip",
        "stereoseq/SS200000135TL_D1_bin1_small.gem.gz",
    ] {
        let Some(path) = shared(name) else { continue };
        let bytes = fs::read(path).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cut = dir.path().join("cut");
        for k in 0..20 {
            fs::write(&cut, &bytes[..bytes.len() * k / 20]).unwrap();
            assert!(matches!(read(&cut), Err(Error::Format { .. })), "{name} cut at {k}/20 was read");
        }
    }
    if let Some(path) = shared("fixtures/seurat/visium_hd/binned_outputs/square_016um/spatial/tissue_positions.parquet")
    {
        let bytes = fs::read(path).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cut = dir.path().join("cut");
        for k in 0..20 {
            fs::write(&cut, &bytes[..bytes.len() * k / 20]).unwrap();
            assert!(matches!(tegula_io::read_parquet(&cut), Err(Error::Format { .. })), "cut at {k}/20 was read");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn flipped_bytes_of_real_files_never_harm(
        which in 0usize..5,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
    ) {
        let names = [
            "fixtures/scanpy/10x_data/1.2.0/filtered_gene_bc_matrices_h5.h5",
            "fixtures/scanpy/visium_data/1.0.0/filtered_feature_bc_matrix.h5",
            "fixtures/anndata_archives/v0.11.4/adata.zarr.zip",
            "fixtures/scanpy/10x_pbmc68k_reduced.zarr.zip",
            "fixtures/seurat/visium_hd/binned_outputs/square_016um/spatial/tissue_positions.parquet",
        ];
        if let Some(path) = shared(names[which]) {
            let mut bytes = fs::read(path).unwrap();
            for (at, value) in &flips {
                let k = at.index(bytes.len());
                bytes[k] = *value;
            }
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("flipped");
            fs::write(&path, &bytes).unwrap();
            let _ = if which == 4 { tegula_io::read_parquet(&path).map(drop) } else { read(&path).map(drop) };
        }
    }

    #[test]
    fn texts_of_any_kind_never_harm(text in "(geneID\tx\ty\tMIDCount\n|%%MatrixMarket|\t1x1\t|,a,b\n)?[a-c0-9,\t\n.x#-]{0,80}") {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        fs::write(&path, &text).unwrap();
        let _ = read(&path);
        for name in ["matrix.mtx", "genes.tsv", "barcodes.tsv"] {
            let dir = tenx(MTX, GENES, BARCODES);
            fs::write(dir.path().join(name), &text).unwrap();
            let _ = read(dir.path());
        }
    }
}
