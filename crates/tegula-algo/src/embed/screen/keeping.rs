//! How well distances are kept, over all pairs.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use rayon::prelude::*;

use crate::embed::affinity::Points;
use crate::embed::pairs::{Pairs, STRIP, columns, rows, width};
use crate::linalg::panel::{Row, W, vectorised};

/// The distances in expression and in the tissue, made ready for correlations with those of many embeddings.
pub(super) struct Keeping {
    /// Distances less their mean, and the root of the sum of their squares over ordered pairs.
    sides: [(Pairs<f32>, f64); 2],
}

impl Keeping {
    pub(super) fn of(expression: &Points, tissue: &Points) -> Self {
        Self { sides: [expression, tissue].map(centred) }
    }

    /// Pearson's correlations of the distances in a plane with those in expression and in the tissue.
    pub(super) fn correlations(&self, y: &[f64]) -> [f64; 2] {
        let n = y.len() / 2;
        let columns = columns::<f32>(y, 2, 0.0);
        let parts: Vec<[f64; 4]> = (0..self.sides[0].0.n_strips())
            .into_par_iter()
            .map(|s| {
                let sides = [0, 1].map(|k| self.sides[k].0.strip(s));
                vectorised(
                    #[inline(always)]
                    || strip_sums(n, s, &columns, sides),
                )
            })
            .collect();
        let total = |k: usize| 2.0 * parts.iter().map(|p| p[k]).sum::<f64>();
        let pairs = n as f64 * (n as f64 - 1.0);
        let norm = (total(3) - total(2) * total(2) / pairs).max(0.0).sqrt();
        // What is the same everywhere correlates with nothing.
        [0, 1].map(|k| if norm > 0.0 { total(k) / (norm * self.sides[k].1) } else { 0.0 })
    }
}

fn centred(points: &Points) -> (Pairs<f32>, f64) {
    let n = points.n_obs();
    let distances = Pairs::<f32>::build(n, |r, first, out| points.distances2(r, first, out), |_, _, d| d.sqrt());
    let pairs = n as f64 * (n as f64 - 1.0);
    let mean = 2.0 * distances.sum(|d| d) / pairs;
    let centred = distances.map(|d| d - mean);
    let norm = (2.0 * centred.sum(|d| d * d)).sqrt();
    (centred, norm)
}

/// Σ of a·d, b·d, d and d² over the pairs of one strip, with d the distances of `columns`; pairs that stand twice count
/// half.
#[inline(always)]
fn strip_sums(n: usize, s: usize, columns: &[Vec<Row<f32>>], [a, b]: [&[Row<f32>]; 2]) -> [f64; 4] {
    let (wide, head) = (width(n, s), s * (STRIP / W));
    let mut sums = [0.0; 4];
    for (r, i) in rows(n, s).enumerate() {
        let at = [0, 1].map(|d| columns[d][i / W].0[i % W]);
        let mut lanes = [[0f32; W]; 4];
        for c in 0..wide {
            let half = if c < STRIP / W { 0.5 } else { 1.0 };
            let (x, y) = (&columns[0][head + c].0, &columns[1][head + c].0);
            let (a, b) = (&a[r * wide + c].0, &b[r * wide + c].0);
            let there = n - (head + c) * W;
            for l in 0..W {
                let counts = if l < there { half } else { 0.0 };
                let d2 = (x[l] - at[0]) * (x[l] - at[0]) + (y[l] - at[1]) * (y[l] - at[1]);
                let d = counts * d2.sqrt();
                lanes[0][l] += a[l] * d;
                lanes[1][l] += b[l] * d;
                lanes[2][l] += d;
                lanes[3][l] += counts * d2;
            }
        }
        for (sum, lanes) in sums.iter_mut().zip(lanes) {
            *sum += lanes.iter().map(|&x| f64::from(x)).sum::<f64>();
        }
    }
    sums
}
