//! `tl.scc`: domains from expression and position together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Coords, Csr, Ctx, Dense, Dict, Error, Graph, Outcome, Result, Slot, Step, Value, keys};

use super::options::{check_iterations, check_resolution};
use super::{LeidenParams, LouvainParams, Partition, leiden, louvain};
use crate::graph::knn::{Knn, check_k};
use crate::graph::neighbors::embedding;
use crate::graph::{MIN_RECALL, nearest, spatial_knn};

/// Finds domains that hang together in expression and in the tissue.
///
/// # What it does
/// Spatially constrained clustering: joins the neighbour graph of expression with that of the tissue and finds the
/// communities of the joint graph.
///
/// # When to use it
/// The first choice for domains: fast, few parameters, any technology. More `s_neigh` gives smoother domains; 6 suits
/// hexagonal spots, 8 square bins. For cell types regardless of place take `tl.leiden`.
///
/// # How it works
/// A point is joined to its `e_neigh` nearest others in `obsm[pca_key]` and its `s_neigh` nearest others in the tissue,
/// one graph of both; a pair that chose each other weighs 2, other joined pairs 1: W = A + Aᵀ. Leiden or Louvain then
/// cluster W.
///
/// # Reads and writes
/// Reads `obsm[pca_key]` (with `neighbors_key` the neighbours stored instead), `obsm[spatial_key]`. Writes `obs[key_added]` (categories from `"0"`, the largest),
/// `obsp["<key_added>_connectivities"]` (W) and `uns[key_added]` (parameters, quality).
///
/// # Determinism
/// Seeded; the same bits for any number of threads.
///
/// # Cost
/// The neighbours, O(N²) times the number of components, outweigh the rest; 3,600 spots take well under a second.
///
/// # Differences from the reference
/// spateo counts the point itself among the neighbours: its 30 and 6 are 29 and 5 here. Given the same numbers the joint
/// graph is the same. The clustering runs until it gains nothing more.
///
/// # Example
/// `tegula tl scc in.h5ad -o out.h5ad --s-neigh 8 --e-neigh 30 --resolution 1`
///
/// # References
/// Chen et al. 2022, <https://doi.org/10.1016/j.cell.2022.04.003>; Traag, Waltman & van Eck 2019,
/// <https://doi.org/10.1038/s41598-019-41695-z>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SccParams {
    /// Nearest others in expression, the observation itself not counted.
    pub e_neigh: usize,
    /// Nearest others in the tissue, the observation itself not counted.
    pub s_neigh: usize,
    /// Higher gives more, smaller domains.
    pub resolution: f64,
    /// How communities are found.
    pub cluster_method: ClusterMethod,
    /// Rounds at most; -1 goes on until two in a row gain nothing.
    pub n_iterations: i64,
    /// Number of domains wanted: the resolution is searched from `resolution` on.
    pub n_clusters: Option<usize>,
    /// Name of the result in `obs` and `uns`.
    pub key_added: String,
    /// The embedding of expression in `obsm`.
    pub pca_key: String,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Use only the first so many columns of the embedding; all if not given.
    pub n_pcs: Option<usize>,
    /// Take the neighbours in expression that `pp.neighbors` stored (`uns[neighbors_key]` says where) instead of searching
    /// them: the nearest `e_neigh` by the stored distances. `pca_key` and `n_pcs` are not used then.
    pub neighbors_key: Option<String>,
}

/// How communities of a graph are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClusterMethod {
    /// Leiden: every community is connected.
    Leiden,
    /// Louvain.
    Louvain,
}

impl ClusterMethod {
    /// The method's name in parameters and files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Leiden => "leiden",
            Self::Louvain => "louvain",
        }
    }
}

impl Default for SccParams {
    fn default() -> Self {
        Self {
            e_neigh: 30,
            s_neigh: 6,
            resolution: 1.0,
            cluster_method: ClusterMethod::Leiden,
            n_iterations: -1,
            n_clusters: None,
            key_added: "scc".into(),
            pca_key: keys::X_PCA.into(),
            spatial_key: keys::SPATIAL.into(),
            n_pcs: None,
            neighbors_key: None,
        }
    }
}

/// The joint graph of expression and position that `tl.scc` clusters: W = A + Aᵀ, see [`SccParams`].
///
/// # Errors
/// [`Error::Param`] where there are not more observations than neighbours wanted; [`Error::Shape`] where features and
/// positions differ in number; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::cluster::scc::scc_graph;
/// use tegula_core::{Coords, Ctx, Dense};
/// let features = Dense::new(3, 1, vec![0.0, 1.0, 3.0])?;
/// let coords = Coords::new(2, vec![0.0, 0.0, 9.0, 0.0, 1.0, 0.0])?;
/// let graph = scc_graph(&features, &coords, 1, 1, &Ctx::default())?;
/// assert_eq!(graph.csr().get(0, 1), 2.0); // alike, each the other's nearest
/// assert_eq!(graph.csr().get(0, 2), 2.0); // next to each other
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn scc_graph(features: &Dense, coords: &Coords, e_neigh: usize, s_neigh: usize, ctx: &Ctx<'_>) -> Result<Graph> {
    let near_e = alike(features, e_neigh, SccParams::ID, ctx)?;
    joint(&near_e, &beside(coords, s_neigh, near_e.n_obs(), SccParams::ID)?, e_neigh, s_neigh)
}

/// The nearest others in expression, for the method `id`.
pub(super) fn alike(features: &Dense, e_neigh: usize, id: &str, ctx: &Ctx<'_>) -> Result<Knn> {
    check_k(id, "e_neigh", e_neigh, features.n_rows())?;
    Ok(nearest(features, e_neigh, None, MIN_RECALL, ctx)?.knn)
}

/// The nearest others in the tissue of `n` observations, for the method `id`.
pub(super) fn beside(coords: &Coords, s_neigh: usize, n: usize, id: &str) -> Result<Knn> {
    if coords.len() != n {
        return Err(Error::shape("positions", format!("({})", coords.len()), format!("({n})")));
    }
    check_k(id, "s_neigh", s_neigh, n)?;
    spatial_knn(coords, s_neigh)
}

/// The nearest others in expression as a step is told to find them: stored by `pp.neighbors`, or searched now.
pub(super) fn found_or_stored(
    adata: &AnnData,
    neighbors_key: Option<&str>,
    e_neigh: usize,
    id: &str,
    search: impl FnOnce() -> Result<Dense>,
    ctx: &Ctx<'_>,
) -> Result<Knn> {
    let Some(key) = neighbors_key else { return alike(&search()?, e_neigh, id, ctx) };
    let noted = adata.uns().get(key).and_then(Value::as_dict).and_then(|d| d.get("distances_key"));
    let slot = noted.and_then(Value::as_str).unwrap_or(keys::DISTANCES);
    let Some(Value::Csr(distances)) = adata.obsp().get(slot) else {
        return Err(adata.missing(&Slot::obsp(slot), "run pp.neighbors first, or leave out neighbors_key"));
    };
    Knn::from_distances(distances, e_neigh).ok_or_else(|| {
        let reason = format!(
            "holds fewer than {e_neigh} neighbours of some observation; run pp.neighbors with n_neighbors {e_neigh}, or \
             leave out neighbors_key"
        );
        Error::data(Slot::obsp(slot), reason)
    })
}

/// The joint graph of the first `e_neigh` and `s_neigh` neighbours.
pub(super) fn joint(near_e: &Knn, near_s: &Knn, e_neigh: usize, s_neigh: usize) -> Result<Graph> {
    both_ways(&chosen(near_e, near_s, e_neigh, s_neigh))
}

/// The directed graph of the first `e_neigh` and `s_neigh` neighbours.
fn chosen(near_e: &Knn, near_s: &Knn, e_neigh: usize, s_neigh: usize) -> Csr {
    let n = near_e.n_obs();
    let row = |i: usize| {
        let mut row = [&near_e.neighbors(i)[..e_neigh], &near_s.neighbors(i)[..s_neigh]].concat();
        row.sort_unstable();
        row.dedup();
        row
    };
    Csr::build(
        n,
        n,
        |i| row(i).len(),
        |i, columns, values| {
            columns.copy_from_slice(&row(i));
            values.fill(1.0);
        },
    )
}

/// A + Aᵀ.
fn both_ways(chosen: &Csr) -> Result<Graph> {
    Graph::from_csr(&crate::graph::sum(chosen, &chosen.transpose()))
}

/// Finds domains; see [`SccParams`]. Returns them with the joint graph.
///
/// # Errors
/// As [`scc_graph`], and [`Error::Param`] for a resolution or number of clusters that cannot be.
pub fn scc(features: &Dense, coords: &Coords, params: &SccParams, ctx: &Ctx<'_>) -> Result<(Partition, Graph)> {
    params.validate()?;
    domains(scc_graph(features, coords, params.e_neigh, params.s_neigh, ctx)?, params, ctx)
}

/// Finds domains in the joint graph.
fn domains(graph: Graph, params: &SccParams, ctx: &Ctx<'_>) -> Result<(Partition, Graph)> {
    let SccParams { resolution, n_iterations, n_clusters, .. } = *params;
    let found = match params.cluster_method {
        ClusterMethod::Leiden => {
            leiden(&graph, &LeidenParams { resolution, n_iterations, n_clusters, ..LeidenParams::default() }, ctx)?
        }
        ClusterMethod::Louvain => {
            louvain(&graph, &LouvainParams { resolution, n_iterations, n_clusters, ..LouvainParams::default() }, ctx)?
        }
    };
    Ok((found, graph))
}

impl SccParams {
    fn graph_key(&self) -> String {
        format!("{}_{}", self.key_added, keys::CONNECTIVITIES)
    }
}

/// The slots in which neighbours in expression may be found.
pub(super) fn near_slots(neighbors_key: Option<&str>, pca_key: &str) -> Vec<Slot> {
    match neighbors_key {
        None => vec![Slot::rep(pca_key)],
        Some(key) => {
            let made = format!("{key}_{}", keys::DISTANCES);
            vec![Slot::uns(key), Slot::obsp(keys::DISTANCES), Slot::obsp(&made)]
        }
    }
}

impl Step for SccParams {
    const ID: &'static str = "tl.scc";
    const SUMMARY: &'static str = "Finds domains that hang together in expression and in the tissue (SCC).";

    fn reads(&self) -> Vec<Slot> {
        [near_slots(self.neighbors_key.as_deref(), &self.pca_key), vec![Slot::obsm(&self.spatial_key)]].concat()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key_added), Slot::obsp(&self.graph_key()), Slot::uns(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        for (name, value) in [("e_neigh", self.e_neigh), ("s_neigh", self.s_neigh)] {
            if value == 0 {
                return Err(Self::refuse(name, 0, "at least 1"));
            }
        }
        check_resolution(Self::ID, self.resolution)?;
        check_iterations(Self::ID, self.n_iterations)?;
        for (name, value) in [("n_clusters", self.n_clusters), ("n_pcs", self.n_pcs)] {
            if value == Some(0) {
                return Err(Self::refuse(name, 0, "at least 1"));
            }
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "the name of a column"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let coords = adata.coords(&self.spatial_key)?;
        let search = || embedding(adata, &self.pca_key, self.n_pcs, Self::ID);
        let chosen = {
            // The neighbours are let go before the graph is made, which needs room of its own.
            let near_e = found_or_stored(adata, self.neighbors_key.as_deref(), self.e_neigh, Self::ID, search, ctx)?;
            let near_s = beside(&coords, self.s_neigh, near_e.n_obs(), Self::ID)?;
            chosen(&near_e, &near_s, self.e_neigh, self.s_neigh)
        };
        let graph = both_ways(&chosen)?;
        drop(chosen);
        let (found, graph) = domains(graph, self, ctx)?;
        let params = Dict::from([
            ("e_neigh".to_owned(), Value::from(self.e_neigh)),
            ("s_neigh".to_owned(), Value::from(self.s_neigh)),
            ("resolution".to_owned(), Value::from(found.resolution)),
            ("cluster_method".to_owned(), Value::from(self.cluster_method.name())),
            ("n_iterations".to_owned(), Value::Int(self.n_iterations)),
            ("pca_key".to_owned(), Value::from(self.pca_key.as_str())),
            ("spatial_key".to_owned(), Value::from(self.spatial_key.as_str())),
            ("random_state".to_owned(), Value::Int(ctx.seed() as i64)),
        ]);
        let mut outcome = found.outcome();
        outcome.insert("n_edges".to_owned(), Value::from(graph.n_edges() / 2));
        adata.set_obs(&self.key_added, found.labels())?;
        adata.set_obsp(&self.graph_key(), graph.into_csr())?;
        adata.set_uns(
            &self.key_added,
            Dict::from([
                ("params".to_owned(), Value::Dict(params)),
                ("connectivities_key".to_owned(), Value::from(self.graph_key())),
                ("quality".to_owned(), Value::from(found.quality)),
            ]),
        );
        Ok(outcome)
    }
}
