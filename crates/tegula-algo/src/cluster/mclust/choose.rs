//! Where mixtures start, and which of them is best.

use tegula_core::{Ctx, Dense, Error, Labels, Result, Step};

use super::em::{Fit, em, estimate};
use super::hierarchy::{cut, merges, scaled};
use super::model::Model;
use super::points::Points;
use super::{Init, MclustParams, TASK};
use crate::cluster::{KmeansParams, kmeans};
use crate::stats::shuffled;

/// One line of the table of what was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The model.
    pub model: Model,
    /// Number of components.
    pub n_components: usize,
    /// The logarithm of the likelihood; `None` where a covariance was singular.
    pub log_likelihood: Option<f64>,
    /// 2 log L − p ln n; `None` as above.
    pub bic: Option<f64>,
}

impl Row {
    fn likelier(self, other: Self) -> Self {
        if other.log_likelihood > self.log_likelihood { other } else { self }
    }
}

/// The result of [`mclust`].
#[derive(Debug, Clone)]
pub struct Mixture {
    /// Component of each observation, from 0.
    pub membership: Vec<u32>,
    /// Number of components.
    pub n_components: usize,
    /// The probability of each component for each observation, row after row.
    pub probabilities: Vec<f64>,
    /// 1 − the probability of the observation's component.
    pub uncertainty: Vec<f64>,
    /// The mixture that was chosen.
    pub fit: Fit,
    /// All that was tried.
    pub table: Vec<Row>,
}

/// A partition of some observations (all, where there are no indices).
struct Start {
    which: Option<Vec<usize>>,
    labels: Vec<u32>,
    n_components: usize,
}

/// Fits mixtures and chooses among them; see [`MclustParams`]. `given` is a partition to start from.
///
/// # Errors
/// [`Error::Param`]; [`Error::Data`] where every model is singular, or an observation has no group in `given`;
/// [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::cluster::{MclustParams, mclust};
/// use tegula_core::Ctx;
/// let points = mclust::Points::new(1, vec![0.0, 0.1, 0.2, 9.0, 9.1, 9.2])?;
/// let params = MclustParams { n_components: vec![2], ..MclustParams::default() };
/// let found = mclust::mclust(&points, None, &params, &Ctx::default())?;
/// assert_eq!(found.membership, [0, 0, 0, 1, 1, 1]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn mclust(points: &Points, given: Option<&Labels>, params: &MclustParams, ctx: &Ctx<'_>) -> Result<Mixture> {
    params.validate()?;
    let models = params.models()?;
    let numbers = numbers(points, given, params)?;
    let runs = if varied(points, given, params) { params.n_init as u64 } else { 1 };
    ctx.begin(TASK, runs * (numbers.len() * models.len()) as u64);
    let (mut table, mut best): (Vec<Row>, Option<(f64, Fit)>) = (Vec::new(), None);
    for run in 0..runs {
        let mut rows = Vec::new();
        for start in starts(points, given, &numbers, params, run, ctx)? {
            let part = start.which.as_ref().map(|which| points.select(which)).transpose()?;
            for &model in &models {
                let fit = fitted(points, part.as_ref(), &start, model, params, ctx)?;
                let bic = fit.as_ref().map(|f| f.bic(points));
                let log_likelihood = fit.as_ref().map(|f| f.log_likelihood);
                rows.push(Row { model, n_components: start.n_components, log_likelihood, bic });
                if let (Some(fit), Some(bic)) = (fit, bic)
                    && best.as_ref().is_none_or(|b| bic > b.0)
                {
                    best = Some((bic, fit));
                }
                ctx.tick(TASK, 1)?;
            }
        }
        table = if run == 0 { rows } else { table.into_iter().zip(rows).map(|(a, b)| a.likelier(b)).collect() };
        if ctx.stopping() {
            break;
        }
    }
    ctx.end(TASK);
    let Some((_, fit)) = best else {
        let names: Vec<&str> = models.iter().map(|m| m.name()).collect();
        let prior = if params.prior { "" } else { "`prior`, " };
        let reason = format!(
            "the covariances of {} with {numbers:?} components are singular; take {prior}fewer components, a simpler \
             model (EEI, VVI) or fewer columns (n_pcs)",
            names.join(", ")
        );
        return Err(Error::data("mixture", reason));
    };
    let g = fit.estimate.weights.len();
    let probabilities = fit.probabilities(points);
    let (mut membership, mut uncertainty) = (Vec::with_capacity(points.n), Vec::with_capacity(points.n));
    for z in probabilities.chunks_exact(g) {
        let mut most = 0;
        for k in 1..g {
            if z[k] > z[most] {
                most = k;
            }
        }
        membership.push(most as u32);
        uncertainty.push(1.0 - z[most]);
    }
    Ok(Mixture { membership, n_components: g, probabilities, uncertainty, fit, table })
}

/// The numbers of components to try: of several those that there are observations for.
fn numbers(points: &Points, given: Option<&Labels>, params: &MclustParams) -> Result<Vec<usize>> {
    if let Some(labels) = given {
        return Ok(vec![labels.categories().len()]);
    }
    let most = if params.init == Init::Hc { points.n.min(params.subset) } else { points.n };
    let numbers: Vec<usize> = params.n_components.iter().copied().filter(|&g| g <= most).collect();
    match params.n_components.iter().min() {
        Some(&g) if g > points.n => {
            Err(MclustParams::refuse("n_components", g, &format!("at most {}, the observations", points.n)))
        }
        Some(g) if *g > most => Err(MclustParams::refuse("n_components", g, "at most `subset`, or `init` kmeans")),
        _ => Ok(numbers),
    }
}

/// EM from a start; `None` where a covariance is singular.
fn fitted(
    points: &Points,
    part: Option<&Points>,
    start: &Start,
    model: Model,
    params: &MclustParams,
    ctx: &Ctx<'_>,
) -> Result<Option<Fit>> {
    let g = start.n_components;
    let first = match part {
        // The estimate of a part lies around that part's mean.
        Some(part) => {
            estimate(part, model, &start.labels, g, params.shrinkage()).map(|e| e.moved(&part.mean, &points.mean))
        }
        None => estimate(points, model, &start.labels, g, params.shrinkage()),
    };
    match first {
        Some(first) => em(points, model, first, part.is_some(), params, ctx),
        None => Ok(None),
    }
}

/// The partition that the hierarchical start gives all points.
///
/// # Errors
/// [`Error::Data`] where all points are equal; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::cluster::mclust::{Points, start};
/// let points = Points::new(1, vec![0.0, 9.0, 0.1, 9.1])?;
/// assert_eq!(start(&points, 2, &tegula_core::Ctx::default())?, [0, 1, 0, 1]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn start(points: &Points, n_components: usize, ctx: &Ctx<'_>) -> Result<Vec<u32>> {
    Ok(cut(&tree(points, ctx)?, points.n, n_components))
}

fn tree(points: &Points, ctx: &Ctx<'_>) -> Result<Vec<(usize, usize)>> {
    let equal = || Error::data("embedding", "all observations are equal; there is nothing to tell apart");
    let (d, rows) = scaled(points).filter(|(d, _)| *d > 0).ok_or_else(equal)?;
    merges(&rows, d, TASK, ctx)
}

/// Whether another start may be another partition.
fn varied(points: &Points, given: Option<&Labels>, params: &MclustParams) -> bool {
    given.is_none() && (params.init == Init::Kmeans || points.n > params.subset)
}

/// The starts of run number `run`, one for each number of components.
fn starts(
    points: &Points,
    given: Option<&Labels>,
    numbers: &[usize],
    params: &MclustParams,
    run: u64,
    ctx: &Ctx<'_>,
) -> Result<Vec<Start>> {
    if let Some(labels) = given {
        if labels.len() != points.n {
            return Err(Error::shape("labels", format!("({})", labels.len()), format!("({})", points.n)));
        }
        if let Some(i) = labels.codes().iter().position(|&c| c < 0) {
            return Err(Error::data("labels", format!("observation {i} has none; drop it or name another column")));
        }
        let labels = labels.codes().iter().map(|&c| c as u32).collect();
        return Ok(vec![Start { which: None, labels, n_components: numbers[0] }]);
    }
    if params.init == Init::Kmeans {
        let rows: Vec<f32> = points.rows.iter().map(|&x| x as f32).collect();
        let data = Dense::new(points.n, points.d, rows)?;
        let ctx = &ctx.with_seed(ctx.seed().wrapping_add(run));
        let start = |&n_clusters: &usize| {
            let params = KmeansParams { n_clusters, ..KmeansParams::default() };
            Ok(Start { which: None, labels: kmeans(&data, &params, ctx)?.membership, n_components: n_clusters })
        };
        return numbers.iter().map(start).collect();
    }
    let which = (points.n > params.subset).then(|| {
        let mut which = shuffled(points.n, &mut ctx.rng("tl.mclust.subset", run));
        which.truncate(params.subset);
        which.sort_unstable();
        which.into_iter().map(|i| i as usize).collect::<Vec<_>>()
    });
    let part = which.as_ref().map(|which| points.select(which)).transpose()?;
    let part = part.as_ref().unwrap_or(points);
    let merges = if numbers.iter().any(|&g| g > 1) { tree(part, ctx)? } else { Vec::new() };
    let start = |&g: &usize| {
        let labels = if g == 1 { vec![0; part.n] } else { cut(&merges, part.n, g) };
        Start { which: which.clone(), labels, n_components: g }
    };
    Ok(numbers.iter().map(start).collect())
}
