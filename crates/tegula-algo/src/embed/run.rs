//! What t-SNE and SpaSNE share: from points to an embedding.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Coords, Ctx, Dense, Dict, Error, Need, Outcome, Result, Slot, Value, keys};

use super::affinity::{Points, ordered};
use super::descent::{Schedule, Slope, descend};
use super::exact::Exact;
use super::fast::Fast;
use super::shape::is_collapsed;
use super::terms::{Balance, Divergences, Terms};
use crate::graph::neighbors::embedding;
use crate::graph::side_by_side;
use crate::metrics::score_embedding;
use crate::reduce::{PcaParams, pca};

/// Observations up to which all pairs are looked at where nobody says: where either way takes as long,
const EXACT: usize = 3_000;
/// and in three dimensions.
const EXACT_3D: usize = 10_000;
/// Observations from which on those alike are put side by side first: every step looks up the places of all neighbours,
/// which elsewhere in memory takes twice the time.
const MANY: usize = 50_000;
/// Bytes that a field takes at most.
const FIELD: u64 = 400 << 20;
/// The least learning rate, the reference's.
const LEARNING_RATE: f64 = 500.0;
/// Components of the input where there is none yet, as in the reference.
const N_COMPS: usize = 200;
/// Steps between two looks at the divergence.
const PERIOD: usize = 50;
/// The task as progress shows it.
pub(super) const TASK: &str = "embedding";

/// How the forces between observations are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By size: `exact` up to 3,000 observations (10,000 in 3 dimensions) or with `theta` 0, else `fast`.
    #[default]
    Auto,
    /// Over all pairs, O(N²) time and memory.
    Exact,
    /// Over near neighbours and a field, O(N log N) time and O(N) memory.
    Fast,
}

/// An embedding and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Dimensions of the points.
    pub n_components: usize,
    /// Point after point.
    pub points: Vec<f64>,
    /// How far it is from what it was to keep; the fast way measures distances on a sample of pairs.
    pub divergences: Divergences,
    /// Steps taken.
    pub n_iter: usize,
    /// The learning rate used.
    pub learning_rate: f64,
    /// Whether all pairs were looked at.
    pub exact: bool,
    /// The share of the true neighbours known; 1 where all pairs were looked at.
    pub recall: f64,
    /// Whether all points came to lie at one place or on one line.
    pub collapsed: bool,
}

/// The parameters that both methods have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) id: &'static str,
    pub(super) n_components: usize,
    pub(super) perplexity: f64,
    pub(super) early_exaggeration: f64,
    pub(super) n_iter: usize,
    pub(super) learning_rate: Option<f64>,
    pub(super) theta: f64,
    pub(super) method: Method,
    pub(super) n_pcs: Option<usize>,
    pub(super) balance: Balance,
}

impl Settings {
    /// Refuses what no data could be embedded with.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |name: &str, value: f64, must: &str| Err(Error::param(self.id, name, value, must));
        let Balance { alpha, beta } = self.balance;
        if !(2..=3).contains(&self.n_components) {
            return refuse("n_components", self.n_components as f64, "2 or 3");
        }
        if !(self.perplexity >= 2.0 && self.perplexity.is_finite()) {
            return refuse("perplexity", self.perplexity, "at least 2");
        }
        if !(self.early_exaggeration >= 1.0 && self.early_exaggeration.is_finite()) {
            return refuse("early_exaggeration", self.early_exaggeration, "at least 1");
        }
        if let Some(rate) = self.learning_rate.filter(|r| !(*r > 0.0 && r.is_finite())) {
            return refuse("learning_rate", rate, "above 0, or not given");
        }
        if !(0.0..=1.0).contains(&self.theta) {
            return refuse("theta", self.theta, "from 0 to 1");
        }
        for (name, value) in [("alpha", alpha), ("beta", beta)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(name, value, "0 or more");
            }
        }
        for (name, count) in [("n_iter", Some(self.n_iter)), ("n_pcs", self.n_pcs)] {
            if count == Some(0) {
                return refuse(name, 0.0, "at least 1");
            }
        }
        Ok(())
    }

    /// Refuses a perplexity that so many observations cannot have.
    pub(super) fn check_size(&self, n: usize) -> Result<()> {
        if (n as f64) < 3.0 * self.perplexity + 1.0 {
            let must = format!("at most a third of the others: {} for {n} observations", (n.max(1) - 1) / 3);
            return Err(Error::param(self.id, "perplexity", self.perplexity, must));
        }
        Ok(())
    }

    /// What embedding `n` observations takes beside them.
    pub(super) fn needs(&self, n: usize) -> Need {
        let Balance { alpha, beta } = self.balance;
        if self.is_exact(n) {
            // P, and where they count Pg, Ps and their sum: halves in single precision.
            let tables = if alpha > 0.0 || beta > 0.0 { 4.0 } else { 1.0 };
            let instead = "take method `fast`, or fewer observations (pp.subsample)";
            return Need { bytes: (tables * 2.0 * (n as f64).powi(2)) as u64, instead };
        }
        // Of each neighbour both directions, their transpose and their sum; of each observation its components, in two
        // orders, and what the field holds.
        let each = 32.0 * 3.0 * self.perplexity + 32.0 * self.n_pcs.unwrap_or(50) as f64 + 300.0;
        let instead = "take a lower perplexity, or fewer observations (pp.subsample)";
        Need { bytes: (n as f64 * each) as u64 + FIELD, instead }
    }

    /// The learning rate for `n` observations.
    pub(super) fn learning_rate(&self, n: usize) -> f64 {
        self.learning_rate.unwrap_or_else(|| LEARNING_RATE.max(n as f64 / self.early_exaggeration))
    }

    pub(super) fn schedule(&self, n: usize) -> Schedule {
        let Self { n_iter, early_exaggeration, .. } = *self;
        Schedule { n_iter, early_exaggeration, learning_rate: self.learning_rate(n) }
    }

    /// The parameters as `uns` keeps them, under scanpy's names.
    pub(super) fn params(&self, found: &Embedding, source: &str) -> Dict {
        let number = |name: &str, value: f64| (name.to_owned(), Value::from(value));
        let method = if found.exact { "exact" } else { "fast" };
        let mut params = Dict::from([
            number("perplexity", self.perplexity),
            number("early_exaggeration", self.early_exaggeration),
            number("learning_rate", found.learning_rate),
            ("n_iter".to_owned(), Value::from(found.n_iter)),
            ("method".to_owned(), Value::from(method)),
            ("metric".to_owned(), Value::from("euclidean")),
            ("use_rep".to_owned(), Value::from(source)),
        ]);
        if !found.exact {
            params.extend([number("recall", found.recall)]);
        }
        params
    }

    fn is_exact(&self, n: usize) -> bool {
        match self.method {
            Method::Auto => n <= if self.n_components == 2 { EXACT } else { EXACT_3D } || self.theta == 0.0,
            Method::Exact => true,
            Method::Fast => false,
        }
    }
}

/// Embeds points from `start` on.
pub(super) fn embed(
    expression: &Points,
    tissue: Option<&Points>,
    start: Vec<f64>,
    settings: Settings,
    ctx: &Ctx<'_>,
) -> Result<Embedding> {
    let n = expression.n_obs();
    settings.check()?;
    settings.check_size(n)?;
    let Settings { n_components: dim, perplexity, balance, early_exaggeration, .. } = settings;
    if tissue.is_some_and(|t| t.n_obs() != n) {
        let got = format!("({})", tissue.map_or(0, Points::n_obs));
        return Err(Error::shape("positions", got, format!("({n})")));
    }
    if settings.is_exact(n) {
        let terms = Terms::<f32>::new(expression, tissue, perplexity, balance, ctx)?;
        if dim == 2 {
            run(&mut Exact::<f32, 2>::new(&terms, balance, early_exaggeration), start, settings, None, ctx)
        } else {
            run(&mut Exact::<f32, 3>::new(&terms, balance, early_exaggeration), start, settings, None, ctx)
        }
    } else if n <= MANY {
        quickly(expression, tissue, start, settings, ctx)
    } else {
        let order = side_by_side(&expression.to_dense()?, ctx)?;
        let (expression, tissue) = (expression.ordered(&order), tissue.map(|t| t.ordered(&order)));
        let mut found = quickly(&expression, tissue.as_ref(), ordered(&start, dim, &order), settings, ctx)?;
        let mut points = start;
        for (point, &i) in found.points.chunks(dim).zip(&order) {
            points[i as usize * dim..][..dim].copy_from_slice(point);
        }
        found.points = points;
        Ok(found)
    }
}

/// Embeds by near neighbours and a field.
fn quickly(
    expression: &Points,
    tissue: Option<&Points>,
    start: Vec<f64>,
    settings: Settings,
    ctx: &Ctx<'_>,
) -> Result<Embedding> {
    let Settings { n_components, perplexity, balance, theta, .. } = settings;
    let (mut fast, recall) = Fast::new(expression, tissue, n_components, perplexity, balance, theta, ctx)?;
    fast.exaggerate(settings.early_exaggeration);
    run(&mut fast, start, settings, Some(recall), ctx)
}

/// Goes down the slope under the user's eyes.
fn run<S: Slope>(
    slope: &mut S,
    mut y: Vec<f64>,
    settings: Settings,
    recall: Option<f64>,
    ctx: &Ctx<'_>,
) -> Result<Embedding> {
    let dim = settings.n_components;
    let schedule = settings.schedule(y.len() / dim);
    ctx.begin(TASK, schedule.n_iter as u64);
    let n_iter = descend(slope, &mut y, dim, schedule, |step, slope, y| {
        if step % PERIOD == PERIOD - 1 {
            ctx.metric(TASK, "kl", slope.divergences(y)?.local);
        }
        ctx.tick(TASK, 1)?;
        Ok(!ctx.stopping())
    })?;
    ctx.end(TASK);
    let divergences = slope.divergences(&y)?;
    let collapsed = is_collapsed(&y, dim);
    if collapsed {
        ctx.warn(&format!(
            "{}: the points lie at one place or on one line; lower alpha (or learning_rate)",
            settings.id
        ));
    }
    let (learning_rate, exact) = (schedule.learning_rate, recall.is_none());
    let recall = recall.unwrap_or(1.0);
    Ok(Embedding { n_components: dim, points: y, divergences, n_iter, learning_rate, exact, recall, collapsed })
}

/// The input of an embedding: `obsm[use_rep]`; where not given `obsm["X_pca"]`, or else components of X.
pub(super) fn input(
    adata: &AnnData,
    use_rep: Option<&str>,
    n_pcs: Option<usize>,
    id: &str,
    ctx: &Ctx<'_>,
) -> Result<(Dense, String)> {
    let stored = use_rep.or_else(|| adata.has(&Slot::obsm(keys::X_PCA)).then_some(keys::X_PCA));
    if let Some(key) = stored {
        return Ok((embedding(adata, key, n_pcs, id)?, key.to_owned()));
    }
    let x = adata.matrix(None)?;
    let most = x.n_rows().min(x.n_cols()).saturating_sub(1);
    let n_comps = Some(n_pcs.unwrap_or(N_COMPS).min(most));
    crate::pp::check_finite(adata, None)?;
    let found = pca(x, &PcaParams { n_comps, ..PcaParams::default() }, ctx)?;
    Ok((Dense::new(x.n_rows(), found.n_comps, found.scores)?, "X".to_owned()))
}

impl Embedding {
    /// Number of observations.
    pub fn n_obs(&self) -> usize {
        self.points.len() / self.n_components
    }

    /// Stores the points (in single precision, as scanpy has them) under the first of `keys`, and under the second how
    /// they were made and how much they keep; returns what is worth telling.
    pub(super) fn store(
        &self,
        adata: &mut AnnData,
        keys: (&str, &str),
        params: Dict,
        data: &Dense,
        coords: Option<&Coords>,
        ctx: &Ctx<'_>,
    ) -> Result<Outcome> {
        let points: Vec<f32> = self.points.iter().map(|&y| y as f32).collect();
        let points = Dense::new(self.n_obs(), self.n_components, points)?;
        let Divergences { local, global, spatial } = self.divergences;
        let mut kept: Dict = [("kl_divergence", local), ("kl_global", global), ("kl_spatial", spatial)]
            .into_iter()
            .filter(|(_, kl)| !kl.is_nan())
            .map(|(name, kl)| (name.to_owned(), Value::from(kl)))
            .collect();
        kept.extend(score_embedding(data, &points, coords, None, ctx)?.to_dict());
        let mut uns = Dict::from([("params".to_owned(), Value::Dict(params))]);
        uns.extend(kept.clone());
        adata.set_obsm(keys.0, points)?;
        adata.set_uns(keys.1, uns);
        let mut told = Dict::from([
            ("n_iter".to_owned(), Value::from(self.n_iter)),
            ("method".to_owned(), Value::from(if self.exact { "exact" } else { "fast" })),
            ("collapsed".to_owned(), Value::from(self.collapsed)),
        ]);
        told.extend(kept);
        Ok(told)
    }
}
