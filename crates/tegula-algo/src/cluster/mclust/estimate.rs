//! What a mixture consists of, and its densities.

use faer::MatRef;

use super::covariance::Covariances;
use super::matrix::{cholesky, inverse_lower, log_determinant};

/// Weights, means and covariances of the components of a mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The part of the observations in each component.
    pub weights: Vec<f64>,
    /// The means, one after the other, less the mean of all observations.
    pub(super) means: Vec<f64>,
    pub(super) covariances: Covariances,
    /// The common axes of EVE and VVE as rows; the next estimate looks from here on.
    pub(super) axes: Vec<f64>,
}

impl Estimate {
    /// The same estimate for points around another mean.
    pub(super) fn moved(mut self, from: &[f64], to: &[f64]) -> Self {
        for mean in self.means.chunks_exact_mut(from.len()) {
            mean.iter_mut().zip(from.iter().zip(to)).for_each(|(m, (from, to))| *m += from - to);
        }
        self
    }

    /// The covariance of component `k`, row after row.
    pub fn covariance(&self, k: usize) -> Vec<f64> {
        let d = self.means.len() / self.weights.len();
        match &self.covariances {
            Covariances::Diagonal(v) => {
                let own = &v[k * d..(k + 1) * d];
                (0..d * d).map(|e| if e / d == e % d { own[e / d] } else { 0.0 }).collect()
            }
            Covariances::Shared(v) => v.clone(),
            Covariances::Full(v) => v[k * d * d..(k + 1) * d * d].to_vec(),
        }
    }
}

/// What densities are computed from.
#[derive(Debug, Clone)]
pub(super) struct Density {
    d: usize,
    kind: Kind,
    /// The density at the mean, its logarithm.
    constants: Vec<f64>,
    /// Inverse standard deviations, or inverse Cholesky factors.
    factors: Vec<f64>,
    /// The means times the one factor.
    turned: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Diagonal,
    Shared,
    Full,
}

impl Density {
    /// The densities of an estimate; `None` where a covariance is singular.
    pub(super) fn of(estimate: &Estimate) -> Option<Self> {
        let g = estimate.weights.len();
        let d = estimate.means.len() / g;
        let at_mean = |log_determinant: f64| -0.5 * (d as f64 * std::f64::consts::TAU.ln() + log_determinant);
        let (kind, values) = match &estimate.covariances {
            Covariances::Diagonal(v) => (Kind::Diagonal, v),
            Covariances::Shared(v) => (Kind::Shared, v),
            Covariances::Full(v) => (Kind::Full, v),
        };
        let (mut constants, mut factors, mut turned) = (Vec::new(), Vec::new(), Vec::new());
        if kind == Kind::Diagonal {
            for own in values.chunks_exact(d) {
                constants.push(at_mean(own.iter().map(|v| v.ln()).sum()));
                factors.extend(own.iter().map(|v| 1.0 / v.sqrt()));
            }
        } else {
            for own in values.chunks_exact(d * d) {
                let lower = cholesky(own, d)?;
                constants.push(at_mean(log_determinant(&lower, d)));
                factors.extend(inverse_lower(&lower, d));
            }
        }
        if kind == Kind::Shared {
            constants = vec![constants[0]; g];
            for mean in estimate.means.chunks_exact(d) {
                turned.extend(factors.chunks_exact(d).map(|row| row.iter().zip(mean).map(|(a, b)| a * b).sum::<f64>()));
            }
        }
        Some(Self { d, kind, constants, factors, turned })
    }

    pub(super) fn is_full(&self) -> bool {
        self.kind != Kind::Diagonal
    }

    pub(super) fn is_shared(&self) -> bool {
        self.kind == Kind::Shared
    }

    pub(super) fn constant(&self, k: usize) -> f64 {
        self.constants[k]
    }

    /// The inverse Cholesky factor of component `k`.
    pub(super) fn factor(&self, k: usize) -> MatRef<'_, f64> {
        let size = self.d * self.d;
        MatRef::from_row_major_slice(&self.factors[k * size..(k + 1) * size], self.d, self.d)
    }

    /// The inverse standard deviations of component `k`.
    pub(super) fn scale(&self, k: usize) -> &[f64] {
        &self.factors[k * self.d..(k + 1) * self.d]
    }

    /// The mean of component `k` times the one factor.
    pub(super) fn turned_mean(&self, k: usize) -> &[f64] {
        &self.turned[k * self.d..(k + 1) * self.d]
    }
}
