//! An affine map that follows the clues.

use tegula_core::{Ctx, Result};

use super::cast_stack::TransformKind;
use super::clues::{Clue, Level};
use super::cost::coords;
use super::section::{Framed, Unit};
use super::{Affine, Point};
use crate::index::KdTree;
use crate::linalg::solve;

/// Degrees of freedom of Student's t: how little a clue far from all others counts.
pub(super) const STUDENT: f64 = 4.0;
/// Neighbours see nearly the same: so many clues count as one.
pub(super) const SHARED: f64 = 5.0;
/// Rounds of weighing clues by how far they lie off.
const ROUNDS: usize = 5;
/// How far scale and shear may plausibly be from those of the start: standard deviation. What the clues leave open
/// (a scale across collinear observations) stays as it was.
const STRAIN: f64 = 0.1;
/// Steps in a row that are no shorter than the shortest, after which there is no point in more.
const PATIENCE: usize = 3;
/// Steps shorter than this many spacings are none.
pub(super) const STILL: f64 = 0.01;

/// The observations of the query that are looked at.
pub(super) struct Chosen<'a> {
    pub(super) query: &'a Framed,
    pub(super) of: &'a [u32],
}

impl Chosen<'_> {
    /// Where the map takes them.
    pub(super) fn places(&self, map: &Affine) -> Vec<Point> {
        self.of.iter().map(|&i| map.apply(self.query.xy[i as usize])).collect()
    }

    /// What they are like: where the query has more than `parts` observations, each with its share of them around it.
    pub(super) fn rows(&self, parts: usize) -> Unit {
        let tree = KdTree::new(&coords(&self.query.xy));
        self.query.rows.averaged(&tree, &self.query.xy, self.of, parts)
    }
}

/// One step of the map after the clues: the new map, and how far observations moved (root mean square).
///
/// `start` is the map whose scale and shear are taken for plausible.
pub(super) fn step(
    chosen: &Chosen<'_>,
    map: &Affine,
    start: &Affine,
    clues: &[Clue],
    kind: TransformKind,
) -> (Affine, f64) {
    let at = chosen.places(map);
    let back = start.inverse().unwrap_or(Affine::IDENTITY);
    let [[a, b, _], [c, d, _]] = back.then(map).0;
    // Strains so far: along x, along y, sheared.
    let (e11, e22, e12) = (a - 1.0, d - 1.0, 0.5 * (b + c));
    let tight = 1.0 / (STRAIN * STRAIN);
    let mut found = [0.0; 6];
    let m = kind.n_params();
    for _ in 0..ROUNDS {
        let (mut normal, mut right) = (vec![0.0; m * m], vec![0.0; m]);
        for ((clue, &p), &i) in clues.iter().zip(&at).zip(chosen.of) {
            let weight =
                chosen.query.weights[i as usize] / (1.0 + clue.miss2(moved(kind, &found, p)) / STUDENT) / SHARED;
            let (jx, jy) = columns(kind, p);
            let [xx, xy, yy] = clue.precision.map(|v| weight * v);
            for r in 0..m {
                let (px, py) = (xx * jx[r] + xy * jy[r], xy * jx[r] + yy * jy[r]);
                for s in 0..m {
                    normal[r * m + s] += px * jx[s] + py * jy[s];
                }
                right[r] += weight * (jx[r] * clue.pull[0] + jy[r] * clue.pull[1]);
            }
        }
        match kind {
            TransformKind::Rigid => {}
            TransformKind::Similarity => {
                normal[0] += 2.0 * tight;
                right[0] -= tight * (e11 + e22);
            }
            TransformKind::Affine => {
                for (r, e) in [(0, e11), (3, e22)] {
                    normal[r * m + r] += tight;
                    right[r] -= tight * e;
                }
                for r in [1, 2] {
                    normal[r * m + 1] += 0.5 * tight;
                    normal[r * m + 2] += 0.5 * tight;
                    right[r] -= tight * e12;
                }
            }
        }
        let most = (0..m).map(|r| normal[r * m + r]).fold(0.0, f64::max);
        (0..m).for_each(|r| normal[r * m + r] += 1e-9 * most.max(1e-9));
        let Some(x) = solve(&normal, &right) else { return (*map, 0.0) };
        found[..m].copy_from_slice(&x);
    }
    let squares: f64 = at.iter().map(|&p| moved(kind, &found, p)).map(|x| x[0] * x[0] + x[1] * x[1]).sum();
    (map.then(&increment(kind, &found)), (squares / at.len().max(1) as f64).sqrt())
}

/// Whether steps have ended: nothing moves, or they only go to and fro.
#[derive(Default)]
pub(super) struct Settling {
    shortest: Option<f64>,
    longer: usize,
}

impl Settling {
    /// Notes a step; true where it was the last.
    pub(super) fn settled(&mut self, far: f64, still: f64) -> bool {
        if self.shortest.is_none_or(|s| far < s) {
            (self.shortest, self.longer) = (Some(far), 0);
        } else {
            self.longer += 1;
        }
        far < still || self.longer > PATIENCE
    }
}

/// Follows the clues of a level until nothing moves; returns the map and the rounds taken, at most `rounds`.
///
/// `watch` sees every map, and may add to the clues.
pub(super) fn follow(
    chosen: &Chosen<'_>,
    level: &Level<'_>,
    (mut map, start): (Affine, &Affine),
    (kind, rounds): (TransformKind, usize),
    mut watch: impl FnMut(&[Point], &mut [Clue]) -> Result<bool>,
    ctx: &Ctx<'_>,
) -> Result<(Affine, usize)> {
    let mut settling = Settling::default();
    for round in 0..rounds {
        let at = chosen.places(&map);
        let mut clues = level.clues(&at, ctx)?;
        if !watch(&at, &mut clues)? {
            return Ok((map, round));
        }
        let (next, far) = step(chosen, &map, start, &clues, kind);
        map = next;
        if settling.settled(far, STILL * level.spacing) {
            return Ok((map, round + 1));
        }
    }
    Ok((map, rounds))
}

impl TransformKind {
    fn n_params(self) -> usize {
        match self {
            Self::Rigid => 3,
            Self::Similarity => 4,
            Self::Affine => 6,
        }
    }
}

/// How x and y of a place change with each parameter.
fn columns(kind: TransformKind, [x, y]: Point) -> ([f64; 6], [f64; 6]) {
    match kind {
        TransformKind::Rigid => ([-y, 1.0, 0.0, 0.0, 0.0, 0.0], [x, 0.0, 1.0, 0.0, 0.0, 0.0]),
        TransformKind::Similarity => ([x, -y, 1.0, 0.0, 0.0, 0.0], [y, x, 0.0, 1.0, 0.0, 0.0]),
        TransformKind::Affine => ([x, y, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, x, y, 0.0, 1.0]),
    }
}

fn moved(kind: TransformKind, found: &[f64; 6], p: Point) -> Point {
    let (jx, jy) = columns(kind, p);
    let sum = |j: &[f64; 6]| j.iter().zip(found).map(|(a, b)| a * b).sum();
    [sum(&jx), sum(&jy)]
}

/// The map that the parameters stand for; a turn is a turn, however far.
fn increment(kind: TransformKind, f: &[f64; 6]) -> Affine {
    match kind {
        TransformKind::Rigid => {
            let (sin, cos) = f[0].sin_cos();
            Affine([[cos, -sin, f[1]], [sin, cos, f[2]]])
        }
        TransformKind::Similarity => Affine([[1.0 + f[0], -f[1], f[2]], [f[1], 1.0 + f[0], f[3]]]),
        TransformKind::Affine => Affine([[1.0 + f[0], f[1], f[4]], [f[2], 1.0 + f[3], f[5]]]),
    }
}
