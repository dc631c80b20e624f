//! From a tissue to spatial domains: the usual steps, chosen from the data, said aloud.
//!
//! The pipeline is a [`Recipe`] that is made while the data is looked at. It writes the labels of three analyses:
//! communities of expression alone, of expression with position (SCC), and SCC smoothed in space; or of other ways to
//! find domains, of several side by side, and what they agree on.

mod align;
mod choose;
mod figures;
mod measure;
mod ways;

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use tegula_core::{AnnData, Ctx, Outcome, Result, Value};

use crate::recipe::{Recipe, StepCall};
use crate::registry;

pub use align::{AlignOptions, Aligned, align, figures_of_alignment, measure_alignment};
pub use choose::find_coordinates;
pub use figures::figures;
pub use measure::{measure, measure_embeddings};

/// What the user asked for; everything left empty is chosen from the data or takes its default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunOptions {
    /// How domains are found: `scc`, features and what groups them (`diffuse` or `stagate`, `+`, `mclust`, `leiden` or
    /// `louvain`), or `all`: SCC and both features with mclust, side by side.
    pub method: Option<String>,
    /// Column of `obs` with known domains.
    pub labels: Option<String>,
    /// Entry of `obsm` with the positions.
    pub spatial_key: Option<String>,
    /// Neighbours in space.
    pub s_neigh: Option<usize>,
    /// Neighbours in expression.
    pub e_neigh: Option<usize>,
    /// Higher gives more domains.
    pub resolution: Option<f64>,
    /// The number of domains to reach.
    pub n_clusters: Option<usize>,
    /// `leiden` or `louvain`.
    pub cluster_method: Option<String>,
    /// Neighbours whose majority smooths each label; 0 for none.
    pub smooth: Option<usize>,
    /// Epochs a network is trained for.
    pub n_epochs: Option<usize>,
    /// File that a network's training is kept in, and goes on from.
    pub checkpoint: Option<String>,
    /// Principal components.
    pub n_comps: Option<usize>,
    /// Whether other neighbourhoods and resolutions are not compared.
    pub no_sweep: bool,
    /// Steps to run instead of the usual ones.
    pub recipe: Option<Recipe>,
    /// The seed of all randomness.
    pub seed: Option<u64>,
}

/// What the pipeline did.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The steps as they ran.
    pub recipe: Recipe,
    /// Columns of `obs` with the labels found, in order.
    pub labels: Vec<String>,
    /// Entry of `obsm` with the positions that were used.
    pub spatial_key: String,
    /// True where the user stopped it early.
    pub stopped: bool,
}

/// What the pipeline tells while it runs.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// A choice, and why.
    Note(&'a str),
    /// A step ended.
    Done(&'a StepCall, &'a Outcome),
}

/// Runs the pipeline on `adata`; `say` hears of every choice and every step.
///
/// # Errors
/// The first thing that stands in the way; see the steps.
pub fn run(adata: &mut AnnData, options: &RunOptions, ctx: &Ctx<'_>, mut say: impl FnMut(Said<'_>)) -> Result<Report> {
    let say: &mut dyn FnMut(Said<'_>) = &mut say;
    ways::check(options)?;
    if let Some(key) = &options.labels {
        adata.labels(key)?;
    }
    let spatial_key = match &options.spatial_key {
        Some(key) => key.clone(),
        None => find_coordinates(adata, say)?,
    };
    adata.coords(&spatial_key)?;
    let mut recipe = Recipe { seed: options.seed.unwrap_or(0), steps: Vec::new() };
    if let Some(given) = &options.recipe {
        recipe = given.clone();
        recipe.seed = options.seed.unwrap_or(given.seed);
        override_parameters(&mut recipe, options, &spatial_key);
        recipe.check()?;
        say(Said::Note(&format!("recipe: {} steps", recipe.steps.len())));
        let ran = recipe.run(adata, ctx, |call, outcome| say(Said::Done(call, outcome)))?;
        recipe.steps.truncate(ran);
    } else {
        for stage in choose::STAGES {
            if !ctx.goes_on()? {
                break;
            }
            let steps = stage(adata, options, &spatial_key, say)?;
            play(&mut recipe, steps, adata, ctx, say)?;
        }
    }
    choose::recommendation(adata, &recipe.steps, say);
    let stopped = ctx.stopping();
    finish(&mut recipe)?;
    let labels = label_columns(adata, &recipe);
    Ok(Report { recipe, labels, spatial_key, stopped })
}

/// Runs steps; those that ran go to the recipe.
fn play(
    recipe: &mut Recipe,
    steps: Vec<StepCall>,
    adata: &mut AnnData,
    ctx: &Ctx<'_>,
    say: &mut dyn FnMut(Said<'_>),
) -> Result<()> {
    let part = Recipe { seed: recipe.seed, steps };
    let ran = part.run(adata, ctx, |call, outcome| say(Said::Done(call, outcome)))?;
    recipe.steps.extend(part.steps.into_iter().take(ran));
    Ok(())
}

/// Names every parameter in a recipe that is handed out, so that other defaults later change nothing.
fn finish(recipe: &mut Recipe) -> Result<()> {
    for call in &mut recipe.steps {
        let step = registry::find(&call.id)?.step(Json::Object(call.params.clone()))?;
        call.params = step.params().as_object().cloned().unwrap_or_default();
    }
    Ok(())
}

/// Flags given by the user win over the recipe's parameters.
fn override_parameters(recipe: &mut Recipe, options: &RunOptions, spatial_key: &str) {
    let mut set = |id: &str, name: &str, value: Option<Json>| {
        let Some(value) = value else { return };
        for step in recipe.steps.iter_mut().filter(|s| s.id == id) {
            step.params.insert(name.to_owned(), value.clone());
        }
    };
    set("tl.scc", "s_neigh", options.s_neigh.map(Json::from));
    set("tl.scc", "e_neigh", options.e_neigh.map(Json::from));
    set("pp.neighbors", "n_neighbors", options.e_neigh.map(Json::from));
    set("tl.sweep", "s_neigh", options.s_neigh.map(|s| json!([s])));
    set("tl.sweep", "e_neigh", options.e_neigh.map(|e| json!([e])));
    set("tl.scc", "cluster_method", options.cluster_method.clone().map(Json::from));
    set("tl.mclust", "n_components", options.n_clusters.map(|k| json!([k])));
    set("tl.smooth", "n_neighbors", options.smooth.map(Json::from));
    set("tl.stagate", "n_epochs", options.n_epochs.map(Json::from));
    set("tl.stagate", "checkpoint", options.checkpoint.clone().map(Json::from));
    set("pp.pca", "n_comps", options.n_comps.map(Json::from));
    for id in ["tl.scc", "tl.leiden", "tl.louvain"] {
        set(id, "resolution", options.resolution.map(Json::from));
        set(id, "n_clusters", options.n_clusters.map(Json::from));
    }
    let key = (spatial_key != tegula_core::keys::SPATIAL).then(|| json!(spatial_key));
    for id in ["tl.scc", "tl.smooth", "tl.sweep", "pp.spatial_neighbors"] {
        set(id, "spatial_key", key.clone());
    }
    if options.smooth == Some(0) {
        recipe.steps.retain(|s| s.id != "tl.smooth");
    }
}

/// The categorical columns that the steps wrote into `obs`, in order.
fn label_columns(adata: &AnnData, recipe: &Recipe) -> Vec<String> {
    let mut found = Vec::new();
    for call in recipe.steps.iter().filter(|s| s.id.starts_with("tl.")) {
        let Ok(method) = registry::find(&call.id) else { continue };
        let Ok(step) = method.step(Json::Object(call.params.clone())) else { continue };
        for slot in step.writes() {
            let tegula_core::Slot::Obs(key) = slot else { continue };
            if adata.labels(&key).is_ok() && !found.contains(&key) {
                found.push(key);
            }
        }
    }
    found
}

/// Tables of the metrics for a person: one row per labelling, and one per embedding.
pub fn table(metrics: &Json) -> String {
    let of_labels = ["n_clusters", "ari", "nmi", "silhouette", "modularity", "chaos", "pas"];
    let heads = ["domains", "ARI", "NMI", "silhouette", "modularity", "CHAOS", "PAS"];
    let labels = rows_of(&metrics["labels"], of_labels, heads);
    let of_embeddings = ["r1", "r2", "knn_recall", "silhouette", "kl_divergence", "kl_global", "kl_spatial"];
    let heads = ["r1", "r2", "kNN recall", "silhouette", "KL", "KL global", "KL spatial"];
    let embeddings = rows_of(&metrics["embeddings"], of_embeddings, heads);
    [labels, embeddings].into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// The table of an alignment for a person: one row per section.
pub fn table_of_alignment(metrics: &Json) -> String {
    let columns = [
        "scale",
        "rotation",
        "mirrored",
        "overlap",
        "matched",
        "J_before",
        "J",
        "label_agreement_before",
        "label_agreement",
    ];
    let heads = ["scale", "turn", "mirrored", "overlap", "matched", "J before", "J", "labels bef.", "labels"];
    rows_of(&metrics["sections"], columns, heads).unwrap_or_default()
}

/// One table; `None` without rows.
fn rows_of<const N: usize>(rows: &Json, columns: [&str; N], heads: [&str; N]) -> Option<String> {
    let rows = rows.as_object().filter(|rows| !rows.is_empty())?;
    let shown: Vec<usize> = (0..columns.len()).filter(|&c| rows.values().any(|r| !r[columns[c]].is_null())).collect();
    let width = rows.keys().map(|k| k.chars().count()).max().unwrap_or(0).max(8);
    let mut text = format!("{:width$}", "");
    for &c in &shown {
        let _ = write!(text, "  {:>10}", heads[c]);
    }
    for (name, row) in rows {
        let _ = write!(text, "\n{name:width$}");
        for &c in &shown {
            let cell = match &row[columns[c]] {
                Json::Number(n) if n.is_f64() => format!("{:.3}", n.as_f64().unwrap_or(f64::NAN)),
                Json::Null => String::new(),
                other => other.to_string(),
            };
            let _ = write!(text, "  {cell:>10}");
        }
    }
    Some(text)
}

/// The outcome of a step as JSON.
pub fn outcome_json(outcome: &Outcome) -> Json {
    Value::Dict(outcome.clone()).to_json()
}
