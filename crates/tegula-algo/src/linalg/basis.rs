//! A growing orthonormal basis.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;
use tegula_core::par;

/// Rows per block of the products with the basis.
const ROWS: usize = 1024;

/// What is left of a vector after projection, relative to its length, below which nothing new is in it.
const NOTHING: f64 = 1e-10;

/// What is left of a vector after projection, relative to its length, below which it is projected once more.
const LITTLE: f64 = 1e-3;

/// Orthonormal vectors of one length, as columns; full reorthogonalisation at every step.
#[derive(Debug, Clone)]
pub struct Basis {
    dim: usize,
    len: usize,
    /// Column after column.
    data: Vec<f64>,
}

impl Basis {
    /// An empty basis of vectors of length `dim`.
    pub fn new(dim: usize) -> Self {
        Self { dim, len: 0, data: Vec::new() }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where there is no vector yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The vectors as columns.
    pub fn vectors(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.data, self.dim, self.len)
    }

    /// Vector `j`.
    pub fn vector(&self, j: usize) -> &[f64] {
        &self.data[j * self.dim..(j + 1) * self.dim]
    }

    /// Appends vectors that are orthonormal to all others already.
    pub fn extend(&mut self, columns: &[f64]) {
        self.data.extend_from_slice(columns);
        self.len = self.data.len() / self.dim.max(1);
    }

    /// Takes the part along the basis out of the `width` columns `w`; returns that part, `len × width`.
    ///
    /// ```
    /// use tegula_algo::linalg::Basis;
    /// let mut b = Basis::new(2);
    /// b.extend(&[1.0, 0.0]);
    /// let mut w = [3.0, 4.0];
    /// assert_eq!(b.project_out(&mut w, 1)[(0, 0)], 3.0);
    /// assert_eq!(w, [0.0, 4.0]);
    /// ```
    pub fn project_out(&self, w: &mut [f64], width: usize) -> Mat<f64> {
        let mut total = Mat::zeros(self.len, width);
        if self.len == 0 || width == 0 {
            return total;
        }
        let v = self.vectors();
        for _ in 0..2 {
            let before = squares(w, self.dim);
            let whole = MatRef::from_column_major_slice(w, self.dim, width);
            let parts = par::map(self.dim, ROWS, |r| {
                let mut h = Mat::<f64>::zeros(self.len, width);
                let (v, w) = (v.subrows(r.start, r.len()), whole.subrows(r.start, r.len()));
                matmul(h.as_mut(), Accum::Replace, v.transpose(), w, 1.0, Par::Seq);
                h
            });
            let mut h = Mat::<f64>::zeros(self.len, width);
            for part in &parts {
                h += part;
            }
            let left = MatMut::from_column_major_slice_mut(w, self.dim, width);
            left.par_row_chunks_mut(ROWS).zip(v.par_row_chunks(ROWS)).for_each(|(w, v)| {
                matmul(w, Accum::Add, v, h.as_ref(), -1.0, Par::Seq);
            });
            total += &h;
            // Again where so little is left that rounding shows.
            if squares(w, self.dim).iter().zip(&before).all(|(after, before)| *after > LITTLE * LITTLE * before) {
                break;
            }
        }
        total
    }

    /// The basis times the `len × k` matrix `s`: `k` columns of combinations.
    pub fn combine(&self, s: MatRef<'_, f64>) -> Vec<f64> {
        let mut columns = vec![0.0; self.dim * s.ncols()];
        let out = MatMut::from_column_major_slice_mut(&mut columns, self.dim, s.ncols());
        out.par_row_chunks_mut(ROWS).zip(self.vectors().par_row_chunks(ROWS)).for_each(|(out, v)| {
            matmul(out, Accum::Replace, v, s, 1.0, Par::Seq);
        });
        columns
    }
}

/// Makes the `width` columns of `q` orthonormal; returns the upper triangle R with `old q = new q · R`.
///
/// A column in which nothing new is left becomes zero, and so does its row of R.
pub(crate) fn orthonormalise(q: &mut [f64], dim: usize, width: usize) -> Mat<f64> {
    let mut r = Mat::<f64>::zeros(width, width);
    for j in 0..width {
        let (done, rest) = q.split_at_mut(j * dim);
        let column = &mut rest[..dim];
        let before = dot(column, column).sqrt();
        for _ in 0..2 {
            for (i, other) in done.chunks_exact(dim).enumerate() {
                let h = dot(other, column);
                r[(i, j)] += h;
                subtract(column, h, other);
            }
        }
        let after = dot(column, column).sqrt();
        let scale = if after > NOTHING * before { 1.0 / after } else { 0.0 };
        r[(j, j)] = if scale > 0.0 { after } else { 0.0 };
        for x in column.iter_mut() {
            *x *= scale;
        }
    }
    r
}

fn squares(w: &[f64], dim: usize) -> Vec<f64> {
    w.chunks_exact(dim).map(|c| dot(c, c)).collect()
}

/// The inner product, summed in eight lanes.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    super::panel::vectorised(|| {
        let mut acc = [0f64; 8];
        let (ca, cb) = (a.chunks_exact(8), b.chunks_exact(8));
        let tail: f64 = ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| x * y).sum();
        for (x, y) in ca.zip(cb) {
            for l in 0..8 {
                acc[l] += x[l] * y[l];
            }
        }
        acc.iter().sum::<f64>() + tail
    })
}

fn subtract(a: &mut [f64], h: f64, b: &[f64]) {
    super::panel::vectorised(|| {
        for (x, y) in a.iter_mut().zip(b) {
            *x -= h * y;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_orthonormal_and_r_gives_them_back() {
        let old = vec![3.0, 4.0, 0.0, 1.0, 1.0, 1.0, 6.0, 8.0, 0.0];
        let mut q = old.clone();
        let r = orthonormalise(&mut q, 3, 3);
        assert!(q[6..].iter().all(|&x| x == 0.0), "the third column is twice the first");
        assert!((dot(&q[..3], &q[..3]) - 1.0).abs() < 1e-15 && dot(&q[..3], &q[3..6]).abs() < 1e-15);
        for j in 0..3 {
            for i in 0..3 {
                let back: f64 = (0..3).map(|k| q[k * 3 + i] * r[(k, j)]).sum();
                assert!((back - old[j * 3 + i]).abs() < 1e-12);
            }
        }
    }
}
