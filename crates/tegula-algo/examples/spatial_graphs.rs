//! Times graphs over positions: `cargo run --release --example spatial_graphs -- [n]`; a million random points unless
//! told otherwise.
#![allow(clippy::print_stdout, reason = "a table for people")]

use std::time::Instant;

use rand::RngExt;
use tegula_algo::graph::{delaunay, lattice, spatial_knn, spatial_radius, voronoi};
use tegula_core::{Coords, Ctx, Result};

fn main() -> Result<()> {
    let n: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1_000_000);
    for dim in [2, 3] {
        let mut rng = Ctx::new(1).rng("example.points", dim as u64);
        let coords = Coords::new(dim, (0..n * dim).map(|_| rng.random::<f64>()).collect())?;
        time(&format!("{dim}-D, 7 nearest"), || spatial_knn(&coords, 7).map(|g| g.n_obs() * 7))?;
        // About 7 others.
        let radius = if dim == 2 { (2.2 / n as f64).sqrt() } else { (1.7 / n as f64).cbrt() };
        time(&format!("{dim}-D, radius"), || spatial_radius(&coords, radius).map(|g| g.nnz()))?;
        if dim == 2 {
            time("Delaunay", || delaunay(&coords).map(|g| g.nnz()))?;
            time("Voronoi in the hull", || voronoi(&coords).map(|g| g.nnz()))?;
            time("lattice", || Ok(usize::from(lattice(&coords).is_some())))?;
            let side = (n as f64).sqrt() as usize;
            let bins = Coords::new(2, (0..n).flat_map(|i| [(i % side) as f64, (i / side) as f64]).collect())?;
            time("Delaunay of a square lattice", || delaunay(&bins).map(|g| g.nnz()))?;
        }
    }
    Ok(())
}

/// Prints the fastest of three runs.
fn time(what: &str, f: impl Fn() -> Result<usize>) -> Result<()> {
    let mut best = f64::INFINITY;
    let mut edges = 0;
    for _ in 0..3 {
        let start = Instant::now();
        edges = f()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{what:<28} {:>8.0} ms {edges:>10} edges", 1e3 * best);
    Ok(())
}
