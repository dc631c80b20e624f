//! One pass over the observations: probabilities, likelihood, and the sums that the next estimate needs.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use tegula_core::par;

use super::estimate::{Density, Estimate};
use super::matrix::length2;
use super::points::Points;
use crate::graph::exp;
use crate::linalg::panel::{rows_per_block, vectorised};

/// Observations that are looked at together.
const CHUNK: usize = 256;

/// A probability below which an observation has no part in a component: it could not change a sum.
const NOTHING: f64 = 1e-20;

/// Which sums of squares an estimate needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Squares {
    /// None: those of all observations together are known.
    None,
    /// Those of each column.
    Diagonal,
    /// Those of all pairs of columns.
    Full,
}

/// Sums over the observations, weighted by their probabilities.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    /// Of the probabilities, for each component.
    pub(super) counts: Vec<f64>,
    /// Of the observations.
    pub(super) means: Vec<f64>,
    /// Of the squares around the mean.
    pub(super) scatter: Vec<f64>,
    /// The logarithm of the likelihood.
    pub(super) log_likelihood: f64,
}

/// How observations belong to components.
pub(super) enum Belongs<'a> {
    /// Each to one.
    Labels(&'a [u32], usize),
    /// By the densities of an estimate.
    To(&'a Estimate, &'a Density),
}

/// The sums of all observations.
pub(super) fn sums(points: &Points, belongs: &Belongs<'_>, squares: Squares) -> Sums {
    let (n, d) = (points.n, points.d);
    let zero;
    let (g, centres) = match belongs {
        Belongs::Labels(_, g) => {
            zero = vec![0.0; g * d];
            (*g, &zero)
        }
        Belongs::To(estimate, _) => (estimate.weights.len(), &estimate.means),
    };
    let width = match squares {
        Squares::None => 0,
        Squares::Diagonal => d,
        Squares::Full => d * d,
    };
    let total = par::sum_vectors(n, rows_per_block(n), 1 + g * (1 + d + width), |block| {
        let mut sums = vec![0.0; 1 + g * (1 + d + width)];
        let (likelihood, rest) = sums.split_at_mut(1);
        let (counts, rest) = rest.split_at_mut(g);
        let (first, second) = rest.split_at_mut(g * d);
        let mut z = vec![0.0; CHUNK * g];
        let mut picked = Vec::with_capacity(CHUNK * d);
        for from in block.clone().step_by(CHUNK) {
            let rows = from..block.end.min(from + CHUNK);
            let z = &mut z[..rows.len() * g];
            match belongs {
                Belongs::Labels(labels, _) => {
                    z.fill(0.0);
                    labels[rows.clone()].iter().enumerate().for_each(|(i, &c)| z[i * g + c as usize] = 1.0);
                }
                Belongs::To(estimate, density) => {
                    likelihood[0] += probabilities(points, rows.start, estimate, density, z);
                }
            }
            for k in 0..g {
                picked.clear();
                let centre = &centres[k * d..(k + 1) * d];
                let mut count = 0.0;
                let first = &mut first[k * d..(k + 1) * d];
                vectorised(|| {
                    for (x, z) in points.rows[rows.start * d..rows.end * d].chunks_exact(d).zip(z.chunks_exact(g)) {
                        let z = z[k];
                        if z > NOTHING {
                            count += z;
                            let root = z.sqrt();
                            for j in 0..d {
                                let y = x[j] - centre[j];
                                first[j] += z * y;
                                if squares != Squares::None {
                                    picked.push(root * y);
                                }
                            }
                        }
                    }
                });
                counts[k] += count;
                let second = &mut second[k * width..(k + 1) * width];
                match squares {
                    Squares::None => {}
                    Squares::Diagonal => {
                        for x in picked.chunks_exact(d) {
                            second.iter_mut().zip(x).for_each(|(s, x)| *s += x * x);
                        }
                    }
                    Squares::Full => {
                        let x = MatRef::from_column_major_slice(&picked, d, picked.len() / d);
                        let to = MatMut::from_row_major_slice_mut(second, d, d);
                        matmul(to, Accum::Add, x, x.transpose(), 1.0, Par::Seq);
                    }
                }
            }
        }
        sums
    });
    finish(&total, g, d, width, centres)
}

/// Means, and squares around them instead of around the centres.
fn finish(total: &[f64], g: usize, d: usize, width: usize, centres: &[f64]) -> Sums {
    let counts = total[1..=g].to_vec();
    let (mut means, mut scatter) = (centres.to_vec(), total[1 + g * (1 + d)..].to_vec());
    for k in 0..g {
        let off: Vec<f64> = total[1 + g + k * d..][..d].iter().map(|s| s / counts[k]).collect();
        means[k * d..(k + 1) * d].iter_mut().zip(&off).for_each(|(m, o)| *m += o);
        let scatter = &mut scatter[k * width..(k + 1) * width];
        if width == d {
            scatter.iter_mut().zip(&off).for_each(|(s, o)| *s -= counts[k] * o * o);
        } else if width > d {
            super::matrix::add_outer(scatter, -counts[k], &off);
        }
    }
    Sums { counts, means, scatter, log_likelihood: total[0] }
}

/// The probabilities of some observations from `start` on, row after row; returns the logarithm of their likelihood.
pub(super) fn probabilities(
    points: &Points,
    start: usize,
    estimate: &Estimate,
    density: &Density,
    z: &mut [f64],
) -> f64 {
    let (d, g) = (points.d, estimate.weights.len());
    let m = z.len() / g;
    let rows = &points.rows[start * d..(start + m) * d];
    let ones = vec![1.0; d];
    let mut turned = vec![0.0; m * d];
    let mut centred = vec![0.0; m * d];
    if density.is_full() && density.is_shared() {
        turn(&density.factor(0), rows, d, &mut turned);
    }
    for k in 0..g {
        let mean = &estimate.means[k * d..(k + 1) * d];
        let constant = density.constant(k) + estimate.weights[k].ln();
        if density.is_full() && !density.is_shared() {
            vectorised(|| {
                for (to, x) in centred.chunks_exact_mut(d).zip(rows.chunks_exact(d)) {
                    to.iter_mut().zip(x.iter().zip(mean)).for_each(|(t, (x, m))| *t = x - m);
                }
            });
            turn(&density.factor(k), &centred, d, &mut turned);
        }
        vectorised(|| {
            for i in 0..m {
                let at = i * d..(i + 1) * d;
                let square = if !density.is_full() {
                    distance(&rows[at], mean, density.scale(k))
                } else if density.is_shared() {
                    distance(&turned[at], density.turned_mean(k), &ones)
                } else {
                    length2(&turned[at])
                };
                z[i * g + k] = constant - 0.5 * square;
            }
        });
    }
    let mut sum = 0.0;
    for z in z.chunks_exact_mut(g) {
        let most = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for z in z.iter_mut() {
            *z -= most;
        }
        sum += most;
    }
    vectorised(
        #[inline(always)]
        || {
            for z in z.iter_mut() {
                *z = exp(*z);
            }
        },
    );
    for z in z.chunks_exact_mut(g) {
        let total: f64 = z.iter().sum();
        for z in z.iter_mut() {
            *z /= total;
        }
        sum += total.ln();
    }
    sum
}

/// Every row of `x` times a matrix.
fn turn(factor: &MatRef<'_, f64>, x: &[f64], d: usize, to: &mut [f64]) {
    let m = x.len() / d;
    let to = MatMut::from_column_major_slice_mut(to, d, m);
    matmul(to, Accum::Replace, factor, MatRef::from_column_major_slice(x, d, m), 1.0, Par::Seq);
}

/// The squared distance, each column times its scale, summed in eight lanes.
#[inline(always)]
#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]
fn distance(x: &[f64], mean: &[f64], scale: &[f64]) -> f64 {
    let mut acc = [0.0; 8];
    let whole = x.len() - x.len() % 8;
    for from in (0..whole).step_by(8) {
        let (x, mean, scale) = (&x[from..from + 8], &mean[from..from + 8], &scale[from..from + 8]);
        for l in 0..8 {
            let y = (x[l] - mean[l]) * scale[l];
            acc[l] += y * y;
        }
    }
    for j in whole..x.len() {
        let y = (x[j] - mean[j]) * scale[j];
        acc[j - whole] += y * y;
    }
    acc.iter().sum()
}
