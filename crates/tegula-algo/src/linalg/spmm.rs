//! Expression matrix times dense matrix, and transposed expression matrix times dense matrix.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_core::{Csr, Matrix, par};

use super::panel::{AddRow, Real, Row, W, add_row_outer, row_times, rows_per_block, sparse_times, with_lanes};

/// Rows after which partial sums go over into `f64`.
const FLUSH: usize = 512;

/// Entries of a row after which the four partial sums go over into `f64`.
const GATHERED: usize = 1024;

/// `m · dense`, where `dense` is `n_cols × k` by rows; the result is `n_rows × k` by rows.
///
/// # Panics
/// Where `dense` is not `n_cols × k` long: a bug of the caller.
///
/// ```
/// let m = tegula_core::Dense::new(1, 2, vec![1.0, 2.0]).unwrap().into();
/// assert_eq!(tegula_algo::linalg::spmm(&m, &[3.0f32, 0.0, 1.0, 5.0], 2), [5.0, 10.0]);
/// ```
pub fn spmm<T: Real>(m: &Matrix, dense: &[T], k: usize) -> Vec<T> {
    assert_eq!(dense.len(), m.n_cols() * k, "the dense matrix has n_cols rows of k");
    let mut out = vec![T::default(); m.n_rows() * k];
    if k == 0 {
        return out;
    }
    for first in (0..k).step_by(W) {
        let width = W.min(k - first);
        let panel = to_panel(dense, k, first);
        out.par_chunks_mut(64 * k).enumerate().for_each(|(b, chunk)| {
            with_lanes(TimesRows { m, panel: &panel, from: b * 64, chunk, k, columns: first..first + width });
        });
    }
    out
}

/// Rows from `from` on times a panel.
struct TimesRows<'a, T> {
    m: &'a Matrix,
    panel: &'a [Row<T>],
    from: usize,
    chunk: &'a mut [T],
    k: usize,
    columns: Range<usize>,
}

impl<T: Real> WithSimd for TimesRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (i, row) in (self.from..).zip(self.chunk.chunks_exact_mut(self.k)) {
            let y = row_times(simd, self.m, i, self.panel);
            row[self.columns.clone()].copy_from_slice(&y.0[..self.columns.len()]);
        }
    }
}

/// `mᵀ · dense`, where `dense` is `n_rows × k` by rows; the result is `n_cols × k` by rows.
///
/// # Panics
/// Where `dense` is not `n_rows × k` long: a bug of the caller.
///
/// ```
/// let m = tegula_core::Dense::new(1, 2, vec![1.0, 2.0]).unwrap().into();
/// assert_eq!(tegula_algo::linalg::spmm_t(&m, &[3.0f32], 1), [3.0, 6.0]);
/// ```
pub fn spmm_t<T: Real>(m: &Matrix, dense: &[T], k: usize) -> Vec<f64> {
    assert_eq!(dense.len(), m.n_rows() * k, "the dense matrix has n_rows rows of k");
    let mut out = vec![0f64; m.n_cols() * k];
    for first in (0..k).step_by(W) {
        let width = W.min(k - first);
        let panel = to_panel(dense, k, first);
        let sum = sum_rows(m.n_rows(), m.n_cols(), &OuterRows { m, panel: &panel });
        for (row, s) in out.chunks_exact_mut(k).zip(&sum) {
            row[first..first + width].copy_from_slice(&s.0[..width]);
        }
    }
    out
}

struct OuterRows<'a, T> {
    m: &'a Matrix,
    panel: &'a [Row<T>],
}

impl<T: Real> AddRow<T> for OuterRows<'_, T> {
    #[inline(always)]
    fn add<S: Simd>(&self, simd: S, i: usize, t: &mut [Row<T>]) {
        add_row_outer(simd, self.m, i, &self.panel[i], t);
    }
}

/// Every row of `m` times the panel `d`.
pub(crate) fn gather(m: &Csr, d: &[Row<f32>]) -> Vec<Row<f64>> {
    let mut out = vec![Row::default(); m.n_rows()];
    out.par_chunks_mut(64).enumerate().for_each(|(b, chunk)| {
        with_lanes(GatherRows { m, d, from: b * 64, chunk });
    });
    out
}

struct GatherRows<'a> {
    m: &'a Csr,
    d: &'a [Row<f32>],
    from: usize,
    chunk: &'a mut [Row<f64>],
}

impl WithSimd for GatherRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (i, sum) in (self.from..).zip(self.chunk) {
            let (cols, vals) = self.m.row(i);
            for (c, v) in cols.chunks(GATHERED).zip(vals.chunks(GATHERED)) {
                let part = sparse_times(simd, c, v, self.d);
                for l in 0..W {
                    sum.0[l] += f64::from(part.0[l]);
                }
            }
        }
    }
}

/// The sum over `n_rows` rows of what `rows` puts into a panel of `n_out` rows, in `f64`.
///
/// Rows go in fixed blocks; inside one, sums run in `T` for at most 512 rows before they go over into `f64`.
pub fn sum_rows<T: Real>(n_rows: usize, n_out: usize, rows: &impl AddRow<T>) -> Vec<Row<f64>> {
    let parts = par::map(n_rows, rows_per_block(n_rows), |block| {
        let mut total = vec![Row::default(); n_out];
        let mut part = vec![Row::default(); n_out];
        for from in block.clone().step_by(FLUSH) {
            let block = from..block.end.min(from + FLUSH);
            with_lanes(SumBlock { rows, block, part: &mut part, total: &mut total });
        }
        total
    });
    let mut sum = vec![Row::default(); n_out];
    sum.par_chunks_mut(512).enumerate().for_each(|(b, chunk)| {
        for part in &parts {
            for (s, p) in chunk.iter_mut().zip(&part[b * 512..]) {
                add_to(s, p);
            }
        }
    });
    sum
}

#[inline(always)]
fn add_to<T: Real>(sum: &mut Row<f64>, part: &Row<T>) {
    for l in 0..W {
        sum.0[l] += part.0[l].to_f64();
    }
}

struct SumBlock<'a, R, T> {
    rows: &'a R,
    block: Range<usize>,
    part: &'a mut [Row<T>],
    total: &'a mut [Row<f64>],
}

impl<R: AddRow<T>, T: Real> WithSimd for SumBlock<'_, R, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for i in self.block {
            self.rows.add(simd, i, self.part);
        }
        for (t, p) in self.total.iter_mut().zip(self.part) {
            add_to(t, p);
            *p = Row::default();
        }
    }
}

/// Columns `first..first + W` of a matrix by rows, zeros beyond the last.
fn to_panel<T: Real>(dense: &[T], k: usize, first: usize) -> Vec<Row<T>> {
    let width = W.min(k - first);
    let row = |row: &[T]| Row(std::array::from_fn(|l| if l < width { row[first + l] } else { T::default() }));
    dense.chunks_exact(k).map(row).collect()
}
