//! Several sections: joined.

use tegula::io;

use crate::door::run_in;
use crate::files::small;

#[test]
fn sections_are_joined_by_what_all_have() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "left.h5ad", |_| {});
    small(dir.path(), "right.h5ad", |adata| adata.keep_var(&[0, 2, 3]));
    run_in(dir.path(), &["concat", "left.h5ad", "right.h5ad", "-o", "both.h5ad"]).ok();
    let both = io::read(dir.path().join("both.h5ad")).unwrap();
    assert_eq!((both.n_obs(), both.n_vars()), (160, 3));
    assert_eq!(both.labels("section").unwrap().categories(), ["left", "right"]);
    assert_eq!((both.obs().index()[0].as_str(), both.obs().index()[80].as_str()), ("spot0-left", "spot0-right"));
    assert_eq!(both.coords("spatial").unwrap().point(83), &[3.0, 0.0]);
}

#[test]
fn sections_that_cannot_be_joined_are_named() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "a.h5ad", |_| {});
    std::fs::copy(dir.path().join("a.h5ad"), dir.path().join("b.h5ad")).unwrap();
    let concat = |rest: &[&str]| run_in(dir.path(), &[&["concat", "a.h5ad", "b.h5ad", "-o"][..], rest].concat());
    concat(&["b.h5ad"]).fails(2, &["b.h5ad", "one of the inputs"]);
    concat(&["c.h5ad", "--names", "one"]).fails(2, &["1 sections", "2 files"]);
    concat(&["c.h5ad", "--names", "one,one"]).fails(1, &["another name"]);
    assert!(!dir.path().join("c.h5ad").exists());
}
