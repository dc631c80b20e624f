//! What nobody changed is carried over from the file it came from.

use tegula_core::{AnnData, Column, Dense, Frame, Labels};
use tegula_io::{WriteOptions, read_h5ad, write_h5ad};

use crate::data::{assert_same, full};

#[test]
fn a_file_can_be_written_over_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5ad");
    write_h5ad(&full(), &path, &WriteOptions::default()).unwrap();
    let mut a = read_h5ad(&path).unwrap();
    a.set_obs("leiden", Labels::from_clusters(&[0, 1, 0])).unwrap();
    write_h5ad(&a, &path, &WriteOptions::default()).unwrap();
    let mut want = full();
    want.set_obs("leiden", Labels::from_clusters(&[0, 1, 0])).unwrap();
    assert_same(&read_h5ad(&path).unwrap(), &want);
}

#[test]
fn what_was_changed_is_written_from_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5ad");
    write_h5ad(&full(), &path, &WriteOptions::default()).unwrap();
    let mut a = read_h5ad(&path).unwrap();
    a.keep_obs(&[0, 2]);
    a.set_x(Dense::zeros(2, 4)).unwrap();
    a.set_uns("tegula", 5usize);
    write_h5ad(&a, &path, &WriteOptions::default()).unwrap();
    assert_same(&read_h5ad(&path).unwrap(), &a);
}

#[test]
fn a_changed_origin_is_not_copied_from() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("a.h5ad"), dir.path().join("b.h5ad"));
    write_h5ad(&full(), &from, &WriteOptions::default()).unwrap();
    let a = read_h5ad(&from).unwrap();
    let mut other = AnnData::new(None, Frame::with_range_index(1), Frame::with_range_index(1)).unwrap();
    other.set_obs("i64", Column::Int(vec![9])).unwrap();
    write_h5ad(&other, &from, &WriteOptions::default()).unwrap();
    write_h5ad(&a, &to, &WriteOptions::default()).unwrap();
    assert_same(&read_h5ad(&to).unwrap(), &full());
}
