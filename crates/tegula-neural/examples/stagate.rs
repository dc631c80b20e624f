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

use tegula_algo::cluster::mclust::{MclustParams, Points, mclust};
use tegula_algo::graph::spatial_radius;
use tegula_algo::metrics::ari;
use tegula_algo::pp::{log1p, normalize_total};
use tegula_algo::simulate::{SimulateParams, simulate};
use tegula_core::{Coords, Csr, Ctx, Error, Labels, Matrix, Progress, Result};
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
    let stamps = stamps.0.into_inner().unwrap_or_default();
    let mut epochs: Vec<(f64, f64)> = stamps.windows(2).map(|w| (w[1].0 - w[0].0, w[1].1 - w[0].1)).collect();
    epochs.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (wall, cpu) = epochs.get(epochs.len() / 2).copied().unwrap_or((all, 0.0));
    let losses = &trained.curve.losses;
    print!(
        "{} x {}, {} edges, seed {seed}: {wall:.4} s per epoch (least CPU {:.4} s, median {cpu:.4} s), {all:.1} s in all, \
         loss {:.4} -> {:.4}, peak {:.0} MiB",
        x.n_rows(),
        x.n_cols(),
        graph.nnz() + x.n_rows(),
        epochs.first().map_or(0.0, |e| e.1),
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

/// When each epoch ended: seconds on the clock, seconds of the processor.
#[derive(Default)]
struct Stamps(std::sync::Mutex<Vec<(f64, f64)>>);

impl Progress for Stamps {
    fn metric(&self, _: &str, _: &str, _: f64) {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        let now = START.get_or_init(Instant::now).elapsed().as_secs_f64();
        if let Ok(mut all) = self.0.lock() {
            all.push((now, processor()));
        }
    }
}

/// Seconds of the processor that this process used (Linux), to a hundredth.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    after.split_whitespace().skip(11).take(2).filter_map(|v| v.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The peak of memory in MiB (Linux).
fn peak() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn read(folder: &Path) -> Result<(Matrix, Coords, Labels, f64)> {
    let whole = |name: &str| npy(&folder.join(name), i64::from_le_bytes);
    let small = |name: &str| npy(&folder.join(name), i32::from_le_bytes);
    let shape = whole("shape.npy")?;
    let indptr: Vec<usize> = whole("indptr.npy")?.into_iter().map(|v| v as usize).collect();
    let indices: Vec<u32> = small("indices.npy")?.into_iter().map(|v| v as u32).collect();
    let values = npy(&folder.join("data.npy"), f32::from_le_bytes)?;
    let x = Csr::new(shape[0] as usize, shape[1] as usize, indptr, indices, values)?;
    let coords = Coords::new(2, npy(&folder.join("coords.npy"), f64::from_le_bytes)?)?;
    let codes = small("labels.npy")?;
    let names = (0..=codes.iter().copied().max().unwrap_or(0)).map(|c| c.to_string()).collect();
    let radius = npy(&folder.join("radius.npy"), f64::from_le_bytes)?[0];
    Ok((x.into(), coords, Labels::new(codes, names, false)?, radius))
}

/// The values of an array file, whose type the caller knows.
fn npy<const N: usize, T>(path: &Path, of: fn([u8; N]) -> T) -> Result<Vec<T>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    Ok(bytes[10 + header..].as_chunks::<N>().0.iter().map(|b| of(*b)).collect())
}
