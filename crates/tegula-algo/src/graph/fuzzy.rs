//! UMAP's weights of a neighbour graph.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::f64::consts::{LN_2, LOG2_E};

use tegula_core::{Csr, Graph, Result, par};

use super::Knn;
use crate::linalg::panel::vectorised;

/// Weights reckoned together.
const LANES: usize = 8;
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
    fuzzy_union_of(&fuzzy(knn))
}

/// The fuzzy union of the weights that observations give to their neighbours.
pub(super) fn fuzzy_union_of(directed: &Csr) -> Result<Graph> {
    either_way(directed, |p, q| p + q - p * q)
}

/// The undirected graph with weight 1 wherever there is an edge one way or the other.
pub(super) fn union_of(directed: &Csr) -> Result<Graph> {
    either_way(directed, |_, _| 1.0)
}

/// The weights that each observation gives to its neighbours.
pub(super) fn fuzzy(knn: &Knn) -> Csr {
    let (n, k) = (knn.n_obs(), knn.k());
    let total = par::sum(n, |range| range.map(|i| knn.distances(i).iter().sum::<f64>()).sum());
    // The reference counts the observation itself, at distance 0.
    let mean = total / (n * (k + 1)) as f64;
    knn.csr(|distances, weights| {
        let mut beyond = vec![[0.0; LANES]; k.div_ceil(LANES)];
        vectorised(
            #[inline(always)]
            || weigh(distances, mean, &mut beyond),
        );
        weights.iter_mut().zip(beyond.as_flattened()).for_each(|(to, &w)| *to = w as f32);
    })
}

/// The undirected graph of a directed one, the weights of both directions of an edge, 0 where there is none, combined by
/// `f`.
fn either_way(directed: &Csr, f: impl Fn(f32, f32) -> f32 + Sync) -> Result<Graph> {
    Graph::from_csr(&merge(directed, &directed.transpose(), f))
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
pub(crate) fn merge(a: &Csr, b: &Csr, f: impl Fn(f32, f32) -> f32 + Sync) -> Csr {
    Csr::build(
        a.n_rows(),
        a.n_cols(),
        |i| both(a.row(i), b.row(i)).count(),
        |i, columns, values| {
            for ((j, x, y), to) in both(a.row(i), b.row(i)).zip(columns.iter_mut().zip(values)) {
                (*to.0, *to.1) = (j, f(x, y));
            }
        },
    )
}

type Entries<'a> = (&'a [u32], &'a [f32]);

/// The columns of two rows with the values of both.
fn both<'a>((ca, va): Entries<'a>, (cb, vb): Entries<'a>) -> impl Iterator<Item = (u32, f32, f32)> {
    let (mut s, mut t) = (0, 0);
    std::iter::from_fn(move || {
        let (x, y) = (ca.get(s).copied(), cb.get(t).copied());
        let next = x.into_iter().chain(y).min()?;
        let take = |there: bool, at: &mut usize, values: &[f32]| {
            *at += usize::from(there);
            if there { values[*at - 1] } else { 0.0 }
        };
        let x = take(x == Some(next), &mut s, va);
        Some((next, x, take(y == Some(next), &mut t, vb)))
    })
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
