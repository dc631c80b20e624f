//! Leiden clustering.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Graph, Outcome, Result, Slot, Step};

use super::multilevel::{Settings, run};
use super::partition::Partition;
use super::source::{Source, store};

/// Finds communities of a graph, each of them connected.
///
/// # What it does
/// Puts every observation into a cluster so that clusters hold more of the graph's weight than chance would give them:
/// it maximises `Q = Σ_c [in_c / 2m − γ (tot_c / 2m)²]`, modularity with a resolution γ (the RB configuration model).
///
/// # When to use it
/// The default for cell types and for domains on a neighbour graph, where the number of clusters is not known. Where it
/// is known, pass `n_clusters`. For domains that should hang together in space, cluster the joint graph of `tl.scc`.
///
/// # How it works
/// 1. Nodes move one by one to the neighbouring community that gains most; a queue holds those worth another look.
/// 2. Refinement: inside every community, parts are rebuilt from single nodes; a well connected node joins a well
///    connected part, drawn with probability ∝ exp(gain / θ), θ = 0.01.
/// 3. The parts become the nodes of a smaller graph, which starts from the communities of step 1; on to step 1.
///
/// Rounds of this are repeated from the result. Should a community end in pieces, the pieces become clusters.
///
/// # Reads and writes
/// Reads `obsp["connectivities"]`, or what `neighbors_key` or `obsp` name. Writes `obs[key_added]` (categories "0", "1",
/// … by falling size) and `uns[key_added]` (`params`, `modularity` at γ = 1).
///
/// # Determinism
/// The same seed gives the same clusters on any number of threads; another seed another, about as good.
///
/// # Cost
/// Time about linear in the edges, per round; memory one copy of the graph at most.
///
/// # Differences from the reference
/// scanpy's default `flavor="leidenalg"`, `n_iterations=-1`, is the model. leidenalg reports `2m·Q`, we `Q`. A graph that
/// is not symmetric is replaced by `(W + Wᵀ) / 2`; self-loops are ignored. `n_clusters` is ours.
///
/// # Example
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
/// Review E 2006, doi:10.1103/PhysRevE.74.016110.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeidenParams {
    /// Resolution γ: higher gives more, smaller clusters.
    pub resolution: f64,
    /// Rounds at most; -1 goes on until a round gains nothing.
    pub n_iterations: i64,
    /// Number of clusters wanted: the resolution is searched from `resolution` on. Default: whatever `resolution` gives.
    pub n_clusters: Option<usize>,
    /// Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default: `obsp["connectivities"]`.
    pub neighbors_key: Option<String>,
    /// Key of the graph in `obsp`, instead of `neighbors_key`.
    pub obsp: Option<String>,
    /// Use the edges' weights; otherwise every edge counts 1.
    pub use_weights: bool,
    /// Key of the result in `obs` and `uns`.
    pub key_added: String,
}

impl Default for LeidenParams {
    fn default() -> Self {
        Self {
            resolution: 1.0,
            n_iterations: -1,
            n_clusters: None,
            neighbors_key: None,
            obsp: None,
            use_weights: true,
            key_added: "leiden".into(),
        }
    }
}

/// Finds communities of a graph by Leiden; see [`LeidenParams`].
///
/// Of the parameters only `resolution`, `n_iterations`, `n_clusters` and `use_weights` are looked at.
///
/// # Errors
/// [`tegula_core::Error::Param`] for a parameter out of range; [`tegula_core::Error::Cancelled`].
pub fn leiden(graph: &Graph, params: &LeidenParams, ctx: &Ctx<'_>) -> Result<Partition> {
    params.validate()?;
    let settings = Settings {
        task: LeidenParams::ID,
        refine: true,
        resolution: params.resolution,
        n_iterations: params.n_iterations,
        n_clusters: params.n_clusters,
        use_weights: params.use_weights,
    };
    run(graph, &settings, ctx)
}

impl LeidenParams {
    fn source(&self) -> Source<'_> {
        Source { neighbors_key: self.neighbors_key.as_deref(), obsp: self.obsp.as_deref() }
    }
}

impl Step for LeidenParams {
    const ID: &'static str = "tl.leiden";
    const SUMMARY: &'static str = "Finds connected communities of the neighbour graph (Leiden).";

    fn reads(&self) -> Vec<Slot> {
        self.source().reads()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key_added), Slot::uns(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        if !self.resolution.is_finite() || self.resolution < 0.0 {
            return Err(Self::refuse("resolution", self.resolution, "a number from 0 up; 1 is usual"));
        }
        if self.n_iterations == 0 || self.n_iterations < -1 {
            return Err(Self::refuse("n_iterations", self.n_iterations, "at least 1, or -1 for as many as help"));
        }
        if self.n_clusters == Some(0) {
            return Err(Self::refuse("n_clusters", 0, "at least 1"));
        }
        if self.obsp.is_some() && self.neighbors_key.is_some() {
            return Err(Self::refuse("obsp", "given beside `neighbors_key`", "the only one; pass one of the two"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "the name of a column"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let graph = self.source().graph(adata)?;
        let found = leiden(&graph, self, ctx)?;
        store(adata, &self.key_added, &graph, &found, self.n_iterations, ctx)
    }
}
