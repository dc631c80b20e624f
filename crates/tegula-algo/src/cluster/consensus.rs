//! `tl.consensus`: many runs, one answer, and how sure it is.

mod combine;

pub use combine::{Combined, combine};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Array, Column, Ctx, Dict, Error, Graph, Labels, Outcome, Result, Slot, Step, Value};

use super::multilevel::Settings;
use super::objective::Objective;
use super::options::{check_iterations, check_runs};
use super::partition::{Partition, by_size};
use super::runs::{Agreements, many};
use super::scc::ClusterMethod;
use super::vote::{confidence, mend, vote};
use crate::graph::{Source, undirected};

/// Clusters a graph many times and keeps what the runs agree on.
///
/// # What it does
/// Runs Leiden or Louvain with many seeds (and resolutions), and returns one partition with a confidence between 0 and 1
/// for every observation, and the mean adjusted Rand index between the runs: how far the clusters can be believed. With
/// `keys` it combines labels that are there already, of whatever methods.
///
/// # When to use it
/// Before a result is interpreted: a single run is one of many about equally good answers. Low confidence marks
/// borders between domains and domains that are not there. A mean ARI near 1 says that one run would do.
///
/// # How it works
/// 1. `n_runs` runs at each resolution, side by side on one graph, each with a random stream of its own.
/// 2. The run that agrees best with the others (mean ARI) is the start.
/// 3. An observation i goes to the cluster B with the greatest `s(i, B)`, the mean over runs of |C(i) ∩ B| / |C(i) ∪ B|
///    with C(i) its cluster in a run, until the mean of s over observations rises no more.
/// 4. A part that hangs apart from its cluster joins the cluster it is tied to most strongly: clusters are connected. With
///    `keys`, where there is no graph, this is left out.
///
/// The confidence is s(i, B) of the final cluster: 1 where all runs found exactly this cluster. It looks at both
/// companions lost and strangers gained, compares clusters of any number, and needs no matching of labels.
///
/// # Reads and writes
/// Reads `obsp["connectivities"]`, or what `neighbors_key` or `obsp` name (`obsp = scc_connectivities` after `tl.scc`); with
/// `keys` these columns of `obs`.
/// Writes `obs[key_added]`, `obs["<key_added>_confidence"]`, `uns[key_added]`: `params`, `mean_ari`, `modularity` at γ = 1,
/// `quality` at the first resolution, `runs` (`resolution`, `n_clusters`, `quality`, `ari`: mean with the other runs); with
/// `keys` of these `mean_ari` and `runs` (`key`, `n_clusters`, `ari`).
///
/// # Determinism
/// Seeded; the same bits for any number of threads.
///
/// # Cost
/// The runs, spread over the cores; the rest is linear in runs times observations (ARIs: in pairs of runs times
/// observations). Memory is two numbers per run and observation: no N × N table.
///
/// # Differences from the reference
/// The consensus of Lancichinetti & Fortunato clusters the N × N matrix of shared membership again and again, and may
/// end with clusters no run had. Here the runs vote, and the mean confidence is never below that of the best run.
///
/// # Example
/// `tegula tl consensus in.h5ad -o out.h5ad --n-runs 20 --obsp scc_connectivities`
///
/// # References
/// Lancichinetti & Fortunato, Scientific Reports 2012, doi:10.1038/srep00336; Hubert & Arabie, Journal of Classification
/// 1985, doi:10.1007/BF01908075.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsensusParams {
    /// Runs at each resolution.
    pub n_runs: usize,
    /// Resolutions to run at.
    pub resolution: Vec<f64>,
    /// How communities are found.
    pub cluster_method: ClusterMethod,
    /// What clusters maximise.
    pub objective: Objective,
    /// Rounds of each run at most; -1 goes on until two in a row gain nothing.
    pub n_iterations: i64,
    /// Number of clusters wanted of every run: the resolution is searched. Default: whatever `resolution` gives.
    pub n_clusters: Option<usize>,
    /// Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default: `obsp["connectivities"]`.
    pub neighbors_key: Option<String>,
    /// Key of the graph in `obsp`, instead of `neighbors_key`.
    pub obsp: Option<String>,
    /// Use the edges' weights; otherwise every edge counts 1.
    pub use_weights: bool,
    /// Columns of `obs` with labels to combine; nothing is run then, and no graph is looked at.
    pub keys: Vec<String>,
    /// Key of the result in `obs` and `uns`.
    pub key_added: String,
}

impl Default for ConsensusParams {
    fn default() -> Self {
        Self {
            n_runs: 20,
            resolution: vec![1.0],
            cluster_method: ClusterMethod::Leiden,
            objective: Objective::Modularity,
            n_iterations: -1,
            n_clusters: None,
            neighbors_key: None,
            obsp: None,
            use_weights: true,
            keys: Vec::new(),
            key_added: "consensus".into(),
        }
    }
}

/// What many runs agree on.
#[derive(Debug, Clone, PartialEq)]
pub struct Consensus {
    /// The consensus; its quality is that at the first resolution, its rounds those of all runs together.
    pub partition: Partition,
    /// For each observation the mean over runs of |C ∩ B| / |C ∪ B|, with C its cluster in a run and B that in the
    /// consensus: from above 0 to 1.
    pub confidence: Vec<f64>,
    /// Mean adjusted Rand index over all pairs of runs; 1 for a single run.
    pub mean_ari: f64,
    /// Mean adjusted Rand index of each run with the others.
    pub ari: Vec<f64>,
    /// The runs, resolution by resolution.
    pub runs: Vec<Partition>,
}

/// Finds what many runs agree on; see [`ConsensusParams`].
///
/// Of the parameters only those are looked at that are not names of slots.
///
/// # Errors
/// [`tegula_core::Error::Param`] for a parameter out of range; [`tegula_core::Error::Cancelled`].
///
/// ```
/// use tegula_algo::cluster::{ConsensusParams, consensus};
/// use tegula_core::{Ctx, Graph};
/// // Two triangles joined by one edge.
/// let pairs = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)];
/// let edges: Vec<(u32, u32, f32)> = pairs.iter().flat_map(|&(i, j)| [(i, j, 1.0), (j, i, 1.0)]).collect();
/// let found = consensus(&Graph::from_edges(6, &edges)?, &ConsensusParams::default(), &Ctx::new(0))?;
/// assert_eq!(found.partition.membership, [0, 0, 0, 1, 1, 1]);
/// assert_eq!((found.mean_ari, found.confidence[2]), (1.0, 1.0));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn consensus(graph: &Graph, params: &ConsensusParams, ctx: &Ctx<'_>) -> Result<Consensus> {
    params.validate()?;
    let settings = Settings {
        task: ConsensusParams::ID,
        refine: params.cluster_method == ClusterMethod::Leiden,
        objective: params.objective,
        resolution: params.resolution[0],
        n_iterations: params.n_iterations,
        n_clusters: params.n_clusters,
        use_weights: params.use_weights,
    };
    let graph = undirected(graph, params.use_weights)?;
    ctx.begin(ConsensusParams::ID, 0);
    let runs = many(&graph, &settings, &params.resolution, params.n_runs, ctx)?;
    let agreements = Agreements::of(&runs);
    let mut membership = mend(&graph, &vote(&runs, &runs[agreements.medoid()]));
    let n_clusters = by_size(&mut membership);
    let resolution = runs[0].resolution;
    let partition = Partition {
        quality: params.objective.quality(&graph, &membership, resolution),
        n_clusters,
        resolution,
        n_iterations: runs.iter().map(|r| r.n_iterations).sum(),
        membership,
    };
    let confidence = confidence(&runs, &partition.membership, n_clusters);
    ctx.end(ConsensusParams::ID);
    Ok(Consensus { partition, confidence, mean_ari: agreements.mean, ari: agreements.of_run, runs })
}

impl ConsensusParams {
    /// Combines the columns `keys`.
    fn combine(&self, adata: &mut AnnData) -> Result<Outcome> {
        let labellings = self.keys.iter().map(|key| adata.labels(key)).collect::<Result<Vec<_>>>()?;
        let named = |(labels, key): (&Labels, &String)| {
            let gap = labels.codes().iter().any(|&c| c < 0);
            let reason = "has no label for some observations; drop these first";
            if gap { Err(Error::data(Slot::obs(key), reason)) } else { Ok(()) }
        };
        labellings.iter().zip(&self.keys).try_for_each(named)?;
        let found = combine(&labellings)?;
        let counts = labellings.iter().map(|l| l.categories().len() as f64).collect();
        let runs = Dict::from([
            ("key".to_owned(), Value::from(Array::strings(self.keys.clone()))),
            ("n_clusters".to_owned(), Value::from(Array::vector(counts))),
            ("ari".to_owned(), Value::from(Array::vector(found.ari))),
        ]);
        let entry =
            Dict::from([("mean_ari".to_owned(), Value::from(found.mean_ari)), ("runs".to_owned(), Value::from(runs))]);
        let n_clusters = found.labels.categories().len();
        let outcome = told(n_clusters, found.mean_ari, &found.confidence, self.keys.len());
        adata.set_obs(&self.key_added, found.labels)?;
        adata.set_obs(&self.confidence_key(), Column::Float(found.confidence))?;
        adata.set_uns(&self.key_added, entry);
        Ok(outcome)
    }

    fn source(&self) -> Source<'_> {
        Source { neighbors_key: self.neighbors_key.as_deref(), obsp: self.obsp.as_deref() }
    }

    fn confidence_key(&self) -> String {
        format!("{}_confidence", self.key_added)
    }
}

impl Step for ConsensusParams {
    const ID: &'static str = "tl.consensus";
    const SUMMARY: &'static str = "Clusters many times and keeps what the runs agree on, with a confidence for each.";

    fn reads(&self) -> Vec<Slot> {
        if self.keys.is_empty() { self.source().reads() } else { self.keys.iter().map(|key| Slot::obs(key)).collect() }
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key_added), Slot::obs(&self.confidence_key()), Slot::uns(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        check_runs(Self::ID, &self.resolution, self.n_runs)?;
        check_iterations(Self::ID, self.n_iterations)?;
        self.source().validate(Self::ID)?;
        if self.n_clusters == Some(0) {
            return Err(Self::refuse("n_clusters", 0, "at least 1"));
        }
        if self.keys.len() == 1 {
            return Err(Self::refuse("keys", &self.keys[0], "at least two columns, or none to run anew"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "the name of a column"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        if !self.keys.is_empty() {
            return self.combine(adata);
        }
        let graph = self.source().graph(adata)?;
        let found = consensus(&graph, self, ctx)?;
        let column = |f: &dyn Fn(&Partition) -> f64| Value::from(Array::vector(found.runs.iter().map(f).collect()));
        let runs = Dict::from([
            ("resolution".to_owned(), column(&|r| r.resolution)),
            ("n_clusters".to_owned(), column(&|r| r.n_clusters as f64)),
            ("quality".to_owned(), column(&|r| r.quality)),
            ("ari".to_owned(), Value::from(Array::vector(found.ari.clone()))),
        ]);
        let params = Dict::from([
            ("resolution".to_owned(), Value::from(Array::vector(self.resolution.clone()))),
            ("n_runs".to_owned(), Value::from(self.n_runs)),
            ("n_iterations".to_owned(), Value::Int(self.n_iterations)),
            ("objective".to_owned(), Value::from(self.objective.name())),
            ("cluster_method".to_owned(), Value::from(self.cluster_method.name())),
            ("random_state".to_owned(), Value::Int(ctx.seed() as i64)),
        ]);
        let n_clusters = found.partition.n_clusters;
        let mut outcome = told(n_clusters, found.mean_ari, &found.confidence, found.runs.len());
        outcome.insert("quality".to_owned(), Value::from(found.partition.quality));
        let modularity = Objective::Modularity.quality(&graph, &found.partition.membership, 1.0);
        let entry = Dict::from([
            ("params".to_owned(), Value::from(params)),
            ("mean_ari".to_owned(), Value::from(found.mean_ari)),
            ("modularity".to_owned(), Value::from(modularity)),
            ("quality".to_owned(), Value::from(found.partition.quality)),
            ("runs".to_owned(), Value::from(runs)),
        ]);
        adata.set_obs(&self.key_added, found.partition.labels())?;
        adata.set_obs(&self.confidence_key(), Column::Float(found.confidence))?;
        adata.set_uns(&self.key_added, entry);
        Ok(outcome)
    }
}

/// What is told of a consensus.
fn told(n_clusters: usize, mean_ari: f64, confidence: &[f64], n_runs: usize) -> Outcome {
    let mean = confidence.iter().sum::<f64>() / confidence.len().max(1) as f64;
    Dict::from([
        ("n_clusters".to_owned(), Value::from(n_clusters)),
        ("mean_ari".to_owned(), Value::from(mean_ari)),
        ("mean_confidence".to_owned(), Value::from(mean)),
        ("n_runs".to_owned(), Value::from(n_runs)),
    ])
}
