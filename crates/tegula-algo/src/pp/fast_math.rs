//! Logarithm and exponential of whole slices, to the last digit or so of `f32`.
//!
//! The standard library's are exact and scalar; these are short series in `f64` that the compiler turns into vector
//! instructions, some six times faster.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::f64::consts::{LN_2, LOG2_E, SQRT_2};

/// Adding this moves the whole part of a number into the low bits of its mantissa.
const SHIFTER: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52
const MANTISSA: u64 = (1 << 52) - 1;

/// ln(1 + x) for x ≥ 0 (NaN and infinite values never get here), within 2e-9 relative in `f64`.
#[inline(always)]
pub(crate) fn ln_1p(x: f64) -> f64 {
    let u = 1.0 + x;
    let bits = u.to_bits();
    // The exponent as a float without an integer conversion, which AVX2 lacks: put it below 2^52 and subtract.
    let exponent = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - 4_503_599_627_371_519.0;
    let mantissa = f64::from_bits((bits & MANTISSA) | 0x3ff0_0000_0000_0000);
    let high = mantissa > SQRT_2;
    let m = if high { 0.5 * mantissa } else { mantissa };
    let k = if high { exponent + 1.0 } else { exponent };
    // ln m = 2 artanh s.
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    let small = x * (1.0 - x * (0.5 - x * (1.0 / 3.0)));
    if x < 1e-5 { small } else { k * LN_2 + 2.0 * s * series }
}

/// e^x − 1 for |x| < 700, within 1e-8 relative in `f64` (absolute below 1e-8).
#[inline(always)]
pub(super) fn exp_m1(x: f64) -> f64 {
    let shifted = x * LOG2_E + SHIFTER;
    let r = x - (shifted - SHIFTER) * LN_2;
    let power = f64::from_bits((shifted.to_bits().wrapping_add(1023)) << 52);
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0 + r * (1.0 / 40320.0))));
    let p = r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * tail)));
    // 2^k (1 + p) − 1, so that a small x keeps its digits.
    power * p + (power - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agree_with_the_standard_library() {
        for step in 0..200_000u32 {
            let x = f64::from(f32::from_bits(0x3000_0000 + step * 4800));
            let (log, exp) = (ln_1p(x), exp_m1(x.min(80.0)));
            assert!((log / x.ln_1p() - 1.0).abs() < 1e-8, "ln_1p({x}) = {log}");
            assert!((exp / x.min(80.0).exp_m1() - 1.0).abs() < 1e-8, "exp_m1({x}) = {exp}");
            assert!((exp_m1(-x.min(50.0)) - (-x.min(50.0)).exp_m1()).abs() < 1e-8);
        }
        assert_eq!((ln_1p(0.0), exp_m1(0.0)), (0.0, 0.0));
    }
}
