//! The gradient of the loss: from the last layer back to the weights.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_algo::linalg::panel::{rows_per_block, with_lanes};

use super::forward::STEP;
use super::loss::keep_active;
use super::net::{Net, WORD, Work};
use super::views::{Lists, Views};
use crate::attention::mix;
use crate::gather::add_multiple;
use crate::gemm::{add_transposed, multiply};
use crate::problem::Problem;
use crate::rows::{Rows, blocks, steps};
use crate::scalar::Scalar;
use crate::train::Go;

/// Rows of a layer's weights that a task of their gradient has at least.
const FEWEST: usize = 48;

impl<T: Scalar> Net<T> {
    /// The loss of two views of a problem, whose gradient is added to [`Net::gradient`]. Both mean nothing where `go`
    /// said no.
    pub fn differentiate(&mut self, problem: &mut Problem<T>, views: &Views<T>, go: Go<'_>) -> f64 {
        let n = problem.input.n();
        self.encode(problem, views, go);
        let loss = self.compare(n);
        for l in (0..self.folded.len()).rev() {
            self.back_through(l, views, 2 * n, go);
            let (z, slope, beta) = (&self.work.mixed[l], &self.work.slope, self.rule.beta(l));
            let gradient = &mut self.gradient.layers[l];
            let (apart, width) = (gradient.apart(), gradient.width());
            // No more tasks than threads: each goes through all of `slope`.
            let task = gradient.n().div_ceil(rayon::current_num_threads()).max(FEWEST);
            gradient.data_mut().par_chunks_mut(task * apart).enumerate().for_each(|(b, chunk)| {
                if go() {
                    add_transposed((chunk, apart), (z, b * task), (slope, width), 0..2 * n, beta);
                }
            });
        }
        self.back_to_encoder(problem, views, go);
        loss
    }

    /// The gradient of what layer `l` multiplies, into `work.above`; that of its output before the activation is made in
    /// `work.slope` first, but for the last layer, where it is there.
    fn back_through(&mut self, l: usize, views: &Views<T>, rows: usize, go: Go<'_>) {
        let last = l + 1 == self.folded.len();
        let (size, folded, work) = (rows_per_block(rows), &self.folded[l], &mut self.work);
        let Work { first, above, below, slope, active, .. } = work;
        let (width, apart) = (above.width(), above.apart());
        let tasks = blocks(slope, rows, size).into_iter().zip(blocks(below, rows, size)).zip(blocks(first, rows, size));
        let (above, active, alpha) = (&*above, &active[l + 1], T::from_f64(self.rule.alpha));
        let tasks: Vec<_> = tasks.collect();
        let parts = tasks.into_par_iter().enumerate().map(|(b, ((slope, below), first))| {
            let range = b * size..((b + 1) * size).min(rows);
            let mut sums = vec![0f64; width];
            for step in steps(&range, STEP).take_while(|_| go()) {
                let (n, from) = (step.len(), (step.start - range.start) * apart);
                let (slope, below) = (&mut slope[from..], &mut below[from..]);
                with_lanes(Gather {
                    from: (!last).then_some(&views.from),
                    range: step,
                    above,
                    more: None,
                    active,
                    out: slope,
                    sums: &mut sums,
                });
                multiply(n, (&mut *below, apart), (&*slope, apart), &folded[1], 1.0);
                let first = &mut first[from..][..n * apart];
                with_lanes(Collect { clear: last, alpha, rows: &*below, first, width, apart });
            }
            sums
        });
        let parts: Vec<Vec<f64>> = parts.collect();
        add_sums(self.gradient.biases.row_mut(l + 1), &parts);
        std::mem::swap(&mut self.work.above, &mut self.work.below);
    }

    /// The gradient of the encoder's weights.
    fn back_to_encoder(&mut self, problem: &mut Problem<T>, views: &Views<T>, go: Go<'_>) {
        let n = problem.input.n();
        let Work { first, above, slope, active, .. } = &mut self.work;
        let (rows, width, apart) = (2 * n, above.width(), above.apart());
        let (size, above, active) = (rows_per_block(rows), &*above, &active[0]);
        let more = Some(&*first);
        let parts = slope.data_mut()[..rows * apart].par_chunks_mut(size * apart).enumerate().map(|(b, out)| {
            let range = b * size..((b + 1) * size).min(rows);
            let mut sums = vec![0f64; width];
            let from = Some(&views.from);
            with_lanes(Gather { from, range, above, more, active, out, sums: &mut sums });
            sums
        });
        let parts: Vec<Vec<f64>> = parts.collect();
        add_sums(self.gradient.biases.row_mut(0), &parts);
        for (view, seen) in views.genes.iter().enumerate() {
            self.masked.clear();
            problem.input.add_transposed_times(slope, view * n, &mut self.masked, go);
            for (j, _) in seen.iter().enumerate().filter(|s| *s.1) {
                self.gradient.first.row_mut(j).iter_mut().zip(self.masked.row(j)).for_each(|(t, &f)| *t += f);
            }
        }
    }
}

/// Adds sums of blocks, in the order of the blocks.
fn add_sums<T: Scalar>(to: &mut [T], parts: &[Vec<f64>]) {
    for (k, to) in to.iter_mut().enumerate() {
        *to += T::from_f64(parts.iter().map(|p| p[k]).sum());
    }
}

/// The gradient before an activation from that of what the layer above multiplies; its sums by column.
struct Gather<'a, T> {
    /// `None` where the gradient is there.
    from: Option<&'a Lists<T>>,
    range: Range<usize>,
    above: &'a Rows<T>,
    more: Option<&'a Rows<T>>,
    active: &'a [u16],
    out: &'a mut [T],
    sums: &'a mut [f64],
}

impl<T: Scalar> WithSimd for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (width, words) = (self.above.width(), self.above.width() / WORD);
        for (j, out) in self.range.zip(self.out.chunks_mut(self.above.apart())) {
            let out = &mut out[..width];
            if let Some(from) = self.from {
                let (at, by) = from.list(j);
                mix(simd, at, by, self.above, out);
                if let Some(more) = self.more {
                    add_multiple(simd, T::from_f64(1.0), more.row(j), out);
                }
                keep_active(out, &self.active[j * words..]);
            }
            self.sums.iter_mut().zip(out).for_each(|(s, v)| *s += v.to_f64());
        }
    }
}

/// Adds a share of some rows to the gradient of the encoder's output, or begins that.
struct Collect<'a, T> {
    clear: bool,
    alpha: T,
    rows: &'a [T],
    first: &'a mut [T],
    width: usize,
    apart: usize,
}

impl<T: Scalar> WithSimd for Collect<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (to, row) in self.first.chunks_exact_mut(self.apart).zip(self.rows.chunks(self.apart)) {
            let to = &mut to[..self.width];
            if self.clear {
                to.fill(T::default());
            }
            add_multiple(simd, self.alpha, &row[..self.width], to);
        }
    }
}
