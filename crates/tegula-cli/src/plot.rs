//! `tegula pl`: figures.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use tegula::io;
use tegula::plot::{Format, PLOTS};

use crate::{Door, args};

/// Draws a figure of a file; the kind of picture comes from the output's extension.
pub(crate) fn plot(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let (name, m) = m.subcommand().expect("required");
    let plot = PLOTS.iter().find(|p| p.id().strip_prefix("pl.") == Some(name)).expect("made from the list");
    let output = m.get_one::<PathBuf>("output").expect("required");
    let format = Format::of_path(output)?;
    let params = args::given(plot.schema().as_value(), m)?;
    let adata = door.read(m.get_one::<PathBuf>("input").expect("required"))?;
    let figure = plot.draw(params, &adata, &door.ctx())?;
    io::atomic::write(output, &figure.encode(format)?)?;
    door.say(format!("drew {}", output.display()));
    Ok(ExitCode::SUCCESS)
}
