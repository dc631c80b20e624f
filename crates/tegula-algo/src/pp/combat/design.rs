//! The linear model of batches and covariates.

use tegula_core::{AnnData, Column, Error, Labels, Matrix, Result, Slot, par};

use super::{MAX_BLOCKS, missing_value};
use crate::linalg::inverse;

/// One column of zeros and ones per batch, one of numbers per covariate.
pub(super) struct Design<'a> {
    batch: &'a [usize],
    covariates: &'a [Vec<f64>],
    /// Number of rows of each batch.
    pub(super) sizes: Vec<usize>,
    /// Inverse of the products of the columns with each other.
    inverse: Vec<f64>,
}

impl<'a> Design<'a> {
    pub(super) fn new(n_rows: usize, batch: &'a [usize], covariates: &'a [Vec<f64>]) -> Result<Self> {
        for len in std::iter::once(batch.len()).chain(covariates.iter().map(Vec::len)) {
            if len != n_rows {
                return Err(Error::shape("batches and covariates", format!("({len})"), format!("({n_rows})")));
            }
        }
        let n_batches = batch.iter().max().map_or(0, |b| b + 1);
        let mut sizes = vec![0; n_batches];
        for &b in batch {
            sizes[b] += 1;
        }
        if n_batches < 2 {
            return Err(Error::data("batches", "there is only one; name a column with at least two"));
        }
        if let Some(b) = sizes.iter().position(|&n| n < 2) {
            let reason = format!("number {b} has {} observations; drop it, or join it with another", sizes[b]);
            return Err(Error::data("batches", reason));
        }
        let k = n_batches + covariates.len();
        let mut products = vec![0f64; k * k];
        for i in 0..n_rows {
            let b = batch[i];
            products[b * k + b] += 1.0;
            for (c, x) in covariates.iter().enumerate() {
                products[b * k + n_batches + c] += x[i];
                products[(n_batches + c) * k + b] += x[i];
                for (d, y) in covariates.iter().enumerate() {
                    products[(n_batches + c) * k + n_batches + d] += x[i] * y[i];
                }
            }
        }
        let Some(inverse) = inverse(products, k) else {
            let reason = "are determined by the batches or by each other; leave one out";
            return Err(Error::data("covariates", reason));
        };
        Ok(Self { batch, covariates, sizes, inverse })
    }

    /// Least-squares coefficients, columns of the design × genes.
    pub(super) fn fit(&self, m: &Matrix) -> Vec<f64> {
        let (genes, n_batches) = (m.n_cols(), self.sizes.len());
        let k = n_batches + self.covariates.len();
        let block = m.n_rows().div_ceil(MAX_BLOCKS).max(64);
        let products = par::sum_vectors(m.n_rows(), block, k * genes, |rows| {
            let mut part = vec![0f64; k * genes];
            for i in rows {
                m.for_row(i, |j, v| {
                    part[self.batch[i] * genes + j] += f64::from(v);
                    for (c, x) in self.covariates.iter().enumerate() {
                        part[(n_batches + c) * genes + j] += x[i] * f64::from(v);
                    }
                });
            }
            part
        });
        let mut fitted = vec![0f64; k * genes];
        for (a, row) in fitted.chunks_mut(genes.max(1)).enumerate() {
            for b in 0..k {
                let w = self.inverse[a * k + b];
                row.iter_mut().zip(&products[b * genes..]).for_each(|(t, p)| *t += w * p);
            }
        }
        fitted
    }
}

/// Batch of each observation, those without any observation left out, and their number.
pub(super) fn batches(adata: &AnnData, key: &str) -> Result<(Vec<usize>, usize)> {
    let labels = adata.labels(key)?;
    let (codes, names) = present(adata, key, &labels)?;
    let mut sizes = vec![0; names.len()];
    for &c in &codes {
        sizes[c] += 1;
    }
    if names.len() < 2 {
        return Err(Error::data(Slot::obs(key), "holds only one batch; name a column with at least two"));
    }
    if let Some(b) = sizes.iter().position(|&n| n < 2) {
        let reason = format!("batch `{}` has only one observation; drop it, or join it with another", names[b]);
        return Err(Error::data(Slot::obs(key), reason));
    }
    Ok((codes, names.len()))
}

/// Columns of numbers for a covariate: itself, or ones for each category but the first.
pub(super) fn covariate(adata: &AnnData, key: &str) -> Result<Vec<Vec<f64>>> {
    let column = adata.obs().get(key).ok_or_else(|| adata.missing(&Slot::obs(key), "name another covariate"))?;
    let number = matches!(
        column,
        Column::Float(_) | Column::Float32(_) | Column::Int(_) | Column::Int32(_) | Column::NullableInt(_)
    );
    if let Some(v) = column.to_f64().filter(|_| number) {
        return match v.iter().position(|x| !x.is_finite()) {
            Some(i) => Err(missing_value(adata, key, i)),
            None => Ok(vec![v]),
        };
    }
    let (codes, names) = present(adata, key, &adata.labels(key)?)?;
    Ok((1..names.len()).map(|k| codes.iter().map(|&c| f64::from(u8::from(c == k))).collect()).collect())
}

/// Codes among the categories that occur, and their names.
pub(in crate::pp) fn present(adata: &AnnData, key: &str, labels: &Labels) -> Result<(Vec<usize>, Vec<String>)> {
    let mut to = vec![usize::MAX; labels.categories().len()];
    for (i, &code) in labels.codes().iter().enumerate() {
        let code = usize::try_from(code).map_err(|_| missing_value(adata, key, i))?;
        to[code] = 0;
    }
    let mut names = Vec::new();
    for (k, t) in to.iter_mut().enumerate().filter(|(_, t)| **t == 0) {
        *t = names.len();
        names.push(labels.categories()[k].clone());
    }
    Ok((labels.codes().iter().map(|&c| to[c as usize]).collect(), names))
}
