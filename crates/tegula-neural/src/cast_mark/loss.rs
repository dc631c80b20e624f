//! The loss: both views of an observation shall agree, and the columns of a view shall not.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use rayon::prelude::*;
use tegula_algo::linalg::panel::{rows_per_block, vectorised};
use tegula_core::par;

use super::net::{Net, WORD};
use crate::gemm::multiply;
use crate::rows::{Rows, mirror, product, view_mut};
use crate::scalar::Scalar;

/// A standard deviation below this counts as none, and one below this part of the mean: 32-bit numbers do not tell it
/// from a rounding error.
const LEAST: (f64, f64) = (1e-12, 1e-7);
/// Rows of the correlations per task.
const TASK: usize = 128;

impl<T: Scalar> Net<T> {
    /// The loss of two views of `n` observations in `work.above`; its gradient before the last activation goes to
    /// `work.slope`.
    pub(super) fn compare(&mut self, n: usize) -> f64 {
        let scales = [0, 1].map(|view| standardise(&mut self.work.above, view * n, n));
        let penalty = self.rule.penalty;
        let excess = self.correlate(n);
        let (z, width, count) = (&self.work.above, self.work.above.width(), n as f64);
        let (size, apart) = (rows_per_block(n), z.apart());
        let (factors, factor) = (&self.factors, 4.0 * penalty / count);
        let each = T::from_f64(count.recip());
        let slopes = self.work.below.data_mut()[..2 * n * apart].chunks_mut(n * apart).enumerate();
        let tasks: Vec<_> = slopes
            .flat_map(|(view, g)| g.chunks_mut(size * apart).enumerate().map(move |(b, g)| (view, b, g)))
            .collect();
        // Of each block the sums by column of the gradient, of its product with the view, and of both views' product.
        let parts: Vec<Vec<f64>> = tasks
            .into_par_iter()
            .map(|(view, b, g)| {
                let rows = g.len() / apart;
                let (own, other) = (view * n + b * size, (1 - view) * n + b * size);
                multiply(rows, (&mut *g, apart), (&z.data()[own * apart..], apart), &factors[view], factor);
                let mut sums = vec![0f64; 3 * width];
                let (first, rest) = sums.split_at_mut(width);
                let (second, third) = rest.split_at_mut(width);
                vectorised(
                    #[inline(always)]
                    || {
                        for (k, g) in g.chunks_exact_mut(apart).enumerate() {
                            let (z, w) = (z.row(own + k), z.row(other + k));
                            for c in 0..width {
                                g[c] -= each * w[c];
                                let (g, z) = (g[c].to_f64(), z[c].to_f64());
                                first[c] += g;
                                second[c] += g * z;
                                third[c] += z * w[c].to_f64();
                            }
                        }
                    },
                );
                sums
            })
            .collect();
        let of_view = parts.len() / 2;
        let sum = |view: usize| {
            let mut total = vec![0f64; 3 * width];
            for part in &parts[view * of_view..(view + 1) * of_view] {
                total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
            }
            total
        };
        let sums = [sum(0), sum(1)];
        for view in 0..2 {
            self.unstandardise(view, n, &sums[view], &scales[view]);
        }
        penalty * excess - sums[0][2 * width..].iter().sum::<f64>() / count
    }

    /// Correlations between the columns of each view, less 1 on the diagonal; the sum of their squares.
    fn correlate(&mut self, n: usize) -> f64 {
        let (z, hidden) = (&self.work.above, self.weights.widths.hidden);
        let tasks = self.excess.iter_mut().enumerate().flat_map(|(view, gram)| {
            let apart = gram.apart();
            gram.data_mut().chunks_mut(TASK * apart).enumerate().map(move |(b, rows)| (view, b * TASK, apart, rows))
        });
        let tasks: Vec<_> = tasks.collect();
        tasks.into_par_iter().for_each(|(view, from, apart, chunk)| {
            let (rows, z) = (chunk.len() / apart, z.view(view * n, n));
            let (own, all) = (z.subcols(from, rows).transpose(), z.subcols(0, from + rows));
            product(view_mut(chunk, rows, from + rows, apart), own, all, (n as f64).recip());
        });
        let sums: Vec<f64> = self
            .excess
            .par_iter_mut()
            .zip(&mut self.factors)
            .map(|(gram, factor)| {
                let mut sum = 0.0;
                for i in 0..hidden {
                    let row = gram.row_mut(i);
                    row[i] -= T::from_f64(1.0);
                    let below: f64 = row[..i].iter().map(|v| v.to_f64() * v.to_f64()).sum();
                    sum += 2.0 * below + row[i].to_f64() * row[i].to_f64();
                }
                mirror(gram);
                factor.pack(gram.all(), T::from_f64(1.0));
                sum
            })
            .collect();
        sums.into_iter().sum()
    }

    /// The gradient through the standardisation and the last activation.
    fn unstandardise(&mut self, view: usize, n: usize, sums: &[f64], scales: &[f64]) {
        let work = &mut self.work;
        let (width, apart, size) = (work.above.width(), work.above.apart(), rows_per_block(n));
        let count = n as f64;
        let (mean, along): (Vec<T>, Vec<T>) =
            (0..width).map(|c| (T::from_f64(sums[c] / count), T::from_f64(sums[width + c] / (count - 1.0)))).unzip();
        let scale: Vec<T> = scales.iter().map(|&s| T::from_f64(s)).collect();
        let (z, g, words) = (&work.above, &work.below, width / WORD);
        let active = &work.active[work.active.len() - 1];
        let slope = &mut work.slope.data_mut()[view * n * apart..][..n * apart];
        slope.par_chunks_mut(size * apart).enumerate().for_each(|(b, slope)| {
            let from = view * n + b * size;
            vectorised(
                #[inline(always)]
                || {
                    for (i, out) in (from..).zip(slope.chunks_exact_mut(apart)) {
                        let (z, g) = (z.row(i), g.row(i));
                        for c in 0..width {
                            out[c] = (g[c] - mean[c] - z[c] * along[c]) * scale[c];
                        }
                        keep_active(&mut out[..width], &active[i * words..]);
                    }
                },
            );
        });
    }
}

/// Sets to 0 what the activation held at 0.
#[inline(always)]
pub(super) fn keep_active<T: Scalar>(row: &mut [T], active: &[u16]) {
    for (values, word) in row.as_chunks_mut::<WORD>().0.iter_mut().zip(active) {
        for (k, v) in values.iter_mut().enumerate() {
            *v = if word >> k & 1 == 1 { *v } else { T::default() };
        }
    }
}

/// Takes the mean from `n` rows and divides them by their standard deviation, column by column; columns that do not
/// vary become 0. What each was multiplied by.
fn standardise<T: Scalar>(m: &mut Rows<T>, from: usize, n: usize) -> Vec<f64> {
    let (width, apart, size) = (m.width(), m.apart(), rows_per_block(n));
    let rows = &*m;
    let columns = |center: &[f64], squared: bool| {
        par::sum_vectors(n, size, width, |range| {
            let mut sums = vec![0f64; width];
            vectorised(
                #[inline(always)]
                || {
                    for i in range.clone() {
                        for ((s, v), c) in sums.iter_mut().zip(rows.row(from + i)).zip(center) {
                            let v = v.to_f64() - c;
                            *s += if squared { v * v } else { v };
                        }
                    }
                },
            );
            sums
        })
    };
    let mean: Vec<f64> = columns(&vec![0.0; width], false).iter().map(|s| s / n as f64).collect();
    let squares = columns(&mean, true);
    let scale = |(s, m): (&f64, &f64)| {
        let spread = (s / (n - 1) as f64).sqrt();
        // What is not a number shall be seen in the loss.
        if spread <= LEAST.0.max(LEAST.1 * m.abs()) { 0.0 } else { spread.recip() }
    };
    let scales: Vec<f64> = squares.iter().zip(&mean).map(scale).collect();
    m.data_mut()[from * apart..][..n * apart].par_chunks_mut(size * apart).for_each(|rows| {
        vectorised(
            #[inline(always)]
            || {
                for row in rows.chunks_exact_mut(apart) {
                    for ((v, m), s) in row.iter_mut().zip(&mean).zip(&scales) {
                        *v = T::from_f64((v.to_f64() - m) * s);
                    }
                }
            },
        );
    });
    scales
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_standardised_and_constant_ones_vanish() {
        let values: Vec<f32> = (0..4).flat_map(|i| [i as f32, 7.3, 1e6 + i as f32]).collect();
        let mut m = Rows::<f32>::from_rows(3, &values);
        let scales = standardise(&mut m, 0, 4);
        let spread = (5.0f64 / 3.0).sqrt();
        assert!((scales[0] * spread - 1.0).abs() < 1e-12 && scales[1] == 0.0 && scales[2] > 0.0, "{scales:?}");
        assert!((f64::from(m.row(3)[0]) - 1.5 / spread).abs() < 1e-6 && m.row(2)[1] == 0.0);
        assert!(m.row(1)[3..].iter().all(|v| *v == 0.0));
    }
}
