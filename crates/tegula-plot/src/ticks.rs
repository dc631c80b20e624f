//! Round numbers for the ticks of a colour bar and for scale bars.

/// About `want` round numbers from `lo` to `hi`, three at least, with their texts.
pub(crate) fn ticks(lo: f64, hi: f64, want: usize) -> Vec<(f64, String)> {
    let span = hi - lo;
    if !(span.is_finite() && span > 0.0 && span > 1e-12 * lo.abs().max(hi.abs())) {
        return vec![(lo, number(lo, 1 + decimals(lo)))];
    }
    let slack = 1e-9 * span;
    let fits = |step: f64| (((lo - slack) / step).ceil(), ((hi + slack) / step).floor());
    let steps = || (want.max(1)..want + 4).map(|n| round_step(span / n as f64));
    let enough = |step: &f64| {
        let (first, last) = fits(*step);
        last - first >= 2.0
    };
    let step = steps().find(enough).unwrap_or_else(|| round_step(span / (want + 4) as f64));
    let (first, last) = fits(step);
    let digits = decimals(step);
    (0..=(last - first).max(0.0) as usize)
        .map(|k| {
            let v = (first + k as f64) * step;
            (v, number(v, digits))
        })
        .collect()
}

/// The round number 1, 2, 2.5 or 5 × 10ⁿ that is nearest above `rough`.
fn round_step(rough: f64) -> f64 {
    let unit = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0].iter().map(|m| m * unit).find(|s| *s >= rough * (1.0 - 1e-9)).unwrap_or(10.0 * unit)
}

/// Decimal places that tell multiples of `step` apart.
fn decimals(step: f64) -> usize {
    (0..12)
        .find(|&d| {
            let x = step.abs() * 10f64.powi(d);
            (x - x.round()).abs() < 1e-6 * x.max(1e-300)
        })
        .unwrap_or(12) as usize
}

/// A number as a person would write it: a true minus sign, powers of ten where it gets long.
pub(crate) fn number(v: f64, digits: usize) -> String {
    let text = if v == 0.0 {
        "0".to_owned()
    } else if v.abs() >= 1e5 || digits > 5 {
        let t = format!("{v:.2e}");
        let (mantissa, exponent) = t.split_once('e').unwrap_or((&t, "0"));
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
        format!("{mantissa}e{exponent}")
    } else {
        format!("{v:.digits$}")
    };
    text.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lo: f64, hi: f64) -> Vec<String> {
        ticks(lo, hi, 5).into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(texts(0.0, 5.3), ["0", "2", "4"]);
        assert_eq!(texts(0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(-1.2, 1.2), ["\u{2212}1.0", "\u{2212}0.5", "0", "0.5", "1.0"]);
        assert_eq!(texts(0.0, 240_000.0), ["0", "5e4", "1e5", "1.5e5", "2e5"].map(|t| t.replace("5e4", "50000")));
        assert_eq!(texts(3.0, 3.0), ["3.0"]);
        assert_eq!(ticks(-0.8, 0.8, 2).len(), 3);
        assert_eq!(texts(0.0, 2e-7).len(), 5);
    }

    #[test]
    fn odd_ranges_do_not_hang() {
        for (lo, hi) in [(0.0, f64::INFINITY), (1.0, 0.0), (1e300, 1.1e300), (0.0, 5e-324), (1e16, 1e16 + 2.0)] {
            assert!(ticks(lo, hi, 5).len() < 20, "{lo} {hi}");
        }
    }
}
