//! From expression to the embedding, and from there to the loss.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_algo::linalg::panel::{rows_per_block, vectorised, with_lanes};

use super::net::{Net, STEP, Scratch};
use crate::attention::{Attention, Part, elu, elu_slope, mix, weigh};
use crate::gather::dot;
use crate::graph::Edges;
use crate::problem::Problem;
use crate::rows::{Rows, add_gram, add_product, blocks, mirror, product, steps, view, view_mut};
use crate::scalar::Scalar;
use crate::train::Go;

impl<T: Scalar> Net<T> {
    /// The embedding of every observation, into the room of this network.
    pub(super) fn encode(&mut self, problem: &mut Problem<T>, go: Go<'_>) {
        self.fit(problem);
        self.second_t = self.weights.second.transposed();
        let (n, edges, weights) = (problem.edges.n(), &problem.edges, &self.weights);
        let work = &mut self.work;
        problem.input.times(&weights.first, &mut work.u, 0, go);
        let u = &work.u;
        work.scores[..n].par_chunks_mut(64).enumerate().for_each(|(b, scores)| {
            with_lanes(Score { u, first: b * 64, attention: &weights.attention, scores });
        });
        let size = rows_per_block(n);
        let attention = edges.cut(size, &mut work.attention.weights).into_iter();
        let attention = attention.zip(edges.cut(size, &mut work.attention.sigmoids));
        let rows = blocks(&mut work.p, n, size).into_iter().zip(blocks(&mut work.z, n, size));
        let (p_apart, z_apart) = (u.apart(), work.dz.apart());
        let tasks: Vec<_> = attention.zip(rows).zip(&mut self.scratch).enumerate().collect();
        let scores = &work.scores;
        tasks.into_par_iter().for_each(|(b, (((weights_of, sigmoids), (p, z)), scratch))| {
            let range = b * size..((b + 1) * size).min(n);
            let part = Part { weights: weights_of, sigmoids };
            if !go() {
                return;
            }
            with_lanes(Attend { edges, range: range.clone(), scores, part, u, p, apart: p_apart });
            for step in steps(&range, STEP) {
                let (rows, from) = (step.len(), step.start - range.start);
                vectorised(
                    #[inline(always)]
                    || {
                        for k in 0..rows {
                            let h = scratch.a.row_mut(k);
                            let width = h.len();
                            h.copy_from_slice(&p[(from + k) * p_apart..][..width]);
                            elu(h);
                        }
                    },
                );
                let z = view_mut(&mut z[from * z_apart..], rows, weights.second.width(), z_apart);
                product(z, scratch.a.view(0, rows), weights.second.all(), 1.0);
            }
        });
    }

    /// The embeddings mixed by the attention, before the decoder's weights.
    pub(super) fn mix(&mut self, problem: &Problem<T>) {
        let (n, edges, work) = (problem.edges.n(), &problem.edges, &mut self.work);
        let (size, apart) = (rows_per_block(n), work.y.apart());
        let (z, attention) = (&work.z, &work.attention);
        work.y.data_mut()[..n * apart].par_chunks_mut(size * apart).enumerate().for_each(|(b, y)| {
            let range = b * size..((b + 1) * size).min(n);
            with_lanes(Mix { edges, range, attention, z, y, apart });
        });
    }

    /// `W₁ᵀW₁`.
    pub(super) fn measure(&mut self) {
        let first = &self.weights.first;
        let (size, wide) = (rows_per_block(first.n()), first.width());
        let groups = first.n().div_ceil(size);
        self.scratch[..groups].par_iter_mut().enumerate().for_each(|(b, scratch)| {
            scratch.gram.clear();
            let from = b * size;
            add_gram(scratch.gram.view_mut(wide), first.view(from, size.min(first.n() - from)));
        });
        sum_of(&mut self.metric, &self.scratch[..groups], |s| &s.gram);
        mirror(&mut self.metric);
    }

    /// The decoder's hidden layer block by block, the loss, and the gradient down to the mixed embeddings; sums for the
    /// weights' gradient stay in the scratch of each block. Returns the mean squared error.
    pub(super) fn decode(&mut self, problem: &Problem<T>, go: Go<'_>) -> f64 {
        self.mix(problem);
        let (n, weights) = (problem.edges.n(), &self.weights);
        let count = n as f64 * weights.widths.genes as f64;
        let c = 2.0 / count;
        let size = rows_per_block(n);
        let work = &mut self.work;
        let (y_apart, u) = (work.y.apart(), &work.u);
        let rows = blocks(&mut work.y, n, size).into_iter().zip(blocks(&mut work.dy, n, size));
        let kept: Vec<Option<&mut [T]>> = match &mut work.h3 {
            Some(h3) => blocks(h3, n, size).into_iter().map(Some).collect(),
            None => (0..n.div_ceil(size)).map(|_| None).collect(),
        };
        let tasks: Vec<_> = rows.zip(kept).zip(&mut self.scratch).enumerate().collect();
        let (metric, second_t) = (&self.metric, &self.second_t);
        let wide = weights.first.width();
        tasks.into_par_iter().for_each(|(b, (((y, dy), mut kept), scratch))| {
            let range = b * size..((b + 1) * size).min(n);
            scratch.gram.clear();
            scratch.second.clear();
            scratch.parts = [0.0; 2];
            for step in steps(&range, STEP).take_while(|_| go()) {
                let (rows, from) = (step.len(), (step.start - range.start) * y_apart);
                let y = view(&y[from..], rows, weights.second.width(), y_apart);
                product(scratch.a.view_mut(rows), y, second_t.all(), 1.0);
                with_lanes(Activate { u, first: step.start, h: &mut scratch.a, n: rows, sum: &mut scratch.parts[0] });
                if let Some(kept) = &mut kept {
                    let apart = scratch.a.apart();
                    let to = &mut kept[(step.start - range.start) * apart..][..rows * apart];
                    to.copy_from_slice(&scratch.a.data()[..rows * apart]);
                }
                add_gram(scratch.gram.view_mut(wide), scratch.a.view(0, rows));
                product(scratch.b.view_mut(rows), scratch.a.view(0, rows), metric.all(), 1.0);
                let Scratch { a, b, parts, .. } = &mut *scratch;
                with_lanes(Residual {
                    u,
                    first: step.start,
                    h: a,
                    d: b,
                    n: rows,
                    c: T::from_f64(c),
                    sum: &mut parts[1],
                });
                let dy = view_mut(&mut dy[from..], rows, weights.second.width(), y_apart);
                product(dy, scratch.b.view(0, rows), weights.second.all(), 1.0);
                add_product(scratch.second.view_mut(wide), scratch.b.view(0, rows).transpose(), y, 1.0);
            }
        });
        let groups = n.div_ceil(size);
        sum_of(&mut self.gram, &self.scratch[..groups], |s| &s.gram);
        mirror(&mut self.gram);
        let second = match &mut self.gradient.decoder {
            Some((_, second)) => second,
            None => &mut self.gradient.encoder.second,
        };
        sum_of(second, &self.scratch[..groups], |s| &s.second);
        let part = |k: usize| self.scratch[..groups].iter().map(|s| s.parts[k]).sum::<f64>();
        (problem.input.squares() - 2.0 * part(0) + part(1)) / count
    }
}

/// The sum over blocks of one of their matrices, in the order of the blocks.
pub(super) fn sum_of<T: Scalar>(to: &mut Rows<T>, parts: &[Scratch<T>], of: impl Fn(&Scratch<T>) -> &Rows<T> + Sync) {
    /// Values per task.
    const TASK: usize = 1 << 13;
    to.data_mut().par_chunks_mut(TASK).enumerate().for_each(|(b, chunk)| {
        chunk.fill(T::default());
        for part in parts {
            let from = &of(part).data()[b * TASK..][..chunk.len()];
            chunk.iter_mut().zip(from).for_each(|(t, &f)| *t += f);
        }
    });
}

struct Score<'a, T> {
    u: &'a Rows<T>,
    first: usize,
    attention: &'a Rows<T>,
    scores: &'a mut [[T; 2]],
}

impl<T: Scalar> WithSimd for Score<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (i, score) in (self.first..).zip(self.scores) {
            *score = [0, 1].map(|end| dot(simd, self.u.row(i), self.attention.row(end)));
        }
    }
}

struct Attend<'a, T> {
    edges: &'a Edges,
    range: Range<usize>,
    scores: &'a [[T; 2]],
    part: Part<'a, T>,
    u: &'a Rows<T>,
    p: &'a mut [T],
    apart: usize,
}

impl<T: Scalar> WithSimd for Attend<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        weigh(self.edges, self.range.clone(), self.scores, &mut self.part);
        let first = self.edges.starts()[self.range.start];
        for (i, out) in self.range.zip(self.p.chunks_exact_mut(self.apart)) {
            let weights = &self.part.weights[self.edges.starts()[i] - first..];
            mix(simd, self.edges.to(i), weights, self.u, &mut out[..self.u.width()]);
        }
    }
}

struct Mix<'a, T> {
    edges: &'a Edges,
    range: Range<usize>,
    attention: &'a Attention<T>,
    z: &'a Rows<T>,
    y: &'a mut [T],
    apart: usize,
}

impl<T: Scalar> WithSimd for Mix<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (i, out) in self.range.zip(self.y.chunks_exact_mut(self.apart)) {
            let weights = &self.attention.weights[self.edges.starts()[i]..];
            mix(simd, self.edges.to(i), weights, self.z, &mut out[..self.z.width()]);
        }
    }
}

/// H₃ in place of its pre-activation, and its product with U.
struct Activate<'a, T> {
    u: &'a Rows<T>,
    first: usize,
    h: &'a mut Rows<T>,
    n: usize,
    sum: &'a mut f64,
}

impl<T: Scalar> WithSimd for Activate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for k in 0..self.n {
            let h = self.h.row_mut(k);
            elu(h);
            *self.sum += dot(simd, h, self.u.row(self.first + k)).to_f64();
        }
    }
}

/// The gradient before the activation, in place of `H₃ W₁ᵀW₁`, and the product of that with H₃.
struct Residual<'a, T> {
    u: &'a Rows<T>,
    first: usize,
    h: &'a Rows<T>,
    d: &'a mut Rows<T>,
    n: usize,
    c: T,
    sum: &'a mut f64,
}

impl<T: Scalar> WithSimd for Residual<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for k in 0..self.n {
            let (h, d) = (self.h.row(k), self.d.row_mut(k));
            *self.sum += dot(simd, h, d).to_f64();
            for ((d, &h), &u) in d.iter_mut().zip(h).zip(self.u.row(self.first + k)) {
                *d = self.c * (*d - u) * elu_slope(h);
            }
        }
    }
}

/// The hidden layer of the decoder for some mixed embeddings.
pub(super) fn hidden<T: Scalar>(weights_t: &Rows<T>, y: faer::MatRef<'_, T>, to: &mut Rows<T>) {
    let n = y.nrows();
    product(to.view_mut(n), y, weights_t.all(), 1.0);
    vectorised(
        #[inline(always)]
        || (0..n).for_each(|k| elu(to.row_mut(k))),
    );
}
