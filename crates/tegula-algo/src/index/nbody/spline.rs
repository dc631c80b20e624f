//! B-splines of order 6: how a point and the nodes of a mesh see each other.

/// Nodes that a point touches along each axis.
pub(super) const ORDER: usize = 6;
/// Weights with two zeros behind them: one register, or two.
pub(super) type Lanes = [f64; 8];

/// Coefficients of the six weights by power of the fraction, times 120.
const POWERS: [Lanes; ORDER] = [
    [1.0, 26.0, 66.0, 26.0, 1.0, 0.0, 0.0, 0.0],
    [-5.0, -50.0, 0.0, 50.0, 5.0, 0.0, 0.0, 0.0],
    [10.0, 20.0, -60.0, 20.0, 10.0, 0.0, 0.0, 0.0],
    [-10.0, 20.0, 0.0, -20.0, 10.0, 0.0, 0.0, 0.0],
    [5.0, -20.0, 30.0, -20.0, 5.0, 0.0, 0.0, 0.0],
    [-1.0, 5.0, -10.0, 10.0, -5.0, 1.0, 0.0, 0.0],
];

/// The weights of the nodes around a point at the fraction `t` (0…1) of its cell.
#[inline(always)]
pub(super) fn weights(t: f64) -> Lanes {
    let mut w = POWERS[ORDER - 1];
    for row in POWERS[..ORDER - 1].iter().rev() {
        for l in 0..8 {
            w[l] = w[l] * t + row[l];
        }
    }
    w.map(|v| v / 120.0)
}

/// The derivatives of [`weights`] by `t`.
#[inline(always)]
pub(super) fn slopes(t: f64) -> Lanes {
    let mut w = POWERS[ORDER - 1].map(|v| 5.0 * v);
    for (k, row) in POWERS[1..ORDER - 1].iter().enumerate().rev() {
        for l in 0..8 {
            w[l] = w[l] * t + (k + 1) as f64 * row[l];
        }
    }
    w.map(|v| v / 120.0)
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
            let (w, s) = (weights(t), slopes(t));
            // Second moment of the spline: 1/2 more than the square of its centre.
            let place = |j: usize| j as f64 - 2.0;
            let square: f64 = (0..ORDER).map(|j| w[j] * place(j).powi(2)).sum();
            let slope: f64 = (0..ORDER).map(|j| s[j] * place(j).powi(2)).sum();
            assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-14 && s.iter().sum::<f64>().abs() < 1e-14);
            assert!((square - t * t - 0.5).abs() < 1e-13, "{t}: {square}");
            assert!((slope - 2.0 * t).abs() < 1e-13, "{t}: {slope}");
        }
    }
}
