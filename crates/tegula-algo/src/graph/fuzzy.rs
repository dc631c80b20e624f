//! UMAP's weights of a neighbour graph.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::f64::consts::{LN_2, LOG2_E};

use rayon::prelude::*;
use tegula_core::{Csr, Graph, Result, par};

use super::Knn;
use crate::linalg::panel::vectorised;

/// Weights reckoned together.
const LANES: usize = 8;
/// Observations per task.
const ROWS: usize = 256;
/// Steps of the search for the bandwidth.
const STEPS: usize = 64;
/// How near the search has to come to its target; the reference stops at 1e-5.
const TOLERANCE: f64 = 1e-6;
/// The bandwidth is at least this share of the mean distance.
const MIN_SCALE: f64 = 1e-3;

/// UMAP's fuzzy union of a neighbour graph, the weights that scanpy's `neighbors` makes.
///
/// Each observation is at distance 0 from its nearest other, farther ones fall off as exp(−(d − ρ)/σ) with σ such
/// that its weights sum to log₂(k + 1); two directions p and q of an edge become p + q − p q. McInnes, Healy &
/// Melville 2018, <https://doi.org/10.48550/arXiv.1802.03426>.
///
/// # Errors
/// None for a graph made by this library.
///
/// ```
/// use tegula_algo::graph::{fuzzy_union, knn};
/// use tegula_core::{Ctx, Dense};
/// let nearest = knn(&Dense::new(4, 1, vec![0.0, 1.0, 3.0, 7.0])?, 2, &Ctx::default())?;
/// let graph = fuzzy_union(&nearest)?;
/// assert!(graph.is_symmetric());
/// assert_eq!(graph.csr().get(0, 1), 1.0);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn fuzzy_union(knn: &Knn) -> Result<Graph> {
    let (n, k) = (knn.n_obs(), knn.k());
    let total = par::sum(n, |range| range.map(|i| knn.distances(i).iter().sum::<f64>()).sum());
    // The reference counts the observation itself, at distance 0.
    let mean = total / (n * (k + 1)) as f64;
    let mut rows: Vec<(u32, f32)> = vec![(0, 0.0); n * k];
    rows.par_chunks_mut(k * ROWS).enumerate().for_each(|(b, rows)| {
        let mut beyond = vec![[0.0; LANES]; k.div_ceil(LANES)];
        for (r, row) in rows.chunks_mut(k).enumerate() {
            let i = b * ROWS + r;
            let d = knn.distances(i);
            vectorised(
                #[inline(always)]
                || weigh(d, mean, &mut beyond),
            );
            for (e, (&j, &w)) in row.iter_mut().zip(knn.neighbors(i).iter().zip(beyond.as_flattened())) {
                *e = (j, w as f32);
            }
            row.sort_unstable_by_key(|e| e.0);
        }
    });
    let indptr: Vec<usize> = (0..=n).map(|i| i * k).collect();
    let (indices, values): (Vec<u32>, Vec<f32>) = rows.into_iter().unzip();
    let p = Csr::new(n, n, indptr, indices, values)?;
    Graph::from_csr(&merge(&p, &p.transpose(), |p, q| p + q - p * q)?)
}

/// The weights of one observation's neighbours, into `beyond`, which is a whole number of lanes.
#[inline(always)]
fn weigh(distances: &[f64], mean_of_all: f64, beyond: &mut [[f64; LANES]]) {
    let k = distances.len();
    // Distance to the nearest other that is not a duplicate.
    let rho = distances.iter().copied().find(|&d| d > 0.0).unwrap_or(0.0);
    let target = ((k + 1) as f64).log2();
    // Filled up with zeros, which weigh exactly 1 and are taken off again.
    let spare = (beyond.len() * LANES - k) as f64;
    beyond.as_flattened_mut().fill(0.0);
    for (b, &d) in beyond.as_flattened_mut().iter_mut().zip(distances) {
        *b = (d - rho).max(0.0);
    }
    // The sum of the weights is convex and falling in 1/σ: from 0 on, Newton's steps approach the root from below.
    let mut rate = 0.0;
    for _ in 0..STEPS {
        let (mut sums, mut slopes) = ([0.0; LANES], [0.0; LANES]);
        for b in beyond.iter() {
            for l in 0..LANES {
                let weight = exp(-b[l] * rate);
                sums[l] += weight;
                slopes[l] += b[l] * weight;
            }
        }
        let (sum, slope) = (total(&sums) - spare, total(&slopes));
        if sum - target < TOLERANCE || slope == 0.0 {
            break;
        }
        rate += (sum - target) / slope;
    }
    let mean = if rho > 0.0 { distances.iter().sum::<f64>() / (k + 1) as f64 } else { mean_of_all };
    let sigma = (1.0 / rate).max(MIN_SCALE * mean);
    // Everything at one place: all weights are 1.
    let rate = if sigma == 0.0 { 0.0 } else { 1.0 / sigma };
    for b in beyond.iter_mut() {
        *b = b.map(|b| exp(-b * rate));
    }
}

#[inline(always)]
fn total(s: &[f64; LANES]) -> f64 {
    ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]))
}

/// e^x for x ≤ 0, within 1e-10 relative down to e^−700, which is 0 as `f32`, and not below that. A series that the
/// compiler turns into vector instructions; the standard library's is scalar.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    /// Adding this moves the whole part of a number into the low bits of its mantissa.
    const SHIFTER: f64 = 6_755_399_441_055_744.0;
    let x = x.max(-700.0);
    let shifted = x * LOG2_E + SHIFTER;
    let r = x - (shifted - SHIFTER) * LN_2;
    let power = f64::from_bits((shifted.to_bits().wrapping_add(1023)) << 52);
    let tail = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0 + r * (1.0 / 40_320.0 + r * (1.0 / 362_880.0))));
    power * (1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * tail)))))
}

/// The entries of both matrices, 0 where one has none, combined by `f`.
pub(crate) fn merge(a: &Csr, b: &Csr, f: impl Fn(f32, f32) -> f32 + Sync) -> Result<Csr> {
    let n = a.n_rows();
    let parts = par::map(n, par::BLOCK, |range| {
        let (mut lengths, mut columns, mut values) = (Vec::with_capacity(range.len()), Vec::new(), Vec::new());
        for i in range {
            let ((ca, va), (cb, vb)) = (a.row(i), b.row(i));
            let (mut s, mut t) = (0, 0);
            let before = columns.len();
            while s < ca.len() || t < cb.len() {
                let next = ca.get(s).copied().unwrap_or(u32::MAX).min(cb.get(t).copied().unwrap_or(u32::MAX));
                let take = |c: &[u32], v: &[f32], at: &mut usize| {
                    if c.get(*at) == Some(&next) {
                        *at += 1;
                        v[*at - 1]
                    } else {
                        0.0
                    }
                };
                let x = take(ca, va, &mut s);
                let y = take(cb, vb, &mut t);
                columns.push(next);
                values.push(f(x, y));
            }
            lengths.push(columns.len() - before);
        }
        (lengths, columns, values)
    });
    let mut indptr = Vec::with_capacity(n + 1);
    indptr.push(0);
    let mut end = 0;
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    for (lengths, c, v) in parts {
        for l in lengths {
            end += l;
            indptr.push(end);
        }
        indices.extend(c);
        values.extend(v);
    }
    Csr::new(n, a.n_cols(), indptr, indices, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_agrees_with_the_standard_library() {
        assert_eq!(exp(0.0), 1.0);
        for step in 0..100_000 {
            let x = -f64::from(step) * 7e-3;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-10, "{x}");
        }
        assert!(exp(f64::NEG_INFINITY) as f32 == 0.0);
    }
}
