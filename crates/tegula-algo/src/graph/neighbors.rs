//! `pp.neighbors`: the graph of observations alike in expression.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dict, Need, Outcome, Result, Slot, Step, Value, keys};

use super::fuzzy::{fuzzy, fuzzy_union_of, union_of};
use super::knn::check_k;
use super::{Approximate, MIN_RECALL, nearest};

/// Connects every observation with those nearest to it in an embedding.
///
/// # What it does
/// Finds the `n_neighbors` nearest others of each observation by Euclidean distance in `obsm[use_rep]` and weighs the
/// connections. Up to 50,000 observations the search is exact; above, it finds at least the share `min_recall`.
///
/// # When to use it
/// After `pp.pca`, before `tl.louvain`, `tl.leiden` or UMAP. Where position in the tissue should count too, see
/// `tl.scc`, which makes its own graph.
///
/// # How it works
/// Distances come from sums of products kept in registers; whatever could be among the nearest within rounding is
/// measured again in double precision, so the answer is exact, ties going to the lower index. Larger data are cut into
/// cells by k-means, and an observation looks through the cells whose border is near enough; how near is learnt from
/// 1000 observations that are searched exactly. The share found of their neighbours is in `uns["neighbors"]["recall"]`.
/// `umap` weights a connection by UMAP's fuzzy union (nearest other 1, falling off so that the weights of an
/// observation sum to log₂(k + 1));
/// `binary` gives 1 to every pair of which one is among the other's nearest.
///
/// # Reads and writes
/// Reads `obsm[use_rep]`. Writes `obsp["connectivities"]` (symmetric), `obsp["distances"]` (row i: distances from i to
/// its nearest) and `uns["neighbors"]`; with `key_added` they are `<key_added>_connectivities`,
/// `<key_added>_distances` and `uns[<key_added>]`.
///
/// # Determinism
/// The exact search has no randomness, the other one a seed; the same bits for any number of threads.
///
/// # Cost
/// Time O(N² d) exactly, else O(N √N d) in data of few intrinsic dimensions, up to the exact one's in noise; memory
/// O(N k).
///
/// # Differences from the reference
/// scanpy's `n_neighbors` includes the observation itself: its 15 is 14 here, and this default of 15 is its 16. With
/// that the weights are the same to single precision. scanpy searches approximately from 4096 observations on.
///
/// # Example
/// `tegula pp neighbors in.h5ad -o out.h5ad --n-neighbors 15 --n-pcs 30`
///
/// # References
/// Jégou, Douze & Schmid 2011 (cells), <https://doi.org/10.1109/TPAMI.2010.57>; McInnes, Healy & Melville 2018, <https://doi.org/10.48550/arXiv.1802.03426>; Wolf, Angerer & Theis 2018,
/// <https://doi.org/10.1186/s13059-017-1382-0>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NeighborsParams {
    /// Nearest others per observation, itself not counted (scanpy counts it).
    pub n_neighbors: usize,
    /// Use only the first so many columns of the embedding; all if not given.
    pub n_pcs: Option<usize>,
    /// The embedding in `obsm` to measure distances in, or `X` itself.
    pub use_rep: String,
    /// How connections are weighted.
    pub method: Weights,
    /// Search exactly or not; by default up to 50,000 observations.
    pub exact: Option<bool>,
    /// The share of the true neighbours that a search which is not exact has to find, 0 to 1.
    pub min_recall: f64,
    /// Stores under this name instead of the default ones.
    pub key_added: Option<String>,
}

/// How the connections of a neighbour graph are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// UMAP's fuzzy union, scanpy's default.
    Umap,
    /// 1 for every connection.
    Binary,
}

impl Default for NeighborsParams {
    fn default() -> Self {
        Self {
            n_neighbors: 15,
            n_pcs: None,
            use_rep: keys::X_PCA.into(),
            method: Weights::Umap,
            exact: None,
            min_recall: MIN_RECALL,
            key_added: None,
        }
    }
}

impl NeighborsParams {
    /// Keys of `uns`, of the connectivities and of the distances.
    fn keys(&self) -> (String, String, String) {
        match &self.key_added {
            None => (keys::NEIGHBORS.into(), keys::CONNECTIVITIES.into(), keys::DISTANCES.into()),
            Some(k) => (k.clone(), format!("{k}_{}", keys::CONNECTIVITIES), format!("{k}_{}", keys::DISTANCES)),
        }
    }
}

impl Step for NeighborsParams {
    const ID: &'static str = "pp.neighbors";
    const SUMMARY: &'static str = "Connects every observation with those nearest to it in an embedding.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::rep(&self.use_rep)]
    }

    fn writes(&self) -> Vec<Slot> {
        let (uns, connectivities, distances) = self.keys();
        vec![Slot::obsp(&connectivities), Slot::obsp(&distances), Slot::uns(&uns)]
    }

    fn validate(&self) -> Result<()> {
        if self.n_neighbors == 0 {
            return Err(Self::refuse("n_neighbors", 0, "at least 1"));
        }
        if self.n_pcs == Some(0) {
            return Err(Self::refuse("n_pcs", 0, "at least 1, or not given for all"));
        }
        if !(0.0..=1.0).contains(&self.min_recall) {
            return Err(Self::refuse("min_recall", self.min_recall, "a share from 0 to 1"));
        }
        Ok(())
    }

    fn needs(&self, adata: &AnnData) -> Need {
        // Of each neighbour its place and distance, and both graphs while one is made of the other.
        let bytes = 48 * adata.n_obs() as u64 * self.n_neighbors.min(adata.n_obs()) as u64;
        Need { bytes, instead: "take a lower n_neighbors" }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let data = embedding(adata, &self.use_rep, self.n_pcs, Self::ID)?;
        check_k(Self::ID, "n_neighbors", self.n_neighbors, data.n_rows())?;
        let Approximate { knn, recall } = nearest(&data, self.n_neighbors, self.exact, self.min_recall, ctx)?;
        let near = knn.distance_csr();
        let directed = match self.method {
            Weights::Umap => fuzzy(&knn),
            Weights::Binary => knn.adjacency_csr(),
        };
        // Of a million observations they take a third of a gigabyte.
        drop(knn);
        let (graph, method) = match self.method {
            Weights::Umap => (fuzzy_union_of(&directed)?, "umap"),
            Weights::Binary => (union_of(&directed)?, "binary"),
        };
        let (uns, connectivities, distances) = self.keys();
        let edges = graph.n_edges();
        let mut params = Dict::from([
            ("n_neighbors".to_owned(), Value::from(self.n_neighbors)),
            ("method".to_owned(), Value::from(method)),
            ("metric".to_owned(), Value::from("euclidean")),
            ("use_rep".to_owned(), Value::from(self.use_rep.as_str())),
        ]);
        if let Some(n) = self.n_pcs {
            params.insert("n_pcs".to_owned(), Value::from(n));
        }
        adata.set_obsp(&distances, near)?;
        adata.set_obsp(&connectivities, graph.into_csr())?;
        adata.set_uns(
            &uns,
            Dict::from([
                ("connectivities_key".to_owned(), Value::from(connectivities)),
                ("distances_key".to_owned(), Value::from(distances)),
                ("params".to_owned(), Value::Dict(params)),
                ("recall".to_owned(), Value::from(recall)),
            ]),
        );
        Ok(Dict::from([
            ("n_neighbors".to_owned(), Value::from(self.n_neighbors)),
            ("n_dimensions".to_owned(), Value::from(data.n_cols())),
            ("n_edges".to_owned(), Value::from(edges / 2)),
            ("recall".to_owned(), Value::from(recall)),
        ]))
    }
}

/// What to do where an embedding is not there.
pub(crate) const PCA_FIRST: &str = "run pp.pca first, or name another embedding";

/// `obsm[use_rep]` or `X`, the first `n_pcs` columns of it.
pub(crate) fn embedding(
    adata: &AnnData,
    use_rep: &str,
    n_pcs: Option<usize>,
    method: &str,
) -> Result<tegula_core::Dense> {
    let data = adata.embedding(use_rep, PCA_FIRST)?;
    Ok(data.first_cols(columns_used(n_pcs, data.n_cols(), use_rep, method)?))
}

/// How many columns of an embedding of `n_cols` to use: the first `n_pcs`, or all.
pub(crate) fn columns_used(n_pcs: Option<usize>, n_cols: usize, use_rep: &str, method: &str) -> Result<usize> {
    match n_pcs {
        Some(n) if n > n_cols => {
            let must = format!("at most {n_cols}: {} has no more columns", Slot::rep(use_rep));
            Err(tegula_core::Error::param(method, "n_pcs", n, must))
        }
        Some(n) => Ok(n),
        None => Ok(n_cols),
    }
}
