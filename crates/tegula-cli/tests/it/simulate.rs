//! `tegula simulate`: what it writes, what it says, what it refuses.

use crate::door::run_in;

#[test]
fn a_simulated_tissue_goes_through_the_pipeline() {
    let dir = tempfile::tempdir().unwrap();
    let make = |file: &str, more: &[&str]| {
        let args = ["simulate", "-n", "900", "--n-vars", "200", "--n-domains", "3", "--density", "0.2", "-o", file];
        run_in(dir.path(), &[&args[..], more].concat())
    };
    let made = make("a.h5ad", &["--seed", "9", "--json", "--placement", "hex"]);
    assert!(made.err.contains("900 observations × 200 genes with seed 9"), "{}", made.err);
    assert!(made.err.contains("3 domains in 1 section → a.h5ad"), "{}", made.err);
    let told: serde_json::Value = serde_json::from_str(&made.ok()).unwrap();
    assert_eq!((&told["n_obs"], &told["seed"]), (&900.into(), &9.into()));
    assert!((told["density"].as_f64().unwrap() - 0.2).abs() < 0.01, "{told}");
    // The same seed writes the same bytes, another one others.
    make("b.h5ad", &["--seed", "9", "--placement", "hex", "--threads", "1"]).ok();
    make("c.h5ad", &["--placement", "hex"]).ok();
    let bytes = |file: &str| std::fs::read(dir.path().join(file)).unwrap();
    assert!(bytes("a.h5ad") == bytes("b.h5ad") && bytes("a.h5ad") != bytes("c.h5ad"));

    let run = ["run", "a.h5ad", "-o", "out", "--labels", "domain", "--n-clusters", "3", "--json", "-q"];
    let found: serde_json::Value = serde_json::from_str(&run_in(dir.path(), &run).ok()).unwrap();
    assert!(found["labels"]["scc"]["ari"].as_f64().unwrap() > 0.9, "{found}");
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| run_in(dir.path(), &[&["simulate", "-o", "out.h5ad"], args].concat());
    run(&["-n", "0"]).fails(2, &["`n_obs` of `simulate` is 0"]);
    run(&["--density", "1.5"]).fails(2, &["`density`", "below 1"]);
    run(&["--placement", "sphere"]).fails(2, &["sphere", "hex"]);
    run(&["-n", "many"]).fails(2, &["many"]);
    run_in(dir.path(), &["simulate", "-n", "50"]).fails(2, &["--output"]);
    assert!(!dir.path().join("out.h5ad").exists());
}
