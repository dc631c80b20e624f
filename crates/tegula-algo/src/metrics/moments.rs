//! Sums from which correlations are made.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

/// Sums side by side: one register of the widest machine.
const LANES: usize = 8;

/// Sums of `K` variables and of one more that each is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments<const K: usize> {
    n: f64,
    y: f64,
    yy: f64,
    x: [f64; K],
    xx: [f64; K],
    xy: [f64; K],
}

impl<const K: usize> Default for Moments<K> {
    fn default() -> Self {
        Self { n: 0.0, y: 0.0, yy: 0.0, x: [0.0; K], xx: [0.0; K], xy: [0.0; K] }
    }
}

impl<const K: usize> Moments<K> {
    /// Adds values, the same number of each variable.
    #[inline(always)]
    pub(super) fn add(&mut self, x: [&[f32]; K], y: &[f32]) {
        let zero = [0.0f64; LANES];
        let (mut sy, mut syy, mut sx, mut sxx, mut sxy) = (zero, zero, [zero; K], [zero; K], [zero; K]);
        let whole = y.len() - y.len() % LANES;
        for at in (0..whole).step_by(LANES) {
            let wide = |v: &[f32]| -> [f64; LANES] { std::array::from_fn(|l| f64::from(v[at + l])) };
            let b = wide(y);
            for l in 0..LANES {
                sy[l] += b[l];
                syy[l] += b[l] * b[l];
            }
            for k in 0..K {
                let a = wide(x[k]);
                for l in 0..LANES {
                    sx[k][l] += a[l];
                    sxx[k][l] += a[l] * a[l];
                    sxy[k][l] += a[l] * b[l];
                }
            }
        }
        for at in whole..y.len() {
            let b = f64::from(y[at]);
            sy[0] += b;
            syy[0] += b * b;
            for k in 0..K {
                let a = f64::from(x[k][at]);
                sx[k][0] += a;
                sxx[k][0] += a * a;
                sxy[k][0] += a * b;
            }
        }
        let sum = |v: &[f64; LANES]| v.iter().sum::<f64>();
        self.n += y.len() as f64;
        self.y += sum(&sy);
        self.yy += sum(&syy);
        for k in 0..K {
            self.x[k] += sum(&sx[k]);
            self.xx[k] += sum(&sxx[k]);
            self.xy[k] += sum(&sxy[k]);
        }
    }

    /// Adds the sums of other values.
    pub(super) fn join(&mut self, other: &Self) {
        self.n += other.n;
        self.y += other.y;
        self.yy += other.yy;
        for k in 0..K {
            self.x[k] += other.x[k];
            self.xx[k] += other.xx[k];
            self.xy[k] += other.xy[k];
        }
    }

    /// Pearson's correlation of each variable with the last; NaN where one of the two is constant.
    pub(super) fn correlations(&self) -> [f64; K] {
        // What rounding leaves of the variance of a constant.
        let variance = |s: f64, ss: f64| {
            let v = ss - s * s / self.n;
            if v > 1e-12 * ss { v } else { 0.0 }
        };
        let own = variance(self.y, self.yy);
        std::array::from_fn(|k| {
            let covariance = self.xy[k] - self.x[k] * self.y / self.n;
            let scale = (variance(self.x[k], self.xx[k]) * own).sqrt();
            if scale > 0.0 { (covariance / scale).clamp(-1.0, 1.0) } else { f64::NAN }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_is_that_of_the_definition_and_nan_for_a_constant() {
        let mut m = Moments::<2>::default();
        m.add([&[1.0, 2.0, 4.0], &[5.0; 3]], &[2.0, 1.0, 3.0]);
        // Σ(x − x̄)(y − ȳ) = 2, Σ(x − x̄)² = 14/3, Σ(y − ȳ)² = 2.
        let [r, constant] = m.correlations();
        assert!((r - 2.0 / (14.0f64 / 3.0 * 2.0).sqrt()).abs() < 1e-12 && constant.is_nan());
    }

    #[test]
    fn parts_joined_are_the_whole() {
        let y: Vec<f32> = (0..37).map(|i| ((i * i) % 11) as f32).collect();
        let x: Vec<f32> = (0..37).map(|i| ((i * 5) % 13) as f32).collect();
        let (mut whole, mut a, mut b) = (Moments::<1>::default(), Moments::default(), Moments::default());
        whole.add([&x], &y);
        a.add([&x[..20]], &y[..20]);
        b.add([&x[20..]], &y[20..]);
        a.join(&b);
        assert_eq!(a.correlations(), whole.correlations());
    }
}
