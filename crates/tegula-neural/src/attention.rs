//! STAGATE's attention: a softmax over neighbours of the sigmoid of a sum of two scores, forward and back.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::Simd;

use crate::gather::{Terms, dot, gather};
use crate::graph::Edges;
use crate::rows::Rows;
use crate::scalar::Scalar;

/// How much each edge counts: edge after edge, as [`Edges::to`] gives them.
#[derive(Debug, Clone)]
pub struct Attention<T> {
    /// The softmax, which sums to 1 over the edges to an observation.
    pub weights: Vec<T>,
    /// The sigmoids it is made of.
    pub sigmoids: Vec<T>,
}

/// The part of an [`Attention`] that belongs to the edges to some observations.
pub(crate) struct Part<'a, T> {
    pub weights: &'a mut [T],
    pub sigmoids: &'a mut [T],
}

/// Weights of all edges to the observations `range` from the scores of both ends.
#[inline(always)]
pub(crate) fn weigh<T: Scalar>(edges: &Edges, range: Range<usize>, scores: &[[T; 2]], part: &mut Part<'_, T>) {
    let one = T::from_f64(1.0);
    let first = edges.starts()[range.start];
    for i in range.clone() {
        let own = scores[i][1];
        let place = edges.starts()[i] - first;
        for (x, &j) in part.sigmoids[place..].iter_mut().zip(edges.to(i)) {
            *x = scores[j as usize][0] + own;
        }
    }
    // All edges at once: a loop that vectorises.
    for (s, w) in part.sigmoids.iter_mut().zip(part.weights.iter_mut()) {
        *s = one / (one + Scalar::exp(-*s));
        *w = Scalar::exp(*s);
    }
    for i in range {
        let place = edges.starts()[i] - first..edges.starts()[i + 1] - first;
        let weights = &mut part.weights[place];
        let sum = weights.iter().fold(T::default(), |sum, &w| sum + w);
        let share = one / sum;
        for w in weights.iter_mut() {
            *w *= share;
        }
    }
}

/// `out = Σ weight · row of the source`, over the edges to observation `i` with those weights.
#[inline(always)]
pub(crate) fn mix<S: Simd, T: Scalar>(simd: S, sources: &[u32], weights: &[T], rows: &Rows<T>, out: &mut [T]) {
    let n = sources.len().min(weights.len());
    let terms = To { sources: &sources[..n], weights: &weights[..n], apart: rows.apart() };
    gather::<false, S, T, _>(simd, terms, rows.data(), out);
}

#[derive(Clone, Copy)]
struct To<'a, T> {
    sources: &'a [u32],
    weights: &'a [T],
    apart: usize,
}

impl<T: Scalar> Terms<T> for To<'_, T> {
    #[inline(always)]
    fn count(self) -> usize {
        self.sources.len()
    }

    #[inline(always)]
    fn at(self, k: usize) -> usize {
        self.sources[k] as usize * self.apart
    }

    #[inline(always)]
    fn by<S: Simd>(self, simd: S, k: usize) -> T::Lanes<S> {
        T::splat(simd, self.weights[k])
    }
}

/// `out = Σ weight · row of the target`, over the edges from observation `j`: the transpose of [`mix`].
#[inline(always)]
pub(crate) fn mix_back<S: Simd, T: Scalar>(
    simd: S,
    edges: &Edges,
    j: usize,
    weights: &[T],
    rows: &Rows<T>,
    out: &mut [T],
) {
    let terms = From { edges: edges.from(j), weights, apart: rows.apart() };
    gather::<false, S, T, _>(simd, terms, rows.data(), out);
}

#[derive(Clone, Copy)]
struct From<'a, T> {
    edges: &'a [(u32, u32)],
    weights: &'a [T],
    apart: usize,
}

impl<T: Scalar> Terms<T> for From<'_, T> {
    #[inline(always)]
    fn count(self) -> usize {
        self.edges.len()
    }

    #[inline(always)]
    fn at(self, k: usize) -> usize {
        self.edges[k].0 as usize * self.apart
    }

    #[inline(always)]
    fn by<S: Simd>(self, simd: S, k: usize) -> T::Lanes<S> {
        T::splat(simd, self.weights[self.edges[k].1 as usize])
    }
}

/// What both uses of the weights give to the gradient of the sum of scores of one edge.
pub(crate) struct Slopes<'a, T> {
    pub attention: &'a Attention<T>,
    /// Gradients of what the weights mixed, by target.
    pub wide: &'a Rows<T>,
    pub narrow: &'a Rows<T>,
    /// For each target, the sum over its edges of weight times the weight's gradient.
    pub centres: &'a [T],
}

impl<T: Scalar> Slopes<'_, T> {
    /// The gradient of the sum of scores of every edge from observation `j`, whose mixed rows are given; their sum.
    #[inline(always)]
    pub(crate) fn of<S: Simd>(&self, simd: S, edges: &Edges, j: usize, wide: &[T], narrow: &[T], out: &mut [T]) -> T {
        let one = T::from_f64(1.0);
        let mut sum = T::default();
        for (o, &(i, e)) in out.iter_mut().zip(edges.from(j)) {
            let (i, e) = (i as usize, e as usize);
            let slope = dot(simd, self.wide.row(i), wide) + dot(simd, self.narrow.row(i), narrow);
            let s = self.attention.sigmoids[e];
            *o = self.attention.weights[e] * (slope - self.centres[i]) * (s * (one - s));
            sum += *o;
        }
        sum
    }
}

/// The exponential linear unit in place: x where it is positive, e^x − 1 elsewhere.
#[inline(always)]
pub(crate) fn elu<T: Scalar>(values: &mut [T]) {
    let zero = T::default();
    for v in values {
        let x = *v;
        let below = Scalar::exp_m1(if x < zero { x } else { zero });
        *v = if x > zero { x } else { below };
    }
}

/// The slope of [`elu`] where its value is `h`.
#[inline(always)]
pub(crate) fn elu_slope<T: Scalar>(h: T) -> T {
    let one = T::from_f64(1.0);
    if h > T::default() { one } else { h + one }
}
