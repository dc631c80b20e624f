//! `tegula concat`: several sections in one file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use tegula::core::concat;
use tegula::{AnnData, Error, Result};

use crate::Door;
use crate::writing::Target;

/// Reads the inputs, joins them, writes the file.
pub(crate) fn run(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let inputs: Vec<PathBuf> = m.get_many("inputs").expect("required").cloned().collect();
    let output = m.get_one::<PathBuf>("output").expect("required");
    if inputs.iter().any(|input| crate::step::same_file(input, output)) {
        let reason = "this is one of the inputs; name another file";
        return Err(Error::config(format!("--output `{}`", output.display()), reason).into());
    }
    let target = Target::new(output)?;
    let names = m.get_many::<String>("names").map(|names| names.cloned().collect());
    let joined = read(&inputs, names, m.get_one::<String>("label").expect("has a default"), door)?;
    target.write(&joined)?;
    door.say(format!("{} observations × {} variables → {}", joined.n_obs(), joined.n_vars(), output.display()));
    Ok(ExitCode::SUCCESS)
}

/// Reads sections and joins them under these names, or those of their files; `obs[label]` tells them apart.
pub(crate) fn read(inputs: &[PathBuf], names: Option<Vec<String>>, label: &str, door: &Door) -> Result<AnnData> {
    let stem = |path: &PathBuf| path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let names = names.unwrap_or_else(|| inputs.iter().map(stem).collect());
    if names.len() != inputs.len() {
        let reason = format!("names {} sections; there are {} files", names.len(), inputs.len());
        return Err(Error::config("--names", reason));
    }
    let sections: Vec<AnnData> = inputs.iter().map(|input| door.read(input)).collect::<Result<_>>()?;
    let parts: Vec<(&str, &AnnData)> = names.iter().map(String::as_str).zip(&sections).collect();
    concat(&parts, label)
}
