//! The gradient of the loss: from the mixed embeddings back to the weights.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_algo::linalg::panel::{rows_per_block, vectorised, with_lanes};
use tegula_core::par;

use super::forward::{hidden, sum_of};
use super::net::{Net, STEP};
use crate::attention::{Attention, Slopes, elu, elu_slope, mix_back};
use crate::gather::dot;
use crate::graph::Edges;
use crate::problem::Problem;
use crate::rows::{Rows, add_product, blocks, product, steps, view, view_mut};
use crate::scalar::Scalar;
use crate::train::Go;

/// Genes per task of the update of the first layer.
const GENES: usize = 128;

impl<T: Scalar> Net<T> {
    /// The mean squared error of the reconstruction; its gradient is in [`Net::gradient`] afterwards. Both mean nothing
    /// where `go` said no.
    pub fn differentiate(&mut self, problem: &mut Problem<T>, go: Go<'_>) -> f64 {
        self.encode(problem, go);
        self.measure();
        let loss = self.decode(problem, go);
        self.back_to_hidden(problem, go);
        self.back_through_attention(problem, go);
        self.back_to_weights(problem, go);
        loss
    }

    /// Gradients of the embedding and of the encoder's hidden layer before its activation, which replaces that layer.
    fn back_to_hidden(&mut self, problem: &Problem<T>, go: Go<'_>) {
        let (n, edges) = (problem.edges.n(), &problem.edges);
        let size = rows_per_block(n);
        let (second_t, wide, work) = (&self.second_t, self.weights.first.width(), &mut self.work);
        let (p_apart, z_apart, latent) = (work.p.apart(), work.dz.apart(), work.dz.width());
        let rows = blocks(&mut work.p, n, size).into_iter().zip(blocks(&mut work.dz, n, size));
        let rows = rows.zip(work.centres.chunks_mut(size));
        let tasks: Vec<_> = rows.zip(&mut self.scratch).enumerate().collect();
        let (attention, y, dy) = (&work.attention, &work.y, &work.dy);
        tasks.into_par_iter().for_each(|(b, (((p, dz), centres), scratch))| {
            let range = b * size..((b + 1) * size).min(n);
            scratch.second.clear();
            with_lanes(MixBack { edges, range: range.clone(), attention, dy, dz, apart: z_apart });
            for step in steps(&range, STEP).take_while(|_| go()) {
                let (rows, from) = (step.len(), step.start - range.start);
                let dz = view(&dz[from * z_apart..], rows, latent, z_apart);
                product(scratch.a.view_mut(rows), dz, second_t.all(), 1.0);
                let (p, centres) = (&mut p[from * p_apart..], &mut centres[from..from + rows]);
                with_lanes(Hidden {
                    p,
                    apart: p_apart,
                    h: &mut scratch.b,
                    dh: &scratch.a,
                    mixed: (y, dy),
                    first: step.start,
                    centres,
                });
                add_product(scratch.second.view_mut(wide), scratch.b.view(0, rows).transpose(), dz, 1.0);
            }
        });
        let groups = n.div_ceil(size);
        let second = &mut self.gradient.encoder.second;
        if self.gradient.decoder.is_some() {
            sum_of(second, &self.scratch[..groups], |s| &s.second);
        } else {
            for part in &self.scratch[..groups] {
                second.data_mut().iter_mut().zip(part.second.data()).for_each(|(t, &f)| *t += f);
            }
        }
    }

    /// Gradients of the scores, and of X W₁ (but for what the scores give to it), which replaces it.
    fn back_through_attention(&mut self, problem: &Problem<T>, go: Go<'_>) {
        let (n, edges) = (problem.edges.n(), &problem.edges);
        let c = T::from_f64(2.0 / (n as f64 * self.weights.widths.genes as f64));
        let size = rows_per_block(n);
        let tied = self.gradient.decoder.is_none();
        let (second_t, work) = (&self.second_t, &mut self.work);
        let (u_apart, latent) = (work.u.apart(), work.y.width());
        let slopes = edges.cut_back(size, &mut work.slopes);
        let rows = blocks(&mut work.u, n, size).into_iter().zip(work.from.chunks_mut(size));
        let tasks: Vec<_> = rows.zip(slopes).zip(&mut self.scratch).enumerate().collect();
        let of = Slopes { attention: &work.attention, wide: &work.p, narrow: &work.dy, centres: &work.centres };
        let (y, z) = (&work.y, &work.z);
        tasks.into_par_iter().for_each(|(b, (((u, from), slopes), scratch))| {
            let range = b * size..((b + 1) * size).min(n);
            for step in steps(&range, STEP).take_while(|_| go()) {
                let (rows, place) = (step.len(), step.start - range.start);
                if tied {
                    hidden(
                        second_t,
                        view(&y.data()[step.start * y.apart()..], rows, latent, y.apart()),
                        &mut scratch.a,
                    );
                }
                let first = edges.back_starts()[range.start];
                let own = edges.back_starts()[step.start] - first..edges.back_starts()[step.end] - first;
                with_lanes(Through {
                    edges,
                    range: step,
                    of: &of,
                    z,
                    u: &mut u[place * u_apart..],
                    apart: u_apart,
                    h3: tied.then_some(&scratch.a),
                    c,
                    mixed: &mut scratch.b,
                    slopes: &mut slopes[own],
                    from: &mut from[place..place + rows],
                });
            }
        });
        let slopes = &work.slopes;
        work.to[..n].par_chunks_mut(par::BLOCK).enumerate().for_each(|(b, to)| {
            for (i, sum) in (b * par::BLOCK..).zip(to) {
                *sum = edges.turned(i).iter().fold(T::default(), |sum, &k| sum + slopes[k as usize]);
            }
        });
        if let Some(h3) = &mut work.h3 {
            let apart = h3.apart();
            h3.data_mut()[..n * apart].par_chunks_mut(par::BLOCK).for_each(|h| h.iter_mut().for_each(|h| *h *= -c));
        }
    }

    /// Gradients of the first layer and of the attention.
    fn back_to_weights(&mut self, problem: &mut Problem<T>, go: Go<'_>) {
        let n = problem.edges.n();
        let (genes, wide) = (self.weights.widths.genes, self.weights.first.width());
        let c = 2.0 / (n as f64 * genes as f64);
        let both = problem.input.transposed_times_two(genes, &self.work.from[..n], &self.work.to[..n]);
        let (first, attention, gram) = (&self.weights.first, &self.weights.attention, &self.gram);
        let apart = first.apart();
        // What the reconstruction gives to W₁ beside Xᵀ times something.
        let decoded = |to: &mut Rows<T>| {
            to.data_mut().par_chunks_mut(GENES * apart).enumerate().for_each(|(b, chunk)| {
                let rows = chunk.len() / apart;
                product(view_mut(chunk, rows, wide, apart), first.view(b * GENES, rows), gram.all(), c);
            });
        };
        let encoder = &mut self.gradient.encoder;
        match &mut self.gradient.decoder {
            None => decoded(&mut encoder.first),
            Some((decoder, _)) => {
                decoded(decoder);
                encoder.first.clear();
                if let Some(h3) = &self.work.h3 {
                    problem.input.add_transposed_times(h3, 0, decoder, go);
                }
            }
        }
        problem.input.add_transposed_times(&self.work.u, 0, &mut encoder.first, go);
        let parts: Vec<Vec<f64>> = encoder
            .first
            .data_mut()
            .par_chunks_mut(GENES * apart)
            .zip(both.par_chunks(GENES))
            .enumerate()
            .map(|(b, (chunk, both))| {
                let mut sums = vec![0f64; 2 * wide];
                let (source, target) = sums.split_at_mut(wide);
                let (a_source, a_target) = (attention.row(0), attention.row(1));
                vectorised(
                    #[inline(always)]
                    || {
                        for (g, (row, &[s, t])) in chunk.chunks_exact_mut(apart).zip(both).enumerate() {
                            let (s_, t_) = (T::from_f64(s), T::from_f64(t));
                            let w = first.row(b * GENES + g);
                            for k in 0..wide {
                                row[k] += s_ * a_source[k] + t_ * a_target[k];
                                source[k] += s * w[k].to_f64();
                                target[k] += t * w[k].to_f64();
                            }
                        }
                    },
                );
                sums
            })
            .collect();
        for end in 0..2 {
            for (k, to) in encoder.attention.row_mut(end).iter_mut().enumerate() {
                *to = T::from_f64(parts.iter().map(|p| p[end * wide + k]).sum());
            }
        }
    }
}

struct MixBack<'a, T> {
    edges: &'a Edges,
    range: Range<usize>,
    attention: &'a Attention<T>,
    dy: &'a Rows<T>,
    dz: &'a mut [T],
    apart: usize,
}

impl<T: Scalar> WithSimd for MixBack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.dy.width();
        for (j, out) in self.range.zip(self.dz.chunks_exact_mut(self.apart)) {
            mix_back(simd, self.edges, j, &self.attention.weights, self.dy, &mut out[..width]);
        }
    }
}

/// The hidden layer from its pre-activation, whose gradient replaces that; and the sum of weight times its gradient over
/// the edges to each observation, which is the product of what was mixed with the gradient of that.
struct Hidden<'a, T> {
    p: &'a mut [T],
    apart: usize,
    h: &'a mut Rows<T>,
    dh: &'a Rows<T>,
    mixed: (&'a Rows<T>, &'a Rows<T>),
    first: usize,
    centres: &'a mut [T],
}

impl<T: Scalar> WithSimd for Hidden<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.h.width();
        for (k, (p, centre)) in self.p.chunks_exact_mut(self.apart).zip(self.centres).enumerate() {
            let (p, h, i) = (&mut p[..width], self.h.row_mut(k), self.first + k);
            h.copy_from_slice(p);
            elu(h);
            let mut sum = T::default();
            for ((p, &h), &d) in p.iter_mut().zip(&*h).zip(self.dh.row(k)) {
                let slope = d * elu_slope(h);
                sum += slope * *p;
                *p = slope;
            }
            *centre = sum + dot(simd, self.mixed.0.row(i), self.mixed.1.row(i));
        }
    }
}

struct Through<'a, T> {
    edges: &'a Edges,
    range: Range<usize>,
    of: &'a Slopes<'a, T>,
    z: &'a Rows<T>,
    u: &'a mut [T],
    apart: usize,
    h3: Option<&'a Rows<T>>,
    c: T,
    mixed: &'a mut Rows<T>,
    slopes: &'a mut [T],
    from: &'a mut [T],
}

impl<T: Scalar> WithSimd for Through<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (width, first) = (self.mixed.width(), self.edges.back_starts()[self.range.start]);
        let rows = self.range.zip(self.u.chunks_exact_mut(self.apart)).zip(self.from);
        for (k, ((j, u), from)) in rows.enumerate() {
            let u = &mut u[..width];
            let own = self.edges.back_starts()[j] - first..self.edges.back_starts()[j + 1] - first;
            *from = self.of.of(simd, self.edges, j, u, self.z.row(j), &mut self.slopes[own]);
            let mixed = self.mixed.row_mut(0);
            mix_back(simd, self.edges, j, &self.of.attention.weights, self.of.wide, mixed);
            match self.h3 {
                Some(h3) => {
                    for ((u, &m), &h) in u.iter_mut().zip(&*mixed).zip(h3.row(k)) {
                        *u = m - self.c * h;
                    }
                }
                None => u.copy_from_slice(mixed),
            }
        }
    }
}
