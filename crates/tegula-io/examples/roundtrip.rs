//! Reads a file and writes it again: `roundtrip IN OUT [fresh] [x] [time]`.
//!
//! `fresh` forgets where the data came from, so that everything is encoded anew; `x` does so for the
//! matrix alone; `time` says how long both took.

use std::process::ExitCode;
use std::time::Instant;

use tegula_io::{WriteOptions, read, write_h5ad};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| args.iter().skip(2).any(|a| a == word);
    let (Some(input), Some(output)) = (args.first(), args.get(1)) else {
        eprintln!("usage: roundtrip IN OUT [fresh] [x] [time]");
        return ExitCode::from(2);
    };
    let job = || -> tegula_core::Result<()> {
        let start = Instant::now();
        let mut adata = read(input)?;
        let reading = start.elapsed();
        if has("fresh") {
            adata.set_origin(None);
        }
        if has("x") {
            let x = adata.take_matrix(None)?;
            adata.set_x(x)?;
        }
        let start = Instant::now();
        write_h5ad(&adata, output, &WriteOptions::default())?;
        if has("time") {
            println!("read {:.3} s, write {:.3} s", reading.as_secs_f64(), start.elapsed().as_secs_f64());
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
