//! Expression as the first and last layer of a network see it: X · W and Xᵀ · D, X sparse or dense.

mod sparse;

use rayon::prelude::*;
use tegula_algo::linalg::panel::vectorised;
use tegula_core::{Csr, Dense, Matrix, par};

use crate::rows::{Rows, add_product, product, view, view_mut};
use crate::scalar::Scalar;
use sparse::Sparse;

/// Rows per task of a product.
const TASK: usize = 512;
/// Columns of X per task of a transposed product.
const COLUMNS: usize = 256;

/// Some observations of an expression matrix, in an order of their own.
#[derive(Debug)]
pub struct Input<T> {
    kind: Kind<T>,
    squares: f64,
}

#[derive(Debug)]
enum Kind<T> {
    Sparse(Sparse<T>),
    Dense(Rows<T>),
}

impl<T: Scalar> Input<T> {
    /// The given rows of a matrix in the given order.
    pub fn new(m: &Matrix, order: &[u32]) -> Self {
        let squares = par::map(order.len(), par::BLOCK, |rows| {
            let square =
                |i: usize| m.row_values(order[i] as usize).iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
            rows.map(square).sum::<f64>()
        });
        let kind = match m {
            Matrix::Csr(m) => Kind::Sparse(Sparse::new(m, order)),
            Matrix::Dense(m) => Kind::Dense(dense(m, order)),
        };
        Self { kind, squares: squares.into_iter().sum() }
    }

    /// Number of observations.
    pub fn n(&self) -> usize {
        match &self.kind {
            Kind::Sparse(s) => s.n(),
            Kind::Dense(d) => d.n(),
        }
    }

    /// The sum of all squares.
    pub fn squares(&self) -> f64 {
        self.squares
    }

    /// Floating-point operations of one product with `width` columns.
    pub fn flops(&self, width: usize) -> f64 {
        let stored = match &self.kind {
            Kind::Sparse(s) => s.nnz(),
            Kind::Dense(d) => d.n() * d.width(),
        };
        2.0 * stored as f64 * width as f64
    }

    /// `out = X · w`.
    pub fn times(&mut self, w: &Rows<T>, out: &mut Rows<T>) {
        match &mut self.kind {
            Kind::Sparse(s) => s.times(w, out),
            Kind::Dense(x) => {
                let (apart, width) = (out.apart(), out.width());
                let x = &*x;
                out.data_mut().par_chunks_mut(TASK * apart).enumerate().for_each(|(b, chunk)| {
                    let n = chunk.len() / apart;
                    product(view_mut(chunk, n, width, apart), view_of(x, b * TASK, n, w.n()), w.all(), 1.0);
                });
            }
        }
    }

    /// `out += Xᵀ · d`, from the first `n()` rows of `d`.
    pub fn add_transposed_times(&mut self, d: &Rows<T>, out: &mut Rows<T>) {
        match &mut self.kind {
            Kind::Sparse(s) => s.add_transposed_times(d, out),
            Kind::Dense(x) => {
                let (apart, width, x) = (out.apart(), out.width(), &*x);
                out.data_mut().par_chunks_mut(COLUMNS * apart).enumerate().for_each(|(b, chunk)| {
                    let n = chunk.len() / apart;
                    let part = x.all().subcols(b * COLUMNS, n);
                    add_product(view_mut(chunk, n, width, apart), part.transpose(), d.view(0, x.n()));
                });
            }
        }
    }

    /// `Xᵀ · a` and `Xᵀ · b` of two vectors, in `f64`.
    pub fn transposed_times_two(&self, n_cols: usize, a: &[T], b: &[T]) -> Vec<[f64; 2]> {
        match &self.kind {
            Kind::Sparse(s) => s.transposed_times_two(a, b),
            Kind::Dense(x) => {
                let columns = par::map(n_cols, COLUMNS, |columns| {
                    let mut sums = vec![[0f64; 2]; columns.len()];
                    vectorised(|| {
                        for i in 0..x.n() {
                            let (a, b) = (a[i].to_f64(), b[i].to_f64());
                            for (s, v) in sums.iter_mut().zip(&x.row(i)[columns.clone()]) {
                                s[0] += v.to_f64() * a;
                                s[1] += v.to_f64() * b;
                            }
                        }
                    });
                    sums
                });
                columns.into_iter().flatten().collect()
            }
        }
    }
}

fn dense<T: Scalar>(m: &Dense, order: &[u32]) -> Rows<T> {
    let mut x = Rows::zeros(order.len(), m.n_cols());
    let apart = x.apart();
    x.data_mut().par_chunks_mut(apart).zip(order).for_each(|(row, &i)| {
        for (to, &from) in row.iter_mut().zip(m.row(i as usize)) {
            *to = T::from_f64(f64::from(from));
        }
    });
    x
}

/// Rows `from..from + n` and the first `width` columns.
fn view_of<T: Scalar>(x: &Rows<T>, from: usize, n: usize, width: usize) -> faer::MatRef<'_, T> {
    view(&x.data()[from * x.apart()..], n, width, x.apart())
}

/// The share of a matrix that is stored.
pub fn density(m: &Csr) -> f64 {
    m.nnz() as f64 / (m.n_rows() * m.n_cols()).max(1) as f64
}
