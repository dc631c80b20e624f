//! Results with a value for every entry: whether there is room for them.

use rayon::prelude::*;
use tegula_core::{Dense, Error, Result, Slot};

/// Above this many values (16 GiB) a dense result is refused.
const MOST: usize = 1 << 32;
/// Rows that one piece of work fills.
const ROWS: usize = 16;

/// Refuses a dense result that is absurdly large.
pub(super) fn check_room(slot: &Slot, n_rows: usize, n_cols: usize) -> Result<()> {
    if n_rows.saturating_mul(n_cols) <= MOST {
        return Ok(());
    }
    let gib = (n_rows as f64 * n_cols as f64 * 4.0 / f64::from(1 << 30)).round();
    let reason = format!(
        "the result has a value for each of {n_rows} × {n_cols} entries, {gib} GiB; keep the variable genes first \
         (pp.highly_variable_genes with subset = true), or fewer observations (pp.subsample)"
    );
    Err(Error::data(slot, reason))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fill_the_memory_is_refused_with_the_way_out() {
        assert!(check_room(&Slot::X, 100_000, 20_000).is_ok());
        let text = check_room(&Slot::X, 1_000_000, 20_000).unwrap_err().to_string();
        assert!(text.starts_with("X: the result") && text.contains("75 GiB") && text.contains("subset"), "{text}");
    }
}
