//! Several sections: joined, laid onto each other.

use tegula::algo::simulate::{SimulateParams, simulate};
use tegula::core::{Coords, Ctx};
use tegula::io;

use crate::door::run_in;
use crate::files::{small, write};

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

/// A simulated tissue and a part of it, turned by 90° and moved, as two files.
fn pair(dir: &std::path::Path) {
    let params = SimulateParams { n_obs: 600, n_vars: 60, n_domains: 5, ..Default::default() };
    let whole = simulate(&params, &Ctx::new(3)).unwrap();
    write(dir, "whole.h5ad", &whole);
    let mut part = whole;
    let kept: Vec<usize> = (0..part.n_obs()).filter(|i| i % 4 != 0).collect();
    part.keep_obs(&kept);
    let coords = part.coords("spatial").unwrap();
    let turned = (0..coords.len()).flat_map(|i| [5.0 - coords.point(i)[1], coords.point(i)[0] + 2.0]).collect();
    part.set_obsm("spatial", &Coords::new(2, turned).unwrap()).unwrap();
    write(dir, "part.h5ad", &part);
}

#[test]
fn a_turned_section_is_laid_back_and_its_counts_are_projected() {
    let dir = tempfile::tempdir().unwrap();
    pair(dir.path());
    let args = ["align", "part.h5ad", "whole.h5ad", "-o", "out", "--labels", "domain", "--project", "--json"];
    let ran = run_in(dir.path(), &[&args[..], &["--n-epochs", "60", "--checkpoint", "kept.safetensors"]].concat());
    let metrics: serde_json::Value = serde_json::from_str(&ran.ok()).unwrap();
    let section = &metrics["sections"]["part"];
    assert_eq!(metrics["reference"], "whole");
    assert!(section["label_agreement"].as_f64().unwrap() > 0.85, "{section}");
    assert!(section["J"].as_f64() < section["J_before"].as_f64(), "{section}");
    for file in ["recipe.toml", "figures/sections.png", "figures/displacement.png", "figures/links.png"] {
        assert!(dir.path().join("out").join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let result = io::read(dir.path().join("out/result.h5ad")).unwrap();
    assert!(result.obsm().contains_key("spatial_aligned") && result.layers().contains_key("cast_project"));
    assert!(dir.path().join("kept.safetensors").exists());
    // The recipe it leaves runs on the joined file.
    run_in(dir.path(), &["concat", "part.h5ad", "whole.h5ad", "-o", "both.h5ad"]).ok();
    run_in(dir.path(), &["run", "both.h5ad", "-o", "again", "--recipe", "out/recipe.toml", "-q"]).ok();
}

#[test]
fn what_cannot_be_aligned_is_said() {
    let dir = tempfile::tempdir().unwrap();
    small(dir.path(), "a.h5ad", |_| {});
    let align = |rest: &[&str]| run_in(dir.path(), &[&["align", "a.h5ad", "-o", "out"], rest].concat());
    align(&[]).fails(2, &["no column `section`"]);
    align(&["--library-key", "side", "--reference", "up"]).fails(2, &["`up`", "has 0, 1"]);
    align(&["--library-key", "side", "--labels", "nothing"]).fails(1, &["nothing"]);
}
