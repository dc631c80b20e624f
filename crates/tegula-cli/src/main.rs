//! The `tegula` command. stdout carries results, stderr speaks to people.

mod align;
mod args;
mod bars;
mod concat;
mod convert;
mod folder;
mod info;
mod methods;
mod metrics;
mod plot;
mod reading;
mod run;
mod simulate;
mod step;
mod stream;
mod writing;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::ArgMatches;
use tegula::io::{self, Disk};
use tegula::{AnnData, Ctx, Error, memory};

use crate::bars::Bars;

/// What every command gets: the seed and the memory if they were asked for, quietness, the progress bars.
struct Door {
    seed: Option<u64>,
    max_memory: Option<u64>,
    quiet: bool,
    bars: Bars,
}

impl Door {
    fn new(m: &ArgMatches) -> Self {
        let quiet = m.get_flag("quiet");
        let (seed, max_memory) = (m.get_one("seed").copied(), m.get_one("max-memory").copied());
        Self { seed, max_memory, quiet, bars: Bars::new(quiet) }
    }

    /// The surroundings of a run.
    fn ctx(&self) -> Ctx<'_> {
        let room = memory::room(self.max_memory);
        self.bars.arm();
        Ctx::new(self.seed.unwrap_or(0)).with_room(room).with_progress(&self.bars).with_files(&Disk)
    }

    /// Warns of what the file held, was not understood, and could not follow when observations or variables were dropped.
    fn warn_lost(&self, before: &[String], adata: &AnnData) {
        let after = io::not_understood(adata);
        let lost: Vec<&str> = before.iter().filter(|p| !after.contains(p)).map(String::as_str).collect();
        if !lost.is_empty() {
            self.bars.println(&format!(
                "warning: not understood, so not cut to what was kept, and left out: {}",
                lost.join(", ")
            ));
        }
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
    // Readers turn a panic of a library on hostile bytes into an error; only one that comes through to here is a bug.
    std::panic::set_hook(Box::new(|info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| dispatch(&matches))).unwrap_or_else(|_| {
        let what = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        Err(anyhow::anyhow!("a bug in tegula; please report it with the command you ran: {what}"))
    });
    stream::tidy();
    match done {
        Ok(code) => code,
        Err(e) => {
            report(&e);
            ExitCode::from(e.downcast_ref::<Error>().map_or(1, Error::exit_code))
        }
    }
}

/// What the last panic said.
static PANIC: Mutex<String> = Mutex::new(String::new());

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
                "align" => align::run(m, &door),
                "info" => info::info(m, &door),
                "convert" => convert::convert(m, &door),
                "concat" => concat::run(m, &door),
                "pp" | "tl" => step::step(name, m, &door),
                "pl" => plot::plot(m, &door),
                "metrics" => metrics::metrics(m, &door),
                "simulate" => simulate::simulate(m, &door),
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

/// Prints a result on stdout.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    Ok(stream::unless_closed(std::io::stdout().write_all(text.as_bytes()))?)
}

/// Prints JSON on stdout.
fn print_json(json: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(json)?))
}
