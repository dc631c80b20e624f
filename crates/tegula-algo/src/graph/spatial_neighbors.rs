//! `pp.spatial_neighbors`: the graph of observations near each other in the tissue.

mod mode;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dict, Outcome, Result, Slot, Step, Value, keys};

use super::sections::{between_sections, sections, within_sections};
use super::{cosine, spectral};
use mode::Mode;

/// Connects every observation with those near it in the tissue.
///
/// # What it does
/// Makes a graph of the positions: the `n_neighbors` nearest others of each observation, or all within `radius`, or
/// its neighbours in the Delaunay triangulation, or those its Voronoi cell borders on inside the convex hull, or its
/// rings on a lattice.
///
/// # When to use it
/// Before spatial statistics, diffusion over the tissue or a graph network. `n_neighbors` 6 suits a hexagonal lattice
/// (Visium), 4 or 8 a square one, 6 to 10 cells; `radius` suits data of even density; `delaunay` and `voronoi` need no
/// number and suit cells. `coord_type` grid follows a lattice whose spots are missing or shaken.
///
/// # How it works
/// Nearest others and radius: a k-d tree; ties go to the lower index. `delaunay`: an exact triangulation of the distinct
/// places; of several observations at one place the first takes part and the others are joined to it. `voronoi`: the
/// Delaunay edges whose Voronoi border has a length inside the hull, as CAST's graph. Grid: of the `n_neighbors`
/// nearest those nearer than 1.3 times the median, then `n_rings` steps along them; a lattice in Visium's rows and
/// columns is recognised and made regular first. Then, in this order: edges outside `radius_min` to `radius` go, edges
/// above `percentile` go, sections are joined by `radius_z`, weights are transformed. Lattices, lines and duplicated
/// positions need no care.
///
/// # Reads and writes
/// Reads `obsm[spatial_key]`, `uns["spatial"]` (is it Visium?) and `obs[library_key]`. Writes
/// `obsp["spatial_connectivities"]` (row i: 1 for each neighbour of i; nearest others are not symmetric),
/// `obsp["spatial_distances"]` likewise (on a grid the ring) and `uns["spatial_neighbors"]`; with `key_added` they are
/// `<key_added>_connectivities`, `<key_added>_distances` and `uns["<key_added>_neighbors"]`. The outcome tells the
/// lattice, if the positions lie on one, and its spacing.
///
/// # Determinism
/// No randomness; the same bits for any number of threads.
///
/// # Cost
/// O(N (k + log N)) time, O(N k) memory. A million observations take about one CPU second with their 7 nearest, two with
/// `delaunay`, of which most run on one core.
///
/// # Differences from the reference
/// The edges are those of squidpy's `gr.spatial_neighbors`, `percentile` and its zeros included; of cocircular points
/// any triangulation may be taken. Distances of 0 between duplicates are kept. `radius` with `delaunay` cuts longer
/// edges. `coord_type` auto leaves the grid where `delaunay`, `radius` or `percentile` is given. `radius_z` is
/// STAGATE's `rad_cutoff_Zaxis`, its distance being that in x and y.
///
/// # Example
/// `tegula pp spatial_neighbors in.h5ad -o out.h5ad --delaunay --percentile 99 --library-key section`
///
/// # References
/// Palla et al. 2022, <https://doi.org/10.1038/s41592-021-01358-2>; Tang et al. 2024,
/// <https://doi.org/10.1038/s41592-024-02410-7>; Dong & Zhang 2022, <https://doi.org/10.1038/s41467-022-29439-6>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpatialNeighborsParams {
    /// Nearest others per observation, itself not counted.
    pub n_neighbors: usize,
    /// Connect all within this distance instead, in the unit of the positions; with `delaunay` or `voronoi`, the longest
    /// edge kept.
    pub radius: Option<f64>,
    /// With `radius`, the shortest edge kept.
    pub radius_min: Option<f64>,
    /// Connect the neighbours in the Delaunay triangulation instead.
    pub delaunay: bool,
    /// Connect those whose Voronoi cells, cut off at the convex hull, share a border instead: CAST's graph.
    pub voronoi: bool,
    /// Whether the positions are those of a lattice.
    pub coord_type: CoordType,
    /// On a grid, how many rings of neighbours.
    pub n_rings: usize,
    /// Cut edges longer than this percentile of the distances, 0 to 100; not on a grid.
    pub percentile: Option<f64>,
    /// What becomes of the connectivities.
    pub transform: Option<Transform>,
    /// Set the diagonal of the connectivities to 1.
    pub set_diag: bool,
    /// The column of `obs` that tells sections or slides apart: the graph does not cross between them.
    pub library_key: Option<String>,
    /// With `library_key`, join observations of neighbouring sections within this distance in x and y.
    pub radius_z: Option<f64>,
    /// The order of the sections for `radius_z`; that of the categories or numbers if empty.
    pub library_order: Vec<String>,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Start of the names to store under.
    pub key_added: String,
}

/// Whether positions are those of a lattice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CoordType {
    /// Grid where `uns` has an entry `spatial`, as Visium has, unless something else than nearest others is asked for.
    Auto,
    /// A lattice: neighbours ring by ring.
    Grid,
    /// Any positions.
    Generic,
}

/// What becomes of the connectivities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Divided by the roots of both ends' degrees.
    Spectral,
    /// The cosine between neighbourhoods.
    Cosine,
}

impl Default for SpatialNeighborsParams {
    fn default() -> Self {
        Self {
            n_neighbors: 6,
            radius: None,
            radius_min: None,
            delaunay: false,
            voronoi: false,
            coord_type: CoordType::Auto,
            n_rings: 1,
            percentile: None,
            transform: None,
            set_diag: false,
            library_key: None,
            radius_z: None,
            library_order: Vec::new(),
            spatial_key: keys::SPATIAL.into(),
            key_added: "spatial".into(),
        }
    }
}

impl SpatialNeighborsParams {
    fn keys(&self) -> [String; 3] {
        ["connectivities", "distances", "neighbors"].map(|what| format!("{}_{what}", self.key_added))
    }

    /// Refuses options that contradict each other.
    fn agree(&self) -> Result<()> {
        let grid = self.coord_type == CoordType::Grid || self.n_rings > 1;
        let no_grid = "left out on a grid";
        let clashes = [
            ("voronoi", self.voronoi && self.delaunay, "true", "false with `delaunay`"),
            ("voronoi", self.voronoi && grid, "true", no_grid),
            ("radius", self.radius.is_some() && grid, "given", no_grid),
            ("percentile", self.percentile.is_some() && grid, "given", no_grid),
            ("n_rings", self.n_rings > 1 && self.coord_type == CoordType::Generic, "above 1", "1 unless on a grid"),
            ("radius_min", self.radius_min.is_some() && self.radius.is_none(), "given", "left out without `radius`"),
            ("radius_z", self.radius_z.is_some() && self.library_key.is_none(), "given", "used with `library_key`"),
            (
                "library_order",
                !self.library_order.is_empty() && self.radius_z.is_none(),
                "given",
                "left out without `radius_z`",
            ),
        ];
        match clashes.iter().find(|c| c.1) {
            Some((name, _, value, must)) => Err(Self::refuse(name, value, must)),
            None => Ok(()),
        }
    }
}

impl Step for SpatialNeighborsParams {
    const ID: &'static str = "pp.spatial_neighbors";
    const SUMMARY: &'static str = "Connects every observation with those near it in the tissue.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obsm(&self.spatial_key)];
        if self.coord_type == CoordType::Auto {
            slots.push(Slot::uns(keys::SPATIAL));
        }
        slots.extend(self.library_key.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        let [connectivities, distances, uns] = self.keys();
        vec![Slot::obsp(&connectivities), Slot::obsp(&distances), Slot::uns(&uns)]
    }

    fn validate(&self) -> Result<()> {
        for (name, value) in [("n_neighbors", self.n_neighbors), ("n_rings", self.n_rings)] {
            if value == 0 {
                return Err(Self::refuse(name, 0, "at least 1"));
            }
        }
        for (name, value) in [("radius", self.radius), ("radius_z", self.radius_z)] {
            if let Some(r) = value.filter(|r| !(*r > 0.0 && r.is_finite())) {
                return Err(Self::refuse(name, r, "a number above 0"));
            }
        }
        if let Some(r) = self.radius_min.filter(|r| !(*r >= 0.0 && self.radius.is_none_or(|most| *r <= most))) {
            return Err(Self::refuse("radius_min", r, "from 0 to `radius`"));
        }
        if let Some(p) = self.percentile.filter(|p| !(0.0..=100.0).contains(p)) {
            return Err(Self::refuse("percentile", p, "from 0 to 100"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "a name, as `spatial`"));
        }
        self.agree()
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let coords = adata.coords(&self.spatial_key)?;
        let libraries = match &self.library_key {
            Some(key) => Some(sections(adata, key, &self.library_order)?),
            None => None,
        };
        let mode = Mode::choose(self, adata.uns().contains_key(keys::SPATIAL), &coords, libraries.as_ref());
        mode.warn(self, ctx);
        ctx.begin(Self::ID, 0);
        let lengths = match &libraries {
            None => mode.build(self, &coords, ctx)?,
            Some(libraries) => within_sections(&coords, libraries, |part| mode.build(self, part, ctx))?,
        };
        let lengths = match (self.radius_z, &libraries) {
            (Some(radius), Some(libraries)) => super::sum(&lengths, &between_sections(&coords, libraries, radius)?),
            _ => lengths,
        };
        let mut weights = lengths.with_values(vec![1.0; lengths.nnz()]);
        if self.set_diag {
            weights = mode::with_diagonal(&weights);
        }
        let weights = match self.transform {
            None => weights,
            Some(Transform::Spectral) => spectral(&weights),
            Some(Transform::Cosine) => cosine(&weights),
        };
        ctx.tick(Self::ID, 0)?;
        ctx.end(Self::ID);
        let alone = lengths.indptr().windows(2).filter(|w| w[0] == w[1]).count();
        let mut outcome = Dict::from([
            ("mean_neighbors".to_owned(), Value::from(lengths.nnz() as f64 / coords.len().max(1) as f64)),
            ("n_alone".to_owned(), Value::from(alone)),
        ]);
        outcome.extend(mode.found());
        let [connectivities, distances, uns] = self.keys();
        adata.set_obsp(&connectivities, weights)?;
        adata.set_obsp(&distances, lengths)?;
        adata.set_uns(
            &uns,
            Dict::from([
                ("connectivities_key".to_owned(), Value::from(connectivities)),
                ("distances_key".to_owned(), Value::from(distances)),
                ("params".to_owned(), Value::Dict(mode.params(self))),
            ]),
        );
        Ok(outcome)
    }
}
