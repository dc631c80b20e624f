//! Times what finds groups and ways in an embedding: `groups DATA.f32 COLUMNS kmeans K SEEDS [BATCH]`,
//! `groups DATA.f32 COLUMNS mclust K SEEDS [MODEL] [ROUNDS]`, or `groups DATA.f32 COLUMNS diffmap COMPONENTS SEEDS`.
//!
//! The file holds little-endian `f32` by rows.

#![allow(clippy::print_stdout, reason = "what it finds is what it is for")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::time::Instant;

use tegula_algo::cluster::mclust::{Points, mclust};
use tegula_algo::cluster::{KmeansParams, MclustParams, kmeans};
use tegula_algo::graph::{fuzzy_union, knn_approximate};
use tegula_algo::reduce::diffmap;
use tegula_core::{Ctx, Dense};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| args.get(i).map(|a| a.parse::<usize>().unwrap());
    let bytes = std::fs::read(&args[0]).unwrap();
    let columns = number(1).unwrap();
    let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let data = Dense::new(values.len() / columns, columns, values).unwrap();
    for seed in 0..number(4).unwrap() {
        let start = Instant::now();
        if args[2] == "diffmap" {
            let nearest = knn_approximate(&data, 15, 0.98, &Ctx::default()).unwrap();
            let graph = fuzzy_union(&nearest.knn).unwrap();
            let (before, start) = (start.elapsed().as_secs_f64(), Instant::now());
            let found = diffmap(&graph, number(3).unwrap(), &Ctx::new(seed as u64)).unwrap();
            let (seconds, blocks) = (start.elapsed().as_secs_f64(), found.n_iter);
            println!("{seed} graph {before:.3} s, map {seconds:.3} s {blocks} blocks, {:?}", found.eigenvalues);
            continue;
        }
        if args[2] == "mclust" {
            let points = Points::new(columns, data.data().iter().map(|&x| f64::from(x)).collect()).unwrap();
            let params = MclustParams {
                n_components: vec![number(3).unwrap()],
                model_names: args.get(5).cloned().map_or_else(|| vec!["EEE".into()], |m| vec![m]),
                max_iter: number(6).unwrap_or(1000),
                ..MclustParams::default()
            };
            let found = mclust(&points, None, &params, &Ctx::new(seed as u64)).unwrap();
            let rounds = found.fit.log_likelihoods.len();
            println!("{seed} {:.3} s {rounds} rounds, {:.3}", start.elapsed().as_secs_f64(), found.fit.log_likelihood);
            continue;
        }
        let params = KmeansParams {
            n_clusters: number(3).unwrap(),
            n_init: 1,
            batch_size: args.get(5).map(|a| a.parse().unwrap()),
            ..KmeansParams::default()
        };
        let found = kmeans(&data, &params, &Ctx::new(seed as u64)).unwrap();
        println!(
            "{seed} {:.3} s {} rounds, inertia {:.6e}",
            start.elapsed().as_secs_f64(),
            found.n_iter,
            found.inertia
        );
    }
}
