//! The centred matrix, never made: centring happens inside the products.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::Simd;
use tegula_core::{Csr, Matrix};

use crate::linalg::panel::{AddRow, Real, Row, W, add_row_outer, row_times};
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
        let (mut mean, variance) = moments(m);
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

    /// (X − 1·meanᵀ)ᵀ (X − 1·meanᵀ) · q for at most [`W`] columns, in one pass over X; products in `T`, sums in `f64`.
    pub(super) fn gram_times<T: Real>(&self, q: &[f64]) -> Vec<f64> {
        let (m, g) = (self.m, self.n_vars());
        let panel = panel_of(q, g);
        let mut shift = Row::default();
        for (s, c) in shift.0.iter_mut().zip(self.mean_times(q)) {
            *s = T::from_f64(c);
        }
        // One more row at the end sums y itself: what rounding leaves of its mean is taken off exactly.
        let sum = sum_rows(m.n_rows(), g + 1, &GramRows { m, panel, shift });
        let mut out = vec![0f64; q.len()];
        for (l, column) in out.chunks_exact_mut(g).enumerate() {
            let rest = sum[g].0[l];
            for ((x, s), mean) in column.iter_mut().zip(&sum).zip(&self.mean) {
                *x = s.0[l] - mean * rest;
            }
        }
        out
    }

    /// (X − 1·meanᵀ)ᵀ · q for at most [`W`] columns q, by rows; `transposed` is Xᵀ.
    pub(super) fn transposed_times(&self, transposed: &Csr, q: &[f64]) -> Vec<Row<f32>> {
        let sums: Vec<f64> = q.chunks_exact(self.n_obs()).map(|c| c.iter().sum()).collect();
        let raw = gather(transposed, &panel_of(q, self.n_obs()));
        let center = |(row, mean): (&Row<f64>, &f64)| {
            Row(std::array::from_fn(|l| sums.get(l).map_or(0.0, |s| row.0[l] - mean * s) as f32))
        };
        raw.iter().zip(&self.mean).map(center).collect()
    }

    /// (X − 1·meanᵀ) (X − 1·meanᵀ)ᵀ · q for at most [`W`] columns; `x` is X and `transposed` Xᵀ.
    ///
    /// Two passes that only read at random, where [`Self::gram_times`] also adds at random.
    pub(super) fn outer_times(&self, x: &Csr, transposed: &Csr, q: &[f64]) -> Vec<f64> {
        let n = self.n_obs();
        let z = self.transposed_times(transposed, q);
        let mut shift = [0f64; W];
        for (row, mean) in z.iter().zip(&self.mean) {
            for l in 0..W {
                shift[l] += mean * f64::from(row.0[l]);
            }
        }
        let y = gather(x, &z);
        let mut out = vec![0f64; q.len()];
        for (l, column) in out.chunks_exact_mut(n).enumerate() {
            for (x, y) in column.iter_mut().zip(&y) {
                *x = y.0[l] - shift[l];
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

/// Up to [`W`] columns of length `dim` as a panel, zeros beyond the last.
fn panel_of<T: Real>(q: &[f64], dim: usize) -> Vec<Row<T>> {
    let mut panel = vec![Row::default(); dim];
    for (l, column) in q.chunks_exact(dim).enumerate() {
        for (p, &x) in panel.iter_mut().zip(column) {
            p.0[l] = T::from_f64(x);
        }
    }
    panel
}

/// Each row times the panel and shifted, times the row again; the last row of the sum takes the product itself.
struct GramRows<'a, T> {
    m: &'a Matrix,
    panel: Vec<Row<T>>,
    shift: Row<T>,
}

impl<T: Real> AddRow<T> for GramRows<'_, T> {
    #[inline(always)]
    fn add<S: Simd>(&self, simd: S, i: usize, t: &mut [Row<T>]) {
        let mut y = row_times(simd, self.m, i, &self.panel);
        for (y, &shift) in T::lanes_mut::<S>(&mut y).iter_mut().zip(T::lanes::<S>(&self.shift)) {
            *y = T::sub(simd, *y, shift);
        }
        add_row_outer(simd, self.m, i, &y, t);
        let last = &mut t[self.panel.len()];
        for (sum, &y) in T::lanes_mut::<S>(last).iter_mut().zip(T::lanes::<S>(&y)) {
            *sum = T::add(simd, *sum, y);
        }
    }
}
