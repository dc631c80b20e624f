//! What kind of numbers a matrix holds.

use rayon::prelude::*;
use tegula_core::Matrix;

use crate::linalg::panel::vectorised;

/// Above this no logarithm of a count lies: e^20 is half a billion.
const HIGHEST_LOG: f32 = 20.0;

/// What the values of a matrix look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Non-negative whole numbers: raw counts.
    Counts,
    /// Non-negative, not whole, none above 20: logarithms.
    Logged,
    /// Non-negative, not whole, some large: normalised but not logged.
    Normalized,
    /// Some negative: scaled, residuals, or corrected.
    Signed,
}

/// What the values look like; NaN and infinite values are passed over. A matrix of zeros looks like counts.
///
/// ```
/// use tegula_algo::pp::{Scale, scale_of};
/// use tegula_core::Dense;
/// let of = |v: [f32; 3]| scale_of(&Dense::new(1, 3, v.to_vec()).unwrap().into());
/// assert_eq!(of([0.0, 3.0, 7.0]), Scale::Counts);
/// assert_eq!(of([0.0, 1.6, 2.1]), Scale::Logged);
/// assert_eq!(of([0.0, 1.5, 90.0]), Scale::Normalized);
/// assert_eq!(of([0.0, -0.2, 1.0]), Scale::Signed);
/// ```
pub fn scale_of(m: &Matrix) -> Scale {
    // In bits, so that a piece is looked through without a branch: 1 for negative, 2 for broken, and the highest.
    let look = |(flags, highest): (u32, u32), &v: &f32| {
        let v = if v.is_finite() { v } else { 0.0 };
        (flags | u32::from(v < 0.0) | u32::from(v.trunc() != v) << 1, v.abs().to_bits().max(highest))
    };
    let (flags, highest) = m
        .values()
        .par_chunks(1 << 16)
        .map(|c| vectorised(|| c.iter().fold((0, 0), look)))
        .reduce(|| (0, 0), |a, b| (a.0 | b.0, a.1.max(b.1)));
    let (negative, broken, max) = (flags & 1 > 0, flags & 2 > 0, f32::from_bits(highest));
    match (negative, broken) {
        (true, _) => Scale::Signed,
        (false, false) => Scale::Counts,
        (false, true) if max < HIGHEST_LOG => Scale::Logged,
        (false, true) => Scale::Normalized,
    }
}

/// True where the values look like logarithms already: non-negative, not whole numbers, none above 20.
///
/// ```
/// use tegula_core::Dense;
/// assert!(tegula_algo::pp::looks_logged(&Dense::new(1, 2, vec![0.0, 0.69]).unwrap().into()));
/// ```
pub fn looks_logged(m: &Matrix) -> bool {
    scale_of(m) == Scale::Logged
}
