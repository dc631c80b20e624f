//! The observations in `f64`, around their mean.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use tegula_core::{Error, Result, par};

use crate::linalg::centre;
use crate::linalg::panel::rows_per_block;

/// Rows of numbers, stored less their mean, so that sums of squares lose no digits.
#[derive(Debug, Clone)]
pub struct Points {
    pub(super) n: usize,
    pub(super) d: usize,
    /// Row after row, less the mean.
    pub(super) rows: Vec<f64>,
    pub(super) mean: Vec<f64>,
}

impl Points {
    /// Rows of `d` numbers.
    ///
    /// # Errors
    /// [`Error::Data`] where there is nothing or a number is not finite; [`Error::Shape`] where `d` does not divide them.
    ///
    /// ```
    /// use tegula_algo::cluster::mclust::Points;
    /// assert!(Points::new(2, vec![1.0, 2.0, 3.0, 4.0]).is_ok());
    /// assert!(Points::new(2, vec![1.0]).is_err());
    /// ```
    pub fn new(d: usize, mut rows: Vec<f64>) -> Result<Self> {
        if d == 0 || rows.is_empty() {
            return Err(Error::data("embedding", "is empty; name another"));
        }
        if !rows.len().is_multiple_of(d) {
            return Err(Error::shape("embedding", format!("({})", rows.len()), format!("(n_obs, {d})")));
        }
        if let Some(e) = rows.iter().position(|x| !x.is_finite()) {
            let reason = format!("observation {} holds {}; drop it first", e / d, rows[e]);
            return Err(Error::data("embedding", reason));
        }
        let mean = centre(&mut rows, d);
        Ok(Self { n: rows.len() / d, d, rows, mean })
    }

    /// Row `i`, less the mean.
    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.d..(i + 1) * self.d]
    }

    /// The given rows by themselves, around their own mean.
    pub(super) fn select(&self, which: &[usize]) -> Result<Self> {
        let row = |&i: &usize| self.row(i).iter().zip(&self.mean).map(|(x, m)| x + m);
        Self::new(self.d, which.iter().flat_map(row).collect())
    }

    /// The sum of the outer products of all rows with themselves.
    pub(super) fn scatter(&self) -> Vec<f64> {
        let d = self.d;
        par::sum_vectors(self.n, rows_per_block(self.n), d * d, |block| {
            let mut sum = vec![0.0; d * d];
            let x = MatRef::from_column_major_slice(&self.rows[block.start * d..block.end * d], d, block.len());
            let to = MatMut::from_row_major_slice_mut(&mut sum, d, d);
            matmul(to, Accum::Replace, x, x.transpose(), 1.0, Par::Seq);
            sum
        })
    }
}
