//! What the genes of a simulated tissue are like: means, markers, and the scale that gives the wanted density.

use tegula_core::{Ctx, Error, Result, par};

use super::draw::normal;
use super::{ID, SimulateParams};
use crate::stats::shuffled;

/// The genes of a simulated tissue.
pub(super) struct Genes {
    /// Mean count of each gene outside the domain it marks, at library size 1.
    pub(super) mean: Vec<f64>,
    /// The domain that each gene marks, −1 for none.
    pub(super) marker_of: Vec<i32>,
}

impl Genes {
    /// Genes for domains of which `share[d]` is the share of observations.
    ///
    /// # Errors
    /// [`Error::Param`] where the density asks for means beyond all reason.
    pub(super) fn new(params: &SimulateParams, share: &[f64], ctx: &Ctx<'_>) -> Result<Self> {
        let n = params.n_vars;
        let mut rng = ctx.rng("simulate.genes", 0);
        let mut mean: Vec<f64> = (0..n).map(|_| (params.mean_sigma * normal(&mut rng)).exp()).collect();
        let mut marker_of = vec![-1; n];
        let per_domain = params.markers();
        let order = shuffled(n, &mut ctx.rng("simulate.markers", 0));
        for (k, &g) in order.iter().take(per_domain * params.n_domains).enumerate() {
            marker_of[g as usize] = (k / per_domain) as i32;
        }
        let mut genes = Self { mean: vec![], marker_of };
        let scale = genes.scale(&mean, params, share);
        for m in &mut mean {
            *m *= scale;
        }
        let most = mean.iter().copied().fold(0.0, f64::max) * params.fold_change.max(1.0);
        if most > MOST {
            let must = format!(
                "lower (the most expressed gene would have a mean count of {most:.0}); or lower mean_sigma or dispersion"
            );
            return Err(Error::param(ID, "density", params.density, must));
        }
        genes.mean = mean;
        Ok(genes)
    }

    /// Mean count of gene `g` in domain `d`, at library size 1.
    pub(super) fn mean_in(&self, g: usize, d: usize, fold_change: f64) -> f64 {
        if self.marker_of[g] == d as i32 { self.mean[g] * fold_change } else { self.mean[g] }
    }

    /// What the means must be multiplied with for the wanted share of non-zeros: by bisection, since it only rises.
    fn scale(&self, mean: &[f64], params: &SimulateParams, share: &[f64]) -> f64 {
        let (nodes, phi) = (library_nodes(params.library_sigma), params.dispersion);
        // Share of non-zeros of a gene with mean `m`, over all library sizes: 1 − (1 + φsm)^(−1/φ).
        let seen = |m: f64| nodes.iter().map(|(s, w)| -w * (-(phi * s * m).ln_1p() / phi).exp_m1()).sum::<f64>();
        let density = |log_scale: f64| {
            let scale = log_scale.exp();
            let gene = |g: usize| match usize::try_from(self.marker_of[g]) {
                Err(_) => seen(scale * mean[g]),
                Ok(d) => {
                    let inside = seen(scale * mean[g] * params.fold_change);
                    share[d] * inside + (1.0 - share[d]) * seen(scale * mean[g])
                }
            };
            par::sum(mean.len(), |genes| genes.map(gene).sum()) / mean.len() as f64
        };
        let (mut low, mut high) = (-40.0, 40.0);
        while high - low > 1e-7 {
            let middle = 0.5 * (low + high);
            if density(middle) < params.density { low = middle } else { high = middle }
        }
        high.exp()
    }
}

/// Above this mean, counts would no longer be exact in the matrix' 32-bit numbers.
const MOST: f64 = 1e6;

/// Library sizes and their weights: the trapezoidal rule over the normal logarithm, whose mean gives library size 1.
fn library_nodes(sigma: f64) -> Vec<(f64, f64)> {
    if sigma == 0.0 {
        return vec![(1.0, 1.0)];
    }
    let z = |k: i32| f64::from(k) * 0.4;
    let all: f64 = (-12..=12).map(|k| (-0.5 * z(k) * z(k)).exp()).sum();
    (-12..=12).map(|k| (library_size(sigma, z(k)), (-0.5 * z(k) * z(k)).exp() / all)).collect()
}

/// The log-normal library size, of mean 1, at the normal number `z`.
pub(super) fn library_size(sigma: f64, z: f64) -> f64 {
    (sigma * z - 0.5 * sigma * sigma).exp()
}
