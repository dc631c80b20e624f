//! Tables of text: what pandas and R write is read, what is broken is named with its line.
#![allow(clippy::disallowed_methods, reason = "fixtures")]

use std::io::Write as _;
use std::path::PathBuf;

use tegula_core::{AnnData, Column, Error, Matrix};
use tegula_io::{ReadOptions, Reading, read, read_table, read_tables, read_with};

/// Writes a file into a folder that lives as long as the test.
fn file(dir: &tempfile::TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn heads_of_pandas_and_of_r_and_every_separator() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("pandas.csv", ",x,kind\na,1,p\nb,2,p\n"),
        ("r.csv", "x,kind\na,1,p\nb,2,p\n"),
        ("named.tsv", "barcode\tx\tkind\na\t1\tp\nb\t2\tp\n"),
        ("semicolon.csv", "\u{feff}cell_id;x;kind\r\na;1;p\r\nb;2;p\r\n"),
        ("quoted.csv", "\"\",\"x\",\"kind\"\n\"a\",1,\"p\"\n\"b\",2,\"p\""),
    ] {
        let table = read_table(file(&dir, name, text)).unwrap();
        assert_eq!(table.index(), ["a", "b"], "{name}");
        assert_eq!(table.get("x"), Some(&Column::Int(vec![1, 2])), "{name}");
        assert_eq!(table.get("kind").unwrap().to_labels().unwrap().categories(), ["p"], "{name}");
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"x,y\n1,2\n3,4\n").unwrap();
    let table = read_table(file(&dir, "packed.csv", packed.finish().unwrap())).unwrap();
    assert_eq!((table.n_rows(), table.index()), (2, &["0".to_owned(), "1".to_owned()][..]));
}

#[test]
fn the_table_of_observations_is_joined_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let data = file(&dir, "data.csv", ",g1,g2\na,1,0\nb,0.5,2\n");
    let meta = file(&dir, "meta.csv", ",kind\nz,q\nb,r\na,p\n");
    let adata = read_tables(&data, Some(meta.as_path())).unwrap();
    assert_eq!(adata.x().unwrap().column(0), [1.0, 0.5]);
    assert_eq!(adata.var().index(), ["g1", "g2"]);
    assert_eq!(adata.obs().get("kind"), Some(&Column::Str(vec!["p".into(), "r".into()])));

    let part = file(&dir, "part.csv", ",kind\nb,r\n");
    let reading = read_with(&data, &ReadOptions { obs: Some(part), ..ReadOptions::default() }).unwrap();
    assert!(reading.notes[0].starts_with("1 of 2 observations have no row in `"), "{:?}", reading.notes);
    let others = file(&dir, "others.csv", ",kind\nc,r\n");
    let e = read_tables(&data, Some(others.as_path())).unwrap_err().to_string();
    assert!(e.contains("holds none of the 2 observations: they are named as `a`, `b`, its rows as `c`"), "{e}");
    let bare = file(&dir, "bare.csv", "g1,g2\n1,0\n2,2\n");
    assert_eq!(read_tables(&bare, Some(file(&dir, "two.csv", "kind\np\nq\n").as_path())).unwrap().n_obs(), 2);
    let e = read_tables(&bare, Some(file(&dir, "one.csv", "kind\np\n").as_path())).unwrap_err().to_string();
    assert!(e.contains("has 1 rows, the matrix has 2 and names none"), "{e}");
}

#[test]
fn what_is_broken_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    for (text, line, words) in [
        (&b""[..], 1, "there is no heading"),
        (b",x\na,1\nb,1,2\n", 3, "has 3 cells where the heading has 2"),
        (b",x\na,1\nb\n", 3, "has 1 cells where the heading has 2"),
        (b",x,x\na,1,2\n", 1, "two columns are called `x`"),
        (b",x\na,1\na,2\n", 3, "`a` names a row for the second time"),
        (b",x\na,1\n\xff,2\n", 3, "is not UTF-8"),
    ] {
        let e = read_table(file(&dir, "t.csv", text)).unwrap_err();
        assert!(matches!(&e, Error::Format { at, .. } if *at == format!("line {line}")), "{e}");
        assert!(e.to_string().contains(words), "{e}");
    }
    for (cell, words) in [
        ("high", "`high` in column `g` is no number; texts belong into a second table"),
        ("\"1,5\"", "`1,5` in column `g` is no number; write decimals with a point"),
        ("", "there is nothing in column `g`; write 0, or nan"),
    ] {
        let text = format!(",f,g\na,1,2\nb,1,{cell}\n");
        let e = read_tables(file(&dir, "m.csv", text), None).unwrap_err().to_string();
        assert!(e.contains("line 3") && e.contains(words), "{e}");
    }
    let e = read_table(file(&dir, "broken.gz", b"\x1f\x8b\x08\x00broken")).unwrap_err();
    assert!(matches!(e, Error::Format { .. }) && e.to_string().contains("gzip stream is damaged"), "{e}");
    assert!(matches!(read_table(dir.path().join("nowhere.csv")), Err(Error::Io { .. })));
}

fn rows(adata: &AnnData) -> Vec<Vec<f32>> {
    let Some(x @ Matrix::Csr(_)) = adata.x() else { panic!("not sparse") };
    let columns: Vec<Vec<f32>> = (0..x.n_cols()).map(|j| x.column(j)).collect();
    (0..x.n_rows()).map(|i| columns.iter().map(|c| c[i]).collect()).collect()
}

#[test]
fn a_heading_of_all_genes_is_a_heading() {
    // 20,000 names are longer than what tells most formats.
    let dir = tempfile::tempdir().unwrap();
    let genes: Vec<String> = (0..20_000).map(|j| format!("ENSG{j:011}")).collect();
    let row = |of: u32| (0..20_000).map(|j| (u32::from(j % 1_000 == 0) * of).to_string()).collect::<Vec<_>>();
    let text = |name: &str, separator: &str| {
        let lines = [genes.clone(), row(1), row(2)].map(|cells| cells.join(separator));
        format!("{name}{separator}{}\n1x2{separator}{}\n1x3{separator}{}\n", lines[0], lines[1], lines[2])
    };
    for (head, separator, format) in [("", ",", "st"), ("", "\t", "st"), ("cell", ";", "table")] {
        let plain = text(head, separator);
        let plain = if format == "st" { plain } else { plain.replace("1x", "c") };
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(plain.as_bytes()).unwrap();
        for path in [file(&dir, "a.csv", &plain), file(&dir, "a.csv.gz", packed.finish().unwrap())] {
            let Reading { adata, format: found, notes } = read_with(path, &ReadOptions::default()).unwrap();
            assert_eq!((found, adata.n_obs(), adata.n_vars()), (format, 2, 20_000));
            assert!(notes.is_empty() && adata.var().index()[19_999] == "ENSG00000019999");
            assert_eq!(adata.x().unwrap().values(), [[1.0; 20], [2.0; 20]].concat());
        }
    }
}

#[test]
fn tables_of_expression_as_they_come() {
    let dir = tempfile::tempdir().unwrap();
    for (text, names, genes, values) in [
        // A name for every row, whatever heads them, or none.
        (",A,B\na,1,0\nb,0,2.5\n", ["a", "b"], ["A", "B"], [[1.0, 0.0], [0.0, 2.5]]),
        ("sample,A,B\na,1,0\nb,0,2\n", ["a", "b"], ["A", "B"], [[1.0, 0.0], [0.0, 2.0]]),
        ("cell_id,A,B\n1,1,0\n2,0,2\n", ["1", "2"], ["A", "B"], [[1.0, 0.0], [0.0, 2.0]]),
        ("A,B\n1,0\n0,2\n", ["0", "1"], ["A", "B"], [[1.0, 0.0], [0.0, 2.0]]),
        // R's write.table and write.csv.
        ("\"A\" \"B\"\n\"a\" 1 0\n\"b\" 0 2\n", ["a", "b"], ["A", "B"], [[1.0, 0.0], [0.0, 2.0]]),
        ("\"\",\"A, alpha\",\"B\"\n\"a\",1,0\n\"b\",0,2\n", ["a", "b"], ["A, alpha", "B"], [[1.0, 0.0], [0.0, 2.0]]),
        // Names that repeat are numbered.
        ("cell,A,A\na,1,0\na,0,2\n", ["a", "a-1"], ["A", "A-1"], [[1.0, 0.0], [0.0, 2.0]]),
    ] {
        let adata = read(file(&dir, "a.txt", text)).unwrap();
        assert_eq!(
            (adata.obs().index(), adata.var().index()),
            (&names.map(str::to_owned)[..], &genes.map(str::to_owned)[..])
        );
        assert_eq!(rows(&adata), values, "{text}");
    }
    let reading = read_with(file(&dir, "na.csv", "cell,A\na,NA\nb,2\n"), &ReadOptions::default()).unwrap();
    assert!(reading.adata.x().unwrap().column(0)[0].is_nan() && reading.notes[0].contains("not finite"));
    let prose = file(&dir, "README", "Data in this folder are of two kinds\nof which one is\n");
    assert!(read(prose).unwrap_err().to_string().contains("this is no format that Tegula reads"));
}

#[test]
fn genes_in_rows_are_turned_where_that_is_said_or_seen() {
    let dir = tempfile::tempdir().unwrap();
    let counts = file(&dir, "counts.csv", "gene,a,b\nG1,1,0\nG2,0,2\nG3,3,0\n");
    let spots = file(&dir, "spots.csv", "barcode,x,y,type\nb,3,4,t\na,1,2,s\n");
    let said = ReadOptions { genes_in_rows: true, ..ReadOptions::default() };
    let seen = ReadOptions { obs: Some(spots.clone()), ..ReadOptions::default() };
    let both = ReadOptions { obs: Some(spots.clone()), ..said.clone() };
    for (options, notes) in [(&said, 0), (&seen, 2), (&both, 1)] {
        let reading = read_with(&counts, options).unwrap();
        assert_eq!(reading.notes.len(), notes, "{:?}", reading.notes);
        assert_eq!(rows(&reading.adata), [[1.0, 0.0, 3.0], [0.0, 2.0, 0.0]]);
        assert_eq!(reading.adata.obs().index(), ["a", "b"]);
        if options.obs.is_some() {
            assert_eq!(reading.adata.coords("spatial").unwrap().data(), [1.0, 2.0, 3.0, 4.0]);
            assert!(reading.adata.obs().get("type").is_some() && reading.adata.obs().get("x").is_some());
        }
    }
    let plain = read(&counts).unwrap();
    assert_eq!((plain.n_obs(), plain.obsm().is_empty()), (3, true));
    // Positions among the genes.
    let mixed = file(&dir, "mixed.csv", "cell,y,A,x,B\na,2000000.25,1,1.5,0\nb,4,0,3,2\n");
    let reading = read_with(&mixed, &ReadOptions::default()).unwrap();
    assert_eq!(reading.notes, ["the columns `x` and `y` are taken for positions, not for genes"]);
    assert_eq!(reading.adata.coords("spatial").unwrap().data(), [1.5, 2_000_000.25, 3.0, 4.0]);
    assert_eq!(
        (reading.adata.var().index(), rows(&reading.adata)),
        (&["A".to_owned(), "B".into()][..], vec![vec![1.0, 0.0], vec![0.0, 2.0]])
    );
    let nowhere = file(&dir, "nowhere.csv", "cell,x,y,A\na,1,here,1\n");
    let e = read(&nowhere).unwrap_err().to_string();
    assert!(e.contains("line 2") && e.contains("`here` in column `y` is no number"), "{e}");
}

#[test]
fn a_second_table_describes_observations_of_any_format() {
    let dir = tempfile::tempdir().unwrap();
    file(&dir, "GSM1_matrix.mtx", "%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 1 5\n2 2 7\n1 3 1\n");
    file(&dir, "GSM1_features.tsv", "E1\tActb\nE2\tMbp\n");
    file(&dir, "GSM1_barcodes.tsv", "AAAC-1\nAAAG-1\nAAAT-1\n");
    // What Space Ranger 1 lists has no heading, and more spots than are under tissue.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"CCCC-1,0,0,0,5,6\nAAAG-1,1,0,2,30,40\nAAAC-1,1,1,1,10,20.5\nAAAT-1,1,1,3,50,60\n").unwrap();
    let places = file(&dir, "GSM1_tissue_positions_list.csv.gz", packed.finish().unwrap());
    let options = ReadOptions { obs: Some(places), ..ReadOptions::default() };
    let Reading { adata, format, notes } = read_with(dir.path().join("GSM1_matrix.mtx"), &options).unwrap();
    assert_eq!(
        (format, adata.coords("spatial").unwrap().data()),
        ("10x_mtx", &[20.5, 10.0, 40.0, 30.0, 60.0, 50.0][..])
    );
    assert_eq!(adata.obs().get("in_tissue"), Some(&Column::Int(vec![1, 1, 1])));
    assert!(
        notes.len() == 1 && notes[0].contains("columns `pxl_col_in_fullres` and `pxl_row_in_fullres`"),
        "{notes:?}"
    );
    // Positions that there are stay; what the table lacks is told.
    let path = dir.path().join("a.h5ad");
    tegula_io::write_h5ad(&adata, &path, &tegula_io::WriteOptions::default()).unwrap();
    let more = file(&dir, "more.tsv", "barcode\tx\ty\tkind\nAAAG-1\t1\t2\tt\nAAAC-1\t3\t4\ts\n");
    let options = ReadOptions { obs: Some(more), ..ReadOptions::default() };
    let Reading { adata: again, notes, .. } = read_with(&path, &options).unwrap();
    assert_eq!(again.coords("spatial").unwrap(), adata.coords("spatial").unwrap());
    assert_eq!(again.obs().get("kind").unwrap().to_labels().unwrap().codes(), [0, 1, -1]);
    assert!(notes.len() == 1 && notes[0].contains("1 of 3 observations have no row in"), "{notes:?}");
    let options = ReadOptions { obs: Some(path.clone()), ..ReadOptions::default() };
    let e = read_with(&path, &options).unwrap_err().to_string();
    assert!(e.contains("a.h5ad") && e.contains("this is no table of text or Parquet: found an HDF5 file"), "{e}");
}
