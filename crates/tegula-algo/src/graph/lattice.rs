//! Regular arrangements of spots, recognised from their positions.

use std::cmp::Ordering::Equal;

use delaunator::EMPTY;
use tegula_core::Coords;

use crate::index::Triangulation;

/// Fewest places to tell a lattice from chance.
const FEWEST: usize = 9;
/// Places looked at: those around the middle where there are more.
const MOST: usize = 1000;
/// Observations looked at for each of them: sections on one lattice may lie on top of each other.
const STACKED: usize = 32;
/// Steps among which the most frequent are sought.
const SAMPLE: usize = 200;
/// How far a step may be from a whole number of lattice steps.
const JITTER: f64 = 0.2;
/// Share of the steps that must be lattice steps, and share that must be of the shortest ones.
const SHARE: f64 = 0.75;
const SHORT: f64 = 0.5;
/// Relative difference of lengths, or cosine, that still counts as none.
const LIKE: f64 = 0.04;

type Vector = [f64; 2];

/// How the spots of a lattice lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatticeKind {
    /// Rows and columns: binned data, legacy ST.
    Square,
    /// Rows shifted by half a step: Visium.
    Hex,
}

impl LatticeKind {
    /// `square` or `hex`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Square => "square",
            Self::Hex => "hex",
        }
    }

    /// The numbers of neighbours that fill whole rings: 4, 8, 12 or 6, 18.
    pub fn s_neigh(self) -> &'static [usize] {
        match self {
            Self::Square => &[4, 8, 12],
            Self::Hex => &[6, 18],
        }
    }
}

/// A lattice that positions lie on; found by [`lattice`].
#[derive(Debug, Clone, PartialEq)]
pub struct Lattice {
    /// Its kind.
    pub kind: LatticeKind,
    /// The shortest distance between neighbouring spots, in the unit of the positions.
    pub spacing: f64,
    /// How much longer y is drawn than x; 1 for pixels or micrometres, 1/√3 for Visium's rows and columns.
    pub stretch: f64,
    /// Root mean square of what the steps between neighbours are off, as a part of a step.
    pub jitter: f64,
    /// How much x and y must be drawn out to make the lattice regular.
    scale: Vector,
}

impl Lattice {
    /// The positions, drawn out along x or y where the lattice is not regular, as Visium's rows and columns.
    ///
    /// ```
    /// use tegula_algo::graph::{LatticeKind, lattice};
    /// use tegula_core::Coords;
    /// // array_col, array_row of Visium: neighbours are two columns, or one column and one row apart.
    /// let array = Coords::new(2, (0..60).flat_map(|i| [f64::from(2 * (i % 10) + i / 10 % 2), f64::from(i / 10)]).collect())?;
    /// let found = lattice(&array).unwrap();
    /// assert_eq!(found.kind, LatticeKind::Hex);
    /// let straight = found.straighten(&array);
    /// assert!((straight.distance2(0, 1) - straight.distance2(0, 10)).abs() < 1e-9);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    #[must_use]
    pub fn straighten(&self, coords: &Coords) -> Coords {
        let scaled = coords.data().chunks(2).flat_map(|p| [p[0] * self.scale[0], p[1] * self.scale[1]]).collect();
        Coords::new(2, scaled).unwrap_or_else(|_| coords.clone())
    }
}

/// The lattice that positions lie on, if they do: square or hexagonal, with gaps, turned, shaken by a few percent of a
/// step, or with x and y in different units.
///
/// The most frequent steps between Delaunay neighbours give the lattice; three in four of all steps must be steps of
/// it. A lattice with unequal units must lie along x and y. Whole numbers in a chequerboard are taken for Visium's rows
/// and columns, not for a square lattice turned by 45°; the columns run along the longer side. The 1000 places around
/// the middle tell it: about a millisecond.
///
/// ```
/// use tegula_algo::graph::{LatticeKind, lattice};
/// use tegula_core::Coords;
/// let bins = Coords::new(2, (0..30).flat_map(|i| [50.0 * f64::from(i % 6), 50.0 * f64::from(i / 6)]).collect())?;
/// let found = lattice(&bins).unwrap();
/// assert_eq!((found.kind, found.spacing), (LatticeKind::Square, 50.0));
/// assert_eq!(found.kind.s_neigh(), &[4, 8, 12]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn lattice(coords: &Coords) -> Option<Lattice> {
    if coords.dim() != 2 || coords.len() < FEWEST {
        return None;
    }
    let middle = middle(coords);
    let steps = steps(middle.as_ref().unwrap_or(coords));
    if steps.len() < 2 * FEWEST {
        return None;
    }
    let (basis, jitter) = fit(reduced(frequent(&steps)?)?, &steps)?;
    let extent = |a: usize| {
        let axis = || coords.data().iter().skip(a).step_by(2);
        axis().fold(f64::NEG_INFINITY, |m, &v| m.max(v)) - axis().fold(f64::INFINITY, |m, &v| m.min(v))
    };
    let whole = coords.data().iter().all(|v| v.fract() == 0.0);
    let (kind, scale) = shape(basis, whole, extent(0) >= extent(1))?;
    let spacing = length(basis[0]).min(length(basis[1]));
    Some(Lattice { kind, spacing, stretch: scale[0] / scale[1], jitter, scale })
}

/// The places around the middle, where there are more than enough.
fn middle(coords: &Coords) -> Option<Coords> {
    let n = coords.len();
    if n <= MOST {
        return None;
    }
    let median = [0, 1].map(|a| {
        let mut axis: Vec<f64> = coords.data().iter().skip(a).step_by(2).copied().collect();
        *axis.select_nth_unstable_by(n / 2, f64::total_cmp).1
    });
    let mut near: Vec<(f64, Vector)> = (0..n)
        .map(|i| [coords.point(i)[0], coords.point(i)[1]])
        .map(|p| ((p[0] - median[0]).powi(2) + (p[1] - median[1]).powi(2), p))
        .collect();
    let order =
        |a: &(f64, Vector), b: &(f64, Vector)| a.0.total_cmp(&b.0).then_with(|| a.1.partial_cmp(&b.1).unwrap_or(Equal));
    if n > STACKED * MOST {
        near.select_nth_unstable_by(STACKED * MOST, order);
        near.truncate(STACKED * MOST);
    }
    near.sort_unstable_by(order);
    near.dedup();
    near.truncate(MOST);
    Coords::new(2, near.iter().flat_map(|e| e.1).collect()).ok()
}

/// The steps between Delaunay neighbours, each once, pointing right; those of the rim, which jump over gaps, left out.
fn steps(coords: &Coords) -> Vec<Vector> {
    let t = Triangulation::new(coords);
    (0..t.corners.len())
        .filter(|&e| t.beyond[e] != EMPTY && e < t.beyond[e])
        .map(|e| {
            let ends =
                [t.corners[e], t.corners[Triangulation::next(e)]].map(|v| coords.point(t.observations[v] as usize));
            right([ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]])
        })
        .collect()
}

/// The two most frequent steps that are not along one line, up to jitter.
fn frequent(steps: &[Vector]) -> Option<[Vector; 2]> {
    let every = steps.len().div_ceil(SAMPLE);
    let sample: Vec<Vector> = steps.iter().step_by(every).flat_map(|&s| [s, [-s[0], -s[1]]]).collect();
    // Each step with the mean of those like it.
    let mode = |s: &Vector| {
        let reach = JITTER * JITTER * dot(*s, *s);
        let (mut like, mut sum) = (0, [0.0; 2]);
        for t in sample.iter().filter(|t| (t[0] - s[0]).powi(2) + (t[1] - s[1]).powi(2) <= reach) {
            like += 1;
            sum = [sum[0] + t[0], sum[1] + t[1]];
        }
        (like, sum.map(|x| x / f64::from(like)))
    };
    let mut modes: Vec<(i32, Vector)> = sample.iter().map(mode).collect();
    modes.sort_by(|a, b| b.0.cmp(&a.0).then(length(a.1).total_cmp(&length(b.1))));
    let first = modes.first()?.1;
    let second = modes.iter().find(|(_, v)| cross(first, *v).abs() > 0.3 * length(first) * length(*v))?.1;
    Some([first, second])
}

/// The shortest two steps of the lattice that two steps make, at 60 to 90 degrees (Gauss).
fn reduced([mut a, mut b]: [Vector; 2]) -> Option<[Vector; 2]> {
    for _ in 0..64 {
        if length(a) > length(b) {
            std::mem::swap(&mut a, &mut b);
        }
        let times = dot(a, b) / dot(a, a);
        if !times.is_finite() {
            return None;
        }
        // At 60 degrees it is a half: rounded, it would send b to and fro for ever.
        if times.abs() < 0.5 + 1e-9 {
            return Some([a, if dot(a, b) < 0.0 { [-b[0], -b[1]] } else { b }]);
        }
        let times = times.round();
        b = [b[0] - times * a[0], b[1] - times * a[1]];
    }
    None
}

/// The basis that fits the steps best, and how well; `None` where too few of them are steps of it.
fn fit(mut basis: [Vector; 2], steps: &[Vector]) -> Option<([Vector; 2], f64)> {
    let mut jitter = 0.0;
    for _ in 0..3 {
        let [a, b] = basis;
        let area = cross(a, b);
        let (mut members, mut short, mut off) = (0usize, 0usize, 0.0);
        // Normal equations of step = i a + j b.
        let (mut ii, mut ij, mut jj, mut is, mut js) = (0.0, 0.0, 0.0, [0.0; 2], [0.0; 2]);
        for &s in steps {
            let (u, v) = (cross(s, b) / area, cross(a, s) / area);
            let (i, j) = (u.round(), v.round());
            let rest = (u - i).powi(2) + (v - j).powi(2);
            if rest > JITTER * JITTER || (i == 0.0 && j == 0.0) {
                continue;
            }
            members += 1;
            off += rest;
            short += usize::from(i.abs() <= 1.0 && j.abs() <= 1.0);
            (ii, ij, jj) = (ii + i * i, ij + i * j, jj + j * j);
            for k in 0..2 {
                is[k] += i * s[k];
                js[k] += j * s[k];
            }
        }
        let n = steps.len() as f64;
        let det = ii * jj - ij * ij;
        if (members as f64) < SHARE * n || (short as f64) < SHORT * n || det <= 0.0 {
            return None;
        }
        jitter = (off / members as f64).sqrt();
        basis = [[0, 1].map(|k| (jj * is[k] - ij * js[k]) / det), [0, 1].map(|k| (ii * js[k] - ij * is[k]) / det)];
    }
    Some((reduced(basis)?, jitter))
}

/// The kind of a reduced lattice, and what x and y must be multiplied with to make it regular.
fn shape([a, b]: [Vector; 2], whole: bool, wide: bool) -> Option<(LatticeKind, Vector)> {
    let alike = |x: f64, y: f64| (x - y).abs() <= LIKE * x.max(y);
    let right_angle = |u: Vector, v: Vector| dot(u, v).abs() <= LIKE * length(u) * length(v);
    // Along x, along y.
    let axis = |u: Vector| [1, 0].map(|k: usize| u[k].abs() <= LIKE * length(u));
    let same = alike(length(a), length(b));
    let (sum, difference) = ([a[0] + b[0], a[1] + b[1]], [b[0] - a[0], b[1] - a[1]]);
    if same && alike(length(a), length(difference)) {
        return Some((LatticeKind::Hex, [1.0, 1.0]));
    }
    let aligned = |u: Vector| axis(u).contains(&true);
    if right_angle(a, b) && !(same && whole && aligned(sum)) {
        return match axis(a) {
            _ if same => Some((LatticeKind::Square, [1.0, 1.0])),
            [true, _] => Some((LatticeKind::Square, [1.0, length(a) / length(b)])),
            [_, true] => Some((LatticeKind::Square, [length(a) / length(b), 1.0])),
            _ => None,
        };
    }
    // A hexagonal lattice drawn out along x or y: a rectangle with a spot in its middle, √3 times as long as wide.
    let sides = if same {
        [sum, difference]
    } else if alike(length(b), length(difference)) {
        [a, [2.0 * b[0] - a[0], 2.0 * b[1] - a[1]]]
    } else {
        return None;
    };
    let [x, y] = match axis(sides[0]) {
        [true, _] if axis(sides[1])[1] => [length(sides[0]), length(sides[1])],
        [_, true] if axis(sides[1])[0] => [length(sides[1]), length(sides[0])],
        _ => return None,
    };
    // Whichever of the two ways changes less; a chequerboard has its columns along the longer side.
    let root = 3f64.sqrt();
    let across = if alike(x, y) { wide } else { y > x };
    Some((LatticeKind::Hex, if across { [1.0, root * x / y] } else { [root * y / x, 1.0] }))
}

fn right(v: Vector) -> Vector {
    if v[0] < 0.0 || (v[0] == 0.0 && v[1] < 0.0) { [-v[0], -v[1]] } else { v }
}

fn dot(u: Vector, v: Vector) -> f64 {
    u[0] * v[0] + u[1] * v[1]
}

fn cross(u: Vector, v: Vector) -> f64 {
    u[0] * v[1] - u[1] * v[0]
}

fn length(v: Vector) -> f64 {
    dot(v, v).sqrt()
}
