//! B-splines of order 6: how a point and the nodes of a mesh see each other.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::Simd;

/// Nodes that a point touches along each axis.
pub(super) const ORDER: usize = 6;
/// Weights with two zeros behind them: `R` registers of any machine.
pub(super) type Lanes = [f64; 8];

/// Coefficients of the six weights by power of the fraction.
const POWERS: [Lanes; ORDER] = over_120([
    [1.0, 26.0, 66.0, 26.0, 1.0, 0.0, 0.0, 0.0],
    [-5.0, -50.0, 0.0, 50.0, 5.0, 0.0, 0.0, 0.0],
    [10.0, 20.0, -60.0, 20.0, 10.0, 0.0, 0.0, 0.0],
    [-10.0, 20.0, 0.0, -20.0, 10.0, 0.0, 0.0, 0.0],
    [5.0, -20.0, 30.0, -20.0, 5.0, 0.0, 0.0, 0.0],
    [-1.0, 5.0, -10.0, 10.0, -5.0, 1.0, 0.0, 0.0],
]);
/// Those of their derivatives.
const SLOPES: [Lanes; ORDER - 1] = over_120([
    [-5.0, -50.0, 0.0, 50.0, 5.0, 0.0, 0.0, 0.0],
    [20.0, 40.0, -120.0, 40.0, 20.0, 0.0, 0.0, 0.0],
    [-30.0, 60.0, 0.0, -60.0, 30.0, 0.0, 0.0, 0.0],
    [20.0, -80.0, 120.0, -80.0, 20.0, 0.0, 0.0, 0.0],
    [-5.0, 25.0, -50.0, 50.0, -25.0, 5.0, 0.0, 0.0],
]);

const fn over_120<const N: usize>(mut rows: [Lanes; N]) -> [Lanes; N] {
    let mut at = 0;
    while at < 8 * N {
        rows[at / 8][at % 8] /= 120.0;
        at += 1;
    }
    rows
}

/// The weights of the nodes around a point at the fraction `t` (0…1) of its cell.
#[inline(always)]
pub(super) fn weights<S: Simd, const R: usize>(simd: S, t: f64) -> Lanes {
    horner::<S, R>(simd, &POWERS, t)
}

/// The derivatives of [`weights`] by `t`.
#[inline(always)]
pub(super) fn slopes<S: Simd, const R: usize>(simd: S, t: f64) -> Lanes {
    horner::<S, R>(simd, &SLOPES, t)
}

#[inline(always)]
fn horner<S: Simd, const R: usize>(simd: S, powers: &[Lanes], t: f64) -> Lanes {
    let (t, mut w) = (simd.splat_f64s(t), [simd.splat_f64s(0.0); R]);
    for row in powers.iter().rev() {
        for (w, &p) in w.iter_mut().zip(S::as_simd_f64s(row).0) {
            *w = simd.mul_add_e_f64s(*w, t, p);
        }
    }
    let mut out = [0.0; 8];
    S::as_mut_simd_f64s(&mut out).0.copy_from_slice(&w);
    out
}

/// The Fourier transform of the spline sampled at the nodes, at `angle` per node: what interpolation divides by.
pub(super) fn transform(angle: f64) -> f64 {
    (66.0 + 52.0 * angle.cos() + 2.0 * (2.0 * angle).cos()) / 120.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_reproduce_a_quadratic_and_slopes_its_derivative() {
        for t in [0.0, 0.3, 0.999] {
            let (w, s) = (weights::<_, 8>(pulp::Scalar, t), slopes::<_, 8>(pulp::Scalar, t));
            let place = |j: usize| j as f64 - 2.0;
            let square: f64 = (0..ORDER).map(|j| w[j] * place(j).powi(2)).sum();
            let slope: f64 = (0..ORDER).map(|j| s[j] * place(j).powi(2)).sum();
            assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-14 && s.iter().sum::<f64>().abs() < 1e-14);
            // The spline's own variance is half a cell.
            assert!((square - t * t - 0.5).abs() < 1e-13, "{t}: {square}");
            assert!((slope - 2.0 * t).abs() < 1e-13, "{t}: {slope}");
        }
    }
}
