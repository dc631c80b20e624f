//! Reads a file of any format and writes it as the name of the output tells:
//! `roundtrip IN OUT [fresh] [x] [read] [gzip=LEVEL] [format=NAME] [slot=SLOT] [time] [bin=N] [genome=NAME] [label=COLUMN]
//! [raw] [all] [table=NAME]`.
//!
//! `fresh` forgets where the data came from, so that everything is encoded anew; `x` does so for the matrix alone;
//! `read` writes nothing; `time` says how long both took.
//! The others are options of the reader. What the reader notes goes to stderr.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a command for tests

use std::process::ExitCode;
use std::time::Instant;

use tegula_io::{ReadOptions, WriteOptions, read_with, write};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| args.iter().skip(2).any(|a| a == word);
    let (Some(input), Some(output)) = (args.first(), args.get(1)) else {
        eprintln!("usage: roundtrip IN OUT [fresh] [x] [read] [gzip=LEVEL] [format=NAME] [slot=SLOT] [time]");
        return ExitCode::from(2);
    };
    let job = || -> tegula_core::Result<()> {
        let start = Instant::now();
        let given = |name: &str| args.iter().find_map(|a| a.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned);
        let options = ReadOptions {
            bin_size: given("bin").and_then(|n| n.parse().ok()),
            genome: given("genome"),
            label_column: given("label"),
            table: given("table"),
            raw: has("raw"),
            gex_only: !has("all"),
            ..Default::default()
        };
        let reading = read_with(input, &options)?;
        reading.notes.iter().for_each(|n| eprintln!("{n}"));
        let mut adata = reading.adata;
        let took = start.elapsed();
        if has("fresh") {
            adata.set_origin(None);
        }
        if has("x") {
            let x = adata.take_matrix(None)?;
            adata.set_x(x)?;
        }
        let level = args.iter().find_map(|a| a.strip_prefix("gzip=")?.parse().ok());
        let options = WriteOptions {
            gzip: level.or(WriteOptions::default().gzip),
            format: given("format"),
            slot: given("slot"),
            ..Default::default()
        };
        let start = Instant::now();
        if !has("read") {
            write(&adata, output, &options)?;
        }
        if has("time") {
            println!("read {:.3} s, write {:.3} s", took.as_secs_f64(), start.elapsed().as_secs_f64());
        }
        Ok(())
    };
    match job() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}
