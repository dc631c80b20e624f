//! The numbers a network may be made of: `f32` to work with, `f64` to check the formulas by.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use faer::traits::RealField;
use pulp::Simd;
use tegula_algo::linalg::panel::Real;

/// Adding this moves the whole part of a number into the low bits of its mantissa.
const SHIFTER: f32 = 12_582_912.0; // 1.5 · 2^23
/// ln 2 in two parts; the first times a small whole number is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// A number that a network may be made of.
pub trait Scalar: Real + RealField {
    /// A slice as registers; what does not fill one is left out.
    fn lanes_of<S: Simd>(values: &[Self]) -> &[Self::Lanes<S>];
    /// A slice as registers, to be changed; what does not fill one is left out.
    fn lanes_of_mut<S: Simd>(values: &mut [Self]) -> &mut [Self::Lanes<S>];
    /// e^x − 1 for x ≤ 0.
    #[must_use]
    fn exp_m1(self) -> Self;
    /// e^x.
    #[must_use]
    fn exp(self) -> Self;
    /// √x.
    #[must_use]
    fn root(self) -> Self;
}

impl Scalar for f32 {
    #[inline(always)]
    fn lanes_of<S: Simd>(values: &[Self]) -> &[S::f32s] {
        S::as_simd_f32s(values).0
    }

    #[inline(always)]
    fn lanes_of_mut<S: Simd>(values: &mut [Self]) -> &mut [S::f32s] {
        S::as_mut_simd_f32s(values).0
    }

    #[inline(always)]
    fn exp_m1(self) -> Self {
        let (power, p) = series(self.max(-30.0));
        // 2^k (1 + p) − 1, so that a small x keeps its digits.
        power * p + (power - 1.0)
    }

    #[inline(always)]
    fn exp(self) -> Self {
        let (power, p) = series(self.clamp(-86.0, 86.0));
        power * p + power
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }
}

/// 2^k and e^r − 1, where x = k ln 2 + r: a series that the compiler turns into vector instructions.
#[inline(always)]
fn series(x: f32) -> (f32, f32) {
    let shifted = x * std::f32::consts::LOG2_E + SHIFTER;
    let k = shifted - SHIFTER;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0)));
    (power, r + r * r * (0.5 + r * (1.0 / 6.0 + r * tail)))
}

impl Scalar for f64 {
    #[inline(always)]
    fn lanes_of<S: Simd>(values: &[Self]) -> &[S::f64s] {
        S::as_simd_f64s(values).0
    }

    #[inline(always)]
    fn lanes_of_mut<S: Simd>(values: &mut [Self]) -> &mut [S::f64s] {
        S::as_mut_simd_f64s(values).0
    }

    #[inline(always)]
    fn exp_m1(self) -> Self {
        f64::exp_m1(self)
    }

    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        for step in 0..40_000 {
            let x = -0.0007 * step as f32;
            let exact = f64::from(x).exp_m1();
            assert!((f64::from(Scalar::exp_m1(x)) - exact).abs() <= 2e-7 * exact.abs(), "exp_m1({x})");
            let exact = f64::from(x).exp();
            assert!((f64::from(Scalar::exp(x)) / exact - 1.0).abs() < 3e-7, "exp({x})");
            let exact = f64::from(-x).exp();
            assert!((f64::from(Scalar::exp(-x)) / exact - 1.0).abs() < 3e-7, "exp({})", -x);
        }
        assert_eq!((Scalar::exp_m1(0f32), Scalar::exp(0f32)), (0.0, 1.0));
        assert_eq!(Scalar::exp_m1(-1e30f32), -1.0);
    }
}
