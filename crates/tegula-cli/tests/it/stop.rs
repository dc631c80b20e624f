//! Ctrl-C: once stops early and keeps what there is, twice gives up. What was trained survives that and worse.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::door::{run_in, tegula};
use crate::files::{two_groups, write};

/// Runs the pipeline on a tissue that takes a while, sends it signals when the components are there, and returns the exit
/// code.
fn press(dir: &Path, signals: &[&str]) -> i32 {
    write(dir, "in.h5ad", &two_groups(45_000, 12));
    let mut run = tegula();
    let run = run.current_dir(dir).args(["run", "in.h5ad", "-o", "out"]).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = run.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|l| l.unwrap().contains("pp.pca")), "the components are never said");
    // By then the search for neighbours is under way. Signals sent to a process that is halted arrive together when it
    // goes on, however busy the machine is.
    for signal in ["STOP"].iter().chain(signals).chain(&["CONT"]) {
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    }
    // What it says until its end must be taken, or it would wait for us.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let code = child.wait().unwrap().code().unwrap_or(-1);
    assert!(!rest.iter().any(|l| l.contains("panicked") || l.contains("bug")), "{rest:?}");
    code
}

#[test]
fn once_keeps_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(press(dir.path(), &["INT"]), 130);
    let result = tegula::io::read(dir.path().join("out/result.h5ad")).unwrap();
    assert!(result.obsm().contains_key("X_pca"), "what was done is kept");
    assert!(!result.obs().columns().contains_key("scc"), "what was to come is left out");
    let recipe = std::fs::read_to_string(dir.path().join("out/recipe.toml")).unwrap();
    assert!(recipe.contains("pp.pca") && !recipe.contains("tl.scc"), "the recipe tells what ran:\n{recipe}");
}

#[test]
fn twice_gives_up() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(press(dir.path(), &["INT", "TERM"]), 130);
    assert!(!dir.path().join("out/result.h5ad").exists());
}

#[test]
fn a_run_keeps_its_training() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir, "in.h5ad", &two_groups(200, 12));
    let run = |out: &str, rest: &[&str]| {
        let args = ["run", "in.h5ad", "-o", out, "--method", "stagate+mclust", "--n-clusters", "2", "--no-sweep"];
        run_in(dir, &[&args[..], rest].concat())
    };
    run("short", &["--n-epochs", "3", "--checkpoint", KEPT]).ok();
    let gone_on = run("long", &["--n-epochs", "6", "--checkpoint", KEPT]);
    assert!(gone_on.err.contains("goes on after epoch 3 of 6"), "{}", gone_on.err);
    run("whole", &["--n-epochs", "6"]).ok();
    let embedding = |out: &str| tegula::io::read(dir.join(out).join("result.h5ad")).unwrap().obsm()["STAGATE"].clone();
    assert!(embedding("long") == embedding("whole"), "the same bits as in one go");
    run_in(dir, &["run", "in.h5ad", "-o", "none", "--checkpoint", KEPT])
        .fails(2, &[KEPT, "scc trains none", "stagate"]);
}

/// The file that a training is kept in.
const KEPT: &str = "kept run.safetensors";

/// A training of so many epochs that is kept in a file.
fn training(dir: &Path, n_epochs: &str) -> Command {
    let mut run = tegula();
    run.current_dir(dir).args(["tl", "stagate", "in.h5ad", "-o", "out.h5ad", "--hidden-dims", "64,8"]);
    run.args(["--k-cutoff", "4", "--checkpoint", KEPT, "--n-epochs", n_epochs]);
    run.stderr(Stdio::piped()).stdout(Stdio::null());
    run
}

/// Waits until it is under way, then sends it a signal; gives what it said, and its exit code.
fn interrupt(mut child: Child, under_way: impl Fn() -> bool, signal: &str) -> (String, Option<i32>) {
    for _ in 0..3000 {
        if under_way() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(100));
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    (said, child.wait().unwrap().code())
}

#[test]
fn a_training_goes_on_after_ctrl_c_and_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, kept) = (dir.path(), dir.path().join(KEPT));
    write(dir, "in.h5ad", &two_groups(2_000, 12));
    let (said, code) = interrupt(training(dir, "1000000").spawn().unwrap(), || kept.exists(), "-INT");
    assert_eq!(code, Some(130), "{said}");
    assert!(dir.join("out.h5ad").exists(), "what was learned is kept:\n{said}");
    let before = std::fs::read(&kept).unwrap();

    // Killed as it writes: half a file, under a name of its own.
    std::fs::write(dir.join(".kept run.safetensors.1-0.part"), &before[..before.len() / 2]).unwrap();
    let first = std::fs::metadata(&kept).unwrap().modified().unwrap();
    let again = || std::fs::metadata(&kept).is_ok_and(|m| m.modified().unwrap() > first);
    let (_, code) = interrupt(training(dir, "1000000").spawn().unwrap(), again, "-KILL");
    assert_eq!(code, None);
    assert!(before == std::fs::read(&kept).unwrap(), "the old file is whole");

    let refused = training(dir, "1").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    let epochs: usize = said.split("at least ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    assert!(epochs > 1 && refused.status.code() == Some(2), "{said}");
    let end = (epochs + 5).to_string();
    let gone_on = training(dir, &end).output().unwrap();
    let said = String::from_utf8(gone_on.stderr).unwrap();
    assert!(said.contains(&format!("goes on after epoch {epochs} of {end}")), "{said}");
    let whole = ["tl", "stagate", "in.h5ad", "-o", "whole.h5ad", "--hidden-dims", "64,8", "--k-cutoff", "4"];
    run_in(dir, &[&whole[..], &["--n-epochs", &end]].concat()).ok();
    let embedding = |name: &str| tegula::io::read(dir.join(name)).unwrap().obsm()["STAGATE"].clone();
    assert!(embedding("out.h5ad") == embedding("whole.h5ad"), "the same bits as in one go");
}
