//! Dense and sparse matrices of `f32`, the kinds `X`, layers and embeddings come in.

use std::ops::Range;

use crate::{Buf, Csr, Error, Result};

/// A dense matrix by rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    n_rows: usize,
    n_cols: usize,
    data: Buf<f32>,
}

impl Dense {
    /// A matrix from its rows, one after the other.
    ///
    /// # Errors
    /// [`Error::Shape`] where `data` is not `n_rows × n_cols` long.
    pub fn new(n_rows: usize, n_cols: usize, data: impl Into<Buf<f32>>) -> Result<Self> {
        let data = data.into();
        if n_rows.checked_mul(n_cols) == Some(data.len()) {
            Ok(Self { n_rows, n_cols, data })
        } else {
            Err(Error::shape("dense matrix", format!("({})", data.len()), format!("({n_rows}, {n_cols})")))
        }
    }

    /// A matrix of zeros.
    pub fn zeros(n_rows: usize, n_cols: usize) -> Self {
        Self { n_rows, n_cols, data: vec![0.0; n_rows * n_cols].into() }
    }

    pub(crate) fn from_parts(n_rows: usize, n_cols: usize, data: Buf<f32>) -> Self {
        debug_assert_eq!(data.len(), n_rows * n_cols);
        Self { n_rows, n_cols, data }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// All values, row after row.
    pub fn data(&self) -> &Buf<f32> {
        &self.data
    }

    /// All values, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        self.data.make_mut()
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// The given rows, in the given order.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let data: Vec<f32> = rows.iter().flat_map(|&i| self.row(i)).copied().collect();
        Self::from_parts(rows.len(), self.n_cols, data.into())
    }

    /// The given columns, in the given order.
    #[must_use]
    pub fn select_cols(&self, cols: &[usize]) -> Self {
        let data: Vec<f32> = (0..self.n_rows).flat_map(|i| cols.iter().map(move |&j| self.row(i)[j])).collect();
        Self::from_parts(self.n_rows, cols.len(), data.into())
    }

    /// The first `k` columns.
    #[must_use]
    pub fn first_cols(&self, k: usize) -> Self {
        if k >= self.n_cols {
            return self.clone();
        }
        let data: Vec<f32> = (0..self.n_rows).flat_map(|i| &self.row(i)[..k]).copied().collect();
        Self::from_parts(self.n_rows, k, data.into())
    }
}

/// Expression: observations × variables, dense or sparse.
#[derive(Debug, Clone, PartialEq)]
pub enum Matrix {
    /// Every entry stored.
    Dense(Dense),
    /// Only non-zero entries stored, by rows.
    Csr(Csr),
}

impl Matrix {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Dense(m) => m.n_rows(),
            Self::Csr(m) => m.n_rows(),
        }
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        match self {
            Self::Dense(m) => m.n_cols(),
            Self::Csr(m) => m.n_cols(),
        }
    }

    /// The stored values: all of a dense matrix, the non-zero ones of a sparse matrix.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Dense(m) => m.data(),
            Self::Csr(m) => m.values(),
        }
    }

    /// The stored values, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Dense(m) => m.data_mut(),
            Self::Csr(m) => m.values_mut(),
        }
    }

    /// Changes the stored values in parallel, in pieces that end before `ends[k]`; see [`Buf::update`].
    pub fn update_values(&mut self, ends: &[usize], f: impl Fn(usize, &mut [f32]) + Sync) {
        match self {
            Self::Dense(m) => m.data.update(ends, f),
            Self::Csr(m) => m.update_values(ends, f),
        }
    }

    /// Stored values of row `i`.
    pub fn row_values(&self, i: usize) -> &[f32] {
        match self {
            Self::Dense(m) => m.row(i),
            Self::Csr(m) => m.row(i).1,
        }
    }

    /// Where the stored values of row `i` lie in [`Matrix::values`].
    pub fn row_range(&self, i: usize) -> Range<usize> {
        match self {
            Self::Dense(m) => i * m.n_cols()..(i + 1) * m.n_cols(),
            Self::Csr(m) => m.indptr()[i]..m.indptr()[i + 1],
        }
    }

    /// Calls `f(column, value)` for every stored entry of row `i`, columns ascending.
    pub fn for_row(&self, i: usize, mut f: impl FnMut(usize, f32)) {
        match self {
            Self::Dense(m) => m.row(i).iter().enumerate().for_each(|(j, &v)| f(j, v)),
            Self::Csr(m) => {
                let (cols, vals) = m.row(i);
                cols.iter().zip(vals).for_each(|(&j, &v)| f(j as usize, v));
            }
        }
    }

    /// Column `j`, zeros included.
    pub fn column(&self, j: usize) -> Vec<f32> {
        match self {
            Self::Dense(m) => (0..m.n_rows()).map(|i| m.row(i)[j]).collect(),
            Self::Csr(m) => (0..m.n_rows()).map(|i| m.get(i, j)).collect(),
        }
    }

    /// The given rows, in the given order.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Dense(m) => Self::Dense(m.select_rows(rows)),
            Self::Csr(m) => Self::Csr(m.select_rows(rows)),
        }
    }

    /// The given columns, which must ascend.
    #[must_use]
    pub fn select_cols(&self, cols: &[usize]) -> Self {
        match self {
            Self::Dense(m) => Self::Dense(m.select_cols(cols)),
            Self::Csr(m) => Self::Csr(m.select_cols(cols)),
        }
    }
}

impl From<Dense> for Matrix {
    fn from(m: Dense) -> Self {
        Self::Dense(m)
    }
}

impl From<Csr> for Matrix {
    fn from(m: Csr) -> Self {
        Self::Csr(m)
    }
}
