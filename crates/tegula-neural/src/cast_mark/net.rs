//! CAST Mark's weights, and everything one step of the training needs room for.

use rand::RngExt;
use rayon::prelude::*;
use tegula_algo::simulate::normal;
use tegula_core::Ctx;

use crate::adam::{Adam, Moments, squares};
use crate::checkpoint::{Learner, State};
use crate::gemm::Panels;
use crate::rows::Rows;
use crate::scalar::Scalar;

/// Values that share a word of [`Work::active`].
pub(super) const WORD: usize = 16;

/// How wide and how deep the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    /// Columns of the expression matrix.
    pub genes: usize,
    /// Width of all layers.
    pub hidden: usize,
    /// Number of layers that mix neighbours.
    pub layers: usize,
}

/// The weights.
#[derive(Debug)]
pub struct Weights<T> {
    /// How wide and how deep the network is.
    pub widths: Widths,
    /// Of the encoder: genes × hidden.
    pub first: Rows<T>,
    /// Of each layer: hidden × hidden.
    pub layers: Vec<Rows<T>>,
    /// The biases of the encoder and of each layer, one per row.
    pub biases: Rows<T>,
}

impl<T: Scalar> Clone for Weights<T> {
    fn clone(&self) -> Self {
        Self { first: self.first.clone(), layers: self.layers.clone(), biases: self.biases.clone(), ..*self }
    }
}

impl<T: Scalar> Weights<T> {
    /// Weights that are all zero.
    pub fn zeros(widths: Widths) -> Self {
        let first = Rows::zeros(widths.genes, widths.hidden);
        let layers = (0..widths.layers).map(|_| Rows::zeros(first.width(), widths.hidden)).collect();
        Self { widths, layers, biases: Rows::zeros(widths.layers + 1, widths.hidden), first }
    }

    /// Random weights as those of the reference: uniform between ±1/√genes in the encoder, normal in the layers, whose
    /// biases are 0; a random stream per tensor.
    pub fn random(widths: Widths, ctx: &Ctx<'_>) -> Self {
        let mut weights = Self::zeros(widths);
        let Widths { genes, hidden, .. } = widths;
        let most = (genes.max(1) as f64).sqrt().recip();
        let name = "tl.cast_mark.weights";
        let rng = &mut ctx.rng(name, 0);
        let mut uniform = || T::from_f64(most * (2.0 * rng.random::<f64>() - 1.0));
        (0..genes).for_each(|i| weights.first.row_mut(i)[..hidden].fill_with(&mut uniform));
        weights.biases.row_mut(0)[..hidden].fill_with(&mut uniform);
        weights.layers.par_iter_mut().enumerate().for_each(|(l, layer)| {
            let rng = &mut ctx.rng(name, l as u64 + 1);
            (0..hidden).for_each(|i| layer.row_mut(i)[..hidden].fill_with(|| T::from_f64(normal(rng))));
        });
        weights
    }

    /// All tensors: the encoder's, the biases, the layers'.
    pub fn tensors(&self) -> impl Iterator<Item = &Rows<T>> {
        [&self.first, &self.biases].into_iter().chain(&self.layers)
    }

    /// As [`Weights::tensors`], to be changed.
    pub fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Rows<T>> {
        [&mut self.first, &mut self.biases].into_iter().chain(&mut self.layers)
    }

    /// The length of all of them as one vector.
    pub fn length(&self) -> f64 {
        self.tensors().map(|m| squares(m.data())).sum::<f64>().sqrt()
    }
}

/// What is fixed: how the layers blend, and what the loss weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The share of the encoder's output in every layer's input.
    pub alpha: f64,
    /// β of layer l is ln(lambda / l + 1).
    pub lambda: f64,
    /// What correlations between columns weigh in the loss.
    pub penalty: f64,
}

impl Rule {
    /// How far a layer's weights count against the identity; layers from 0 on.
    pub fn beta(self, layer: usize) -> f64 {
        (self.lambda / (layer + 1) as f64).ln_1p()
    }
}

/// Room for everything that is as long as the observations, all views one behind the other.
#[derive(Debug)]
pub(super) struct Work<T> {
    /// The encoder's output, and on the way back its gradient.
    pub first: Rows<T>,
    /// What each layer multiplies.
    pub mixed: Vec<Rows<T>>,
    /// Which outputs of the encoder and of each layer are above 0, 16 to a word.
    pub active: Vec<Vec<u16>>,
    /// The layer above, the one in work, and the gradient before its activation.
    pub above: Rows<T>,
    pub below: Rows<T>,
    pub slope: Rows<T>,
}

impl<T: Scalar> Work<T> {
    fn new(n: usize, widths: Widths) -> Self {
        let wide = || Rows::zeros(n, widths.hidden);
        let first = wide();
        let words = n * first.width() / WORD;
        Self {
            mixed: (0..widths.layers).map(|_| wide()).collect(),
            active: vec![vec![0; words]; widths.layers + 1],
            above: wide(),
            below: wide(),
            slope: wide(),
            first,
        }
    }
}

/// The network in training.
#[derive(Debug)]
pub struct Net<T> {
    /// The weights.
    pub weights: Weights<T>,
    /// The gradient, to which [`Net::differentiate`] adds.
    pub gradient: Weights<T>,
    pub(super) rule: Rule,
    moments: Vec<Moments<T>>,
    steps: usize,
    /// (1 − β) I + β W of each layer, and its transpose.
    pub(super) folded: Vec<[Panels<T>; 2]>,
    /// The encoder's weights as a view sees them, or what it gives to their gradient.
    pub(super) masked: Rows<T>,
    /// Correlations between the columns of each view, less 1 on the diagonal.
    pub(super) excess: [Rows<T>; 2],
    /// These as factors.
    pub(super) factors: [Panels<T>; 2],
    pub(super) work: Work<T>,
}

impl<T: Scalar> Net<T> {
    /// A network with these weights.
    pub fn new(weights: Weights<T>, rule: Rule) -> Self {
        let widths = weights.widths;
        let square = || Rows::zeros(weights.first.width(), widths.hidden);
        Self {
            gradient: Weights::zeros(widths),
            rule,
            moments: weights.tensors().map(|m| Moments::new(m.data().len())).collect(),
            steps: 0,
            folded: (0..widths.layers).map(|_| Default::default()).collect(),
            masked: Rows::zeros(widths.genes, widths.hidden),
            excess: [square(), square()],
            factors: Default::default(),
            work: Work::new(0, widths),
            weights,
        }
    }

    /// Makes room for so many rows; what is large enough is kept.
    pub fn make_room(&mut self, rows: usize) {
        if self.work.first.n() < rows {
            // The old room goes first.
            self.work = Work::new(0, self.weights.widths);
            self.work = Work::new(rows, self.weights.widths);
        }
    }

    /// Packs (1 − β) I + β W of each layer, so that a layer is one product.
    pub(super) fn fold(&mut self) {
        let rule = self.rule;
        self.folded.par_iter_mut().zip(&self.weights.layers).enumerate().for_each(|(l, (to, from))| {
            let (beta, from) = (rule.beta(l), from.all());
            to.par_iter_mut().zip([from, from.transpose()]).for_each(|(to, from)| {
                to.pack(from, T::from_f64(beta));
                to.add_to_diagonal(T::from_f64(1.0 - beta));
            });
        });
    }

    /// Sets the gradient to zero.
    pub fn forget(&mut self) {
        self.gradient.tensors_mut().for_each(Rows::clear);
    }

    /// Moves the weights against the gradient.
    pub fn step(&mut self, adam: Adam) {
        self.steps += 1;
        let length = if adam.clip > 0.0 { self.gradient.length() } else { 0.0 };
        let go = adam.step(self.steps, length);
        for ((w, g), m) in self.weights.tensors_mut().zip(self.gradient.tensors()).zip(&mut self.moments) {
            go.apply(w.data_mut(), g.data(), m);
        }
    }
}

impl Learner for Net<f32> {
    fn state(&mut self) -> State<'_> {
        let weights = self.weights.tensors_mut().map(Rows::data_mut);
        let parts = weights.chain(self.moments.iter_mut().flat_map(Moments::parts)).collect();
        State { parts, steps: &mut self.steps }
    }
}
