//! STAGATE's weights, and everything one step of the training needs room for.

use tegula_algo::linalg::panel::rows_per_block;
use tegula_algo::simulate::normal;
use tegula_core::Ctx;

use crate::adam::{Adam, Moments, squares};
use crate::attention::Attention;
use crate::checkpoint::{Learner, State};
use crate::problem::Problem;
use crate::rows::Rows;
use crate::scalar::Scalar;

/// Rows that go through all products of a pass together, so that they stay in the cache.
pub(super) const STEP: usize = 256;
/// What the standard deviation of new weights is multiplied by.
const GAIN: f64 = 1.414;

/// How wide the layers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    /// Columns of the expression matrix.
    pub genes: usize,
    /// Width of the hidden layers.
    pub hidden: usize,
    /// Width of the embedding.
    pub latent: usize,
}

/// The weights, which the decoder shares with the encoder.
#[derive(Debug)]
pub struct Weights<T> {
    /// How wide the layers are.
    pub widths: Widths,
    /// W₁: genes × hidden.
    pub first: Rows<T>,
    /// W₂: hidden × latent.
    pub second: Rows<T>,
    /// `a_src` and `a_dst`: 2 × hidden.
    pub attention: Rows<T>,
}

impl<T: Scalar> Clone for Weights<T> {
    fn clone(&self) -> Self {
        let [first, attention, second] = self.tensors().map(Rows::clone);
        Self { first, second, attention, ..*self }
    }
}

impl<T: Scalar> Weights<T> {
    /// Weights that are all zero.
    pub fn zeros(widths: Widths) -> Self {
        let first = Rows::zeros(widths.genes, widths.hidden);
        let second = Rows::zeros(first.width(), widths.latent);
        let attention = Rows::zeros(2, widths.hidden);
        Self { widths, first, second, attention }
    }

    /// Random weights: Xavier's normal distribution with gain 1.414, a random stream per tensor.
    pub fn random(widths: Widths, ctx: &Ctx<'_>) -> Self {
        let mut weights = Self::zeros(widths);
        let Widths { genes, hidden, latent } = widths;
        let fill = |m: &mut Rows<T>, n: usize, width: usize, ends: usize, item: u64| {
            let rng = &mut ctx.rng("tl.stagate.weights", item);
            let spread = GAIN * (2.0 / ends as f64).sqrt();
            for i in 0..n {
                m.row_mut(i)[..width].fill_with(|| T::from_f64(spread * normal(rng)));
            }
        };
        fill(&mut weights.first, genes, hidden, genes + hidden, 0);
        fill(&mut weights.second, hidden, latent, hidden + latent, 1);
        fill(&mut weights.attention, 2, hidden, 2 * hidden, 2);
        weights
    }

    pub(super) fn tensors(&self) -> [&Rows<T>; 3] {
        [&self.first, &self.attention, &self.second]
    }

    fn tensors_mut(&mut self) -> [&mut Rows<T>; 3] {
        [&mut self.first, &mut self.attention, &mut self.second]
    }
}

/// The gradient; where the decoder's weights are told apart, what comes from the decoder lies by itself.
#[derive(Debug)]
pub struct Gradient<T> {
    /// Of all weights, or of the encoder's.
    pub encoder: Weights<T>,
    /// Of the decoder's W₁ and W₂, transposed to the encoder's shape.
    pub decoder: Option<(Rows<T>, Rows<T>)>,
}

impl<T: Scalar> Gradient<T> {
    fn new(widths: Widths, apart: bool) -> Self {
        let encoder = Weights::zeros(widths);
        let decoder = apart.then(|| (encoder.first.clone(), encoder.second.clone()));
        Self { encoder, decoder }
    }

    /// Its length.
    pub fn length(&self) -> f64 {
        let of = |m: &Rows<T>| squares(m.data());
        let encoder: f64 = self.encoder.tensors().map(of).into_iter().sum();
        (encoder + self.decoder.as_ref().map_or(0.0, |d| of(&d.0) + of(&d.1))).sqrt()
    }
}

/// Room for one pass over some rows, and their share of sums over all rows.
#[derive(Debug)]
pub(super) struct Scratch<T> {
    pub a: Rows<T>,
    pub b: Rows<T>,
    pub gram: Rows<T>,
    pub second: Rows<T>,
    pub parts: [f64; 2],
}

/// Room for everything that is as long as the observations.
#[derive(Debug)]
pub(super) struct Work<T> {
    pub u: Rows<T>,
    pub p: Rows<T>,
    pub z: Rows<T>,
    pub y: Rows<T>,
    pub dz: Rows<T>,
    pub dy: Rows<T>,
    /// The decoder's hidden layer, where its gradient is kept apart.
    pub h3: Option<Rows<T>>,
    pub scores: Vec<[T; 2]>,
    pub centres: Vec<T>,
    pub attention: Attention<T>,
    pub slopes: Vec<T>,
    pub from: Vec<T>,
    pub to: Vec<T>,
}

impl<T: Scalar> Work<T> {
    fn new(n: usize, edges: usize, widths: Widths, apart: bool) -> Self {
        let wide = || Rows::zeros(n, widths.hidden);
        let narrow = || Rows::zeros(n, widths.latent);
        let [one, zeros] = [n, edges].map(|n| move || vec![T::default(); n]);
        Self {
            u: wide(),
            p: wide(),
            z: narrow(),
            y: narrow(),
            dz: narrow(),
            dy: narrow(),
            h3: apart.then(wide),
            scores: vec![[T::default(); 2]; n],
            centres: one(),
            attention: Attention { weights: zeros(), sigmoids: zeros() },
            slopes: zeros(),
            from: one(),
            to: one(),
        }
    }
}

/// The network in training.
#[derive(Debug)]
pub struct Net<T> {
    /// The weights.
    pub weights: Weights<T>,
    /// The gradient of the last step.
    pub gradient: Gradient<T>,
    moments: Vec<Moments<T>>,
    steps: usize,
    pub(super) scratch: Vec<Scratch<T>>,
    /// `W₁ᵀW₁` and `H₃ᵀH₃`.
    pub(super) metric: Rows<T>,
    pub(super) gram: Rows<T>,
    /// W₂ᵀ.
    pub(super) second_t: Rows<T>,
    pub(super) work: Work<T>,
}

impl<T: Scalar> Net<T> {
    /// A network with these weights. With `apart`, the decoder's gradient and moments are kept apart from the encoder's.
    pub fn new(weights: Weights<T>, apart: bool) -> Self {
        let widths = weights.widths;
        let gradient = Gradient::new(widths, apart);
        let sizes = weights.tensors().map(|m| m.data().len());
        let also = if apart { vec![sizes[0], sizes[2]] } else { vec![] };
        let moments = sizes.into_iter().chain(also).map(Moments::new).collect();
        let square = || Rows::zeros(weights.first.width(), widths.hidden);
        Self {
            gradient,
            moments,
            steps: 0,
            scratch: Vec::new(),
            metric: square(),
            gram: square(),
            second_t: weights.second.transposed(),
            work: Work::new(0, 0, widths, apart),
            weights,
        }
    }

    /// Makes room for a problem; what is large enough is kept.
    pub(super) fn fit(&mut self, problem: &Problem<T>) {
        let (n, edges, widths) = (problem.edges.n(), problem.edges.len(), self.weights.widths);
        if self.work.u.n() < n || self.work.slopes.len() < edges {
            let apart = self.gradient.decoder.is_some();
            // The old room goes first.
            self.work = Work::new(0, 0, widths, apart);
            self.work = Work::new(n, edges, widths, apart);
        }
        let groups = n.div_ceil(rows_per_block(n)).max(widths.genes.div_ceil(rows_per_block(widths.genes)));
        let (hidden, wide) = (widths.hidden, self.weights.first.width());
        while self.scratch.len() < groups {
            self.scratch.push(Scratch {
                a: Rows::zeros(STEP, hidden),
                b: Rows::zeros(STEP, hidden),
                gram: Rows::zeros(wide, hidden),
                second: Rows::zeros(wide, widths.latent),
                parts: [0.0; 2],
            });
        }
    }

    /// Moves the weights against the gradient.
    pub fn step(&mut self, adam: Adam) {
        self.steps += 1;
        let go = adam.step(self.steps, self.gradient.length());
        let (w, g) = (&mut self.weights, &self.gradient.encoder);
        let [m1, m2, m3, rest @ ..] = &mut self.moments[..] else { return };
        go.apply(w.first.data_mut(), g.first.data(), m1);
        go.apply(w.attention.data_mut(), g.attention.data(), m2);
        go.apply(w.second.data_mut(), g.second.data(), m3);
        if let (Some((first, second)), [m4, m5]) = (&self.gradient.decoder, rest) {
            go.apply(w.second.data_mut(), second.data(), m5);
            go.apply(w.first.data_mut(), first.data(), m4);
        }
    }
}

impl Learner for Net<f32> {
    fn state(&mut self) -> State<'_> {
        let weights = self.weights.tensors_mut().into_iter().map(Rows::data_mut);
        let parts = weights.chain(self.moments.iter_mut().flat_map(Moments::parts)).collect();
        State { parts, steps: &mut self.steps }
    }
}
