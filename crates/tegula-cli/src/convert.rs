//! `tegula convert`: whatever instruments and other programs write, as h5ad and other formats.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use tegula::pipeline::{Said, find_coordinates};
use tegula::{AnnData, Error, Result};

use crate::writing::Target;
use crate::{Door, reading};

/// Reads the input, finds positions, writes.
pub(crate) fn convert(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let path = |name: &str| m.get_one::<PathBuf>(name);
    let (input, output) = (path("input").expect("required"), path("output").expect("required"));
    if crate::step::same_file(input, output) {
        let reason = "this is the input; name another file";
        return Err(Error::config(format!("--output `{}`", output.display()), reason).into());
    }
    let target = Target::asked(output, m)?;
    let mut adata = door.read_with(input, &reading::options(m))?;
    if let Some(columns) = m.get_many::<String>("coords") {
        given(&mut adata, &columns.map(String::as_str).collect::<Vec<_>>())?;
    } else {
        let mut say = |said: Said<'_>| {
            if let Said::Note(note) = said {
                door.say(note);
            }
        };
        // Without positions a file is still worth writing.
        if find_coordinates(&mut adata, &mut say).is_err() {
            door.say("no positions found; name their columns with --coords");
        }
    }
    target.write(&adata)?;
    door.say(format!("{} observations × {} variables → {}", adata.n_obs(), adata.n_vars(), target.shown()));
    Ok(ExitCode::SUCCESS)
}

/// Takes the positions from these columns.
fn given(adata: &mut AnnData, columns: &[&str]) -> Result<()> {
    if !(2..=3).contains(&columns.len()) {
        return Err(Error::config("--coords", format!("names {} columns; it must name 2 or 3", columns.len())));
    }
    if adata.place(columns)? {
        return Ok(());
    }
    let names: Vec<&str> = adata.obs().columns().keys().map(String::as_str).collect();
    let reason = format!("not all of {} are columns of numbers; obs has {}", columns.join(", "), names.join(", "));
    Err(Error::config("--coords", reason))
}
