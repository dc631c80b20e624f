//! The optimiser: Adam with a weight decay in the gradient and a limit to the gradient's length.

use rayon::prelude::*;
use tegula_core::par;

use crate::scalar::Scalar;

/// Values per block of a sum or an update.
const BLOCK: usize = 1 << 14;
/// How long the averages of the gradient and of its square remember.
const BETAS: (f64, f64) = (0.9, 0.999);
/// Added to the root of the average square.
const EPSILON: f64 = 1e-8;

/// How far and in which direction a step goes (Kingma & Ba 2015).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// This much of each weight is added to its gradient.
    pub weight_decay: f64,
    /// The longest gradient, all weights together, before the decay; 0 for no limit.
    pub clip: f64,
}

/// Averages of the gradient of one tensor and of its square.
#[derive(Debug, Clone)]
pub struct Moments<T> {
    first: Vec<T>,
    second: Vec<T>,
}

impl<T: Scalar> Moments<T> {
    /// Those of `n` weights before the first step.
    pub fn new(n: usize) -> Self {
        Self { first: vec![T::default(); n], second: vec![T::default(); n] }
    }

    /// The averages, to be kept or put back.
    pub(crate) fn parts(&mut self) -> [&mut [T]; 2] {
        [&mut self.first, &mut self.second]
    }
}

/// One step, the `number`-th from 1 on, of a gradient that is to be shortened by `scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Move {
    adam: Adam,
    number: i32,
    scale: f64,
}

impl Adam {
    /// The step for a gradient of the given length.
    #[must_use]
    pub fn step(self, number: usize, length: f64) -> Move {
        let scale = if self.clip > 0.0 { (self.clip / (length + 1e-6)).min(1.0) } else { 1.0 };
        Move { adam: self, number: i32::try_from(number).unwrap_or(i32::MAX), scale }
    }
}

impl Move {
    /// Moves the weights of one tensor: decay, averages and step in one pass.
    pub fn apply<T: Scalar>(self, weights: &mut [T], gradient: &[T], moments: &mut Moments<T>) {
        let (b1, b2) = BETAS;
        let number = |x: f64| T::from_f64(x);
        let (scale, decay, eps) = (number(self.scale), number(self.adam.weight_decay), number(EPSILON));
        let (keep1, new1, keep2, new2) = (number(b1), number(1.0 - b1), number(b2), number(1.0 - b2));
        let size = number(self.adam.lr / (1.0 - b1.powi(self.number)));
        let root = number((1.0 - b2.powi(self.number)).sqrt().recip());
        let chunks = weights.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK));
        let averages = moments.first.par_chunks_mut(BLOCK).zip(moments.second.par_chunks_mut(BLOCK));
        chunks.zip(averages).for_each(|((w, g), (m, v))| {
            tegula_algo::linalg::panel::vectorised(
                #[inline(always)]
                || {
                    for ((w, &g), (m, v)) in w.iter_mut().zip(g).zip(m.iter_mut().zip(v.iter_mut())) {
                        let g = g * scale + decay * *w;
                        *m = keep1 * *m + new1 * g;
                        *v = keep2 * *v + new2 * (g * g);
                        *w -= size * *m / (v.root() * root + eps);
                    }
                },
            );
        });
    }
}

/// The sum of squares, in `f64`, the same bits for any number of threads.
pub fn squares<T: Scalar>(values: &[T]) -> f64 {
    let part = |values: &[T]| values.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>();
    par::map(values.len(), BLOCK, |r| {
        // Eight sums side by side; a single one waits for each addition to end.
        let (chunks, rest) = values[r].as_chunks::<8>();
        let mut sums = [0f64; 8];
        for chunk in chunks {
            for (s, v) in sums.iter_mut().zip(chunk) {
                *s += v.to_f64() * v.to_f64();
            }
        }
        sums.into_iter().sum::<f64>() + part(rest)
    })
    .into_iter()
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_has_the_length_of_the_learning_rate() {
        let (mut w, mut moments) = (vec![1.0f64, -1.0, 0.0], Moments::new(3));
        let adam = Adam { lr: 0.1, weight_decay: 0.0, clip: 1.0 };
        adam.step(1, 50.0).apply(&mut w, &[30.0, 40.0, 0.0], &mut moments);
        assert!((w[0] - 0.9).abs() < 1e-6 && (w[1] + 1.1).abs() < 1e-6 && w[2] == 0.0, "{w:?}");
        // The gradient was shortened to length 1.
        assert!((moments.first[0] - 0.06).abs() < 1e-7);
    }

    #[test]
    fn squares_are_summed() {
        assert_eq!(squares(&vec![2f32; 100_003]), 400_012.0);
    }
}
