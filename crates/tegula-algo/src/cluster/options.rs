//! What `tl.louvain` and `tl.leiden` share: all but the name and the refinement.

use tegula_core::{AnnData, Ctx, Dict, Error, Graph, Outcome, Result, Slot, Value};

use super::multilevel::{Settings, run};
use super::objective::Objective;
use super::partition::Partition;
use super::restrict::Restriction;
use crate::graph::Source;

/// The parameters of either method.
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    /// Id of the method.
    pub id: &'static str,
    pub refine: bool,
    pub resolution: f64,
    pub objective: Objective,
    pub n_iterations: i64,
    pub n_clusters: Option<usize>,
    pub initial_membership: Option<&'a str>,
    pub restrict_to_key: Option<&'a str>,
    pub restrict_to_groups: &'a [String],
    pub use_weights: bool,
    pub source: Source<'a>,
    pub key_added: &'a str,
    /// What `key_added` is unless told.
    pub default_key: &'static str,
}

/// Checks a resolution.
pub(super) fn check_resolution(id: &str, resolution: f64) -> Result<()> {
    if resolution.is_finite() && resolution >= 0.0 {
        return Ok(());
    }
    Err(Error::param(id, "resolution", resolution, "a number from 0 up; 1 is usual"))
}

/// Checks a number of rounds.
pub(super) fn check_iterations(id: &str, n_iterations: i64) -> Result<()> {
    if n_iterations > 0 || n_iterations == -1 {
        return Ok(());
    }
    Err(Error::param(id, "n_iterations", n_iterations, "at least 1, or -1 for as many as help"))
}

/// Checks a list of resolutions and a number of runs.
pub(super) fn check_runs(id: &str, resolutions: &[f64], n_runs: usize) -> Result<()> {
    if n_runs == 0 {
        return Err(Error::param(id, "n_runs", 0, "at least 1"));
    }
    if resolutions.is_empty() {
        return Err(Error::param(id, "resolution", "empty", "at least one number"));
    }
    resolutions.iter().try_for_each(|&r| check_resolution(id, r))
}

impl Options<'_> {
    pub(super) fn validate(&self) -> Result<()> {
        let refuse = |name: &str, value: &str, must: &str| Err(Error::param(self.id, name, value, must));
        check_resolution(self.id, self.resolution)?;
        check_iterations(self.id, self.n_iterations)?;
        if self.n_clusters == Some(0) {
            return refuse("n_clusters", "0", "at least 1");
        }
        self.source.validate(self.id)?;
        match (self.restrict_to_key, self.restrict_to_groups) {
            (Some(_), []) => return refuse("restrict_to_groups", "empty", "the categories to restrict to"),
            (None, [_, ..]) => return refuse("restrict_to_key", "not given", "the column that holds the categories"),
            _ => {}
        }
        if self.key_added.is_empty() {
            return refuse("key_added", "empty", "the name of a column");
        }
        Ok(())
    }

    /// Where the result goes: as in scanpy, a restricted one does not replace the whole unless it is told to.
    pub(super) fn key(&self) -> String {
        let aside = self.restrict_to_key.is_some() && self.key_added == self.default_key;
        format!("{}{}", self.key_added, if aside { "_R" } else { "" })
    }

    pub(super) fn reads(&self) -> Vec<Slot> {
        let columns = self.restrict_to_key.into_iter().chain(self.initial_membership).map(Slot::obs);
        self.source.reads().into_iter().chain(columns).collect()
    }

    pub(super) fn writes(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key()), Slot::uns(&self.key())]
    }

    /// Clusters a graph.
    pub(super) fn cluster(&self, graph: &Graph, start: Option<&[u32]>, ctx: &Ctx<'_>) -> Result<Partition> {
        self.validate()?;
        let settings = Settings {
            task: self.id,
            refine: self.refine,
            objective: self.objective,
            resolution: self.resolution,
            n_iterations: self.n_iterations,
            n_clusters: self.n_clusters,
            use_weights: self.use_weights,
        };
        run(graph, start, &settings, ctx)
    }

    /// Fetches graph, start and restriction, clusters, and stores as scanpy does: categories in `obs`, parameters and
    /// modularity in `uns`.
    pub(super) fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let mut graph = self.source.graph(adata)?;
        let mut start = self.initial_membership.map(|key| start(adata, key)).transpose()?;
        let part = match self.restrict_to_key {
            Some(key) => Some(Restriction::of(adata.labels(key)?, self.restrict_to_groups, (self.id, key))?),
            None => None,
        };
        if let Some(part) = &part {
            graph = part.graph(&graph)?;
            start = start.map(|s| part.rows().iter().map(|&i| s[i]).collect());
        }
        let found = self.cluster(&graph, start.as_deref(), ctx)?;
        let key = self.key();
        adata.set_obs(&key, part.map_or_else(|| found.labels(), |p| p.renamed(&found)))?;
        let params = Dict::from([
            ("resolution".to_owned(), Value::from(found.resolution)),
            ("random_state".to_owned(), Value::Int(ctx.seed() as i64)),
            ("n_iterations".to_owned(), Value::Int(self.n_iterations)),
            ("objective".to_owned(), Value::from(self.objective.name())),
        ]);
        let modularity = Objective::Modularity.quality(&graph, &found.membership, 1.0);
        let entry = Dict::from([
            ("params".to_owned(), Value::from(params)),
            ("modularity".to_owned(), Value::from(modularity)),
            ("quality".to_owned(), Value::from(found.quality)),
        ]);
        adata.set_uns(&key, entry);
        Ok(found.outcome())
    }
}

/// The clusters of a column to start from; observations without one start alone.
fn start(adata: &AnnData, key: &str) -> Result<Vec<u32>> {
    let labels = adata.labels(key)?;
    let mut alone = labels.categories().len() as u32;
    let cluster = |&c: &i32| {
        u32::try_from(c).unwrap_or_else(|_| {
            alone += 1;
            alone - 1
        })
    };
    Ok(labels.codes().iter().map(cluster).collect())
}
