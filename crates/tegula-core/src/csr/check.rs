//! Whether three arrays are a sparse matrix.

use rayon::prelude::*;

use super::Csr;
use crate::{Error, Result};

/// True where the columns of every row ascend; the lengths of the arrays agree.
///
/// # Errors
/// [`Error::Data`] where a column is out of range.
pub(super) fn in_order(m: &Csr) -> Result<bool> {
    // Where a row ascends its last column is the highest: one pass over the columns tells both.
    if (0..m.n_rows).into_par_iter().with_min_len(64).all(|i| row_in_order(m.row(i).0, m.n_cols)) {
        return Ok(true);
    }
    match m.indices.par_iter().find_any(|&&j| j as usize >= m.n_cols) {
        Some(j) => Err(bad(format!("column {j} is outside the {} columns", m.n_cols))),
        None => Ok(false),
    }
}

/// Whether the lengths of the arrays agree with each other.
///
/// # Errors
/// [`Error::Data`] where they do not.
pub(super) fn lengths(m: &Csr) -> Result<()> {
    if u32::try_from(m.n_cols).is_err() {
        return Err(bad(format!("{} columns; at most {} are supported", m.n_cols, u32::MAX)));
    }
    if m.indptr.len() != m.n_rows + 1 {
        return Err(bad(format!("indptr has {} entries for {} rows", m.indptr.len(), m.n_rows)));
    }
    if m.indptr[0] != 0 || !m.indptr.is_sorted() {
        return Err(bad("indptr does not ascend from 0".into()));
    }
    let nnz = m.indptr[m.n_rows];
    if m.indices.len() != nnz || m.values.len() != nnz {
        let (columns, values) = (m.indices.len(), m.values.len());
        return Err(bad(format!("indptr ends at {nnz}, but there are {columns} columns and {values} values")));
    }
    Ok(())
}

fn bad(reason: String) -> Error {
    Error::data("sparse matrix", reason)
}

fn row_in_order(cols: &[u32], n_cols: usize) -> bool {
    let Some((&last, before)) = cols.split_last() else { return true };
    // Without an early exit, so that it vectorises.
    let falls = before.iter().zip(&cols[1..]).fold(0, |any, (a, b)| any | u32::from(a >= b));
    falls == 0 && (last as usize) < n_cols
}
