//! `tl.mclust`: mixtures of Gaussians.

mod choose;
mod covariance;
mod em;
mod estimate;
mod hierarchy;
mod matrix;
mod model;
mod points;
mod prior;
mod sums;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Array, ArrayData, Column, Ctx, Dict, Labels, Outcome, Result, Slot, Step, Value, keys};

use crate::graph::neighbors::{PCA_FIRST, columns_used};

pub use choose::{Mixture, Row, mclust, start};
pub use em::{Fit, em, estimate};
pub use estimate::Estimate;
pub use model::Model;
pub use points::Points;

const TASK: &str = "mclust";

/// Finds groups as a mixture of Gaussians, as R's mclust does.
///
/// # What it does
/// Describes the observations of an embedding as drawn from `n_components` Gaussians and gives each to the one it most
/// likely comes from, with its probabilities. The 14 models say what the covariances Σ = λ D A Dᵀ share: volume λ, shape
/// A and orientation D are Equal, Variable or the Identity.
///
/// # When to use it
/// Domains of a known number in an embedding that already knows the tissue (`obsm["STAGATE"]`), for which EEE is the
/// custom and therefore the default: the other models need more observations per component than domains often have.
/// Without a number it tries 1 to 9, as R does, with several models as well, and keeps what has the best BIC; in large data
/// the best number is often the largest tried, and it says so. Not for graphs: `tl.leiden`.
///
/// # How it works
/// Start: a hierarchical clustering by the likelihood of model VVV in the scaled singular vectors, of a random 2,000
/// where there are more, cut at each number; the part that is drawn can decide much, so that `n_init` of 5 or 10 pays
/// above 2,000. Then EM until the log-likelihood changes by less than `tol`, relatively;
/// models whose covariances have no closed form iterate inside. BIC = 2 log L − p ln n, the larger the better.
/// With `prior` the mode of the posterior: means N(mean of all, Σ / `shrinkage`), covariances inverse Wishart (inverse gamma
/// where they are diagonal) with d + 2 degrees of freedom and the covariance of all data / G^(2/d); L is without the prior.
/// Diagonal models have one scale for all columns: bring these to one spread first.
///
/// # Reads and writes
/// Reads `obsm[use_rep]`. Writes `obs[key_added]` (categories `"1"`, `"2"`, … as R numbers them),
/// `obs["<key_added>_uncertainty"]` (1 − the probability), `obsm["<key_added>_prob"]` and `uns[key_added]`: `params`,
/// `model`, `n_components`, `loglik`, `bic`, `weights`, `means`, `covariances`, `bic_table`.
///
/// # Determinism
/// Seeded where it draws a sample; the same bits for any number of threads.
///
/// # Cost
/// A round takes O(N G d²), EEE O(N d (d + G)); memory O(N (d + G)). The hierarchy takes 2,000 × 2,000 numbers.
///
/// # Differences from the reference
/// On faithful, iris and diabetes R's log-likelihoods (1e-6), classes and BIC table (1e-5). Starts and stopping rules of
/// the models that iterate inside were matched to R's output; VVE takes EVE's axes, as R's does, not its own best. Another
/// sample than R's above 2,000 observations, so another start. R tries all 14 models where none is named. No noise
/// component. A model whose covariance becomes singular is left out of the table, as R's NA; if all are, that is an error.
/// The prior is the paper's, for all models; R has it for ten, and some of its estimates weigh it otherwise.
///
/// # Example
/// `tegula tl mclust in.h5ad -o out.h5ad --use-rep STAGATE --n-components 7`
///
/// # References
/// Scrucca et al. 2016, <https://doi.org/10.32614/RJ-2016-021>; Celeux & Govaert 1995,
/// <https://doi.org/10.1016/0031-3203(94)00125-6>; Browne & `McNicholas` 2014,
/// <https://doi.org/10.1007/s11634-013-0139-1>; Fraley 1998, <https://doi.org/10.1137/S1064827596311451>; Fraley & Raftery
/// 2007 (prior; its table 2 as corrected in 2009), <https://doi.org/10.1007/s00357-007-0004-5>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MclustParams {
    /// Numbers of components to try, of which the best by BIC is kept: one number, or several (as R by default 1 to 9).
    pub n_components: Vec<usize>,
    /// Models of the covariances to try, by R's names; `all` for all 14.
    pub model_names: Vec<String>,
    /// The embedding in `obsm`, or `X` itself.
    pub use_rep: String,
    /// Use only the first so many columns of the embedding; all if not given.
    pub n_pcs: Option<usize>,
    /// Where EM starts.
    pub init: Init,
    /// Column of `obs` to start from instead; it sets the number of components.
    pub init_key: Option<String>,
    /// Observations that the hierarchical start takes at most, drawn at random.
    pub subset: usize,
    /// Keep covariances from becoming singular by R's default prior (`priorControl()`).
    pub prior: bool,
    /// With `prior`: how many observations the prior of each mean, the mean of all, is worth; 0 leaves means alone.
    pub shrinkage: f64,
    /// Starts, of which the likeliest end is kept: other random parts (above `subset` observations) or other k-means.
    pub n_init: usize,
    /// Rounds of EM at most.
    pub max_iter: usize,
    /// Relative change of the log-likelihood below which EM ends.
    pub tol: f64,
    /// Name of the result in `obs` and `uns`, and its beginning in `obsm`.
    pub key_added: String,
}

/// Where EM starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Model-based hierarchical clustering.
    Hc,
    /// k-means.
    Kmeans,
}

impl Default for MclustParams {
    fn default() -> Self {
        Self {
            n_components: (1..=9).collect(),
            model_names: vec!["EEE".into()],
            use_rep: keys::X_PCA.into(),
            n_pcs: None,
            init: Init::Hc,
            init_key: None,
            subset: 2000,
            prior: false,
            shrinkage: 0.01,
            n_init: 1,
            max_iter: 1000,
            tol: 1e-5,
            key_added: "mclust".into(),
        }
    }
}

impl MclustParams {
    /// The models to try.
    pub(super) fn models(&self) -> Result<Vec<Model>> {
        let mut models = Vec::new();
        for name in &self.model_names {
            if name.eq_ignore_ascii_case("all") {
                models.extend(Model::ALL);
            } else {
                let model = Model::named(&name.to_ascii_uppercase());
                let must = || format!("all or some of {}", Model::ALL.map(Model::name).join(", "));
                models.push(model.ok_or_else(|| Self::refuse("model_names", name, &must()))?);
            }
        }
        Ok(models)
    }

    /// The shrinkage of the prior, where there is one.
    pub(super) fn shrinkage(&self) -> Option<f64> {
        self.prior.then_some(self.shrinkage)
    }

    fn named(&self, what: &str) -> String {
        format!("{}_{what}", self.key_added)
    }

    /// `obsm[use_rep]` in the precision it has.
    fn points(&self, adata: &AnnData) -> Result<Points> {
        let stored = match Slot::rep(&self.use_rep) {
            Slot::X => None,
            _ => adata.obsm().get(&self.use_rep).and_then(Value::to_f64_rows),
        };
        let (d, rows) = if let Some(found) = stored {
            found
        } else {
            let dense = adata.embedding(&self.use_rep, PCA_FIRST)?;
            (dense.n_cols(), dense.data().iter().map(|&x| f64::from(x)).collect())
        };
        match columns_used(self.n_pcs, d, &self.use_rep, Self::ID)? {
            k if k < d => Points::new(k, rows.chunks_exact(d).flat_map(|r| &r[..k]).copied().collect()),
            _ => Points::new(d, rows),
        }
    }

    fn record(&self, points: &Points, found: &Mixture, ctx: &Ctx<'_>) -> Result<Dict> {
        let (g, d) = (found.n_components, points.d);
        let numbers = |shape: Vec<usize>, v: Vec<f64>| Array::new(shape, ArrayData::F64(v.into())).map(Value::from);
        let params = Dict::from([
            ("use_rep".to_owned(), Value::from(self.use_rep.as_str())),
            ("init".to_owned(), Value::from(if self.init == Init::Hc { "hc" } else { "kmeans" })),
            ("prior".to_owned(), Value::from(self.prior)),
            ("shrinkage".to_owned(), Value::from(self.shrinkage)),
            ("n_init".to_owned(), Value::from(self.n_init)),
            ("max_iter".to_owned(), Value::from(self.max_iter)),
            ("tol".to_owned(), Value::from(self.tol)),
            ("random_state".to_owned(), Value::Int(ctx.seed() as i64)),
        ]);
        let column = |f: &dyn Fn(&Row) -> f64| Value::from(Array::vector(found.table.iter().map(f).collect()));
        let table = Dict::from([
            (
                "model".to_owned(),
                Value::from(Array::strings(found.table.iter().map(|r| r.model.name().to_owned()).collect())),
            ),
            ("n_components".to_owned(), column(&|r| r.n_components as f64)),
            ("loglik".to_owned(), column(&|r| r.log_likelihood.unwrap_or(f64::NAN))),
            ("bic".to_owned(), column(&|r| r.bic.unwrap_or(f64::NAN))),
        ]);
        let covariances = (0..g).flat_map(|k| found.fit.estimate.covariance(k)).collect();
        Ok(Dict::from([
            ("params".to_owned(), Value::Dict(params)),
            ("model".to_owned(), Value::from(found.fit.model.name())),
            ("n_components".to_owned(), Value::from(g)),
            ("loglik".to_owned(), Value::from(found.fit.log_likelihood)),
            ("bic".to_owned(), Value::from(found.fit.bic(points))),
            ("n_iter".to_owned(), Value::from(found.fit.log_likelihoods.len())),
            ("converged".to_owned(), Value::from(found.fit.converged)),
            ("weights".to_owned(), numbers(vec![g], found.fit.estimate.weights.clone())?),
            ("means".to_owned(), numbers(vec![g, d], found.fit.means(points))?),
            ("covariances".to_owned(), numbers(vec![g, d, d], covariances)?),
            ("bic_table".to_owned(), Value::Dict(table)),
        ]))
    }
}

impl Step for MclustParams {
    const ID: &'static str = "tl.mclust";
    const SUMMARY: &'static str = "Finds groups as a mixture of Gaussians, as R's mclust does.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::rep(&self.use_rep)];
        slots.extend(self.init_key.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![
            Slot::obs(&self.key_added),
            Slot::obs(&self.named("uncertainty")),
            Slot::obsm(&self.named("prob")),
            Slot::uns(&self.key_added),
        ]
    }

    fn validate(&self) -> Result<()> {
        if self.n_components.is_empty() || self.n_components.contains(&0) {
            return Err(Self::refuse("n_components", format!("{:?}", self.n_components), "numbers of at least 1"));
        }
        if self.models()?.is_empty() {
            return Err(Self::refuse("model_names", "empty", "names of models, as EEE, or all"));
        }
        for (name, value, least) in
            [("subset", self.subset, 2), ("n_init", self.n_init, 1), ("max_iter", self.max_iter, 1)]
        {
            if value < least {
                return Err(Self::refuse(name, value, &format!("at least {least}")));
            }
        }
        if self.n_pcs == Some(0) {
            return Err(Self::refuse("n_pcs", 0, "at least 1"));
        }
        for (name, value) in [("tol", self.tol), ("shrinkage", self.shrinkage)] {
            if !value.is_finite() || value < 0.0 {
                return Err(Self::refuse(name, value, "0 or more"));
            }
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "the name of a column"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let points = self.points(adata)?;
        let given = self.init_key.as_deref().map(|key| adata.labels(key)).transpose()?;
        let found = mclust(&points, given.as_ref(), self, ctx)?;
        let g = found.n_components;
        let tried = || found.table.iter().map(|row| row.n_components);
        if tried().all(|t| t <= g) && tried().any(|t| t < g) {
            ctx.warn(&format!(
                "the best number of components by BIC, {g}, is the largest tried; larger ones may be better"
            ));
        }
        let uns = self.record(&points, &found, ctx)?;
        let outcome = ["model", "n_components", "loglik", "bic", "n_iter", "converged"];
        let outcome = outcome.iter().map(|&k| (k.to_owned(), uns[k].clone())).collect();
        let names = (1..=g).map(|c| c.to_string()).collect();
        let labels = Labels::new(found.membership.iter().map(|&c| c as i32).collect(), names, false)?;
        let probabilities = Array::new(vec![points.n, g], ArrayData::F64(found.probabilities.into()))?;
        adata.set_obsm(&self.named("prob"), probabilities)?;
        adata.set_obs(&self.key_added, labels)?;
        adata.set_obs(&self.named("uncertainty"), Column::Float(found.uncertainty))?;
        adata.set_uns(&self.key_added, uns);
        Ok(outcome)
    }
}
