//! How many components to keep: the knee of the curve of their variances.

use super::centered::Centered;
use super::gram;
use tegula_core::{Error, Result};

/// Up to this size all eigenvalues are found.
const LARGEST: usize = 4096;

/// The number of values up to the knee of a falling convex curve, the knee included; `None` where it has none.
///
/// Kneedle with sensitivity 1: both axes are scaled to 0…1; the knee is the first point that lies farthest from the
/// straight line between the ends and farther than what follows by one step of the scaled axis.
///
/// ```
/// use tegula_algo::reduce::knee;
/// assert_eq!(knee(&[10.0, 5.0, 2.0, 1.5, 1.0, 0.5, 0.0]), Some(3));
/// assert_eq!(knee(&[3.0, 2.0, 1.0, 0.0]), None, "a straight line");
/// ```
pub fn knee(curve: &[f64]) -> Option<usize> {
    let (high, low) = curve.iter().fold((f64::NEG_INFINITY, f64::INFINITY), |(h, l), &v| (h.max(v), l.min(v)));
    let last = curve.len().checked_sub(1).filter(|_| high > low)?;
    let step = 1.0 / last as f64;
    let beyond: Vec<f64> = (0..=last).map(|i| (high - curve[i]) / (high - low) - i as f64 / last as f64).collect();
    let mut summit = None;
    for i in 0..last {
        let (before, here, after) = (beyond[i.saturating_sub(1)], beyond[i], beyond[i + 1]);
        if here >= before && here >= after {
            summit = Some(i);
        }
        if here <= before && here <= after {
            summit = None;
        }
        if let Some(at) = summit.filter(|&at| after < beyond[at] - step) {
            return Some(at + 1);
        }
    }
    None
}

/// The share of the variance along every component there is, falling.
pub(super) fn spectrum(op: &Centered<'_>) -> Result<Vec<f64>> {
    let side = op.n_obs().min(op.n_vars());
    if side > LARGEST {
        let must = format!("named with knee where both sides of the matrix are above {LARGEST}: so many are compared");
        return Err(Error::param("pp.pca", "n_comps", "None", must));
    }
    let values: Vec<f64> = gram::eigenvalues(op)?.into_iter().map(|v| v.max(0.0)).collect();
    let total: f64 = values.iter().sum();
    Ok(values.into_iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0 falls short of the line by 0, .33, .47, .40, .28, .15, 0 over steps of
    /// 1/6; the third is the farthest, and the fifth is the first below .47 − .17.
    #[test]
    fn the_knee_is_where_the_curve_turns() {
        assert_eq!(knee(&[1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.0]), Some(3));
        assert_eq!(knee(&[1.0, 0.0]), None, "two points are a line");
        assert_eq!(knee(&[2.0; 5]), None);
        assert_eq!(knee(&[]), None);
    }
}
