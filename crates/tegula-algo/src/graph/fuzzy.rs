//! UMAP's weights of a neighbour graph.

use rayon::prelude::*;
use tegula_core::{Csr, Graph, Result, par};

use super::Knn;

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
    rows.par_chunks_mut(k).enumerate().for_each(|(i, row)| {
        let d = knn.distances(i);
        let (rho, sigma) = bandwidth(d, mean);
        for (e, (&j, &d)) in row.iter_mut().zip(knn.neighbors(i).iter().zip(d)) {
            let beyond = d - rho;
            *e = (j, if beyond <= 0.0 || sigma == 0.0 { 1.0 } else { (-beyond / sigma).exp() as f32 });
        }
        row.sort_unstable_by_key(|e| e.0);
    });
    let indptr: Vec<usize> = (0..=n).map(|i| i * k).collect();
    let (indices, values): (Vec<u32>, Vec<f32>) = rows.into_iter().unzip();
    let p = Csr::new(n, n, indptr, indices, values)?;
    Graph::from_csr(&merge(&p, &p.transpose(), |p, q| p + q - p * q)?)
}

/// Distance to the nearest other that is not a duplicate, and the bandwidth.
fn bandwidth(distances: &[f64], mean_of_all: f64) -> (f64, f64) {
    let rho = distances.iter().copied().find(|&d| d > 0.0).unwrap_or(0.0);
    let target = ((distances.len() + 1) as f64).log2();
    // The sum of the weights is convex and falling in 1/σ: from 0 on, Newton's steps approach the root from below.
    let mut rate = 0.0;
    for _ in 0..STEPS {
        let (mut sum, mut slope) = (0.0, 0.0);
        for beyond in distances.iter().map(|&d| (d - rho).max(0.0)) {
            let weight = (-beyond * rate).exp();
            sum += weight;
            slope += beyond * weight;
        }
        if sum - target < TOLERANCE || slope == 0.0 {
            break;
        }
        rate += (sum - target) / slope;
    }
    let sigma = 1.0 / rate;
    let mean = if rho > 0.0 { distances.iter().sum::<f64>() / (distances.len() + 1) as f64 } else { mean_of_all };
    (rho, sigma.max(MIN_SCALE * mean))
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
