//! What the reference around an observation says about where it belongs.
//!
//! The correlations with the reference's observations in a window weigh their places. That gives a mean m and a covariance
//! S, which the window has narrowed: without any information they are the window's own m₀ and S₀. As likelihood × window
//! gives the posterior, of Gaussians, the likelihood alone has the precision S⁻¹ − S₀⁻¹ and pulls with S⁻¹m − S₀⁻¹m₀:
//! nothing where correlations are flat, along a layer or beyond the tissue's border, and no shrinking towards the middle.

use rayon::prelude::*;
use tegula_core::{Ctx, Result, par};

use super::Point;
use super::cost::{Ground, coords};
use super::matches::sampled;
use super::section::Unit;
use crate::index::KdTree;

/// Observations of the reference in a window.
const WINDOW: usize = 96;
/// The unlikeness of the best of a window is so many temperatures.
const COLD: f64 = 20.0;
/// The best of a window whose mean tells the temperature.
const BEST: usize = 3;
/// Observations that the temperature is measured on.
const MEASURED: usize = 512;
/// A place is known no better than this share of the spacing.
const FLOOR: f64 = 0.15;
/// Observations farther than so many spacings from the reference say nothing.
const BESIDE: f64 = 1.5;

/// A sample of the reference, with its search tree.
pub(super) struct Level<'a> {
    xy: Vec<Point>,
    tree: KdTree,
    /// What they and those around them are like.
    rows: Unit,
    /// The same of the query's observations that are looked at: [`Chosen::rows`](super::follow::Chosen::rows).
    asking: &'a Unit,
    /// One over the root of the density.
    pub(super) spacing: f64,
}

/// What is known of the displacement x of one observation: precision · x = pull.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Clue {
    /// The symmetric matrix (xx, xy, yy).
    pub(super) precision: [f64; 3],
    pub(super) pull: Point,
}

impl<'a> Level<'a> {
    /// Every observation of the reference, or a sample of `most`, each with the mean row of its share where the reference
    /// has more than `parts`.
    pub(super) fn new(asking: &'a Unit, ground: &Ground<'_>, (most, parts): (usize, usize), ctx: &Ctx<'_>) -> Self {
        let reference = ground.section;
        let ids = sampled(reference.len(), most, ctx);
        let rows = reference.rows.averaged(&ground.tree, &reference.xy, &ids, parts);
        let xy: Vec<Point> = ids.iter().map(|&i| reference.xy[i as usize]).collect();
        let tree = KdTree::new(&coords(&xy));
        // The median reach of a window around the observations themselves.
        let k = WINDOW.min(xy.len());
        let step = xy.len().div_ceil(MEASURED);
        let reach = |p: &Point| tree.nearest(p, k).last().map_or(0.0, |e| e.1);
        let mut reaches: Vec<f64> = xy.par_iter().step_by(step).map(reach).collect();
        reaches.sort_unstable_by(f64::total_cmp);
        // The reference's spread is one: no spacing is nothing beside it.
        let spacing = (reaches[reaches.len() / 2] * (std::f64::consts::PI / k as f64).sqrt()).max(1e-6);
        Self { xy, tree, rows, asking, spacing }
    }

    /// Number of observations.
    pub(super) fn len(&self) -> usize {
        self.xy.len()
    }

    /// Farther from the nearest observation than this is beside the reference.
    pub(super) fn beside(&self) -> f64 {
        BESIDE * self.spacing
    }

    /// How far from each of some places the most correlated observation in the window around it lies.
    pub(super) fn best_in_window(&self, at: &[Point], ctx: &Ctx<'_>) -> Result<Vec<f64>> {
        let one = |seen: &mut Seen, k: usize| {
            seen.look(self, k, &at[k]);
            let most = seen.correlations.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let best = seen.near.iter().zip(&seen.correlations).find(|e| *e.1 == most);
            best.map_or(0.0, |e| e.0.1)
        };
        ctx.tick(super::cast_stack::TASK, 0)?;
        Ok((0..at.len()).into_par_iter().map_init(Seen::default, one).collect())
    }

    /// What the windows around some places say; `at[k]` is the place of the k-th observation that is looked at.
    pub(super) fn clues(&self, at: &[Point], ctx: &Ctx<'_>) -> Result<Vec<Clue>> {
        let step = at.len().div_ceil(MEASURED).max(1);
        let unlike = |k: usize, seen: &mut Seen| {
            seen.look(self, k, &at[k]);
            let c = &mut seen.correlations;
            c.sort_unstable_by(|a, b| b.total_cmp(a));
            1.0 - c.iter().take(BEST).sum::<f64>() / c.len().min(BEST) as f64
        };
        let measured: Vec<f64> =
            (0..at.len()).into_par_iter().step_by(step).map_init(Seen::default, |seen, k| unlike(k, seen)).collect();
        let mean = measured.iter().sum::<f64>() / measured.len().max(1) as f64;
        let temperature = mean.max(1e-4) / COLD;
        let parts: Vec<Vec<Clue>> = par::blocks(at.len(), 256)
            .map(|range| {
                ctx.tick(super::cast_stack::TASK, 0)?;
                let mut seen = Seen::default();
                let one = |k: usize| {
                    seen.look(self, k, &at[k]);
                    if seen.near.first().is_none_or(|e| e.1 > self.beside()) {
                        return Clue::default();
                    }
                    seen.clue(&self.xy, &at[k], temperature, self.spacing)
                };
                Ok(range.map(one).collect())
            })
            .collect::<Result<_>>()?;
        Ok(parts.concat())
    }
}

/// A window, and the correlations with its observations.
#[derive(Default)]
struct Seen {
    near: Vec<(u32, f64)>,
    correlations: Vec<f64>,
}

impl Seen {
    fn look(&mut self, level: &Level<'_>, k: usize, place: &Point) {
        self.near = level.tree.nearest(place, WINDOW);
        let others = self.near.iter().map(|e| e.0 as usize);
        level.asking.correlations(k, &level.rows, others, &mut self.correlations);
    }

    fn clue(&self, xy: &[Point], place: &Point, temperature: f64, spacing: f64) -> Clue {
        let most = self.correlations.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut narrow = Moments::default();
        let mut whole = Moments::default();
        for (&(j, _), c) in self.near.iter().zip(&self.correlations) {
            let p = xy[j as usize];
            let x = [p[0] - place[0], p[1] - place[1]];
            whole.add(x, 1.0);
            narrow.add(x, ((c - most) / temperature).exp());
        }
        let least = (FLOOR * spacing).powi(2);
        deconvolve(&narrow.covariance(least), &whole.covariance(1e-4 * least))
    }
}

/// Sums over weighted places.
#[derive(Default)]
struct Moments {
    total: f64,
    sum: Point,
    squares: [f64; 3],
}

impl Moments {
    fn add(&mut self, [x, y]: Point, weight: f64) {
        self.total += weight;
        self.sum[0] += weight * x;
        self.sum[1] += weight * y;
        self.squares[0] += weight * x * x;
        self.squares[1] += weight * x * y;
        self.squares[2] += weight * y * y;
    }

    /// The mean and the covariance, with `least` more along every direction.
    fn covariance(&self, least: f64) -> (Point, [f64; 3]) {
        let [x, y] = self.sum.map(|s| s / self.total);
        let [a, b, c] = self.squares.map(|s| s / self.total);
        ([x, y], [(a - x * x).max(0.0) + least, b - x * y, (c - y * y).max(0.0) + least])
    }
}

/// The likelihood that turned the window's mean and covariance into those of the posterior.
fn deconvolve((m, s): &(Point, [f64; 3]), (m0, s0): &(Point, [f64; 3])) -> Clue {
    // S₀ = L Lᵀ; in the coordinates L⁻¹x the window is round and of size one.
    let l11 = s0[0].sqrt();
    let l21 = s0[1] / l11;
    let l22 = (s0[2] - l21 * l21).max(1e-12 * s0[2]).sqrt();
    let white = |x: f64, y: f64| [x / l11, (y - l21 * x / l11) / l22];
    let (r0, r1) = (white(s[0], s[1]), white(s[1], s[2]));
    let (w0, w1) = (white(r0[0], r1[0]), white(r0[1], r1[1]));
    // The eigenvalues e and eigenvectors v of L⁻¹ S L⁻ᵀ.
    let (mean, half, off) = (0.5 * (w0[0] + w1[1]), 0.5 * (w0[0] - w1[1]), 0.5 * (w0[1] + w1[0]));
    let radius = half.hypot(off);
    let (sin, cos) = (0.5 * off.atan2(half)).sin_cos();
    let shift = white(m[0] - m0[0], m[1] - m0[1]);
    let mut clue = Clue::default();
    for (e, v) in [(mean + radius, [cos, sin]), (mean - radius, [-sin, cos])] {
        if !(e > 0.0 && e < 1.0) {
            continue;
        }
        let precision = 1.0 / e - 1.0;
        // The direction L⁻ᵀ v, and along it the pull: the shift as seen, plus the window's own place.
        let y = v[1] / l22;
        let t = [v[0] / l11 - l21 / l11 * y, y];
        let pull = (v[0] * shift[0] + v[1] * shift[1]) / e + precision * (t[0] * m0[0] + t[1] * m0[1]);
        clue.precision[0] += precision * t[0] * t[0];
        clue.precision[1] += precision * t[0] * t[1];
        clue.precision[2] += precision * t[1] * t[1];
        clue.pull[0] += pull * t[0];
        clue.pull[1] += pull * t[1];
    }
    clue
}

impl Clue {
    /// How far a displacement is from what the clue says: squared, in units of its own uncertainty.
    pub(super) fn miss2(&self, x: Point) -> f64 {
        let [a, b, c] = self.precision;
        let r = [a * x[0] + b * x[1] - self.pull[0], b * x[0] + c * x[1] - self.pull[1]];
        let ridge = 1e-6 * (a + c);
        let (a, c) = (a + ridge, c + ridge);
        let det = a * c - b * b;
        if det > 0.0 { (c * r[0] * r[0] - 2.0 * b * r[0] * r[1] + a * r[1] * r[1]) / det } else { 0.0 }
    }

    /// Adds a spring of the given strength towards the displacement `to`.
    pub(super) fn add_spring(&mut self, strength: f64, to: Point) {
        self.precision[0] += strength;
        self.precision[2] += strength;
        self.pull[0] += strength * to[0];
        self.pull[1] += strength * to[1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_taken_out_again() {
        // Likelihood: precision diag(3, 0) at x = 2; window: covariance diag(2, 5) around (1, −1).
        let (s0, m0) = ([2.0, 0.0, 5.0], [1.0, -1.0]);
        let s = [1.0 / (3.0 + 0.5), 0.0, 5.0];
        let m = [s[0] * (3.0 * 2.0 + 0.5 * 1.0), -1.0];
        let clue = deconvolve(&(m, s), &(m0, s0));
        let expected = [3.0, 0.0, 0.0];
        assert!(clue.precision.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{clue:?}");
        assert!((clue.pull[0] - 6.0).abs() < 1e-9 && clue.pull[1].abs() < 1e-9, "{clue:?}");
        // No information at all.
        assert_eq!(deconvolve(&(m0, s0), &(m0, s0)).pull, [0.0, 0.0]);
    }

    #[test]
    fn correlated_windows_are_taken_out_too() {
        let add = |a: [f64; 3], b: [f64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let inverse = |[a, b, c]: [f64; 3]| {
            let det = a * c - b * b;
            [c / det, -b / det, a / det]
        };
        let times = |[a, b, c]: [f64; 3], x: Point| [a * x[0] + b * x[1], b * x[0] + c * x[1]];
        let (precision, at) = ([4.0, -1.0, 2.0], [0.5, -0.25]);
        let (s0, m0) = ([3.0, 1.2, 2.0], [0.3, 0.7]);
        let s = inverse(add(precision, inverse(s0)));
        let (pull, own) = (times(precision, at), times(inverse(s0), m0));
        let m = times(s, [pull[0] + own[0], pull[1] + own[1]]);
        let clue = deconvolve(&(m, s), &(m0, s0));
        assert!(clue.precision.iter().zip(precision).all(|(a, b)| (a - b).abs() < 1e-9), "{clue:?}");
        assert!(clue.pull.iter().zip(pull).all(|(a, b)| (a - b).abs() < 1e-9), "{clue:?}");
        assert!(clue.miss2(at) < 1e-9 && clue.miss2([1.0, 1.0]) > 1.0);
    }
}
