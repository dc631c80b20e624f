//! The conjugate prior that keeps covariances from becoming singular (Fraley & Raftery 2007).

use super::covariance::pooled;
use super::matrix::add_outer;
use super::model::Model;
use super::points::Points;
use super::sums::Sums;

/// A normal prior of the means around the mean of all observations, an inverse Wishart of the covariances (inverse gamma
/// where they are diagonal), weak: its scatter is that of the data shared by the components.
pub(super) struct Prior {
    model: Model,
    /// How many observations the prior of a mean is worth.
    shrinkage: f64,
    dof: f64,
    /// A matrix, or the one number on its diagonal.
    scale: Vec<f64>,
}

/// Sums with the prior in them, as the covariances are estimated from.
pub(super) struct Posterior {
    pub(super) means: Vec<f64>,
    /// Observations behind each covariance …
    pub(super) counts: Vec<f64>,
    /// … and behind all of them.
    pub(super) n: f64,
    pub(super) scatter: Vec<f64>,
}

impl Prior {
    /// R's defaults for `g` components: d + 2 degrees of freedom, the covariance of the data over G^(2/d).
    pub(super) fn of(points: &Points, model: Model, g: usize, shrinkage: f64) -> Self {
        let d = points.d;
        let share = (points.n as f64 - 1.0).max(1.0) * (g as f64).powf(2.0 / d as f64);
        let mut scale: Vec<f64> = points.scatter().iter().map(|s| s / share).collect();
        if model.is_diagonal() {
            scale = vec![(0..d).map(|j| scale[j * d + j]).sum::<f64>() / d as f64];
        }
        Self { model, shrinkage, dof: d as f64 + 2.0, scale }
    }

    /// How many observations the prior of a covariance is worth: the exponent of its determinant, per column where the
    /// columns have a variance each or share one.
    fn weight(&self, d: usize) -> f64 {
        match self.model {
            Model::EII | Model::VII => (self.dof + 2.0) / d as f64,
            model if model.is_diagonal() => self.dof + 2.0,
            _ => self.dof + d as f64 + 1.0,
        }
    }

    /// Adds the prior of a covariance to its scatter: a diagonal, or a matrix.
    fn add_to(&self, scatter: &mut [f64], d: usize) {
        match (self.scale.as_slice(), self.model) {
            // All columns share one variance.
            ([one], Model::EII | Model::VII) => scatter.iter_mut().for_each(|s| *s += one / d as f64),
            ([one], _) if self.model.is_diagonal() => scatter.iter_mut().for_each(|s| *s += one),
            (scale, _) => scatter.iter_mut().zip(scale).for_each(|(s, x)| *s += x),
        }
    }
}

/// The sums that the covariances are estimated from; of models with one covariance, given the scatter `total` of all
/// observations, one scatter.
pub(super) fn posterior(points: &Points, total: &[f64], model: Model, sums: &Sums, prior: Option<&Prior>) -> Posterior {
    let d = points.d;
    let mut scatter = sums.scatter.clone();
    if model.is_shared() {
        scatter = pooled(total, &sums.counts, &sums.means, d);
    }
    let Some(prior) = prior else {
        let scatter = diagonal_of(model, scatter, d);
        return Posterior { means: sums.means.clone(), counts: sums.counts.clone(), n: points.n as f64, scatter };
    };
    let (mut means, mut counts) = (sums.means.clone(), sums.counts.clone());
    let width = if model.is_diagonal() && !model.is_shared() { d } else { d * d };
    // The prior of a mean counts as an observation in the exponent of the determinant.
    let once = f64::from(u8::from(prior.shrinkage > 0.0));
    for (k, (mean, count)) in means.chunks_exact_mut(d).zip(&mut counts).enumerate() {
        let own = if model.is_shared() { &mut scatter[..] } else { &mut scatter[k * width..(k + 1) * width] };
        let pull = prior.shrinkage * *count / (prior.shrinkage + *count);
        if width == d {
            own.iter_mut().zip(&*mean).for_each(|(s, m)| *s += pull * m * m);
        } else {
            add_outer(own, pull, mean);
        }
        for m in mean {
            *m *= *count / (prior.shrinkage + *count);
        }
        *count += once;
    }
    let mut scatter = diagonal_of(model, scatter, d);
    let n = if model.is_shared() {
        prior.add_to(&mut scatter, d);
        counts.iter().sum::<f64>() + prior.weight(d)
    } else {
        let width = scatter.len() / counts.len();
        for (own, count) in scatter.chunks_exact_mut(width).zip(&mut counts) {
            prior.add_to(own, d);
            *count += prior.weight(d);
        }
        counts.iter().sum()
    };
    Posterior { means, counts, n, scatter }
}

/// The diagonal of the one scatter of a diagonal model; others as they are.
fn diagonal_of(model: Model, scatter: Vec<f64>, d: usize) -> Vec<f64> {
    if model.is_shared() && model.is_diagonal() { (0..d).map(|j| scatter[j * d + j]).collect() } else { scatter }
}
