//! Leiden clustering.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Graph, Outcome, Result, Slot, Step};

use super::objective::Objective;
use super::options::Options;
use super::partition::Partition;
use crate::graph::Source;

/// Finds communities of a graph, each of them connected.
///
/// # What it does
/// Puts every observation into a cluster so that clusters hold more of the graph's weight than chance would give them:
/// it maximises `Q = Σ_c [in_c / 2m − γ (tot_c / 2m)²]`, modularity with a resolution γ (the RB configuration model), or
/// with `objective = cpm` the constant Potts model `Q = Σ_c [in_c − γ n_c (n_c − 1)] / 2m`.
///
/// # When to use it
/// The default for cell types and for domains on a neighbour graph, where the number of clusters is not known. Where it
/// is known, pass `n_clusters`. For domains that should hang together in space, cluster the joint graph of `tl.scc`.
///
/// # How it works
/// 1. Nodes move one by one to the neighbouring community that gains most; a queue holds those worth another look,
///    until as many visits as there are nodes gain less than a twentieth of what was gained before.
/// 2. Refinement: inside every community, parts are rebuilt from single nodes; a well connected node joins a well
///    connected part, drawn with probability ∝ exp(gain / θ), θ = 0.01.
/// 3. The parts become the nodes of a smaller graph, which starts from the communities of step 1; on to step 1.
///
/// Rounds of this are repeated from the result until two in a row gain nothing. Should a community end in
/// pieces, the pieces become clusters.
///
/// # Reads and writes
/// Reads `obsp["connectivities"]`, or what `neighbors_key` or `obsp` name. Writes `obs[key_added]` (categories "0", "1",
/// … by falling size; with `restrict_to_key` the old ones and "parent,0", "parent,1", …) and `uns[key_added]` (`params`,
/// `modularity` at γ = 1, `quality`: the objective).
///
/// # Determinism
/// The same seed gives the same clusters on any number of threads; another seed another, about as good.
///
/// # Cost
/// Time about linear in the edges, per round; memory one copy of the graph at most.
///
/// # Differences from the reference
/// scanpy's default `flavor="leidenalg"`, `n_iterations=-1`, is the model. leidenalg reports `2m·Q`, we `Q`.
/// A graph that is not symmetric is replaced by `(W + Wᵀ) / 2`; self-loops are ignored. `n_clusters` is ours. `objective`
/// stands for `partition_type`, `restrict_to_key` and `restrict_to_groups` for the two halves of `restrict_to`.
///
/// # Example
/// `tegula tl leiden in.h5ad -o out.h5ad --resolution 1`
///
/// ```
/// use tegula_algo::cluster::{LeidenParams, leiden};
/// use tegula_core::{Ctx, Graph};
/// // Two triangles joined by one edge.
/// let pairs = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)];
/// let edges: Vec<(u32, u32, f32)> = pairs.iter().flat_map(|&(i, j)| [(i, j, 1.0), (j, i, 1.0)]).collect();
/// let found = leiden(&Graph::from_edges(6, &edges)?, &LeidenParams::default(), &Ctx::new(0))?;
/// assert_eq!(found.membership, [0, 0, 0, 1, 1, 1]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Traag, Waltman & van Eck, Scientific Reports 2019, doi:10.1038/s41598-019-41695-z; Reichardt & Bornholdt, Physical
/// Review E 2006, doi:10.1103/PhysRevE.74.016110; Traag, Van Dooren & Nesterov, Physical Review E 2011,
/// doi:10.1103/PhysRevE.84.016114.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeidenParams {
    /// Resolution γ: higher gives more, smaller clusters. For `cpm` a density of edges: 1 is a clique of weight 1.
    pub resolution: f64,
    /// What clusters maximise.
    pub objective: Objective,
    /// Rounds at most; -1 goes on until two in a row gain nothing.
    pub n_iterations: i64,
    /// Number of clusters wanted: the resolution is searched from `resolution` on. Default: whatever `resolution` gives.
    pub n_clusters: Option<usize>,
    /// Column of `obs` to start from: the result is never worse than it. Default: every observation by itself.
    pub initial_membership: Option<String>,
    /// Column of `obs` whose categories `restrict_to_groups` are to be clustered further, the others kept.
    pub restrict_to_key: Option<String>,
    /// Categories of `restrict_to_key` to cluster further, together.
    pub restrict_to_groups: Vec<String>,
    /// Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default: `obsp["connectivities"]`.
    pub neighbors_key: Option<String>,
    /// Key of the graph in `obsp`, instead of `neighbors_key`.
    pub obsp: Option<String>,
    /// Use the edges' weights; otherwise every edge counts 1.
    pub use_weights: bool,
    /// Key of the result in `obs` and `uns`; with `restrict_to_key` the default becomes `leiden_R`.
    pub key_added: String,
}

impl Default for LeidenParams {
    fn default() -> Self {
        Self {
            resolution: 1.0,
            objective: Objective::Modularity,
            n_iterations: -1,
            n_clusters: None,
            initial_membership: None,
            restrict_to_key: None,
            restrict_to_groups: Vec::new(),
            neighbors_key: None,
            obsp: None,
            use_weights: true,
            key_added: "leiden".into(),
        }
    }
}

/// Finds communities of a graph by Leiden; see [`LeidenParams`].
///
/// Of the parameters only those are looked at that are not names of slots.
///
/// # Errors
/// [`tegula_core::Error::Param`] for a parameter out of range; [`tegula_core::Error::Cancelled`].
pub fn leiden(graph: &Graph, params: &LeidenParams, ctx: &Ctx<'_>) -> Result<Partition> {
    params.options().cluster(graph, None, ctx)
}

/// Finds communities of a graph by Leiden, starting from a partition; quality never falls below that of the start.
///
/// `start` may hold any label for each node.
///
/// # Errors
/// As [`leiden`], and [`tegula_core::Error::Shape`] where `start` does not have one label per node.
///
/// ```
/// use tegula_algo::cluster::{LeidenParams, leiden_from};
/// use tegula_core::{Ctx, Graph};
/// let pair = Graph::from_edges(3, &[(0, 1, 1.0), (1, 0, 1.0)])?;
/// let found = leiden_from(&pair, &[7, 7, 9], &LeidenParams::default(), &Ctx::new(0))?;
/// assert_eq!(found.membership, [0, 0, 1]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn leiden_from(graph: &Graph, start: &[u32], params: &LeidenParams, ctx: &Ctx<'_>) -> Result<Partition> {
    params.options().cluster(graph, Some(start), ctx)
}

impl LeidenParams {
    fn options(&self) -> Options<'_> {
        Options {
            id: Self::ID,
            refine: true,
            resolution: self.resolution,
            objective: self.objective,
            n_iterations: self.n_iterations,
            n_clusters: self.n_clusters,
            initial_membership: self.initial_membership.as_deref(),
            restrict_to_key: self.restrict_to_key.as_deref(),
            restrict_to_groups: &self.restrict_to_groups,
            use_weights: self.use_weights,
            source: Source { neighbors_key: self.neighbors_key.as_deref(), obsp: self.obsp.as_deref() },
            key_added: &self.key_added,
            default_key: "leiden",
        }
    }
}

impl Step for LeidenParams {
    const ID: &'static str = "tl.leiden";
    const SUMMARY: &'static str = "Finds connected communities of the neighbour graph (Leiden).";

    fn reads(&self) -> Vec<Slot> {
        self.options().reads()
    }

    fn writes(&self) -> Vec<Slot> {
        self.options().writes()
    }

    fn validate(&self) -> Result<()> {
        self.options().validate()
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        self.options().apply(adata, ctx)
    }
}
