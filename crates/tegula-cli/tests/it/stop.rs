//! Ctrl-C: once stops early and keeps what there is, twice gives up.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::door::tegula;
use crate::files::{two_groups, write};

/// Runs the pipeline on a tissue that takes a while, presses Ctrl-C when the components are there, and returns the exit
/// code.
fn press(dir: &Path, times: usize) -> i32 {
    write(dir, "in.h5ad", &two_groups(45_000, 12));
    let mut run = tegula();
    let run = run.current_dir(dir).args(["run", "in.h5ad", "-o", "out"]).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = run.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|l| l.unwrap().contains("pp.pca")), "the components are never said");
    // By then the search for neighbours is under way, which takes far longer than the presses are apart.
    let press = format!("sleep 0.01; {}", format!("kill -INT {}; sleep 0.003;", child.id()).repeat(times));
    Command::new("sh").args(["-c", &press]).status().unwrap();
    // What it says until its end must be taken, or it would wait for us.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let code = child.wait().unwrap().code().unwrap_or(-1);
    assert!(!rest.iter().any(|l| l.contains("panicked") || l.contains("bug")), "{rest:?}");
    code
}

#[test]
fn once_keeps_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(press(dir.path(), 1), 130);
    let result = tegula::io::read(dir.path().join("out/result.h5ad")).unwrap();
    assert!(result.obsm().contains_key("X_pca"), "what was done is kept");
    assert!(!result.obs().columns().contains_key("scc"), "what was to come is left out");
    let recipe = std::fs::read_to_string(dir.path().join("out/recipe.toml")).unwrap();
    assert!(recipe.contains("pp.pca") && !recipe.contains("tl.scc"), "the recipe tells what ran:\n{recipe}");
}

#[test]
fn twice_gives_up() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(press(dir.path(), 2), 130);
    assert!(!dir.path().join("out/result.h5ad").exists());
}
