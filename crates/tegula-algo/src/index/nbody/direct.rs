//! The sums pair by pair, in O(N²).

use rayon::prelude::*;

use super::LowRank;

/// Points summed by one task.
const POINTS: usize = 64;

/// `Σ_j q_ij² (y_i − y_j)` of every point, and `Σ_i Σ_{j≠i} q_ij`.
pub(super) fn repulsion<const D: usize>(y: &[[f64; D]], out: &mut [[f64; D]]) -> f64 {
    let parts: Vec<f64> = out
        .par_chunks_mut(POINTS)
        .zip(y.par_chunks(POINTS))
        .map(|(out, of)| {
            let mut total = 0.0;
            for (f, &p) in out.iter_mut().zip(of) {
                let (mut sum, mut force) = (0.0, [0.0; D]);
                for &other in y {
                    let (q, d) = pair(p, other);
                    sum += q;
                    (0..D).for_each(|a| force[a] += q * q * d[a]);
                }
                // Every point has met itself.
                total += sum - 1.0;
                *f = force;
            }
            total
        })
        .collect();
    parts.iter().sum()
}

/// `Σ_j (t_i · c_j) q_ij (y_i − y_j)` of every point.
pub(super) fn forces<const D: usize>(y: &[[f64; D]], weights: &LowRank<'_>, out: &mut [[f64; D]]) {
    out.par_chunks_mut(POINTS).enumerate().for_each(|(b, out)| {
        for (i, f) in (b * POINTS..).zip(out) {
            let mut force = [0.0; D];
            for (j, &other) in y.iter().enumerate() {
                let (q, d) = pair(y[i], other);
                let q = q * weights.of(i, j);
                (0..D).for_each(|a| force[a] += q * d[a]);
            }
            *f = force;
        }
    });
}

/// `1 / (1 + ‖a − b‖²)` and a − b.
#[inline(always)]
pub(super) fn pair<const D: usize>(a: [f64; D], b: [f64; D]) -> (f64, [f64; D]) {
    let d = std::array::from_fn(|k| a[k] - b[k]);
    (1.0 / (1.0 + d.iter().map(|v| v * v).sum::<f64>()), d)
}
