//! From expression to the embedding.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_algo::linalg::panel::{rows_per_block, vectorised, with_lanes};

use super::net::{Net, WORD};
use super::views::{Lists, Views};
use crate::attention::mix;
use crate::gather::add_multiple;
use crate::gemm::multiply;
use crate::problem::Problem;
use crate::rows::{Rows, blocks, steps};
use crate::scalar::Scalar;
use crate::train::Go;

/// Rows that go through a product together, and between two questions whether to go on: they stay near beside the other
/// factor.
pub(super) const STEP: usize = 96;

impl<T: Scalar> Net<T> {
    /// The embedding of every observation of a problem; it means nothing where `go` said no.
    pub fn embed(&mut self, problem: &mut Problem<T>, loops: bool, go: Go<'_>) -> &Rows<T> {
        let mut views = Views::default();
        views.whole(problem, self.weights.widths.genes, loops, self.rule);
        self.encode(problem, &views, go);
        &self.work.above
    }

    /// The last layer of all views, into `work.above`.
    pub(super) fn encode(&mut self, problem: &mut Problem<T>, views: &Views<T>, go: Go<'_>) {
        let n = problem.input.n();
        let rows = views.genes.len() * n;
        self.make_room(rows);
        self.fold();
        let (work, weights) = (&mut self.work, &self.weights);
        for (view, seen) in views.genes.iter().enumerate() {
            copy_rows(&weights.first, seen, &mut self.masked);
            problem.input.times(&self.masked, &mut work.first, view * n, go);
        }
        let (size, width) = (rows_per_block(rows), work.first.width());
        let (bias, words) = (weights.biases.row(0), width / WORD);
        let apart = work.first.apart();
        let active = work.active[0].par_chunks_mut(size * words);
        work.first.data_mut()[..rows * apart].par_chunks_mut(size * apart).zip(active).for_each(|(rows, active)| {
            rectify(rows, apart, bias, active);
        });
        for (l, folded) in self.folded.iter().enumerate() {
            let source = if l == 0 { &work.first } else { &work.above };
            let out = blocks(&mut work.below, rows, size);
            let active = work.active[l + 1].chunks_mut(size * words);
            let tasks: Vec<_> = blocks(&mut work.mixed[l], rows, size).into_iter().zip(out).zip(active).collect();
            let (first, bias, alpha) = (&work.first, weights.biases.row(l + 1), T::from_f64(self.rule.alpha));
            tasks.into_par_iter().enumerate().for_each(|(b, ((mixed, out), active))| {
                let range = b * size..((b + 1) * size).min(rows);
                for step in steps(&range, STEP).take_while(|_| go()) {
                    let (n, from) = (step.len(), step.start - range.start);
                    let mixed = &mut mixed[from * apart..];
                    with_lanes(Blend { to: &views.to, range: step, source, first, alpha, out: mixed });
                    let out = &mut out[from * apart..][..n * apart];
                    multiply(n, (&mut *out, apart), (&*mixed, apart), &folded[0], 1.0);
                    rectify(out, apart, bias, &mut active[from * words..][..n * words]);
                }
            });
            std::mem::swap(&mut work.above, &mut work.below);
        }
    }
}

/// The rows that are seen, zeros in place of the others.
fn copy_rows<T: Scalar>(from: &Rows<T>, seen: &[bool], to: &mut Rows<T>) {
    for (j, &seen) in seen.iter().enumerate() {
        if seen {
            to.row_mut(j).copy_from_slice(from.row(j));
        } else {
            to.row_mut(j).fill(T::default());
        }
    }
}

/// max(row + bias, 0) of some rows `apart` from each other, and which values are above 0. What is no number stays.
fn rectify<T: Scalar>(rows: &mut [T], apart: usize, bias: &[T], active: &mut [u16]) {
    let zero = T::default();
    vectorised(
        #[inline(always)]
        || {
            for (row, active) in rows.chunks_exact_mut(apart).zip(active.chunks_exact_mut(bias.len() / WORD)) {
                let pieces = row.as_chunks_mut::<WORD>().0.iter_mut().zip(bias.as_chunks::<WORD>().0);
                for ((values, bias), active) in pieces.zip(active) {
                    let mut word = 0u16;
                    for k in 0..WORD {
                        let v = values[k] + bias[k];
                        let off = v <= zero;
                        word |= u16::from(!off) << k;
                        values[k] = if off { zero } else { v };
                    }
                    *active = word;
                }
            }
        },
    );
}

/// What a layer multiplies: neighbours mixed, and a share of the encoder's output.
struct Blend<'a, T> {
    to: &'a Lists<T>,
    range: Range<usize>,
    source: &'a Rows<T>,
    first: &'a Rows<T>,
    alpha: T,
    out: &'a mut [T],
}

impl<T: Scalar> WithSimd for Blend<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.source.width();
        for (i, out) in self.range.zip(self.out.chunks_mut(self.source.apart())) {
            let (out, (at, by)) = (&mut out[..width], self.to.list(i));
            mix(simd, at, by, self.source, out);
            add_multiple(simd, self.alpha, self.first.row(i), out);
        }
    }
}
