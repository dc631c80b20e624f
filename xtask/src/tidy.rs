//! Rules about the repository itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::root;

/// Lines a source file may have; a longer one holds more than one idea.
const MOST_LINES: usize = 800;

/// File names that say nothing.
const VAGUE: &[&str] = &["utils.rs", "helpers.rs", "common.rs", "misc.rs", "util.rs"];

/// Which of our crates each crate may use: arrows point down, siblings never see each other;
/// the networks stand half a floor above the algorithms, on whose graphs they are trained.
const FLOORS: &[(&str, &[&str])] = &[
    ("tegula-core", &[]),
    ("tegula-io", &["tegula-core"]),
    ("tegula-algo", &["tegula-core"]),
    ("tegula-neural", &["tegula-core", "tegula-algo"]),
    ("tegula-plot", &["tegula-core"]),
    ("tegula", &["tegula-core", "tegula-io", "tegula-algo", "tegula-neural", "tegula-plot"]),
    ("tegula-cli", &["tegula"]),
    ("tegula-py", &["tegula"]),
];

/// Checks every rule and lists all that is broken.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    floors(&mut wrong)?;
    for file in sources(&root().join("crates"))? {
        source(&file, &mut wrong)?;
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) }
}

fn floors(wrong: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(root().join("crates"))? {
        let path = entry?.path().join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let manifest: toml::Table = text.parse()?;
        let name = manifest["package"]["name"].as_str().unwrap_or_default();
        let Some((_, may)) = FLOORS.iter().find(|f| f.0 == name) else {
            wrong.push(format!("{name}: a new crate; give it a floor in xtask/src/tidy.rs"));
            continue;
        };
        let used = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dep in used.into_iter().flat_map(toml::Table::keys) {
            if dep.starts_with("tegula") && !may.contains(&dep.as_str()) {
                wrong.push(format!("{name} uses {dep}: arrows point down, and siblings never see each other"));
            }
        }
    }
    Ok(())
}

fn source(file: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let shown = file.strip_prefix(root()).unwrap_or(file).display();
    if VAGUE.contains(&name) {
        wrong.push(format!("{shown}: the name says nothing; name what is inside"));
    }
    if text.lines().count() > MOST_LINES {
        wrong.push(format!("{shown}: more than {MOST_LINES} lines; split it by idea"));
    }
    if !text.trim_start().starts_with("//!") {
        wrong.push(format!("{shown}: says nothing about itself; begin with `//!`"));
    }
    Ok(())
}

fn sources(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                all.extend(sources(&path)?);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}
