//! Times Louvain and Leiden on a graph: `cargo run --release --example communities -- edges.csv [resolution] [seeds]`.
//!
//! The file has a line `i,j` or `i,j,weight` for every edge; an edge that is there twice counts twice. Prints, for each
//! method, the median time of a run, mean and best quality over the seeds, and the numbers of clusters.
#![allow(clippy::print_stdout, reason = "a table for people")]

use std::fs;
use std::time::Instant;

use tegula_algo::cluster::{LeidenParams, LouvainParams, Partition, leiden, louvain};
use tegula_core::{Ctx, Error, Graph, Result};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let path = args.first().ok_or_else(|| Error::config("arguments", "name a file of edges"))?;
    let number = |at: usize, default: f64| args.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (resolution, seeds) = (number(1, 1.0), number(2, 10.0) as u64);
    let graph = read(path)?;
    println!("{} nodes, {} edges, resolution {resolution}", graph.n_nodes(), graph.n_edges() / 2);
    for n_iterations in [1, 2, -1] {
        let params = LouvainParams { resolution, n_iterations, ..Default::default() };
        row(&format!("louvain {n_iterations}"), seeds, |ctx| louvain(&graph, &params, ctx))?;
    }
    for n_iterations in [1, 2, 10, -1] {
        let params = LeidenParams { resolution, n_iterations, ..Default::default() };
        row(&format!("leiden {n_iterations}"), seeds, |ctx| leiden(&graph, &params, ctx))?;
    }
    Ok(())
}

fn row(name: &str, seeds: u64, run: impl Fn(&Ctx<'_>) -> Result<Partition>) -> Result<()> {
    let (mut times, mut found) = (Vec::new(), Vec::new());
    for seed in 0..seeds {
        let start = Instant::now();
        found.push(run(&Ctx::new(seed))?);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let mean = found.iter().map(|p| p.quality).sum::<f64>() / seeds as f64;
    let best = found.iter().map(|p| p.quality).fold(f64::NEG_INFINITY, f64::max);
    let (k, rounds): (Vec<usize>, Vec<usize>) = found.iter().map(|p| (p.n_clusters, p.n_iterations)).unzip();
    let (k, rounds) = (&k[..k.len().min(10)], &rounds[..rounds.len().min(10)]);
    println!("{name:>12}  {:9.2} ms  Q {mean:.5} best {best:.5}  k {k:?} rounds {rounds:?}", times[times.len() / 2]);
    Ok(())
}

fn read(path: &str) -> Result<Graph> {
    let text = fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let bad = || Error::format(path, "", "a line is not `i,j` or `i,j,weight`");
    let (mut edges, mut n) = (Vec::new(), 0);
    for line in text.lines() {
        let mut fields = line.split(',');
        let mut node = || fields.next().and_then(|f| f.trim().parse::<u32>().ok()).ok_or_else(bad);
        let (i, j) = (node()?, node()?);
        let w = fields.next().map_or(Some(1.0), |f| f.trim().parse::<f32>().ok()).ok_or_else(bad)?;
        n = n.max(i.max(j) as usize + 1);
        edges.extend([(i, j, w), (j, i, w)]);
    }
    Graph::from_edges(n, &edges)
}
