//! The `tegula` command. stdout carries results, stderr speaks to people.

mod args;
mod bars;
mod info;
mod methods;
mod metrics;
mod plot;
mod run;
mod step;

use std::process::ExitCode;

use clap::ArgMatches;
use tegula::{Ctx, Error};

use crate::bars::Bars;

/// What every command gets: the seed if one was asked for, quietness, the progress bars.
struct Door {
    seed: Option<u64>,
    quiet: bool,
    bars: Bars,
}

impl Door {
    fn new(m: &ArgMatches) -> Self {
        let quiet = m.get_flag("quiet");
        Self { seed: m.get_one("seed").copied(), quiet, bars: Bars::new(quiet) }
    }

    /// The surroundings of a run.
    fn ctx(&self) -> Ctx<'_> {
        Ctx::new(self.seed.unwrap_or(0)).with_progress(&self.bars)
    }

    /// Says something to the person at the terminal.
    fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.bars.println(text.as_ref());
        }
    }
}

fn main() -> ExitCode {
    let matches = args::command().get_matches();
    match dispatch(&matches) {
        Ok(code) => code,
        Err(e) => {
            report(&e);
            ExitCode::from(e.downcast_ref::<Error>().map_or(1, Error::exit_code))
        }
    }
}

fn dispatch(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let Some((name, m)) = matches.subcommand() else { return Ok(ExitCode::from(2)) };
    match name {
        "completions" => methods::completions(m),
        "man" => methods::man(m),
        "methods" => methods::list(m),
        _ => {
            let door = Door::new(matches);
            threads(matches)?;
            match name {
                "run" => run::run(m, &door),
                "info" => info::info(m),
                "pp" | "tl" => step::step(name, m, &door),
                "pl" => plot::plot(m, &door),
                "metrics" => metrics::metrics(m, &door),
                "recipe" => methods::recipe(m),
                other => anyhow::bail!("`{other}` is declared but not wired"),
            }
        }
    }
}

/// Builds the thread pool: the only place where the number of threads is decided.
fn threads(m: &ArgMatches) -> anyhow::Result<()> {
    if let Some(&n) = m.get_one::<u32>("threads") {
        rayon::ThreadPoolBuilder::new().num_threads(n as usize).build_global()?;
    }
    Ok(())
}

/// Prints an error with its causes, on stderr.
#[expect(clippy::print_stderr, reason = "the one place where errors reach the person")]
fn report(e: &anyhow::Error) {
    eprintln!("error: {e}");
    for cause in e.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}

/// Prints a result on stdout; a closed pipe (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Prints JSON on stdout.
fn print_json(json: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(json)?))
}
