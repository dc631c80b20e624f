//! `cargo xtask ci`: everything that must hold before a change lands, in the order that fails fastest.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{generate, root, tidy};

/// The stages and what each runs.
const STAGES: &[(&str, fn() -> Result<()>)] = &[
    ("tidy", tidy::check),
    ("fmt", || cargo(&["fmt", "--all", "--check"])),
    ("gen", generate::check),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("test", || cargo(&["test", "--workspace", "--exclude", "tegula-py", "--exclude", "xtask", "--", "--quiet"])),
    ("deny", deny),
    ("python", python),
];

/// Runs every stage.
pub(crate) fn all() -> Result<()> {
    STAGES.iter().try_for_each(|(name, run)| timed(name, *run))
}

/// Runs one stage.
pub(crate) fn stage(wanted: &str) -> Result<()> {
    match STAGES.iter().find(|s| s.0 == wanted) {
        Some((name, run)) => timed(name, *run),
        None => bail!("no stage `{wanted}`; there are {}", STAGES.iter().map(|s| s.0).collect::<Vec<_>>().join(", ")),
    }
}

fn timed(name: &str, run: fn() -> Result<()>) -> Result<()> {
    eprintln!("── {name}");
    let start = Instant::now();
    run().with_context(|| format!("stage `{name}`"))?;
    eprintln!("── {name}: ok, {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn cargo(args: &[&str]) -> Result<()> {
    call(Command::new(env!("CARGO")).args(args))
}

/// Runs a command in the root of the repository.
fn call(command: &mut Command) -> Result<()> {
    let status = command.current_dir(root()).status().with_context(|| format!("{command:?} could not start"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} failed: {status}") }
}

/// Licences and duplicate versions, where `cargo-deny` is installed.
fn deny() -> Result<()> {
    let there = Command::new(env!("CARGO")).args(["deny", "--version"]).output().is_ok_and(|o| o.status.success());
    if there {
        return cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]);
    }
    eprintln!("skipped aloud: cargo-deny is not installed (cargo install cargo-deny)");
    Ok(())
}

/// The Python door: format, lint, build into the test environments, tests. `make test` makes the environments.
fn python() -> Result<()> {
    let root = root();
    let venv = root.join(".venv/bin");
    if !venv.join("python").exists() {
        bail!("there is no .venv; run `make test`, which makes it");
    }
    call(Command::new(venv.join("ruff")).args(["check", "python", "benches"]))?;
    call(Command::new(venv.join("ruff")).args(["format", "--check", "python", "benches"]))?;
    cargo(&["build", "-p", "tegula-cli", "-p", "tegula-io", "--bins", "--examples"])?;
    call(
        Command::new(venv.join("maturin"))
            .args(["develop", "--quiet", "--profile", "dev", "--manifest-path", "crates/tegula-py/Cargo.toml"])
            .current_dir(root.join("python"))
            .env("VIRTUAL_ENV", root.join(".venv")),
    )?;
    let tests = ["-m", "pytest", "-c", "python/pyproject.toml", "python/tests", "crates/tegula-io/tests/python"];
    call(Command::new(venv.join("python")).args(tests))?;
    // The same files must be understood by the oldest anndata we promise.
    let old = root.join(".venv-oldest/bin/python");
    call(Command::new(old).args(["-m", "pytest", "-q", "crates/tegula-io/tests/python"]))
}
