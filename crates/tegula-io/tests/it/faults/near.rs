//! Folders of several sections, parts of a folder, folders of folders: nothing is chosen in silence.

use super::*;

const POSITIONS: &str = "AAAC-1,1,0,0,10,20\nAAAG-1,1,0,1,30,40\n";

#[test]
fn a_folder_of_several_matrices_is_refused_and_each_is_read_by_its_name() {
    let other = MTX.replace("1 1 5", "1 1 6");
    let dir = folder(&[
        ("GSM1_matrix.mtx", MTX),
        ("GSM1_genes.tsv", GENES),
        ("GSM1_barcodes.tsv", BARCODES),
        ("GSM2_matrix.mtx", &other),
        ("GSM2_features.tsv", GENES),
        ("GSM2_barcodes.tsv", BARCODES),
        ("GSM3_matrix.mtx", MTX),
    ]);
    let e = message(dir.path());
    assert!(e.contains("several matrices (`GSM1_matrix.mtx`, `GSM2_matrix.mtx`); name the one to read"), "{e}");
    for (name, total) in [("GSM1_matrix.mtx", 14.0), ("GSM2_matrix.mtx", 15.0)] {
        let reading = read(&dir.path().join(name)).unwrap();
        assert_eq!(reading.format, "10x_mtx");
        assert_eq!(reading.adata.x().unwrap().values().iter().sum::<f32>(), total);
        assert!(reading.notes.is_empty(), "{:?}", reading.notes);
    }
    // Nothing is beside the third.
    let e = message(&dir.path().join("GSM3_matrix.mtx"));
    assert!(e.contains("this is a matrix alone; a 10x mtx folder has `matrix.mtx`, `barcodes.tsv` and"), "{e}");
    // One matrix, gzipped and not, is one; and macOS keeps things beside files.
    let dir = tenx(MTX, GENES, BARCODES);
    fs::write(dir.path().join("matrix.mtx.gz"), gzip(MTX.as_bytes())).unwrap();
    for name in ["._matrix.mtx", "._genes.tsv", "._barcodes.tsv"] {
        fs::write(dir.path().join(name), [0, 5, 0x16, 7]).unwrap();
    }
    assert_eq!(read(dir.path()).unwrap().adata.n_obs(), 2);
    assert_eq!(read(&dir.path().join("matrix.mtx.gz")).unwrap().adata.n_obs(), 2);
}

#[test]
fn tables_of_several_sections_are_refused_by_name() {
    let counts = "GENE,c1,c2\nA,1,0\nB,0,2\n";
    let cells = "NAME,X,Y\nTYPE,numeric,numeric\nc1,1.0,2.0\nc2,3.0,4.0\n";
    let dir = folder(&[
        ("well05raw_expression_pd.csv", counts),
        ("well05processed_expression_pd.csv", "GENE,c1,c2\nA,.1,.2\nB,.3,.4\n"),
        ("well05_spatial.csv", cells),
    ]);
    let counted = read(dir.path()).unwrap();
    assert_eq!(
        (counted.format, counted.adata.x().unwrap().column(1)),
        ("starmap", vec![0.0, 2.0]),
        "raw before processed"
    );
    fs::write(dir.path().join("well05_spatial.csv.gz"), gzip(cells.as_bytes())).unwrap();
    assert!(read(dir.path()).is_ok(), "the same table twice is one");
    fs::write(dir.path().join("well06_spatial.csv"), cells).unwrap();
    let e = message(dir.path());
    assert!(e.contains("several sections (`well05_spatial.csv`, `well06_spatial.csv`); put the tables of each"), "{e}");
}

#[test]
fn a_visium_folder_of_several_matrices_is_refused() {
    let dir = visium(POSITIONS);
    fs::create_dir(dir.path().join("raw_feature_bc_matrix")).unwrap();
    assert_eq!(read(dir.path()).unwrap().format, "visium", "there is but one filtered matrix");
    fs::create_dir(dir.path().join("b_filtered_feature_bc_matrix")).unwrap();
    let e = message(dir.path());
    assert!(e.contains("several matrices (`b_filtered_feature_bc_matrix`, `filtered_feature_bc_matrix`)"), "{e}");
}

#[test]
fn a_part_of_a_folder_is_told_which_folder_to_name() {
    let dir = visium(POSITIONS);
    fs::write(dir.path().join("spatial/tissue_lowres_image.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let named = format!("it lies in `{}` (visium): name that", dir.path().display());
    for part in [
        "spatial",
        "spatial/tissue_positions_list.csv",
        "spatial/scalefactors_json.json",
        "spatial/tissue_lowres_image.png",
    ] {
        let e = message(&dir.path().join(part));
        assert!(e.ends_with(&named), "{part}: {e}");
    }
    let matrix = dir.path().join("filtered_feature_bc_matrix");
    for part in [matrix.clone(), matrix.join("matrix.mtx")] {
        let reading = read(&part).unwrap();
        assert_eq!(reading.format, "10x_mtx");
        assert_eq!(reading.notes, [format!("{named} to read positions too")]);
    }
    let e = message(&matrix.join("features.tsv"));
    assert!(e.ends_with(&format!("it lies in `{}` (10x_mtx): name that", matrix.display())), "{e}");
}

#[test]
fn a_folder_of_folders_is_told_what_in_it_to_name() {
    let dir =
        folder(&[("hg19/matrix.mtx", MTX), ("hg19/genes.tsv", GENES), ("hg19/barcodes.tsv", BARCODES), ("a.md", "x")]);
    let e = message(dir.path());
    assert!(e.ends_with("found a folder with `a.md`, `hg19`; name `hg19` (10x_mtx) in it"), "{e}");
    for number in 0..4 {
        let inner = dir.path().join(format!("mm{number}"));
        fs::create_dir(&inner).unwrap();
        for (name, text) in [("matrix.mtx", MTX), ("genes.tsv", GENES), ("barcodes.tsv", BARCODES)] {
            fs::write(inner.join(name), text).unwrap();
        }
        let e = message(dir.path());
        assert!(e.contains("; name one of `hg19` (10x_mtx), `mm0` (10x_mtx)"), "{e}");
        assert_eq!(e.ends_with(", … in it"), number > 1, "{e}");
    }
}
