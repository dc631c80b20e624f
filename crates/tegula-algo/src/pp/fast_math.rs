//! Logarithm and exponential of whole slices, to the last digit or so of `f32`.
//!
//! The standard library's are exact and scalar; these are short series that the compiler turns into vector
//! instructions, many times faster.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::f64::consts::{LN_2, LOG2_E};

use pulp::{Simd, WithSimd};

use crate::linalg::panel::with_lanes;

/// Adding this moves the whole part of a number into the low bits of its mantissa.
const SHIFTER: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52
/// Beyond this an exponential is infinite; values so large are no logarithms, but must not wrap around.
const LIMIT: f64 = 690.0;
/// √½ as bits: mantissas are taken from here to √2.
const ROOT_HALF: u32 = 0x3f35_04f3;
const ONE: u32 = 0x3f80_0000;
/// ln 2 in two parts; the first times an exponent is exact.
const LN_2_HIGH: f32 = 0.693_138_1;
const LN_2_LOW: f32 = 9.058e-6;

/// Replaces every x, finite and not negative, by ln(1 + x).
pub(super) fn ln_1p_all(values: &mut [f32]) {
    with_lanes(Ln1p(values));
}

struct Ln1p<'a>(&'a mut [f32]);

impl WithSimd for Ln1p<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.iter_mut().for_each(|v| *v = ln_1p(*v));
    }
}

/// e^(`scale` · x) − 1 of every finite x.
pub(super) fn exp_m1_all(from: &[f32], scale: f64, to: &mut [f64]) {
    with_lanes(ExpM1 { from, scale, to });
}

struct ExpM1<'a> {
    from: &'a [f32],
    scale: f64,
    to: &'a mut [f64],
}

impl WithSimd for ExpM1<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { from, scale, to } = self;
        to.iter_mut().zip(from).for_each(|(t, &v)| *t = exp_m1((f64::from(v) * scale).clamp(-LIMIT, LIMIT)));
    }
}

/// e^x for x ≤ 0, within 2e-7 relative; 0 below −87.
#[inline(always)]
pub(super) fn exp_negative(x: f32) -> f32 {
    // Adding 1.5 · 2^23 leaves the whole part of x / ln 2 in the low bits.
    const SHIFTER: f32 = 12_582_912.0;
    let shifted = x.max(-87.0) * std::f32::consts::LOG2_E + SHIFTER;
    let k = shifted - SHIFTER;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0)));
    let p = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * tail)));
    if x < -87.0 { 0.0 } else { power * p }
}

/// ln(1 + x) for finite x ≥ 0, within 0.9 units in the last place.
#[inline(always)]
fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    // 1 + x = 2^k (1 + f), k the exponent and 1 + f between √½ and √2.
    let bits = u.to_bits().wrapping_add(ONE - ROOT_HALF);
    let exponent = bits >> 23;
    let k = exponent as i32 as f32 - 127.0;
    let f = f32::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT_HALF)) - 1.0;
    // What the rounding of 1 + x lost, as a share of it; nothing is lost where f is x itself.
    let lost = if x < 1.0 { x - (u - 1.0) } else { 1.0 - (u - x) };
    let lost = lost * f32::from_bits(254u32.saturating_sub(exponent) << 23) * (1.0 - f + f * f);
    let near = exponent == 127;
    let (f, lost) = (if near { x } else { f }, if near { 0.0 } else { lost });
    // ln(1 + f) = 2 artanh s, arranged so that f itself is added last.
    let s = f / (2.0 + f);
    let z = s * s;
    let series = z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * (2.0 / 7.0 + z * (2.0 / 9.0))));
    let half = 0.5 * f * f;
    k * LN_2_HIGH + (f - (half - (s * (half + series) + (k * LN_2_LOW + lost))))
}

/// e^x − 1 for |x| < 700, within 1e-8 relative in `f64` (absolute below 1e-8).
#[inline(always)]
fn exp_m1(x: f64) -> f64 {
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
    fn the_logarithm_is_that_of_the_standard_library_to_the_last_digit() {
        for bits in (0..f32::INFINITY.to_bits()).step_by(4799) {
            let x = f32::from_bits(bits);
            let exact = f64::from(x).ln_1p();
            let digit = f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
            let off = (f64::from(ln_1p(x)) - exact).abs() / digit;
            assert!(off < 0.9, "ln_1p({x:e}) = {:e} for {exact:e}, off by {off} last digits", ln_1p(x));
        }
        assert_eq!(ln_1p(0.0), 0.0);
        assert_eq!(ln_1p(f32::MAX), 128.0 * std::f32::consts::LN_2);
    }

    #[test]
    fn the_exponential_of_what_is_negative_is_that_of_the_standard_library() {
        for step in 0..400_000u32 {
            let x = -87.0 * step as f32 / 400_000.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp_negative(x)) / exact - 1.0).abs() < 2e-7, "exp({x}) = {}", exp_negative(x));
        }
        assert_eq!((exp_negative(0.0), exp_negative(-88.0)), (1.0, 0.0));
    }

    #[test]
    fn the_exponential_is_that_of_the_standard_library() {
        for step in 0..200_000u32 {
            let x = f64::from(f32::from_bits(0x3000_0000 + step * 4800)).min(80.0);
            assert!((exp_m1(x) / x.exp_m1() - 1.0).abs() < 1e-8, "exp_m1({x}) = {}", exp_m1(x));
            assert!((exp_m1(-x.min(50.0)) - (-x.min(50.0)).exp_m1()).abs() < 1e-8);
        }
        assert_eq!(exp_m1(0.0), 0.0);
    }
}
