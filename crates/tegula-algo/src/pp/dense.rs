//! Results with a value for every entry.

use rayon::prelude::*;
use tegula_core::{AnnData, Dense, Need, Result};

/// Rows that one piece of work fills.
const ROWS: usize = 16;

/// What such a result takes.
pub(super) fn need(adata: &AnnData) -> Need {
    Need {
        bytes: 4 * adata.n_obs() as u64 * adata.n_vars() as u64,
        instead: "keep the variable genes first (pp.highly_variable_genes with subset = true), or fewer observations \
                  (pp.subsample)",
    }
}

/// A dense matrix whose row `i` is filled by `f(i, row)`.
pub(super) fn fill_rows(n_rows: usize, n_cols: usize, f: impl Fn(usize, &mut [f32]) + Sync) -> Result<Dense> {
    let mut data = vec![0f32; n_rows * n_cols];
    if n_cols > 0 {
        data.par_chunks_mut(ROWS * n_cols).enumerate().for_each(|(b, rows)| {
            for (k, row) in rows.chunks_mut(n_cols).enumerate() {
                f(b * ROWS + k, row);
            }
        });
    }
    Dense::new(n_rows, n_cols, data)
}
