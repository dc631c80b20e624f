//! The nearest two centres of many rows.

use tegula_core::Dense;

use crate::index::panels::{Panels, Queries, scan};
use crate::linalg::column_means;

/// The nearest centre of a row, and how far the nearest two are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearest {
    /// The nearest centre, of equally near ones the first.
    pub(super) index: u32,
    /// Its squared distance less the squared length of the row.
    pub(super) first: f32,
    /// The same of the second nearest; infinite where there is one centre.
    pub(super) second: f32,
}

/// Centres, ready to be compared with rows.
pub(super) fn panels(centres: &[f32], d: usize) -> Panels {
    Panels::new(centres.len() / d, d, |c, row| row.copy_from_slice(&centres[c * d..(c + 1) * d]))
}

/// The nearest two of the centres for each of the `n` queries.
pub(super) fn nearest(centres: &Panels, queries: &Queries, n: usize, found: &mut Vec<Nearest>) {
    found.clear();
    found.resize(n, Nearest { index: 0, first: f32::INFINITY, second: f32::INFINITY });
    let mut limits = vec![f32::INFINITY; n];
    scan(centres, 0..centres.n_groups(), queries, &mut limits, |q, from, scores, _| {
        let near = &mut found[q];
        for (&score, index) in scores.iter().zip(from as u32..) {
            if score < near.first {
                *near = Nearest { index, first: score, second: near.first };
            } else if score < near.second {
                near.second = score;
            }
        }
        near.second
    });
}

/// Squared distance of two rows, summed in 16 lanes.
#[inline(always)]
#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]
pub(super) fn distance2(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut acc = [0f32; LANES];
    let (ca, cb) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut tail = 0f32;
    for (x, y) in ca.remainder().iter().zip(cb.remainder()) {
        tail += (x - y) * (x - y);
    }
    for (x, y) in ca.zip(cb) {
        for l in 0..LANES {
            acc[l] += (x[l] - y[l]) * (x[l] - y[l]);
        }
    }
    // Halves added to halves stay in registers.
    for half in [8, 4, 2, 1] {
        for l in 0..half {
            acc[l] += acc[l + half];
        }
    }
    acc[0] + tail
}

/// The rows less their mean, and the mean: distances lose no digits where the data lies far from 0.
pub(super) fn centred(data: &Dense) -> (Dense, Vec<f64>) {
    let mean = column_means(data);
    let mut rows = data.clone();
    for row in rows.data_mut().chunks_exact_mut(mean.len()) {
        row.iter_mut().zip(&mean).for_each(|(x, m)| *x = (f64::from(*x) - m) as f32);
    }
    (rows, mean)
}
