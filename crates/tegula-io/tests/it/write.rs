//! The one door for writing, and tables.

use tegula_core::{AnnData, Column, Csr, Frame, Labels};
use tegula_io::{ReadOptions, WriteOptions, read, read_parquet, read_table, read_with, table_of, write, write_parquet};

use crate::data::{assert_same, full};

fn options(format: Option<&str>, slot: Option<&str>) -> WriteOptions {
    WriteOptions { format: format.map(Into::into), slot: slot.map(Into::into), ..Default::default() }
}

#[test]
fn the_ending_tells_the_format() {
    let dir = tempfile::tempdir().unwrap();
    let a = full();
    let path = |name: &str| dir.path().join(name);
    for name in ["a.h5ad", "A.H5AD", "a.zarr"] {
        write(&a, path(name), &options(None, None)).unwrap();
        assert_same(&read(path(name)).unwrap(), &a);
    }
    write(&a, path("mtx"), &options(Some("10x_mtx"), None)).unwrap();
    assert_eq!(read_with(path("mtx"), &ReadOptions::default()).unwrap().format, "10x_mtx");
    for name in ["o.csv", "o.tsv", "o.csv.gz", "o.TSV.GZ"] {
        write(&a, path(name), &options(None, None)).unwrap();
        let back = read_table(path(name)).unwrap();
        assert_eq!(back.index(), a.obs().index(), "{name}");
        assert_eq!(back.get("maybe_int").unwrap().to_f64().unwrap()[0], 3.0, "{name}");
    }
    assert_eq!(std::fs::read(path("o.csv.gz")).unwrap()[..2], [0x1f, 0x8b]);
    write(&a, path("v.parquet"), &options(None, Some("var"))).unwrap();
    assert_eq!(read_parquet(path("v.parquet")).unwrap().n_rows(), 4);
    write(&a, path("named"), &options(Some("csv"), Some("obsm/spatial"))).unwrap();
    assert_eq!(read_table(path("named")).unwrap().get("spatial-1").unwrap().to_f64().unwrap(), [1.0, 3.0, 5.0]);
    write(&a, path("x.csv"), &options(None, Some("X"))).unwrap();
    assert_eq!(read(path("x.csv")).unwrap().x().unwrap().column(2), a.x().unwrap().column(2));
}

#[test]
fn what_does_not_go_together_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, format, slot| {
        write(&full(), dir.path().join(name), &options(format, slot)).unwrap_err().to_string()
    };
    for (name, format, slot, words) in [
        ("a", None, None, "the name `a` tells no format; let it end in .h5ad"),
        ("a.10x_mtx", None, None, "tells no format"),
        ("a.h5ad.gz", None, None, "tells no format"),
        ("a.h5ad", Some("hdf"), None, "`hdf` is unknown; name one of h5ad, zarr"),
        ("a.h5ad", None, Some("obs"), "`obs` goes with tables, not with h5ad"),
        ("a.csv", None, Some("uns"), "`uns` is no table; name obs, var, X"),
        ("a.csv", None, Some("obsm/pca"), "obsm[\"pca\"] is missing; name one that is there (present: spatial"),
        ("a.csv", None, Some("layers/raw"), "layers[\"raw\"] is missing"),
    ] {
        let e = refused(name, format, slot);
        assert!(e.contains(words), "{e}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn folders_of_something_else_are_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("thesis");
    std::fs::create_dir(&mine).unwrap();
    write(&full(), &mine, &options(Some("zarr"), None)).unwrap();
    write(&full(), &mine, &options(Some("zarr"), None)).unwrap();
    let e = write(&full(), &mine, &options(Some("10x_mtx"), None)).unwrap_err().to_string();
    assert!(e.contains("this folder holds something else (`.z"), "{e}");
    // A store of images has a table too; it is more than that.
    std::fs::remove_dir_all(mine.join("obs")).unwrap();
    let e = write(&full(), &mine, &options(Some("zarr"), None)).unwrap_err().to_string();
    assert!(e.contains("name a new or empty folder"), "{e}");
    assert!(mine.join("var").exists());
}

#[test]
fn what_was_never_understood_is_not_lost_in_silence() {
    let Some(path) = crate::data::shared("fixtures/anndata_archives/v0.7.0/adata.h5ad") else { return };
    let dir = tempfile::tempdir().unwrap();
    let a = read(path).unwrap();
    let lost = tegula_io::not_understood(&a);
    let done = write(&a, dir.path().join("a.zarr"), &options(None, None));
    assert_eq!(done.is_err(), !lost.is_empty(), "{lost:?}");
    let all = WriteOptions { allow_loss: true, ..Default::default() };
    write(&a, dir.path().join("a.zarr"), &all).unwrap();
}

#[test]
fn every_kind_of_column_comes_back_from_parquet() {
    let dir = tempfile::tempdir().unwrap();
    let there = |table: &Frame| {
        write_parquet(table, dir.path().join("t.parquet")).unwrap();
        read_parquet(dir.path().join("t.parquet")).unwrap()
    };
    let mut table = full().obs().clone();
    table.insert("maybe_text", Column::NullableStr(vec![None, Some("ü".into()), Some(String::new())])).unwrap();
    let back = there(&table);
    for same in ["f64", "i64", "flag", "text", "maybe_int", "maybe_flag", "maybe_text"] {
        assert_eq!(back.get(same), table.get(same), "{same}");
    }
    assert_eq!(back.get("f32").unwrap().to_f64().unwrap(), [1.5, 2.5, 3.5]);
    assert_eq!(back.get("i32"), Some(&Column::Int(vec![-1, 0, 1])));
    assert_eq!(back.get("cat"), Some(&Column::NullableStr(vec![Some("high".into()), None, Some("low".into())])));
    assert_eq!(back.get("barcode"), Some(&Column::Str(table.index().to_vec())));
    assert_eq!(there(&Frame::default()).n_rows(), 0);
    // More rows than a group holds, and than a level byte.
    let n = 300_001;
    let mut long = Frame::with_range_index(n);
    long.insert("gaps", Column::NullableInt((0..n as i64).map(|i| (i % 7 != 0).then_some(i)).collect())).unwrap();
    long.insert("cat", Labels::from_clusters(&(0..n as u32).map(|i| i % 3).collect::<Vec<_>>())).unwrap();
    let back = there(&long);
    assert_eq!(back.get("gaps"), long.get("gaps"));
    assert_eq!(
        back.get("cat").unwrap().to_labels().unwrap().codes(),
        long.get("cat").unwrap().to_labels().unwrap().codes()
    );
    // More columns than a short list of Thrift's.
    let mut wide = Frame::with_range_index(2);
    (0..400).for_each(|j| wide.insert(&format!("c{j}"), Column::Int(vec![j, -j])).unwrap());
    assert_eq!(there(&wide).columns().len(), 401);
}

#[test]
fn slots_become_tables() {
    let mut a = full();
    a.set_obsm("sparse", Csr::new(3, 2, vec![0, 1, 1, 1], vec![1], vec![4.0]).unwrap()).unwrap();
    assert_eq!(table_of(&a, "obs").unwrap(), *a.obs());
    assert_eq!(table_of(&a, "obsm/table").unwrap(), *a.obs());
    assert_eq!(table_of(&a, "obsm/sparse").unwrap().get("sparse-1"), Some(&Column::Float32(vec![4.0, 0.0, 0.0])));
    assert_eq!(table_of(&a, "varm/PCs").unwrap().index(), a.var().index());
    let x = table_of(&a, "layers/dense").unwrap();
    assert_eq!((x.index_name(), x.get("g1")), (Some("barcode"), Some(&Column::Float32(vec![1.0, 5.0, 9.0]))));
    let twice = AnnData::new(a.x().cloned(), a.obs().clone(), Frame::new(vec!["g".into(); 4])).unwrap();
    assert!(table_of(&twice, "X").unwrap_err().to_string().contains("names of variables repeat"));
    assert!(table_of(&AnnData::default(), "X").is_err());
}
