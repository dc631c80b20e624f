//! Flavour `seurat`: log dispersion, standardised among genes of similar mean.

use tegula_core::Matrix;

use crate::pp::fast_math::exp_m1;
use crate::pp::moments;

/// Beyond this an exponential is infinite; values so large are no logarithms, but must not wrap around.
const LIMIT: f64 = 690.0;

/// ln(1 + mean), ln(variance / mean) and the latter standardised inside its bin of the former, per gene.
pub(super) fn dispersions(m: &Matrix, n_bins: usize, base: Option<f64>) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let scale = base.map_or(1.0, f64::ln);
    let (mean, variance) = moments(m, |x| exp_m1((x * scale).clamp(-LIMIT, LIMIT)));
    let (means, dispersions): (Vec<f64>, Vec<f64>) = mean
        .into_iter()
        .zip(variance)
        .map(|(mean, variance)| {
            let mean = if mean == 0.0 { 1e-12 } else { mean };
            let d = variance / mean;
            (mean.ln_1p(), if d == 0.0 { f64::NAN } else { d.ln() })
        })
        .unzip();
    let norm = standardise(&bins(&means, n_bins), n_bins, &dispersions);
    (means, dispersions, norm)
}

/// Bin of each value among `n` of equal width, closed on the right, as pandas' `cut` makes them.
fn bins(x: &[f64], n: usize) -> Vec<usize> {
    let (mut lo, mut hi) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    if lo == hi {
        let margin = if lo == 0.0 { 0.001 } else { 0.001 * lo.abs() };
        (lo, hi) = (lo - margin, hi + margin);
    }
    let step = (hi - lo) / n as f64;
    // The last edge is `hi` itself, as numpy's linspace has it, or rounding would leave the largest value outside.
    let edges: Vec<f64> = (1..=n).map(|k| if k == n { hi } else { k as f64 * step + lo }).collect();
    x.iter().map(|&v| edges.partition_point(|&e| e < v).min(n - 1)).collect()
}

/// Each value centred and divided by the standard deviation (ddof 1) of its bin; 1 where it is alone there.
fn standardise(bin: &[usize], n_bins: usize, x: &[f64]) -> Vec<f64> {
    let mut sums = vec![(0usize, 0f64); n_bins];
    let present = || bin.iter().zip(x).filter(|(_, v)| !v.is_nan());
    for (&b, v) in present() {
        sums[b].0 += 1;
        sums[b].1 += v;
    }
    let average: Vec<f64> = sums.iter().map(|&(n, s)| s / n as f64).collect();
    let mut squares = vec![0f64; n_bins];
    for (&b, v) in present() {
        squares[b] += (v - average[b]).powi(2);
    }
    let one = |(&b, &v): (&usize, &f64)| match sums[b].0 {
        1 => v / average[b],
        n => (v - average[b]) / (squares[b] / (n as f64 - 1.0)).sqrt(),
    };
    bin.iter().zip(x).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_closed_on_the_right() {
        assert_eq!(bins(&[0.0, 1.0, 1.5, 2.0], 2), [0, 0, 1, 1]);
        assert_eq!(bins(&[3.0, 3.0], 4), [1, 1], "equal values share the bin that holds the middle");
    }

    #[test]
    fn a_gene_alone_in_its_bin_gets_one() {
        let norm = standardise(&[0, 1, 1, 1], 2, &[-4.0, 1.0, 3.0, f64::NAN]);
        assert_eq!(norm[0], 1.0);
        assert!((norm[2] - 0.5f64.sqrt()).abs() < 1e-12 && norm[3].is_nan());
    }
}
