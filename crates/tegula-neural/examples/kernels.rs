//! Operations per second of the products under the training, one by one, against the machine's peak.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release -p tegula-neural --example kernels -- N_OBS N_VARS DENSITY
//! ```
//!
//! By the processor's time, which other work on the machine disturbs less than the clock.
#![allow(clippy::print_stdout, reason = "what it is for")]

use tegula_algo::simulate::{SimulateParams, simulate};
use tegula_core::{Ctx, Result};
use tegula_neural::input::Input;
use tegula_neural::rows::{Rows, add_gram, add_product, product};

/// Width of the hidden layer.
const HIDDEN: usize = 512;
/// Rows of a block.
const STEP: usize = 256;

fn main() -> Result<()> {
    let args: Vec<f64> = std::env::args().skip(1).filter_map(|v| v.parse().ok()).collect();
    let [n, genes, density] = args[..] else { return Ok(()) };
    let params = SimulateParams { n_obs: n as usize, n_vars: genes as usize, density, ..SimulateParams::default() };
    let mut adata = simulate(&params, &Ctx::new(0))?;
    let x = adata.take_matrix(None)?;
    let order: Vec<u32> = (0..x.n_rows() as u32).collect();
    let mut input = Input::<f32>::new(&x, &order);
    let (mut w, mut u) = (filled(x.n_cols(), HIDDEN), filled(x.n_rows(), HIDDEN));
    let flops = input.flops(HIDDEN);
    let one = x.select_rows(&[0]).values().len();
    println!("{} x {}, {one} non-zeros in the first row", x.n_rows(), x.n_cols());
    time("X W1", flops, || input.times(&w, &mut u, 0, &|| true));
    time("Xt dU", flops, || input.add_transposed_times(&u, 0, &mut w, &|| true));
    let (a, m, second) = (filled(STEP, HIDDEN), filled(HIDDEN, HIDDEN), filled(HIDDEN, 30));
    let second_t = second.transposed();
    let (mut out, mut y, mut gram) = (filled(STEP, HIDDEN), filled(STEP, 30), filled(HIDDEN, HIDDEN));
    let (rows, h, d) = (STEP as f64, HIDDEN as f64, 30.0);
    time("H3 M", 2.0 * rows * h * h, || product(out.view_mut(STEP), a.all(), m.all(), 1.0));
    time("H3t H3, half", 1.25 * rows * h * h, || add_gram(gram.view_mut(HIDDEN), a.all()));
    time("H1 W2", 2.0 * rows * h * d, || product(y.view_mut(STEP), a.all(), second.all(), 1.0));
    time("Y W2t", 2.0 * rows * h * d, || product(out.view_mut(STEP), y.all(), second_t.all(), 1.0));
    let mut small = filled(HIDDEN, 30);
    time("dP3t Y", 2.0 * rows * h * d, || add_product(small.view_mut(HIDDEN), a.all().transpose(), y.all(), 1.0));
    let (big, square) = (filled(2048, HIDDEN), filled(HIDDEN, HIDDEN));
    let mut to = filled(2048, HIDDEN);
    time("2048 x 512 x 512", 2.0 * 2048.0 * h * h, || product(to.view_mut(2048), big.all(), square.all(), 1.0));
    Ok(())
}

fn filled(n: usize, width: usize) -> Rows<f32> {
    let values: Vec<f32> = (0..n * width).map(|k| (k * 7919 % 1013) as f32 * 1e-3 - 0.5).collect();
    Rows::from_rows(width, &values)
}

/// Runs for a second or so.
fn time(name: &str, flops: f64, mut f: impl FnMut()) {
    f();
    let (start, mut times) = (processor(), 0u32);
    while processor() - start < 1.0 {
        f();
        times += 1;
    }
    let each = (processor() - start) / f64::from(times);
    println!("{name:>18}: {:8.3} ms {:7.1} GFLOP/s", each * 1e3, flops / each * 1e-9);
}

/// Seconds of the processor that this process used (Linux), to a hundredth.
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    after.split_whitespace().skip(11).take(2).filter_map(|v| v.parse::<f64>().ok()).sum::<f64>() / 100.0
}
