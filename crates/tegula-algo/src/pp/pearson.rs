//! Pearson residuals of counts: the model that highly variable genes and normalisation share.

/// Negative binomial counts whose mean is the product of their gene's and their observation's share of the total.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    /// Overdispersion: the variance is μ + μ²/θ.
    pub theta: f64,
    /// Residuals beyond this are set to it.
    pub clip: f64,
    /// Total of all counts.
    pub total: f64,
}

impl Model {
    /// Expected count of a gene in an observation, from the total of both.
    pub(super) fn mean(&self, gene: f64, obs: f64) -> f64 {
        gene * obs / self.total
    }

    /// Residual of a count with this mean, above 0.
    pub(super) fn residual(&self, count: f64, mu: f64) -> f64 {
        ((count - mu) / (mu + mu * mu / self.theta).sqrt()).max(-self.clip).min(self.clip)
    }
}
