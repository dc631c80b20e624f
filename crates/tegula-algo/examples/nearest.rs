//! Times the search for nearest neighbours: `nearest DATA.f32 COLUMNS K [exact|approximate]`.
//!
//! The file holds little-endian `f32` by rows; `blobs` of `benches/comparisons.py` makes such rows (`tofile` writes
//! them).

#![allow(clippy::print_stdout, reason = "what it finds is what it is for")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::time::Instant;

use tegula_algo::graph::{knn, knn_approximate};
use tegula_core::{Ctx, Dense};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (columns, k): (usize, usize) = (args[1].parse().unwrap(), args[2].parse().unwrap());
    let bytes = std::fs::read(&args[0]).unwrap();
    let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let data = Dense::new(values.len() / columns, columns, values).unwrap();
    let start = Instant::now();
    let recall = if args.get(3).is_some_and(|how| how == "exact") {
        knn(&data, k, &Ctx::default()).unwrap();
        1.0
    } else {
        knn_approximate(&data, k, 0.98, &Ctx::default()).unwrap().recall
    };
    println!("{} {k} {:.3} {recall:.4}", data.n_rows(), start.elapsed().as_secs_f64());
}
