//! Whether the numbers can be worked with, and where the first bad one is.

use rayon::prelude::*;
use tegula_core::{AnnData, Error, Matrix, Result, Slot};

/// Values per parallel piece of a scan.
const PIECE: usize = 1 << 16;

/// Checks that every value of `X` (`None`) or of a layer is finite and not negative.
///
/// # Errors
/// [`Error::Missing`] where the matrix is not there; [`Error::Data`] naming the first NaN, infinite or negative value
/// by observation and variable.
pub fn check_counts(adata: &AnnData, layer: Option<&str>) -> Result<()> {
    check(adata, layer, |v| v.is_finite() && v >= 0.0)
}

/// Checks that every value of `X` (`None`) or of a layer is finite.
///
/// # Errors
/// As [`check_counts`], except that negative values pass.
pub fn check_finite(adata: &AnnData, layer: Option<&str>) -> Result<()> {
    check(adata, layer, f32::is_finite)
}

fn check(adata: &AnnData, layer: Option<&str>, good: impl Fn(f32) -> bool + Sync + Copy) -> Result<()> {
    let m = adata.matrix(layer)?;
    // A fold without early exit inside a piece vectorises; the exact place is looked up only where it is needed.
    let bad = m.values().par_chunks(PIECE).position_first(|c| !c.iter().fold(true, |all, &v| all & good(v)));
    let Some(piece) = bad else { return Ok(()) };
    let Some(at) = m.values()[piece * PIECE..].iter().position(|&v| !good(v)).map(|k| piece * PIECE + k) else {
        return Ok(());
    };
    let (i, j) = place(m, at);
    let value = m.values()[at];
    let (kind, way_out) = if value.is_nan() {
        ("NaN", "replace it by 0, or drop the observation or the variable")
    } else if value.is_infinite() {
        ("an infinite value", "replace it, or drop the observation or the variable")
    } else {
        ("a negative value", "pass raw counts, for example as a layer")
    };
    let reason = format!(
        "holds {kind} ({value}) at observation `{}`, variable `{}`; {way_out}",
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
