//! The inner loops of a mesh: a point and its 6 × 6 nodes.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::{Simd, WithSimd};

use super::spline::{Lanes, ORDER, slopes, weights};

/// Points whose charges are fetched together, from anywhere in memory, before they are worked on.
const FETCH: usize = 64;

/// Work on eight numbers at a time, in `R` registers of whatever machine.
pub(super) trait Eights {
    fn run<S: Simd, const R: usize>(self, simd: S);
}

/// Such work, for the widest registers there are.
pub(super) struct Wide<T>(pub(super) T);

impl<T: Eights> WithSimd for Wide<T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F64_LANES {
            8 => self.0.run::<S, 1>(simd),
            4 => self.0.run::<S, 2>(simd),
            2 => self.0.run::<S, 4>(simd),
            _ => self.0.run::<S, 8>(simd),
        }
    }
}

/// Some points by cell, and where the nodes are that they touch.
pub(super) struct Points<'a> {
    /// Positions in cells from the first node.
    pub(super) places: &'a [[f64; 2]],
    /// The points' numbers.
    pub(super) order: &'a [u32],
    /// Nodes in a row.
    pub(super) stride: usize,
    /// The row that the nodes begin with.
    pub(super) first: usize,
}

impl Points<'_> {
    /// The first node of the first row, and the point's fractions of its cell.
    #[inline(always)]
    fn cell(&self, p: [f64; 2]) -> (usize, [f64; 2]) {
        let (r, c) = (p[0] as usize, p[1] as usize);
        ((r - self.first) * self.stride + c, [p[0] - r as f64, p[1] - c as f64])
    }
}

/// Adds charges to nodes.
pub(super) struct Spread<'a, const G: usize, F> {
    pub(super) points: Points<'a>,
    pub(super) nodes: &'a mut [f64],
    pub(super) charge: F,
}

impl<const G: usize, F: Fn(usize) -> [f64; G]> Eights for Spread<'_, G, F> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(self, simd: S) {
        let Self { points, nodes, charge } = self;
        let mut charges = [[0.0; G]; FETCH];
        for (places, order) in points.places.chunks(FETCH).zip(points.order.chunks(FETCH)) {
            charges.iter_mut().zip(order).for_each(|(q, &i)| *q = charge(i as usize));
            for (&p, q) in places.iter().zip(&charges) {
                let (at, t) = points.cell(p);
                let (w0, w1) = (weights::<S, R>(simd, t[0]), weights::<S, R>(simd, t[1]));
                for (a, w) in w0[..ORDER].iter().enumerate() {
                    let row = &mut nodes[(at + a * points.stride) * G..][..8 * G];
                    if G == 1 {
                        add::<S, R>(simd, w * q[0], &w1, row);
                    } else {
                        for (node, v) in row.chunks_exact_mut(G).zip(&w1[..ORDER]) {
                            add::<S, R>(simd, w * v, &q[..], node);
                        }
                    }
                }
            }
        }
    }
}

/// Adds `w` times `x` to `y`, eight numbers.
#[inline(always)]
fn add<S: Simd, const R: usize>(simd: S, w: f64, x: &[f64], y: &mut [f64]) {
    let (w, x, y) = (simd.splat_f64s(w), &S::as_simd_f64s(x).0[..R], &mut S::as_mut_simd_f64s(y).0[..R]);
    for r in 0..R {
        y[r] = simd.mul_add_e_f64s(w, x[r], y[r]);
    }
}

/// Reads field and gradient (by cell) at points, the channels weighed by their targets.
pub(super) struct Gather<'a, const G: usize, F> {
    pub(super) points: Points<'a>,
    pub(super) nodes: &'a [f64],
    pub(super) target: F,
    pub(super) found: &'a mut [[f64; 3]],
}

impl<const G: usize, F: Fn(usize) -> [f64; G]> Eights for Gather<'_, G, F> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(self, simd: S) {
        let Self { points, nodes, target, found } = self;
        let mut targets = [[0.0; G]; FETCH];
        let fetched = points.places.chunks(FETCH).zip(points.order.chunks(FETCH));
        for ((places, order), found) in fetched.zip(found.chunks_mut(FETCH)) {
            targets.iter_mut().zip(order).for_each(|(t, &i)| *t = target(i as usize));
            for ((f, &p), target) in found.iter_mut().zip(places).zip(&targets) {
                let (at, t) = points.cell(p);
                let row = |a: usize| &nodes[(at + a * points.stride) * G..][..8 * G];
                let w = [weights::<S, R>(simd, t[0]), weights::<S, R>(simd, t[1])];
                let s = [slopes::<S, R>(simd, t[0]), slopes::<S, R>(simd, t[1])];
                *f = if G == 1 {
                    one::<S, R>(simd, row, &w, &s).map(|v| v * target[0])
                } else {
                    many::<S, R>(simd, row, &w, &s, &target[..])
                };
            }
        }
    }
}

/// One channel: lanes are nodes of a row.
#[inline(always)]
fn one<'a, S: Simd, const R: usize>(
    simd: S,
    row: impl Fn(usize) -> &'a [f64],
    w: &[Lanes; 2],
    s: &[Lanes; 2],
) -> [f64; 3] {
    let zero = simd.splat_f64s(0.0);
    let (mut plain, mut slope) = ([zero; R], [zero; R]);
    for a in 0..ORDER {
        let nodes = &S::as_simd_f64s(row(a)).0[..R];
        let (w, s) = (simd.splat_f64s(w[0][a]), simd.splat_f64s(s[0][a]));
        for r in 0..R {
            plain[r] = simd.mul_add_e_f64s(w, nodes[r], plain[r]);
            slope[r] = simd.mul_add_e_f64s(s, nodes[r], slope[r]);
        }
    }
    [dot(simd, &plain, &w[1]), dot(simd, &slope, &w[1]), dot(simd, &plain, &s[1])]
}

/// Eight channels: lanes are channels.
#[inline(always)]
fn many<'a, S: Simd, const R: usize>(
    simd: S,
    row: impl Fn(usize) -> &'a [f64],
    w: &[Lanes; 2],
    s: &[Lanes; 2],
    target: &[f64],
) -> [f64; 3] {
    let zero = simd.splat_f64s(0.0);
    let (mut value, mut down, mut across) = ([zero; R], [zero; R], [zero; R]);
    for a in 0..ORDER {
        let nodes = S::as_simd_f64s(row(a)).0;
        let (mut plain, mut slope) = ([zero; R], [zero; R]);
        for b in 0..ORDER {
            let (w, s) = (simd.splat_f64s(w[1][b]), simd.splat_f64s(s[1][b]));
            for r in 0..R {
                plain[r] = simd.mul_add_e_f64s(w, nodes[b * R + r], plain[r]);
                slope[r] = simd.mul_add_e_f64s(s, nodes[b * R + r], slope[r]);
            }
        }
        let (w, s) = (simd.splat_f64s(w[0][a]), simd.splat_f64s(s[0][a]));
        for r in 0..R {
            value[r] = simd.mul_add_e_f64s(w, plain[r], value[r]);
            down[r] = simd.mul_add_e_f64s(s, plain[r], down[r]);
            across[r] = simd.mul_add_e_f64s(w, slope[r], across[r]);
        }
    }
    [dot(simd, &value, target), dot(simd, &down, target), dot(simd, &across, target)]
}

#[inline(always)]
fn dot<S: Simd, const R: usize>(simd: S, x: &[S::f64s; R], y: &[f64]) -> f64 {
    let y = &S::as_simd_f64s(y).0[..R];
    let mut sum = simd.mul_f64s(x[0], y[0]);
    for r in 1..R {
        sum = simd.mul_add_e_f64s(x[r], y[r], sum);
    }
    simd.reduce_sum_f64s(sum)
}
