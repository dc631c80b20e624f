//! Tables of text: what pandas and R write is read, what is broken is named with its line.
#![allow(clippy::disallowed_methods, reason = "fixtures")]

use std::io::Write as _;
use std::path::PathBuf;

use tegula_core::{Column, Error};
use tegula_io::{read_table, read_tables};

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
    let e = read_tables(&data, Some(part.as_path())).unwrap_err().to_string();
    assert!(e.ends_with("lacks 1 of 2 observations of the matrix, as `a`; its rows are named as `b`"), "{e}");
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
    let e = read_tables(file(&dir, "m.csv", ",g\na,1\nb,high\n"), None).unwrap_err().to_string();
    assert!(e.contains("line 3") && e.contains("`high` in column `g` is no number"), "{e}");
    let e = read_table(file(&dir, "broken.gz", b"\x1f\x8b\x08\x00broken")).unwrap_err();
    assert!(matches!(e, Error::Format { .. }) && e.to_string().contains("gzip stream is damaged"), "{e}");
    assert!(matches!(read_table(dir.path().join("nowhere.csv")), Err(Error::Io { .. })));
}
