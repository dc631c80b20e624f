//! Times a simulated tissue: `simulated N_OBS N_VARS DENSITY`.

#![allow(clippy::print_stdout, reason = "what it finds is what it is for")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::time::Instant;

use tegula_algo::simulate::{SimulateParams, simulate};
use tegula_core::Ctx;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (n_obs, n_vars) = (args[0].parse().unwrap(), args[1].parse().unwrap());
    let params = SimulateParams { n_obs, n_vars, density: args[2].parse().unwrap(), ..Default::default() };
    let start = Instant::now();
    let adata = simulate(&params, &Ctx::default()).unwrap();
    let nnz = adata.x().unwrap().values().len();
    println!("{n_obs} {n_vars} {nnz} {:.3} s", start.elapsed().as_secs_f64());
}
