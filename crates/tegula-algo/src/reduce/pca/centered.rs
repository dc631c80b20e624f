//! The centred matrix, never made: centring happens inside the products.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use tegula_core::{Csr, Matrix};

use crate::linalg::panel::{AddRow, Real, add_row_outer, row_times};
use crate::linalg::{gather, spmm, sum_rows};
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

    /// (X − 1·meanᵀ)ᵀ (X − 1·meanᵀ) · q for `L` columns, in one pass over X; products in `T`, sums in `f64`.
    pub(super) fn gram_times<T: Real, const L: usize>(&self, q: &[f64]) -> Vec<f64> {
        let (m, g) = (self.m, self.n_vars());
        let mut panel = vec![[T::default(); L]; g];
        for (l, column) in q.chunks_exact(g).enumerate() {
            for (p, &x) in panel.iter_mut().zip(column) {
                p[l] = T::from_f64(x);
            }
        }
        let mut shift = [T::default(); L];
        for (s, c) in shift.iter_mut().zip(self.mean_times(q)) {
            *s = T::from_f64(c);
        }
        // One more row at the end sums y itself: what rounding leaves of its mean is taken off exactly.
        let sum = sum_rows(m.n_rows(), g + 1, &GramRows { m, panel, shift });
        let mut out = vec![0f64; g * L];
        for (l, column) in out.chunks_exact_mut(g).enumerate() {
            let rest = sum[g][l];
            for ((x, s), mean) in column.iter_mut().zip(&sum).zip(&self.mean) {
                *x = s[l] - mean * rest;
            }
        }
        out
    }

    /// (X − 1·meanᵀ)ᵀ · q for the `L` columns q, by rows; `transposed` is Xᵀ.
    pub(super) fn transposed_times<const L: usize>(&self, transposed: &Csr, q: &[f64]) -> Vec<[f32; L]> {
        let sums: Vec<f64> = q.chunks_exact(self.n_obs()).map(|c| c.iter().sum()).collect();
        let raw = gather(transposed, &panel_of::<L>(q, self.n_obs()));
        let center = |(row, mean): (&[f64; L], &f64)| {
            std::array::from_fn(|l| sums.get(l).map_or(0.0, |s| row[l] - mean * s) as f32)
        };
        raw.iter().zip(&self.mean).map(center).collect()
    }

    /// (X − 1·meanᵀ) (X − 1·meanᵀ)ᵀ · q for `L` columns; `x` is X and `transposed` Xᵀ.
    ///
    /// Two passes that only read at random, where [`Self::gram_times`] also adds at random.
    pub(super) fn outer_times<const L: usize>(&self, x: &Csr, transposed: &Csr, q: &[f64]) -> Vec<f64> {
        let n = self.n_obs();
        let z = self.transposed_times::<L>(transposed, q);
        let mut shift = [0f64; L];
        for (row, mean) in z.iter().zip(&self.mean) {
            for l in 0..L {
                shift[l] += mean * f64::from(row[l]);
            }
        }
        let y = gather(x, &z);
        let mut out = vec![0f64; n * L];
        for (l, column) in out.chunks_exact_mut(n).enumerate() {
            for (x, y) in column.iter_mut().zip(&y) {
                *x = y[l] - shift[l];
            }
            if self.shifted {
                // What rounding leaves of the mean.
                let rest = column.iter().sum::<f64>() / n as f64;
                for x in column.iter_mut() {
                    *x -= rest;
                }
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

/// Up to `L` columns of length `dim` as a panel, zeros beyond the last.
fn panel_of<const L: usize>(q: &[f64], dim: usize) -> Vec<[f32; L]> {
    let mut panel = vec![[0f32; L]; dim];
    for (l, column) in q.chunks_exact(dim).enumerate() {
        for (p, &x) in panel.iter_mut().zip(column) {
            p[l] = x as f32;
        }
    }
    panel
}

/// Each row times the panel and shifted, times the row again; the last row of the sum takes the product itself.
struct GramRows<'a, T, const L: usize> {
    m: &'a Matrix,
    panel: Vec<[T; L]>,
    shift: [T; L],
}

impl<T: Real, const L: usize> AddRow<T, L> for GramRows<'_, T, L> {
    #[inline(always)]
    fn add(&self, i: usize, t: &mut [[T; L]]) {
        let mut y = row_times(self.m, i, &self.panel);
        for l in 0..L {
            y[l] = y[l] - self.shift[l];
        }
        add_row_outer(self.m, i, &y, t);
        let last = &mut t[self.panel.len()];
        for l in 0..L {
            last[l] = last[l] + y[l];
        }
    }
}
