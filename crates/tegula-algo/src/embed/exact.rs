//! The gradient over all pairs of observations.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_core::Result;

use super::descent::Slope;
use super::pairs::{FAR, Pairs, STRIP, rows, width};
use super::terms::{Balance, Divergences, Spreading, Terms};
use crate::linalg::panel::{Real, Row, W, with_lanes};

/// Two forces on sixteen observations, with `q_ij = 1 / (1 + ‖y_i − y_j‖²)`.
#[derive(Debug, Clone, Copy)]
struct Forces<T, const D: usize> {
    /// `Σ_j w_ij q_ij (y_i − y_j)`, negative.
    pull: [Row<T>; D],
    /// `Σ_j q_ij² (y_i − y_j)`, negative.
    push: [Row<T>; D],
}

impl<T: Real, const D: usize> Forces<T, D> {
    fn none() -> Self {
        Self { pull: [Row::default(); D], push: [Row::default(); D] }
    }
}

/// What the rows of one strip add to the forces on all observations from its first on.
#[derive(Debug, Clone)]
struct Part<T, const D: usize> {
    forces: Vec<Forces<T, D>>,
    /// `Σ q_ij` over its ordered pairs of two observations.
    nearness: f64,
}

/// The exact gradient in `D` dimensions: every pair of observations is looked at once.
///
/// The weights `w_ij = e P_ij − α Pg_ij − β Ps_ij` are stored, half of them; one pass over them gives both forces and
/// Σq.
#[derive(Debug)]
pub struct Exact<'a, T, const D: usize> {
    terms: &'a Terms<T>,
    balance: Balance,
    /// The weights where they are not a multiple of the nearness.
    weights: Option<Pairs<T>>,
    exaggeration: f64,
    points: Vec<[Row<T>; D]>,
    parts: Vec<Part<T, D>>,
}

impl<'a, T: Real, const D: usize> Exact<'a, T, D> {
    /// The gradient of these terms, weighted by `balance`, the nearness in expression times `exaggeration`.
    pub fn new(terms: &'a Terms<T>, balance: Balance, exaggeration: f64) -> Self {
        let n = terms.n_obs();
        let part = |s| Part { forces: vec![Forces::none(); width(n, s)], nearness: 0.0 };
        Self {
            terms,
            balance,
            weights: terms.weights(exaggeration, balance),
            exaggeration,
            points: vec![[Row::default(); D]; n.div_ceil(W)],
            parts: (0..n.div_ceil(STRIP)).map(part).collect(),
        }
    }

    /// The gradient at `y`, point after point, in the reference's measure: a quarter of that of the Kullback-Leibler
    /// divergence of the nearness.
    pub fn gradient(&mut self, y: &[f64], gradient: &mut [f64]) {
        let n = self.terms.n_obs();
        for i in 0..self.points.len() * W {
            for d in 0..D {
                let at = if i < n { y[i * D + d] } else { FAR };
                self.points[i / W][d].0[i % W] = T::from_f64(at);
            }
        }
        let (weights, factor) = match &self.weights {
            Some(w) => (w, 1.0),
            None => (&self.terms.local, self.exaggeration),
        };
        let points = &self.points;
        self.parts.par_iter_mut().enumerate().with_max_len(1).for_each(|(s, part)| {
            with_lanes(Strip { rows: rows(n, s), points, weights: weights.strip(s), part });
        });
        let nearness: f64 = self.parts.iter().map(|p| p.nearness).sum();
        let spread = Spreading::of(y, D, self.balance);
        let parts = &self.parts;
        gradient.par_chunks_mut(STRIP * D).enumerate().for_each(|(block, gradient)| {
            let (mut pull, mut push) = ([[0.0; STRIP]; D], [[0.0; STRIP]; D]);
            for (s, part) in parts[..=block].iter().enumerate() {
                for (r, f) in part.forces[(block - s) * (STRIP / W)..].iter().take(STRIP / W).enumerate() {
                    for d in 0..D {
                        for l in 0..W {
                            pull[d][r * W + l] -= f.pull[d].0[l].to_f64();
                            push[d][r * W + l] -= f.push[d].0[l].to_f64();
                        }
                    }
                }
            }
            for (k, g) in gradient.iter_mut().enumerate() {
                let (i, d) = (k / D, k % D);
                let y = y[block * STRIP * D + k];
                *g = factor * pull[d][i] - push[d][i] / nearness + spread.factor * (y - spread.mean[d]);
            }
        });
    }
}

impl<T: Real, const D: usize> Slope for Exact<'_, T, D> {
    fn exaggerate(&mut self, factor: f64) {
        self.weights = self.terms.weights(factor, self.balance);
        self.exaggeration = factor;
    }

    fn gradient(&mut self, y: &[f64], gradient: &mut [f64]) -> Result<()> {
        Exact::gradient(self, y, gradient);
        Ok(())
    }

    fn divergences(&mut self, y: &[f64]) -> Result<Divergences> {
        Ok(self.terms.divergences(y, D))
    }
}

/// The work of one strip, for the widest registers there are.
struct Strip<'a, T, const D: usize> {
    rows: Range<usize>,
    points: &'a [[Row<T>; D]],
    weights: &'a [Row<T>],
    part: &'a mut Part<T, D>,
}

impl<T: Real, const D: usize> WithSimd for Strip<'_, T, D> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.part.forces.fill(Forces::none());
        self.part.nearness = 0.0;
        let mut i = self.rows.start;
        // As many rows side by side as the registers hold.
        if T::lanes::<S>(&Row::default()).len() == 1 {
            while i + 4 <= self.rows.end {
                self.rows_from::<S, 4>(simd, i);
                i += 4;
            }
        }
        while i + 2 <= self.rows.end {
            self.rows_from::<S, 2>(simd, i);
            i += 2;
        }
        if i < self.rows.end {
            self.rows_from::<S, 1>(simd, i);
        }
    }
}

impl<T: Real, const D: usize> Strip<'_, T, D> {
    /// What `K` rows from row `i` on give.
    #[inline(always)]
    fn rows_from<S: Simd, const K: usize>(&mut self, simd: S, i: usize) {
        let zero = T::splat(simd, T::default());
        let head = self.rows.start / W;
        let wide = self.points.len() - head;
        let row = |k: usize| &self.weights[(i - self.rows.start + k) * wide..][..wide];
        let weights: [&[Row<T>]; K] = std::array::from_fn(row);
        let at: [[T; D]; K] =
            std::array::from_fn(|k| std::array::from_fn(|d| self.points[(i + k) / W][d].0[(i + k) % W]));
        let mut own = Sums {
            at: at.map(|at| at.map(|x| T::splat(simd, x))),
            pull: [[zero; D]; K],
            push: [[zero; D]; K],
            nearness: zero,
        };
        let square = (STRIP / W).min(wide);
        // In the square at the head every pair stands twice: only what it gives to its row counts.
        for c in 0..square {
            own.add::<false>(simd, c, &weights, &self.points[head + c], &mut Forces::none());
        }
        let twice = T::total(simd, own.nearness).to_f64() - K as f64;
        own.nearness = zero;
        for c in square..wide {
            own.add::<true>(simd, c, &weights, &self.points[head + c], &mut self.part.forces[c]);
        }
        self.part.nearness += twice + 2.0 * T::total(simd, own.nearness).to_f64();
        for k in 0..K {
            let (c, l) = ((i + k) / W - head, (i + k) % W);
            for d in 0..D {
                let f = &mut self.part.forces[c];
                f.pull[d].0[l] = T::from_f64(f.pull[d].0[l].to_f64() - T::total(simd, own.pull[k][d]).to_f64());
                f.push[d].0[l] = T::from_f64(f.push[d].0[l].to_f64() - T::total(simd, own.push[k][d]).to_f64());
            }
        }
    }
}

/// `K` observations and the forces on them so far, in registers.
struct Sums<T: Real, S: Simd, const D: usize, const K: usize> {
    at: [[T::Lanes<S>; D]; K],
    pull: [[T::Lanes<S>; D]; K],
    push: [[T::Lanes<S>; D]; K],
    nearness: T::Lanes<S>,
}

impl<T: Real, S: Simd, const D: usize, const K: usize> Sums<T, S, D, K> {
    /// Adds what sixteen observations do to these, and where `BACK` also what these do to them.
    #[inline(always)]
    fn add<const BACK: bool>(
        &mut self,
        simd: S,
        c: usize,
        weights: &[&[Row<T>]; K],
        others: &[Row<T>; D],
        back: &mut Forces<T, D>,
    ) {
        let one = T::splat(simd, T::from_f64(1.0));
        let others: [&[T::Lanes<S>]; D] = std::array::from_fn(|d| T::lanes::<S>(&others[d]));
        for r in 0..others[0].len() {
            let mut back_pull: [T::Lanes<S>; D] = std::array::from_fn(|d| T::lanes::<S>(&back.pull[d])[r]);
            let mut back_push: [T::Lanes<S>; D] = std::array::from_fn(|d| T::lanes::<S>(&back.push[d])[r]);
            for k in 0..K {
                let by: [T::Lanes<S>; D] = std::array::from_fn(|d| T::sub(simd, self.at[k][d], others[d][r]));
                let q = T::div(simd, one, by.iter().fold(one, |sum, &x| T::mul_add(simd, x, x, sum)));
                let w = T::lanes::<S>(&weights[k][c])[r];
                let (wq, qq) = (T::mul(simd, w, q), T::mul(simd, q, q));
                self.nearness = T::add(simd, self.nearness, q);
                for d in 0..D {
                    self.pull[k][d] = T::mul_add(simd, wq, by[d], self.pull[k][d]);
                    self.push[k][d] = T::mul_add(simd, qq, by[d], self.push[k][d]);
                    if BACK {
                        back_pull[d] = T::mul_add(simd, wq, by[d], back_pull[d]);
                        back_push[d] = T::mul_add(simd, qq, by[d], back_push[d]);
                    }
                }
            }
            if BACK {
                for d in 0..D {
                    T::lanes_mut::<S>(&mut back.pull[d])[r] = back_pull[d];
                    T::lanes_mut::<S>(&mut back.push[d])[r] = back_push[d];
                }
            }
        }
    }
}
