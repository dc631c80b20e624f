//! Reading what was written gives what was there.

use proptest::collection::vec;
use proptest::prelude::*;
use tegula_core::{AnnData, Array, ArrayData, Column, Csr, Dense, Dict, Frame, Labels, Matrix, Slot, Value};
use tegula_io::{WriteOptions, read, read_h5ad, write_h5ad, write_zarr};

use crate::data::{assert_same, full};

/// What comes back from zarr.
fn through_zarr(a: &AnnData, gzip: Option<u32>) -> AnnData {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("with space/ünï").with_extension("zarr");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    write_zarr(a, &path, &WriteOptions { gzip, ..Default::default() }).unwrap();
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    read(&path).unwrap()
}

fn there_and_back(a: &AnnData, gzip: Option<u32>) -> AnnData {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5ad");
    write_h5ad(a, &path, &WriteOptions { gzip, ..Default::default() }).unwrap();
    read_h5ad(&path).unwrap()
}

#[test]
fn every_kind_of_value_comes_back() {
    for gzip in [None, Some(1), Some(9)] {
        assert_same(&there_and_back(&full(), gzip), &full());
        assert_same(&through_zarr(&full(), gzip), &full());
    }
}

#[test]
fn packed_arrays_of_many_chunks_come_back() {
    let n = 70;
    let m = 9000;
    let value = |k: usize| if k.is_multiple_of(3) { (k % 251) as f32 } else { 0.0 };
    let d = Dense::new(n, m, (0..n * m).map(value).collect::<Vec<_>>()).unwrap();
    let names = |p: &str, n: usize| Frame::new((0..n).map(|i| format!("{p}{i}")).collect());
    let mut a = AnnData::new(Some(Csr::from_dense(&d).into()), names("o", n), names("v", m)).unwrap();
    a.set_matrix(Some("dense"), d).unwrap();
    assert_same(&there_and_back(&a, Some(1)), &a);
    assert_same(&through_zarr(&a, Some(1)), &a);
    // More chunks than one node of the index holds.
    let tall = Dense::new(5_000_000, 1, (0..5_000_000u32).map(|k| (k % 7) as f32).collect::<Vec<_>>()).unwrap();
    let mut a = AnnData::new(None, Frame::with_range_index(0), Frame::with_range_index(0)).unwrap();
    a.set_uns("tall", Value::from(tall));
    assert_same(&there_and_back(&a, Some(1)), &a);
    assert_same(&through_zarr(&a, None), &a);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let data: Vec<f32> = (0..3_000_000u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 29) as f32).collect();
    let d = Dense::new(3000, 1000, data).unwrap();
    let a = AnnData::new(Some(d.into()), Frame::with_range_index(3000), Frame::with_range_index(1000)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let bytes = [1, 2, 8].map(|threads| {
        let path = dir.path().join("a");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| write_h5ad(&a, &path, &WriteOptions::default())).unwrap();
        std::fs::read(path).unwrap()
    });
    assert!(bytes[0] == bytes[1] && bytes[0] == bytes[2]);
}

#[test]
fn missing_texts_come_back_as_missing_categories() {
    let mut a = AnnData::new(None, Frame::with_range_index(3), Frame::with_range_index(0)).unwrap();
    let column = Column::NullableStr(vec![Some("b".into()), None, Some("a".into())]);
    a.set_obs("t", column.clone()).unwrap();
    let back = there_and_back(&a, None);
    assert_eq!(back.obs().get("t"), Some(&Column::Labels(column.to_labels().unwrap())));
}

#[test]
fn a_key_with_a_slash_is_refused_by_name() {
    let mut a = AnnData::new(None, Frame::with_range_index(1), Frame::with_range_index(1)).unwrap();
    a.set_uns("a/b", 1usize);
    let dir = tempfile::tempdir().unwrap();
    let e = write_h5ad(&a, dir.path().join("a"), &WriteOptions::default()).unwrap_err().to_string();
    assert!(e.contains("`a/b`"), "{e}");
    for key in ["a/b", ".zattrs", ".."] {
        a.set_uns(key, 1usize);
        let e = write_zarr(&a, dir.path().join("a.zarr"), &WriteOptions::default()).unwrap_err().to_string();
        assert!(e.contains(&format!("`{key}`")), "{e}");
        a.take(&Slot::uns(key));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn an_index_with_the_name_of_a_column_keeps_its_values() {
    let mut obs = Frame::new(vec!["a".into(), "b".into()]).named(Some("k".into()));
    obs.insert("k", Column::Int(vec![1, 2])).unwrap();
    let back = there_and_back(&AnnData::new(None, obs, Frame::with_range_index(1)).unwrap(), None);
    assert_eq!(back.obs().index(), ["a", "b"]);
    assert_eq!((back.obs().index_name(), back.obs().get("k")), (None, Some(&Column::Int(vec![1, 2]))));
}

fn key() -> impl Strategy<Value = String> {
    "[a-zA-Z_ä\u{1F600}.-]{0,8}".prop_map(|s| format!("k{s}"))
}

fn column(n: usize) -> BoxedStrategy<Column> {
    prop_oneof![
        vec(-1e9f64..1e9, n).prop_map(Column::Float),
        vec(-1e9f32..1e9, n).prop_map(Column::Float32),
        vec(any::<i64>(), n).prop_map(Column::Int),
        vec(any::<i32>(), n).prop_map(Column::Int32),
        vec(any::<bool>(), n).prop_map(Column::Bool),
        vec("[a-zé ]{0,6}", n).prop_map(Column::Str),
        vec(proptest::option::of(any::<i64>()), n).prop_map(Column::NullableInt),
        vec(proptest::option::of(any::<bool>()), n).prop_map(Column::NullableBool),
        (vec(-1i32..200, n), any::<bool>()).prop_map(|(codes, ordered)| {
            let names = (0..200).map(|c| format!("c{c}")).collect();
            Column::Labels(Labels::new(codes, names, ordered).unwrap())
        }),
    ]
    .boxed()
}

fn frame(n: usize) -> BoxedStrategy<Frame> {
    (vec("[a-z0-9]{1,5}", n), proptest::option::of("[a-z]{1,4}"), vec((key(), column(n)), 0..4))
        .prop_map(|(index, name, columns)| {
            // The format has no room for an index with the name of a column: see the test below.
            let mut f = Frame::new(index).named(name.filter(|n| columns.iter().all(|(k, _)| k != n)));
            for (k, c) in columns {
                f.insert(&k, c).unwrap();
            }
            f
        })
        .boxed()
}

fn matrix(n: usize, m: usize) -> BoxedStrategy<Matrix> {
    (vec(prop_oneof![3 => Just(0f32), 1 => -9f32..9f32], n * m), any::<bool>())
        .prop_map(move |(v, sparse)| {
            let d = Dense::new(n, m, v).unwrap();
            if sparse { Csr::from_dense(&d).into() } else { d.into() }
        })
        .boxed()
}

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-1e12f64..1e12).prop_map(Value::Float),
        "[a-zß ]{0,9}".prop_map(Value::Str),
        vec(any::<i32>(), 0..5).prop_map(|v| Array::new(vec![v.len()], ArrayData::I32(v.into())).unwrap().into()),
        vec("[a-z]{0,3}", 0..5).prop_map(|v| Array::strings(v).into()),
        (0usize..4).prop_flat_map(frame).prop_map(Value::Frame),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        vec((key(), inner), 0..3).prop_map(|v| Value::Dict(v.into_iter().collect::<Dict>()))
    })
    .boxed()
}

fn anndata() -> impl Strategy<Value = AnnData> {
    (0usize..6, 0usize..6)
        .prop_flat_map(|(n, m)| {
            (
                proptest::option::of(matrix(n, m)),
                frame(n),
                frame(m),
                vec((key(), matrix(n, m)), 0..2),
                vec((key(), value()), 0..3),
                vec((key(), matrix(n, n)), 0..2),
            )
        })
        .prop_map(|(x, obs, var, layers, uns, obsp)| {
            let mut a = AnnData::new(x, obs, var).unwrap();
            for (k, m) in layers {
                a.set_matrix(Some(&k), m).unwrap();
            }
            for (k, v) in uns {
                a.set_uns(&k, v);
            }
            for (k, m) in obsp {
                let v = match m {
                    Matrix::Dense(d) => Value::from(d),
                    Matrix::Csr(c) => Value::from(c),
                };
                a.set_obsp(&k, v).unwrap();
            }
            a
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn reading_undoes_writing(a in anndata(), packed in any::<bool>()) {
        assert_same(&there_and_back(&a, packed.then_some(1)), &a);
    }

    #[test]
    fn writing_again_what_was_read_changes_nothing(a in anndata()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_h5ad(&a, &path, &WriteOptions::default()).unwrap();
        let read = read_h5ad(&path).unwrap();
        write_h5ad(&read, &path, &WriteOptions::default()).unwrap();
        assert_same(&read_h5ad(&path).unwrap(), &a);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn reading_undoes_writing_of_zarr(a in anndata(), packed in any::<bool>()) {
        assert_same(&through_zarr(&a, packed.then_some(1)), &a);
    }
}
