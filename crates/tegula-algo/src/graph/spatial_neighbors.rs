//! `pp.spatial_neighbors`: the graph of observations near each other in the tissue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Csr, Ctx, Dict, Outcome, Result, Slot, Step, Value, keys};

use super::knn::check_k;
use super::spatial::{spatial_knn, spatial_radius};

/// Connects every observation with those nearest to it in the tissue.
///
/// # What it does
/// Finds the `n_neighbors` nearest others of each observation by its position, or with `radius` all others within that
/// distance.
///
/// # When to use it
/// Before spatial statistics, diffusion over the tissue or a graph network. `n_neighbors` 6 suits a hexagonal lattice
/// (Visium), 4 or 8 a square one, 6 to 10 cells; `radius` suits data of even density.
///
/// # How it works
/// A k-d tree over the positions; ties go to the lower index. Lattices, lines and duplicated positions need no care.
///
/// # Reads and writes
/// Reads `obsm[spatial_key]`. Writes `obsp["spatial_connectivities"]` (row i: 1 for each neighbour of i; with
/// `n_neighbors` not symmetric), `obsp["spatial_distances"]` likewise and `uns["spatial_neighbors"]`; with `key_added`
/// they are `<key_added>_connectivities`, `<key_added>_distances` and `uns["<key_added>_neighbors"]`.
///
/// # Determinism
/// No randomness; the same bits for any number of threads.
///
/// # Cost
/// O(N (k + log N)) time, O(N k) memory. A million observations take about a second on two cores.
///
/// # Differences from the reference
/// As squidpy's `gr.spatial_neighbors(coord_type="generic")`: the directed graph is kept as it is. `radius` takes one
/// number, and counts every pair within it whatever `n_neighbors` says.
///
/// # Example
/// `tegula pp spatial_neighbors in.h5ad -o out.h5ad --n-neighbors 6`
///
/// # References
/// Palla et al. 2022, <https://doi.org/10.1038/s41592-021-01358-2>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpatialNeighborsParams {
    /// Nearest others per observation, itself not counted.
    pub n_neighbors: usize,
    /// Connect all within this distance instead, in the unit of the positions.
    pub radius: Option<f64>,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Start of the names to store under.
    pub key_added: String,
}

impl Default for SpatialNeighborsParams {
    fn default() -> Self {
        Self { n_neighbors: 6, radius: None, spatial_key: keys::SPATIAL.into(), key_added: "spatial".into() }
    }
}

impl SpatialNeighborsParams {
    fn keys(&self) -> [String; 3] {
        ["connectivities", "distances", "neighbors"].map(|what| format!("{}_{what}", self.key_added))
    }
}

impl Step for SpatialNeighborsParams {
    const ID: &'static str = "pp.spatial_neighbors";
    const SUMMARY: &'static str = "Connects every observation with those nearest to it in the tissue.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::obsm(&self.spatial_key)]
    }

    fn writes(&self) -> Vec<Slot> {
        let [connectivities, distances, uns] = self.keys();
        vec![Slot::obsp(&connectivities), Slot::obsp(&distances), Slot::uns(&uns)]
    }

    fn validate(&self) -> Result<()> {
        if self.n_neighbors == 0 {
            return Err(Self::refuse("n_neighbors", 0, "at least 1"));
        }
        if let Some(r) = self.radius.filter(|r| !(*r > 0.0 && r.is_finite())) {
            return Err(Self::refuse("radius", r, "a number above 0"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "a name, as `spatial`"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        let coords = adata.coords(&self.spatial_key)?;
        let lengths: Csr = if let Some(radius) = self.radius {
            spatial_radius(&coords, radius)?
        } else {
            check_k(Self::ID, "n_neighbors", self.n_neighbors, coords.len())?;
            spatial_knn(&coords, self.n_neighbors)?.distance_csr()
        };
        let [connectivities, distances, uns] = self.keys();
        let n = coords.len();
        let alone = lengths.indptr().windows(2).filter(|w| w[0] == w[1]).count();
        let mut params = Dict::from([("coord_type".to_owned(), Value::from("generic"))]);
        match self.radius {
            Some(r) => params.insert("radius".to_owned(), Value::from(r)),
            None => params.insert("n_neighbors".to_owned(), Value::from(self.n_neighbors)),
        };
        let outcome = Dict::from([
            ("mean_neighbors".to_owned(), Value::from(lengths.nnz() as f64 / n.max(1) as f64)),
            ("n_alone".to_owned(), Value::from(alone)),
        ]);
        adata.set_obsp(&connectivities, lengths.with_values(vec![1.0; lengths.nnz()]))?;
        adata.set_obsp(&distances, lengths)?;
        adata.set_uns(
            &uns,
            Dict::from([
                ("connectivities_key".to_owned(), Value::from(connectivities)),
                ("distances_key".to_owned(), Value::from(distances)),
                ("params".to_owned(), Value::Dict(params)),
            ]),
        );
        Ok(outcome)
    }
}
