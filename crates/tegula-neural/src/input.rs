//! Expression as the first and last layer of a network see it: X · W and Xᵀ · D, X sparse or dense.

mod sparse;

use rayon::prelude::*;
use tegula_algo::linalg::panel::vectorised;
use tegula_core::{Csr, Matrix, par};

use crate::rows::{Rows, add_product, product, view, view_mut};
use crate::scalar::Scalar;
use crate::train::Go;
use sparse::Sparse;

/// The share of non-zeros above which a dense matrix is faster (measured: at 0.3 the sparse products are, by a fifth) and
/// takes less room than the two copies of a sparse one.
const DENSE: f64 = 0.4;
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
        let stored = m.values().iter().filter(|v| **v != 0.0).count();
        let kind = match m {
            _ if stored as f64 > DENSE * (m.n_rows() * m.n_cols()) as f64 => Kind::Dense(dense(m, order)),
            Matrix::Csr(m) => Kind::Sparse(Sparse::new(m, order)),
            Matrix::Dense(m) => Kind::Sparse(Sparse::new(&Csr::from_dense(m), order)),
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

    /// `out = X · w`, into the `n()` rows of `out` behind the first `from`.
    pub fn times(&mut self, w: &Rows<T>, out: &mut Rows<T>, from: usize, go: Go<'_>) {
        match &mut self.kind {
            Kind::Sparse(s) => s.times(w, out, from, go),
            Kind::Dense(x) => {
                let (apart, width) = (out.apart(), out.width());
                let x = &*x;
                let out = &mut out.data_mut()[from * apart..][..x.n() * apart];
                out.par_chunks_mut(TASK * apart).enumerate().for_each(|(b, chunk)| {
                    let n = chunk.len() / apart;
                    if !go() {
                        return;
                    }
                    product(view_mut(chunk, n, width, apart), view_of(x, b * TASK, n, w.n()), w.all(), 1.0);
                });
            }
        }
    }

    /// `out += Xᵀ · d`, from the `n()` rows of `d` behind the first `from`.
    pub fn add_transposed_times(&mut self, d: &Rows<T>, from: usize, out: &mut Rows<T>, go: Go<'_>) {
        match &mut self.kind {
            Kind::Sparse(s) => s.add_transposed_times(d, from, out, go),
            Kind::Dense(x) => {
                let (apart, width, x) = (out.apart(), out.width(), &*x);
                out.data_mut().par_chunks_mut(COLUMNS * apart).enumerate().for_each(|(b, chunk)| {
                    let n = chunk.len() / apart;
                    if !go() {
                        return;
                    }
                    let part = x.all().subcols(b * COLUMNS, n);
                    add_product(view_mut(chunk, n, width, apart), part.transpose(), d.view(from, x.n()), 1.0);
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

fn dense<T: Scalar>(m: &Matrix, order: &[u32]) -> Rows<T> {
    let mut x = Rows::zeros(order.len(), m.n_cols());
    let apart = x.apart();
    x.data_mut().par_chunks_mut(apart).zip(order).for_each(|(row, &i)| {
        m.for_row(i as usize, |j, v| row[j] = T::from_f64(f64::from(v)));
    });
    x
}

/// Rows `from..from + n` and the first `width` columns.
fn view_of<T: Scalar>(x: &Rows<T>, from: usize, n: usize, width: usize) -> faer::MatRef<'_, T> {
    view(&x.data()[from * x.apart()..], n, width, x.apart())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::Dense;

    /// Every product by hand, of rows in another order; whole numbers, so that every order of summing gives the same.
    fn check<T: Scalar>(share: u32, sparse: bool) {
        let (n, g, h) = (700, 300, 70);
        let value = |i: usize, j: usize| {
            if (i * 31 + j * 17) as u32 % 10 < share { ((i + 2 * j) % 5) as f32 + 1.0 } else { 0.0 }
        };
        let x = Dense::new(n, g, (0..n * g).map(|k| value(k / g, k % g)).collect::<Vec<f32>>()).unwrap();
        let x: Matrix = if sparse { Csr::from_dense(&x).into() } else { x.into() };
        let order: Vec<u32> = (0..n as u32).map(|i| i * 11 % n as u32).take(690).collect();
        let mut input = Input::<T>::new(&x, &order);
        assert_eq!(matches!(input.kind, Kind::Dense(_)), f64::from(share) > 10.0 * DENSE);
        let small = |n: usize, h: usize| {
            let values: Vec<f32> = (0..n * h).map(|k| (k % 7) as f32 - 3.0).collect();
            Rows::<T>::from_rows(h, &values)
        };
        let (w, d) = (small(g, h), small(690, h));
        let (mut u, mut t, mut twice) = (Rows::zeros(1400, h), small(g, h), Rows::zeros(1400, h));
        input.times(&w, &mut u, 0, &|| true);
        input.times(&w, &mut twice, 690, &|| true);
        assert!((0..690).all(|i| twice.row(690 + i) == u.row(i) && twice.row(i) == u.row(1399)));
        for i in 0..690 {
            twice.row_mut(690 + i).copy_from_slice(d.row(i));
        }
        let mut same = t.clone();
        input.add_transposed_times(&d, 0, &mut t, &|| true);
        input.add_transposed_times(&twice, 690, &mut same, &|| true);
        assert!(same.data() == t.data(), "rows behind others");
        let at = |k: usize, j: usize| f64::from(value(order[k] as usize, j));
        for (i, c) in [(0, 0), (3, 69), (511, 5), (689, 64)] {
            let sum: f64 = (0..g).map(|j| at(i, j) * w.row(j)[c].to_f64()).sum();
            assert_eq!(u.row(i)[c].to_f64(), sum);
        }
        let (a, b): (Vec<T>, Vec<T>) = (0..690).map(|k| (d.row(k)[0], d.row(k)[1])).unzip();
        let two = input.transposed_times_two(g, &a, &b);
        for (j, c) in [(0, 0), (299, 69), (128, 1), (17, 64)] {
            let sum = |c: usize| (0..690).map(|k| at(k, j) * d.row(k)[c].to_f64()).sum::<f64>();
            assert_eq!(t.row(j)[c].to_f64(), sum(c) + w.row(j)[c].to_f64());
            assert_eq!(two[j], [sum(0), sum(1)]);
        }
        assert!(u.row(690).iter().all(|v| v.to_f64() == 0.0), "nothing behind the last row");
        let squares: f64 = (0..690).map(|k| (0..g).map(|j| at(k, j) * at(k, j)).sum::<f64>()).sum();
        assert_eq!(input.squares(), squares);
    }

    #[test]
    fn products_are_right_however_the_matrix_is_stored() {
        for share in [2, 9] {
            for sparse in [true, false] {
                check::<f32>(share, sparse);
                check::<f64>(share, sparse);
            }
        }
    }
}
