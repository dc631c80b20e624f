//! Sums over all points of a kernel in any dimension, by a tree of cells.

use rayon::prelude::*;
use tegula_core::par;

use super::Sums;
use super::expansion::{CELLS, Expansion};
use crate::linalg::panel::vectorised;

/// Points in a leaf, and those of two leaves that meet.
const LEAF: usize = 64;
/// So much stricter than `theta` says for φ and for q, so that 0.5 keeps the forces of both within 1e-3.
const STRICTER: [f64; 2] = [0.8, 0.65];
/// Below this many points a subtree is the work of one thread.
const ALONE: usize = 2048;

/// The field of a kernel for `G` channels of charges at a time, by a fast multipole method.
///
/// Cells are the tight boxes of their points, halved along every axis. Two cells see each other through expansions about
/// the middle of their points where their radii together are below `theta` (less some) times √(1 + distance²), the distance to
/// the kernel's poles; so even a cell sees itself, once it is much smaller than the kernel is wide.
pub(super) struct Tree<const D: usize, const G: usize> {
    /// What the radii of two cells together may be of their distance.
    theta: f64,
    /// Which derivative of φ = ½ log(1 + r²) by the squared distance the kernel is: 0 for φ, 1 for q (less 1).
    first: usize,
    expansion: Expansion<D>,
    points: Vec<Point<D>>,
    root: Option<Cell<D, G>>,
    /// By place among `points`.
    charges: Vec<[f64; G]>,
    found: Vec<(f64, [f64; D])>,
    rank: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Point<const D: usize> {
    at: [f64; D],
    index: u32,
}

struct Cell<const D: usize, const G: usize> {
    centre: [f64; D],
    radius: f64,
    /// Its points are those from `start` on.
    start: usize,
    len: usize,
    children: Vec<Cell<D, G>>,
    moments: Vec<[f64; G]>,
}

impl<const D: usize, const G: usize> Tree<D, G> {
    pub(super) fn new(first: usize, theta: f64) -> Self {
        Self {
            theta: STRICTER[first] * theta,
            first,
            expansion: Expansion::new(),
            points: Vec::new(),
            root: None,
            charges: Vec::new(),
            found: Vec::new(),
            rank: Vec::new(),
        }
    }

    /// The cell of some points and the cells in it.
    fn cell(points: &mut [Point<D>], start: usize, smallest: f64) -> Cell<D, G> {
        let len = points.len();
        let n = len as f64;
        let mut centre = [0.0; D];
        let (mut low, mut high) = ([f64::INFINITY; D], [f64::NEG_INFINITY; D]);
        for p in &*points {
            for a in 0..D {
                centre[a] += p.at[a] / n;
                low[a] = low[a].min(p.at[a]);
                high[a] = high[a].max(p.at[a]);
            }
        }
        let radius = points.iter().map(|p| length(minus(p.at, centre))).fold(0.0, f64::max);
        let mut children = Vec::new();
        if len > LEAF && radius > smallest {
            let octant =
                |p: &Point<D>| (0..D).fold(0, |o, a| 2 * o + u8::from(p.at[a] > f64::midpoint(low[a], high[a])));
            points.sort_unstable_by_key(|p| (octant(p), p.index));
            let mut parts = Vec::with_capacity(1 << D);
            let mut at = start;
            for part in points.chunk_by_mut(|a, b| octant(a) == octant(b)) {
                let from = at;
                at += part.len();
                parts.push((from, part));
            }
            // Two neighbouring numbers have no middle.
            if parts.len() > 1 {
                let make = |(from, part): (usize, &mut [Point<D>])| Self::cell(part, from, smallest);
                children = if len > ALONE {
                    parts.into_par_iter().map(make).collect()
                } else {
                    parts.into_iter().map(make).collect()
                };
            }
        }
        Cell { centre, radius, start, len, children, moments: Vec::new() }
    }

    /// The moments of a cell and of all in it.
    fn charge(&self, cell: &mut Cell<D, G>) {
        let mut moments = self.expansion.zeros();
        let vectors = vectorised::<()>;
        if cell.len > ALONE {
            cell.children.par_iter_mut().for_each(|c| self.charge(c));
        } else {
            cell.children.iter_mut().for_each(|c| self.charge(c));
        }
        vectors(
            #[inline(always)]
            || {
                for child in &cell.children {
                    self.expansion.up(minus(child.centre, cell.centre), &child.moments, &mut moments);
                }
                if cell.children.is_empty() {
                    for i in cell.start..cell.start + cell.len {
                        let v = minus(self.points[i].at, cell.centre);
                        self.expansion.charge(v, &self.charges[i], &mut moments);
                    }
                }
            },
        );
        cell.moments = moments;
    }

    /// Finds the field in a cell: `field` of what is far from its parent, and the cells that were not.
    fn visit(
        &self,
        cell: &Cell<D, G>,
        mut field: Vec<[f64; G]>,
        near: &[&Cell<D, G>],
        target: &(impl Fn(usize) -> [f64; G] + Sync),
        found: &mut [(f64, [f64; D])],
    ) {
        let mut open: Vec<&Cell<D, G>> = near.iter().rev().copied().collect();
        let (mut kept, mut pairs, mut far) = (Vec::new(), Vec::new(), Vec::new());
        vectorised(
            #[inline(always)]
            || {
                while let Some(other) = open.pop() {
                    let r = minus(cell.centre, other.centre);
                    let reach = cell.radius + other.radius;
                    if reach * reach <= self.theta * self.theta * (1.0 + r.iter().map(|v| v * v).sum::<f64>()) {
                        far.push((r, &other.moments[..]));
                    } else if other.children.is_empty() && cell.children.is_empty() {
                        pairs.push(other);
                    } else if !other.children.is_empty() && (cell.children.is_empty() || other.radius >= cell.radius) {
                        open.extend(other.children.iter().rev());
                    } else {
                        kept.push(other);
                    }
                }
                for cells in far.chunks(CELLS) {
                    self.expansion.across(cells, self.first, &mut field);
                }
            },
        );
        if cell.children.is_empty() {
            vectorised(
                #[inline(always)]
                || self.leaf(cell, &field, &pairs, target, found),
            );
            return;
        }
        let mut rest = found;
        let mut parts = Vec::with_capacity(cell.children.len());
        for child in &cell.children {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(child.len);
            parts.push((child, own));
            rest = others;
        }
        let go = |(child, found): (&Cell<D, G>, &mut [(f64, [f64; D])])| {
            let field = self.expansion.down(minus(child.centre, cell.centre), &field);
            self.visit(child, field, &kept, target, found);
        };
        if cell.len > ALONE {
            parts.into_par_iter().for_each(go);
        } else {
            parts.into_iter().for_each(go);
        }
    }

    /// The points of a leaf: what is far by the expansion, what is near one by one.
    #[inline(always)]
    fn leaf(
        &self,
        cell: &Cell<D, G>,
        field: &[[f64; G]],
        pairs: &[&Cell<D, G>],
        target: &impl Fn(usize) -> [f64; G],
        found: &mut [(f64, [f64; D])],
    ) {
        let points = &self.points[cell.start..cell.start + cell.len];
        for (f, point) in found.iter_mut().zip(points) {
            *f = self.expansion.at(minus(point.at, cell.centre), field, &target(point.index as usize));
        }
        for other in pairs {
            let range = other.start..other.start + other.len;
            let sources = self.points[range.clone()].chunks(LEAF).zip(self.charges[range].chunks(LEAF));
            for (sources, charges) in sources {
                let sources = Sources::new(sources, charges);
                for (f, point) in found.iter_mut().zip(points) {
                    let (value, gradient) = sources.field(self.first, point.at, &target(point.index as usize));
                    f.0 += value;
                    (0..D).for_each(|a| f.1[a] += gradient[a]);
                }
            }
        }
    }
}

/// Sources reckoned together, the second half with the divisions of the first.
const LANES: usize = 16;
/// One number of each source of a leaf.
type Column = [[f64; LANES]; LEAF.div_ceil(LANES)];

/// The points of a leaf, coordinate after coordinate and channel after channel; what fills the last lanes has no charge.
struct Sources<const D: usize, const G: usize> {
    rows: usize,
    at: [Column; D],
    charges: [Column; G],
}

impl<const D: usize, const G: usize> Sources<D, G> {
    #[inline(always)]
    fn new(points: &[Point<D>], charges: &[[f64; G]]) -> Self {
        let none = Column::default();
        let mut new = Self { rows: points.len().div_ceil(LANES), at: [none; D], charges: [none; G] };
        for (i, (point, charge)) in points.iter().zip(charges).enumerate() {
            (0..D).for_each(|a| new.at[a][i / LANES][i % LANES] = point.at[a]);
            (0..G).for_each(|g| new.charges[g][i / LANES][i % LANES] = charge[g]);
        }
        new
    }

    /// Value and gradient at a point, the channels weighed by `target`.
    #[inline(always)]
    fn field(&self, first: usize, at: [f64; D], target: &[f64; G]) -> (f64, [f64; D]) {
        let (mut value, mut gradient) = ([0.0; LANES], [[0.0; LANES]; D]);
        for row in 0..self.rows {
            let (mut r2, mut weight, mut by) = ([0.0; LANES], [0.0; LANES], [[0.0; LANES]; D]);
            for a in 0..D {
                let x = &self.at[a][row];
                for l in 0..LANES {
                    by[a][l] = at[a] - x[l];
                    r2[l] += by[a][l] * by[a][l];
                }
            }
            for g in 0..G {
                let charge = &self.charges[g][row];
                for l in 0..LANES {
                    weight[l] += target[g] * charge[l];
                }
            }
            let mut q = [0.0; LANES];
            for l in 0..LANES / 2 {
                // Divisions are what this loop waits for: one for two.
                let (a, b) = (1.0 + r2[l], 1.0 + r2[l + LANES / 2]);
                let both = 1.0 / (a * b);
                (q[l], q[l + LANES / 2]) = (both * b, both * a);
            }
            let mut slope = [0.0; LANES];
            for l in 0..LANES {
                let wq = weight[l] * q[l];
                value[l] -= r2[l] * wq;
                slope[l] = if first == 0 { wq } else { -2.0 * wq * q[l] };
            }
            for a in 0..D {
                for l in 0..LANES {
                    gradient[a][l] += slope[l] * by[a][l];
                }
            }
        }
        (value.iter().sum(), gradient.map(|g| g.iter().sum()))
    }
}

impl<const D: usize, const G: usize> Sums<D, G> for Tree<D, G> {
    fn place(&mut self, y: &[[f64; D]]) {
        self.points.clear();
        self.points.extend((0..).zip(y).map(|(index, &at)| Point { at, index }));
        // Two cells as small as this see each other, however near.
        self.root = (!y.is_empty()).then(|| Self::cell(&mut self.points, 0, self.theta / 4.0));
        self.rank.resize(y.len(), 0);
        for (place, point) in (0..).zip(&self.points) {
            self.rank[point.index as usize] = place;
        }
    }

    fn solve(&mut self, _channels: usize, charge: impl Fn(usize) -> [f64; G] + Sync + Send) {
        self.points.par_iter().map(|p| charge(p.index as usize)).collect_into_vec(&mut self.charges);
        if let Some(mut root) = self.root.take() {
            self.charge(&mut root);
            self.root = Some(root);
        }
    }

    fn gather(
        &mut self,
        target: impl Fn(usize) -> [f64; G] + Sync,
        out: &mut [[f64; D]],
        write: impl Fn(&mut [f64; D], [f64; D]) + Sync + Send,
    ) -> f64 {
        let mut found = std::mem::take(&mut self.found);
        found.resize(self.points.len(), (0.0, [0.0; D]));
        if let Some(root) = &self.root {
            self.visit(root, self.expansion.zeros(), &[root], &target, &mut found);
        }
        out.par_iter_mut().zip(&self.rank).for_each(|(o, &r)| write(o, found[r as usize].1));
        self.found = found;
        par::sum(self.found.len(), |range| self.found[range].iter().map(|f| f.0).sum())
    }
}

fn minus<const D: usize>(a: [f64; D], b: [f64; D]) -> [f64; D] {
    std::array::from_fn(|k| a[k] - b[k])
}

fn length<const D: usize>(v: [f64; D]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}
