//! Whether the numbers can be worked with, and where the first bad one is.

use rayon::prelude::*;
use tegula_core::{AnnData, Error, Matrix, Result, Slot, par};

use super::columns::{ROWS, sum_and_highest};
use crate::linalg::panel::vectorised;

/// Values per parallel piece of a scan.
const PIECE: usize = 1 << 16;

/// Checks that every value of `X` (`None`) or of a layer is finite and not negative.
///
/// # Errors
/// [`Error::Missing`] where the matrix is not there; [`Error::Data`] naming the first NaN, infinite or negative value
/// by observation and variable.
pub fn check_counts(adata: &AnnData, layer: Option<&str>) -> Result<()> {
    // −0 becomes 0; below 0 the highest bit is set.
    check(adata, layer, |v| (v + 0.0).to_bits())
}

/// Totals of every observation, after the check of [`check_counts`]: both in one pass.
///
/// # Errors
/// As [`check_counts`].
pub(super) fn totals_of_counts(adata: &AnnData, layer: Option<&str>) -> Result<Vec<f64>> {
    let m = adata.matrix(layer)?;
    let parts = par::map(m.n_rows(), ROWS, |rows| {
        vectorised(|| rows.map(|i| sum_and_highest(m.row_values(i))).collect::<Vec<_>>())
    });
    if parts.iter().flatten().any(|row| row.1 >= INFINITE) {
        check_counts(adata, layer)?;
    }
    Ok(parts.into_iter().flatten().map(|row| row.0).collect())
}

/// Checks that every value of `X` (`None`) or of a layer is finite.
///
/// # Errors
/// As [`check_counts`], except that negative values pass.
pub fn check_finite(adata: &AnnData, layer: Option<&str>) -> Result<()> {
    check(adata, layer, |v| v.abs().to_bits())
}

/// The bits of infinity: those of all smaller numbers are below, those of NaN above.
const INFINITE: u32 = 0x7f80_0000;

/// Checks that `bits` of every value is below that of infinity.
fn check(adata: &AnnData, layer: Option<&str>, bits: impl Fn(f32) -> u32 + Sync + Copy) -> Result<()> {
    let m = adata.matrix(layer)?;
    // The highest of a piece is found without a branch, which vectorises; the place is looked up only where needed.
    let highest = |c: &[f32]| vectorised(|| c.iter().fold(0, |most, &v| bits(v).max(most)));
    let bad = m.values().par_chunks(PIECE).position_first(|c| highest(c) >= INFINITE);
    let Some(piece) = bad else { return Ok(()) };
    let rest = &m.values()[piece * PIECE..];
    let Some(at) = rest.iter().position(|&v| bits(v) >= INFINITE).map(|k| piece * PIECE + k) else {
        return Ok(());
    };
    let (i, j) = place(m, at);
    let value = m.values()[at];
    let (kind, way_out) = if value.is_nan() {
        ("NaN".to_owned(), "replace it by 0, or drop the observation or the variable")
    } else if value.is_infinite() {
        (format!("an infinite value ({value})"), "replace it, or drop the observation or the variable")
    } else {
        (format!("a negative value ({value})"), "pass raw counts, for example as a layer")
    };
    let reason = format!(
        "holds {kind} at observation `{}`, variable `{}`; {way_out}",
        adata.obs().index()[i],
        adata.var().index()[j]
    );
    Err(Error::data(Slot::matrix(layer), reason))
}

/// Row and column of the stored value number `at`.
fn place(m: &Matrix, at: usize) -> (usize, usize) {
    match m {
        Matrix::Dense(d) => (at / d.n_cols(), at % d.n_cols()),
        Matrix::Csr(s) => (s.indptr().partition_point(|&p| p <= at) - 1, s.indices()[at] as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Csr, Frame};

    #[test]
    fn the_first_bad_value_is_named() {
        let names = |v: &[&str]| Frame::new(v.iter().map(ToString::to_string).collect());
        let x = Csr::new(3, 2, vec![0, 1, 1, 3], vec![1, 0, 1], vec![1.0, 2.0, f32::NAN]).unwrap();
        let adata = AnnData::new(Some(x.into()), names(&["a", "b", "c"]), names(&["g", "h"])).unwrap();
        let message = check_counts(&adata, None).unwrap_err().to_string();
        assert!(message.contains("NaN") && message.contains("`c`") && message.contains("`h`"), "{message}");
    }

    #[test]
    fn negative_values_are_no_counts_but_finite() {
        let x = tegula_core::Dense::new(1, 2, vec![0.0, -1.0]).unwrap();
        let adata = AnnData::new(Some(x.into()), Frame::with_range_index(1), Frame::with_range_index(2)).unwrap();
        assert!(check_counts(&adata, None).unwrap_err().to_string().contains("negative value (-1)"));
        assert!(check_finite(&adata, None).is_ok());
    }
}
