//! Medians and quantiles as numpy has them.

/// The median: the middle value, or half-way between the middle two; `None` of nothing. Reorders the values.
///
/// ```
/// use tegula_algo::stats::quantile::median;
/// assert_eq!(median(&mut [3.0, 9.0, 1.0]), Some(3.0));
/// assert_eq!(median(&mut [4.0, 1.0]), Some(2.5));
/// assert_eq!(median(&mut []), None);
/// ```
pub fn median(values: &mut [f64]) -> Option<f64> {
    let (odd, middle) = (values.len() % 2 == 1, values.len() / 2);
    if values.is_empty() {
        return None;
    }
    let (below, &mut high, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let low = below.iter().copied().max_by(f64::total_cmp).filter(|_| !odd).unwrap_or(high);
    Some(f64::midpoint(low, high))
}

/// The quantile `q`, linear between the two values around it; `None` of nothing. Reorders the values.
///
/// ```
/// use tegula_algo::stats::quantile::quantile;
/// assert_eq!(quantile(&mut [5.0, 1.0, 2.0], 0.75), Some(3.5));
/// ```
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let (k, part) = place(values.len(), q)?;
    let (_, &mut low, above) = values.select_nth_unstable_by(k, f64::total_cmp);
    Some(between(low, above.iter().copied().min_by(f64::total_cmp).unwrap_or(low), part))
}

/// As [`quantile`], of values that ascend.
///
/// ```
/// use tegula_algo::stats::quantile::quantile_of_sorted;
/// assert_eq!(quantile_of_sorted(&[1.0, 2.0, 5.0], 0.75), Some(3.5));
/// assert_eq!(quantile_of_sorted(&[1.0, 2.0, 5.0], 1.0), Some(5.0));
/// ```
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let (k, part) = place(sorted.len(), q)?;
    Some(between(sorted[k], sorted[(k + 1).min(sorted.len() - 1)], part))
}

/// The index of the value below the quantile, and how far it lies from there to the next.
fn place(n: usize, q: f64) -> Option<(usize, f64)> {
    let at = n.checked_sub(1)? as f64 * q;
    let k = (at as usize).min(n - 1);
    Some((k, at - k as f64))
}

/// Measured from the nearer end, so that it never leaves the interval.
fn between(low: f64, high: f64, part: f64) -> f64 {
    if part >= 0.5 { high - (high - low) * (1.0 - part) } else { low + (high - low) * part }
}
