//! `cargo xtask ci`: everything that must hold before a change lands, in the order that fails fastest.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{root, tidy};

/// A stage: its name and what it runs.
type Stage = (&'static str, fn() -> Result<()>);

/// The stages and what each runs.
///
/// Everything is built by one command over the whole workspace: cargo compiles a dependency again for every other
/// choice of packages, since their features differ.
const STAGES: &[Stage] = &[
    ("tidy", tidy::check),
    ("fmt", || cargo(&["fmt", "--all", "--check"])),
    ("build", || cargo(&["build", "--workspace", "--all-targets"])),
    ("gen", fresh),
    ("test", || cargo(&["test", "--workspace", "--all-targets"])),
    ("doctest", || cargo(&["test", "--workspace", "--doc"])),
    ("python", python),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("docs", docs),
    ("deny", deny),
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

/// The documentation builds, and no link in it is broken.
fn docs() -> Result<()> {
    let args = [
        "doc",
        "--workspace",
        "--no-deps",
        "--exclude",
        "xtask",
        "--exclude",
        "tegula-codegen",
        "--exclude",
        "tegula-cli",
    ];
    call(Command::new(env!("CARGO")).args(args).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Rewrites what is made from the registry of methods.
pub(crate) fn generate() -> Result<()> {
    cargo(&["build", "--workspace", "--all-targets"])?;
    call(&mut Command::new(root().join("target/debug/codegen")))
}

/// Fails where a generated file is not what the registry would make now.
pub(crate) fn fresh() -> Result<()> {
    cargo(&["build", "--workspace", "--all-targets"])?;
    call(Command::new(root().join("target/debug/codegen")).arg("--check"))
}

/// The Python door: lint, format, tests; and files of ours in the oldest anndata we promise. `make test` makes the
/// environments; the native module comes from the build of the whole workspace.
fn python() -> Result<()> {
    let root = root();
    let (newest, oldest) = (root.join(".venv/bin"), root.join(".venv-oldest/bin"));
    if !newest.join("python").exists() || !oldest.join("python").exists() {
        bail!("there is no .venv; run `make test`, which makes it");
    }
    let files = ["crates/tegula-io/tests/python"];
    for what in [&["check"][..], &["format", "--check"]] {
        let mut ruff = Command::new(newest.join("ruff"));
        call(ruff.args(what).args(["--config", "python/pyproject.toml", "python", "benches", "fuzz"]).args(files))?;
    }
    let built =
        root.join("target/debug").join(if cfg!(target_os = "macos") { "lib_tegula.dylib" } else { "lib_tegula.so" });
    fs::copy(&built, root.join("python/src/tegula/_tegula.abi3.so")).with_context(|| built.display().to_string())?;
    let pytest = ["-m", "pytest", "-c", "python/pyproject.toml", "--rootdir", "python"];
    call(Command::new(newest.join("python")).args(pytest).arg("python/tests").args(files))?;
    call(Command::new(oldest.join("python")).args(pytest).args(files))
}
