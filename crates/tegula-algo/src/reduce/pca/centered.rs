//! The centred matrix, never made: centring happens inside the products.

use tegula_core::Matrix;

use crate::linalg::panel::{Real, W, add_row_outer, row_times};
use crate::linalg::{spmm, sum_rows};
use crate::pp::moments;

/// The matrix X − 1·meanᵀ.
pub(super) struct Centered<'a> {
    m: &'a Matrix,
    /// Zeros where no centring is wanted.
    mean: Vec<f64>,
    shifted: bool,
    total_variance: f64,
}

impl<'a> Centered<'a> {
    pub(super) fn new(m: &'a Matrix, centered: bool) -> Self {
        let (mut mean, variance) = moments(m, |x| x);
        let mut total_variance: f64 = variance.iter().sum();
        if !centered {
            mean.fill(0.0);
            total_variance *= (m.n_rows() as f64 - 1.0) / m.n_rows() as f64;
        }
        Self { m, mean, shifted: centered, total_variance }
    }

    pub(super) fn matrix(&self) -> &'a Matrix {
        self.m
    }

    pub(super) fn mean(&self) -> &[f64] {
        &self.mean
    }

    pub(super) fn n_obs(&self) -> usize {
        self.m.n_rows()
    }

    pub(super) fn n_vars(&self) -> usize {
        self.m.n_cols()
    }

    pub(super) fn is_centered(&self) -> bool {
        self.shifted
    }

    /// Sum of the variances of all genes: ddof 1, or 0 without centring.
    pub(super) fn total_variance(&self) -> f64 {
        self.total_variance
    }

    /// meanᵀ · q for each of the columns q.
    fn mean_times(&self, q: &[f64]) -> Vec<f64> {
        let product = |c: &[f64]| c.iter().zip(&self.mean).map(|(x, m)| x * m).sum();
        q.chunks_exact(self.n_vars()).map(product).collect()
    }

    /// (X − 1·meanᵀ)ᵀ (X − 1·meanᵀ) · q for `W` columns, in one pass over X; products in `T`, sums in `f64`.
    pub(super) fn gram_times<T: Real>(&self, q: &[f64]) -> Vec<f64> {
        let (m, g) = (self.m, self.n_vars());
        let mut panel = vec![[T::default(); W]; g];
        for (l, column) in q.chunks_exact(g).enumerate() {
            for (p, &x) in panel.iter_mut().zip(column) {
                p[l] = T::from_f64(x);
            }
        }
        let mut shift = [T::default(); W];
        for (s, c) in shift.iter_mut().zip(self.mean_times(q)) {
            *s = T::from_f64(c);
        }
        // One more row at the end sums y itself: what rounding leaves of its mean is taken off exactly.
        let sum = sum_rows::<T>(m.n_rows(), g + 1, |i, t| {
            let mut y = row_times(m, i, &panel);
            for l in 0..W {
                y[l] = y[l] - shift[l];
            }
            add_row_outer(m, i, &y, t);
            for l in 0..W {
                t[g][l] = t[g][l] + y[l];
            }
        });
        let mut out = vec![0f64; g * W];
        for (l, column) in out.chunks_exact_mut(g).enumerate() {
            let rest = sum[g][l];
            for ((x, s), mean) in column.iter_mut().zip(&sum).zip(&self.mean) {
                *x = s[l] - mean * rest;
            }
        }
        out
    }

    /// (X − 1·meanᵀ) · v for `k` columns, by rows.
    pub(super) fn scores(&self, v: &[f64], k: usize) -> Vec<f64> {
        let g = self.n_vars();
        let by_rows: Vec<f32> = (0..g).flat_map(|j| (0..k).map(move |c| v[c * g + j] as f32)).collect();
        let shift = self.mean_times(v);
        let raw = spmm(self.m, &by_rows, k);
        raw.chunks_exact(k.max(1)).flat_map(|row| row.iter().zip(&shift).map(|(&x, s)| f64::from(x) - s)).collect()
    }
}
