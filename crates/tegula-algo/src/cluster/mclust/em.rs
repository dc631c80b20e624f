//! Expectation and maximisation in turn.

use tegula_core::{Ctx, Result, par};

use super::covariance::Scatter;
use super::estimate::{Density, Estimate};
use super::model::Model;
use super::points::Points;
use super::prior::{Posterior, Prior, posterior};
use super::sums::{Belongs, Squares, Sums, probabilities, sums};
use super::{MclustParams, TASK};
use crate::linalg::panel::rows_per_block;

/// A mixture that was fitted.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The model.
    pub model: Model,
    /// Weights, means and covariances.
    pub estimate: Estimate,
    /// The logarithm of the likelihood.
    pub log_likelihood: f64,
    /// It after each round.
    pub log_likelihoods: Vec<f64>,
    /// Whether its relative change fell below the tolerance.
    pub converged: bool,
}

impl Fit {
    /// 2 log L − p ln n: the larger the better.
    pub fn bic(&self, points: &Points) -> f64 {
        let p = self.model.n_parameters(self.estimate.weights.len(), points.d);
        2.0 * self.log_likelihood - p as f64 * (points.n as f64).ln()
    }

    /// The probability of each component for each observation, row after row.
    pub fn probabilities(&self, points: &Points) -> Vec<f64> {
        let Some(density) = Density::of(&self.estimate) else { return Vec::new() };
        let g = self.estimate.weights.len();
        let parts = par::map(points.n, rows_per_block(points.n).min(4096), |block| {
            let mut z = vec![0.0; block.len() * g];
            for (c, z) in z.chunks_mut(256 * g).enumerate() {
                probabilities(points, block.start + c * 256, &self.estimate, &density, z);
            }
            z
        });
        parts.concat()
    }

    /// The means, one after the other.
    pub fn means(&self, points: &Points) -> Vec<f64> {
        self.estimate.means.iter().enumerate().map(|(e, x)| x + points.mean[e % points.d]).collect()
    }
}

/// The sums of squares that a model needs.
fn squares(model: Model) -> Squares {
    if model.is_shared() {
        Squares::None
    } else if model.is_diagonal() {
        Squares::Diagonal
    } else {
        Squares::Full
    }
}

/// The estimate of given sums; `None` where a covariance is singular.
fn maximise(
    points: &Points,
    total: &[f64],
    model: Model,
    sums: &Sums,
    mut axes: Vec<f64>,
    prior: Option<&Prior>,
) -> Option<Estimate> {
    let Posterior { means, counts, n, scatter } = posterior(points, total, model, sums, prior);
    let covariances = Scatter { model, n, d: points.d, counts: &counts, sums: &scatter }.covariances(&mut axes)?;
    let weights = sums.counts.iter().map(|c| c / points.n as f64).collect();
    Some(Estimate { weights, means, covariances, axes })
}

/// The scatter of all observations, for the models that need it.
fn total(points: &Points, model: Model) -> Vec<f64> {
    if model.is_shared() { points.scatter() } else { Vec::new() }
}

/// The estimate of a model from a partition into `g` groups; `None` where a covariance is singular. With a `prior` its
/// shrinkage is given; see [`MclustParams`].
///
/// ```
/// use tegula_algo::cluster::mclust::{Model, Points, estimate};
/// let points = Points::new(1, vec![0.0, 2.0, 10.0, 12.0])?;
/// let found = estimate(&points, Model::EII, &[0, 0, 1, 1], 2, None).expect("not singular");
/// assert_eq!((found.weights.clone(), found.covariance(0)), (vec![0.5, 0.5], vec![1.0]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn estimate(points: &Points, model: Model, labels: &[u32], g: usize, prior: Option<f64>) -> Option<Estimate> {
    let sums = sums(points, &Belongs::Labels(labels, g), squares(model));
    let prior = prior.map(|shrinkage| Prior::of(points, model, g, shrinkage));
    maximise(points, &total(points, model), model, &sums, Vec::new(), prior.as_ref())
}

/// Iterates from an estimate of the same points, or (`again`) of a part of them. Of the parameters `max_iter`, `tol` and
/// the prior are looked at.
///
/// # Errors
/// [`tegula_core::Error::Cancelled`]. `None` where a covariance becomes singular.
pub fn em(
    points: &Points,
    model: Model,
    mut estimate: Estimate,
    again: bool,
    params: &MclustParams,
    ctx: &Ctx<'_>,
) -> Result<Option<Fit>> {
    let all = total(points, model);
    let prior = params.shrinkage().map(|s| Prior::of(points, model, estimate.weights.len(), s));
    let mut log_likelihoods: Vec<f64> = Vec::new();
    let mut again = again;
    loop {
        let Some(density) = Density::of(&estimate) else { return Ok(None) };
        let found = sums(points, &Belongs::To(&estimate, &density), squares(model));
        ctx.tick(TASK, 0)?;
        let new = found.log_likelihood;
        if !new.is_finite() {
            return Ok(None);
        }
        if !again {
            let change = log_likelihoods.last().map_or(f64::INFINITY, |old| (new - old).abs() / (1.0 + new.abs()));
            log_likelihoods.push(new);
            let converged = change <= params.tol;
            if converged || log_likelihoods.len() >= params.max_iter || ctx.stopping() {
                return Ok(Some(Fit { model, estimate, log_likelihood: new, log_likelihoods, converged }));
            }
        }
        again = false;
        let next = maximise(points, &all, model, &found, estimate.axes, prior.as_ref());
        let Some(next) = next else { return Ok(None) };
        estimate = next;
    }
}
