//! All features: scores, p-values, permutations.

use rayon::prelude::*;
use tegula_core::{Csr, Ctx, Error, Graph, Result, par};

use super::statistic::{Feature, variance_of_noise};
use super::weights::Weights;
use super::{AutocorrMode, SpatialAutocorrParams};
use crate::stats::distribution::normal_sf;
use crate::stats::shuffled;

/// The autocorrelation of several features, feature by feature. NaN for constant ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Autocorr {
    /// I or C.
    pub score: Vec<f64>,
    /// p-value where values are normal noise.
    pub pval_norm: Vec<f64>,
    /// Variance of the score of normal noise: the same for all.
    pub var_norm: f64,
    /// p-value where the feature's own values lie at random.
    pub pval_rand: Vec<f64>,
    /// Variance of the score where they do.
    pub var_rand: Vec<f64>,
    /// From permutations, where there were any.
    pub simulated: Option<Simulated>,
}

/// What permutations tell of each feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// p-value by the mean and variance of the permuted scores.
    pub pval_z_sim: Vec<f64>,
    /// p-value by the share of permuted scores beyond the real one.
    pub pval_sim: Vec<f64>,
    /// Variance of the permuted scores.
    pub var_sim: Vec<f64>,
}

/// Features per piece of work.
const FEATURES: usize = 16;
/// Permutations held at a time.
const PERMUTATIONS: usize = 16;
const TASK: &str = "spatial_autocorr";

/// Autocorrelation on `graph` of every row of `features` (features × observations).
///
/// # Errors
/// [`Error::Shape`]; [`Error::Data`] for a graph without edges or of fewer than 4 observations; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::stats::{autocorr, spatial_autocorr::SpatialAutocorrParams};
/// use tegula_core::{Csr, Ctx, Dense, Graph};
/// let line = Graph::from_edges(4, &[(0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0), (2, 1, 1.0), (2, 3, 1.0), (3, 2, 1.0)])?;
/// let gene = Csr::from_dense(&Dense::new(1, 4, vec![0.0, 0.0, 2.0, 2.0])?);
/// let params = SpatialAutocorrParams { transformation: false, ..Default::default() };
/// let found = autocorr(&gene, &line, &params, &Ctx::default())?;
/// assert!((found.score[0] - 1.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn autocorr(features: &Csr, graph: &Graph, params: &SpatialAutocorrParams, ctx: &Ctx<'_>) -> Result<Autocorr> {
    if features.n_cols() != graph.n_nodes() {
        return Err(Error::shape(
            "features",
            format!("(…, {})", features.n_cols()),
            format!("(…, {})", graph.n_nodes()),
        ));
    }
    let entries = |f: usize| {
        let (rows, values) = features.row(f);
        Feature::new(graph.n_nodes(), rows.iter().zip(values).map(|(&i, &v)| (i, f64::from(v))))
    };
    let features: Vec<Feature> = (0..features.n_rows()).into_par_iter().map(entries).collect();
    autocorr_of(&features, graph, params, ctx)
}

pub(super) fn autocorr_of(
    features: &[Feature],
    graph: &Graph,
    params: &SpatialAutocorrParams,
    ctx: &Ctx<'_>,
) -> Result<Autocorr> {
    let w = Weights::new(graph, params.transformation)?;
    let n = w.n();
    let expected = if params.mode == AutocorrMode::Moran { -1.0 / (n as f64 - 1.0) } else { 1.0 };
    let n_perms = params.n_perms.unwrap_or(0);
    let rounds = 1 + n_perms;
    ctx.begin(TASK, (features.len() * rounds) as u64);
    // `f` of every feature, in blocks that share working memory.
    let each = |done: u64, f: &(dyn Fn(usize, &Feature, &mut [f64]) -> Sums + Sync)| -> Result<Vec<Sums>> {
        let parts = par::map(features.len(), FEATURES, |range| {
            ctx.tick(TASK, done * range.len() as u64)?;
            let mut x = vec![0.0; n];
            let of = |i: usize| if features[i].is_constant() { Sums::NONE } else { f(i, &features[i], &mut x) };
            Ok(range.map(of).collect())
        });
        Ok(parts.into_iter().collect::<Result<Vec<Vec<Sums>>>>()?.into_iter().flatten().collect())
    };
    let real = each(1, &|_, feature, x| Sums {
        score: feature.statistic(params.mode, &w, x, |i| i as usize),
        square: feature.variance_at_random(params.mode, &w),
        beyond: 0,
    })?;
    let mut total = vec![Sums { score: 0.0, square: 0.0, beyond: 0 }; features.len()];
    for first in (0..n_perms).step_by(PERMUTATIONS) {
        let several: Vec<Vec<u32>> = (first..(first + PERMUTATIONS).min(n_perms))
            .into_par_iter()
            .map(|p| shuffled(n, &mut ctx.rng("tl.spatial_autocorr", p as u64)))
            .collect();
        let part = each(several.len() as u64, &|f, feature, x| {
            let mut sums = Sums { score: 0.0, square: 0.0, beyond: 0 };
            for places in &several {
                let score = feature.statistic(params.mode, &w, x, |i| places[i as usize] as usize);
                sums.score += score - expected;
                sums.square += (score - expected) * (score - expected);
                sums.beyond += usize::from(score >= real[f].score);
            }
            sums
        })?;
        for (t, p) in total.iter_mut().zip(part) {
            *t = Sums { score: t.score + p.score, square: t.square + p.square, beyond: t.beyond + p.beyond };
        }
    }
    ctx.end(TASK);
    let var_norm = variance_of_noise(params.mode, &w);
    let tails = if params.two_tailed { 2.0 } else { 1.0 };
    let pval = |score: f64, mean: f64, variance: f64| normal_sf((score - mean).abs() / variance.sqrt());
    let simulated = (n_perms > 0).then(|| {
        let m = n_perms as f64;
        let mean: Vec<f64> = total.iter().map(|t| t.score / m).collect();
        let var_sim: Vec<f64> = total.iter().zip(&mean).map(|(t, a)| (t.square / m - a * a).max(0.0)).collect();
        let beyond = |s: &Sums| s.beyond.min(n_perms - s.beyond);
        let share =
            |(t, r): (&Sums, &Sums)| if r.score.is_nan() { f64::NAN } else { (beyond(t) as f64 + 1.0) / (m + 1.0) };
        Simulated {
            pval_z_sim: (0..real.len()).map(|f| pval(real[f].score, expected + mean[f], var_sim[f])).collect(),
            pval_sim: total.iter().zip(&real).map(share).collect(),
            var_sim,
        }
    });
    Ok(Autocorr {
        pval_norm: real.iter().map(|r| tails * pval(r.score, expected, var_norm)).collect(),
        var_norm,
        pval_rand: real.iter().map(|r| tails * pval(r.score, expected, r.square)).collect(),
        var_rand: real.iter().map(|r| r.square).collect(),
        score: real.iter().map(|r| r.score).collect(),
        simulated,
    })
}

/// A score and a variance, or sums over permutations.
#[derive(Clone, Copy)]
struct Sums {
    score: f64,
    square: f64,
    beyond: usize,
}

impl Sums {
    const NONE: Self = Self { score: f64::NAN, square: f64::NAN, beyond: 0 };
}
