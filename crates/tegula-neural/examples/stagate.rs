//! Times the training on a simulated tissue, or on arrays that others read too.
//!
//! ```text
//! cargo run --release -p tegula-neural --example stagate -- simulate N_OBS N_VARS DENSITY RADIUS EPOCHS
//! cargo run --release -p tegula-neural --example stagate -- FOLDER EPOCHS MODE SEED...
//! ```
//!
//! The folder holds `indptr`, `indices`, `data`, `shape`, `coords`, `radius` and `labels` as `.npy`, as
//! `benches/peers/stagate.py` makes them. Prints the seconds per epoch, the loss, the peak of memory and, where there are
//! labels, the agreement of mclust's domains (EEE, the true number) with them.
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::path::Path;
use std::time::Instant;

#[path = "measure/measure.rs"]
mod measure;

use measure::{Stamps, peak, read};
use tegula_algo::cluster::mclust::{MclustParams, Points, mclust};
use tegula_algo::graph::spatial_radius;
use tegula_algo::metrics::ari;
use tegula_algo::pp::{log1p, normalize_total};
use tegula_algo::simulate::{SimulateParams, simulate};
use tegula_core::{Coords, Ctx, Labels, Matrix, Result};
use tegula_neural::stagate::{Fit, Mode, StagateParams, fit};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |k: usize| args.get(k).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0);
    if args.first().is_some_and(|a| a == "simulate") {
        let params = SimulateParams {
            n_obs: number(1) as usize,
            n_vars: number(2) as usize,
            density: number(3),
            ..SimulateParams::default()
        };
        let mut adata = simulate(&params, &Ctx::new(0))?;
        let mut x = adata.take_matrix(None)?;
        normalize_total(&mut x, Some(1e4));
        log1p(&mut x, None);
        let coords = adata.coords("spatial")?;
        drop(adata);
        let params = StagateParams { n_epochs: number(5) as usize, ..StagateParams::default() };
        return run(&x, &coords, number(4), None, &params, 0);
    }
    let folder = Path::new(&args[0]);
    let (x, coords, labels, radius) = read(folder)?;
    let mode = if args[2] == "pyg" { Mode::Pyg } else { Mode::Tied };
    let params = StagateParams { n_epochs: number(1) as usize, mode, ..StagateParams::default() };
    for seed in &args[3..] {
        run(&x, &coords, radius, Some(&labels), &params, seed.parse().unwrap_or(0))?;
    }
    Ok(())
}

fn run(
    x: &Matrix,
    coords: &Coords,
    radius: f64,
    labels: Option<&Labels>,
    params: &StagateParams,
    seed: u64,
) -> Result<()> {
    let graph = spatial_radius(coords, radius)?;
    let stamps = Stamps::default();
    let ctx = Ctx::new(seed).with_progress(&stamps);
    let data = Fit { x, graph: &graph, coords: Some(coords), tiles: &[] };
    let start = Instant::now();
    let trained = fit(&data, None, params, &ctx)?;
    let all = start.elapsed().as_secs_f64();
    let (wall, cpu) = stamps.medians();
    let losses = &trained.curve.losses;
    print!(
        "{} x {}, {} edges, seed {seed}: {wall:.4} s per epoch (CPU {cpu:.4} s), {all:.1} s in all, \
         loss {:.4} -> {:.4}, peak {:.0} MiB",
        x.n_rows(),
        x.n_cols(),
        graph.nnz() + x.n_rows(),
        losses.first().unwrap_or(&0.0),
        losses.last().unwrap_or(&0.0),
        peak()
    );
    if let Some(labels) = labels {
        let (n, d) = (x.n_rows(), trained.net.weights.widths.latent);
        let mut z = vec![0f64; n * d];
        for (k, &i) in trained.order.iter().enumerate() {
            for (to, v) in z[i as usize * d..][..d].iter_mut().zip(trained.embedding.row(k)) {
                *to = f64::from(*v);
            }
        }
        let params = MclustParams { n_components: vec![labels.categories().len()], ..MclustParams::default() };
        let found = mclust(&Points::new(d, z)?, None, &params, &Ctx::new(0))?;
        print!(", ARI {:.4}", ari(labels, &Labels::from_clusters(&found.membership))?);
    }
    println!();
    Ok(())
}
