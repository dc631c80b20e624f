//! Gradient descent with momentum and gains.

use tegula_core::{Error, Result};

use super::terms::Divergences;

/// Steps with the nearness exaggerated and the smaller momentum.
const EARLY: usize = 250;
const MOMENTUM: (f64, f64) = (0.5, 0.8);
/// What a gain grows by where gradient and motion agree, shrinks to where they do not, and its least value.
const GAIN: (f64, f64, f64) = (0.15, 0.85, 0.01);

/// What an embedding goes down on.
pub(super) trait Slope {
    /// Changes the factor of the nearness in expression.
    fn exaggerate(&mut self, factor: f64);

    /// Writes the gradient at `y`.
    fn gradient(&mut self, y: &[f64], gradient: &mut [f64]) -> Result<()>;

    /// How far `y` is from what it is to keep.
    fn divergences(&mut self, y: &[f64]) -> Result<Divergences>;
}

/// How far and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Schedule {
    pub(super) n_iter: usize,
    pub(super) early_exaggeration: f64,
    pub(super) learning_rate: f64,
}

/// Moves `y`, points of `dim` dimensions, down the slope, which has to be exaggerated already. `watch` sees it after
/// every step and says whether to go on; returns the number of steps.
pub(super) fn descend<S: Slope>(
    slope: &mut S,
    y: &mut [f64],
    dim: usize,
    schedule: Schedule,
    mut watch: impl FnMut(usize, &mut S, &[f64]) -> Result<bool>,
) -> Result<usize> {
    let n = (y.len() / dim) as f64;
    let (mut gradient, mut motion, mut gains) = (vec![0.0; y.len()], vec![0.0; y.len()], vec![1.0f64; y.len()]);
    for step in 0..schedule.n_iter {
        if step == EARLY {
            slope.exaggerate(1.0);
        }
        let momentum = if step < EARLY { MOMENTUM.0 } else { MOMENTUM.1 };
        slope.gradient(y, &mut gradient)?;
        let mut mean = [0.0; 3];
        for (k, (((y, &g), m), gain)) in y.iter_mut().zip(&gradient).zip(&mut motion).zip(&mut gains).enumerate() {
            // At rest counts as neither way, as in the reference.
            let against = sign(g) != sign(*m);
            *gain = if against { *gain + GAIN.0 } else { (*gain * GAIN.1).max(GAIN.2) };
            *m = momentum * *m - schedule.learning_rate * *gain * g;
            *y += *m;
            mean[k % dim] += *y / n;
        }
        if !mean.iter().all(|m| m.is_finite()) {
            let reason = format!("left all bounds in step {}; lower learning_rate, or alpha and beta", step + 1);
            return Err(Error::data("the embedding", reason));
        }
        y.chunks_mut(dim).for_each(|p| p.iter_mut().zip(mean).for_each(|(y, m)| *y -= m));
        if !watch(step, slope, y)? {
            return Ok(step + 1);
        }
    }
    Ok(schedule.n_iter)
}

fn sign(x: f64) -> i8 {
    i8::from(x > 0.0) - i8::from(x < 0.0)
}
