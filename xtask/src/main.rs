//! The project's own chores.
//!
//! `cargo xtask ci` is the one check before a change lands; `cargo xtask gen` rewrites what is made from the registry.
#![expect(clippy::print_stderr, reason = "a tool for developers, at a terminal")]

mod ci;
mod tidy;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["ci"] => ci::all(),
        ["ci", stage] => ci::stage(stage),
        ["gen"] => ci::generate(),
        ["gen", "--check"] => ci::fresh(),
        ["tidy"] => tidy::check(),
        _ => bail!("usage: cargo xtask ci [STAGE] | gen [--check] | tidy"),
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
