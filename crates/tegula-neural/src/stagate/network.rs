//! The graph that a network is trained on: found by a rule, or taken from `obsp`.

use tegula_algo::graph::Source;
use tegula_algo::graph::spatial_neighbors::{CoordType, SpatialNeighborsParams};
use tegula_algo::graph::{lattice, spatial_knn};
use tegula_core::{AnnData, Coords, Csr, Ctx, Error, Frame, Result, Slot, Step, keys};

use super::StagateParams;

impl StagateParams {
    /// The rules that are given for the graph.
    fn rules(&self) -> Vec<&'static str> {
        let all = [
            ("rad_cutoff", self.rad_cutoff.is_some()),
            ("k_cutoff", self.k_cutoff.is_some()),
            ("delaunay", self.delaunay),
            ("neighbors_key", self.neighbors_key.is_some()),
        ];
        all.into_iter().filter(|r| r.1).map(|r| r.0).collect()
    }

    /// Refuses rules that contradict each other.
    pub(super) fn agree(&self) -> Result<()> {
        if let [first, second, ..] = self.rules()[..] {
            return Err(Self::refuse(second, "given", &format!("left out with `{first}`")));
        }
        if let Some(r) = self.rad_cutoff.filter(|r| !(*r > 0.0 && r.is_finite())) {
            return Err(Self::refuse("rad_cutoff", r, "a number above 0"));
        }
        if let Some(r) = self.rad_cutoff_z.filter(|r| !(*r > 0.0 && r.is_finite())) {
            return Err(Self::refuse("rad_cutoff_z", r, "a number above 0"));
        }
        if self.k_cutoff == Some(0) {
            return Err(Self::refuse("k_cutoff", 0, "at least 1"));
        }
        let ruled = self.rad_cutoff.is_some() || self.k_cutoff.is_some() || self.delaunay;
        if self.library_key.is_some() && !ruled {
            return Err(Self::refuse("library_key", "given", "used with `rad_cutoff`, `k_cutoff` or `delaunay`"));
        }
        if self.rad_cutoff_z.is_some() && self.library_key.is_none() {
            return Err(Self::refuse("rad_cutoff_z", "given", "used with `library_key`"));
        }
        if !self.library_order.is_empty() && self.rad_cutoff_z.is_none() {
            return Err(Self::refuse("library_order", "given", "used with `rad_cutoff_z`"));
        }
        Ok(())
    }

    /// The slots it may be found from.
    pub(super) fn reads_for_graph(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obsm(&self.spatial_key)];
        match (self.rules().first(), &self.neighbors_key) {
            (_, Some(key)) => slots.extend(Source { neighbors_key: Some(key), obsp: None }.reads()),
            (None, _) => slots.push(Slot::obsp(keys::SPATIAL_CONNECTIVITIES)),
            _ => slots.extend(self.library_key.as_deref().map(Slot::obs)),
        }
        slots
    }

    /// The graph: row `i` has an entry for each neighbour of `i`.
    pub(super) fn graph(&self, adata: &AnnData, ctx: &Ctx<'_>) -> Result<Csr> {
        let given = match &self.neighbors_key {
            Some(key) => Some(Source { neighbors_key: Some(key), obsp: None }),
            None if self.rules().is_empty() && adata.obsp().contains_key(keys::SPATIAL_CONNECTIVITIES) => {
                Some(Source { neighbors_key: None, obsp: Some(keys::SPATIAL_CONNECTIVITIES) })
            }
            None => None,
        };
        if let Some(source) = given {
            return Ok(source.graph(adata)?.into_csr());
        }
        let hint = "run pp.spatial_neighbors first, or pass rad_cutoff, k_cutoff or delaunay with positions in obsm";
        if self.rules().is_empty() && !adata.obsm().contains_key(&self.spatial_key) {
            return Err(adata.missing(&Slot::obsp(keys::SPATIAL_CONNECTIVITIES), hint));
        }
        let coords = adata.coords(&self.spatial_key)?;
        let rule = self.rule(&coords).ok_or_else(|| {
            let hint = "the positions lie on no lattice: run pp.spatial_neighbors first, or pass rad_cutoff, k_cutoff or \
                        delaunay";
            adata.missing(&Slot::obsp(keys::SPATIAL_CONNECTIVITIES), hint)
        })?;
        let mut bare = AnnData::new(None, Frame::with_range_index(coords.len()), Frame::default())?;
        bare.set_obsm(keys::SPATIAL, &coords)?;
        if let Some(key) = &self.library_key {
            let column = adata.obs().get(key);
            let hint = "name the column that tells the sections";
            bare.set_obs(key, column.cloned().ok_or_else(|| adata.missing(&Slot::obs(key), hint))?)?;
        }
        rule.apply(&mut bare, ctx).map_err(own_names)?;
        let graph = bare.graph(keys::SPATIAL_CONNECTIVITIES, hint)?.into_csr();
        self.check_alone(&graph, &coords)?;
        Ok(graph)
    }

    /// The step that finds it; `None` where there is neither a rule nor a lattice.
    fn rule(&self, coords: &Coords) -> Option<SpatialNeighborsParams> {
        let rule = SpatialNeighborsParams {
            coord_type: CoordType::Generic,
            radius: self.rad_cutoff,
            n_neighbors: self.k_cutoff.unwrap_or(6),
            delaunay: self.delaunay,
            library_key: self.library_key.clone(),
            radius_z: self.rad_cutoff_z,
            library_order: self.library_order.clone(),
            ..SpatialNeighborsParams::default()
        };
        if !self.rules().is_empty() {
            return Some(rule);
        }
        // On a square lattice the eight around, corners and all.
        let ring = lattice(coords)?.kind.s_neigh().iter().rfind(|k| **k <= 8).copied()?;
        Some(SpatialNeighborsParams { coord_type: CoordType::Grid, n_neighbors: ring, ..rule })
    }

    /// Refuses a radius within which most observations are alone; suggests one.
    fn check_alone(&self, graph: &Csr, coords: &Coords) -> Result<()> {
        let n = graph.n_rows();
        let alone = graph.indptr().windows(2).filter(|w| w[0] == w[1]).count();
        let Some(radius) = self.rad_cutoff.filter(|_| 2 * alone > n) else { return Ok(()) };
        let k = 6.min(n.saturating_sub(1));
        let advice = if k == 0 {
            "more than one observation is needed".to_owned()
        } else {
            let nearest = spatial_knn(coords, k)?.distance_csr();
            let mut farthest: Vec<f32> =
                (0..n).map(|i| nearest.row(i).1.iter().fold(0f32, |far, &d| far.max(d))).collect();
            farthest.sort_by(f32::total_cmp);
            format!("about {:.4}, where an observation has {k} neighbours", farthest[n / 2])
        };
        let must = format!("larger, since {alone} of {n} observations have no neighbour: {advice}");
        Err(Self::refuse("rad_cutoff", radius, &must))
    }
}

/// The message of the step that makes the graph, in the names of this one.
fn own_names(e: Error) -> Error {
    match e {
        Error::Param { name, value, must, .. } => {
            let name = match name.as_str() {
                "radius" => "rad_cutoff",
                "radius_z" => "rad_cutoff_z",
                "n_neighbors" => "k_cutoff",
                other => other,
            };
            Error::param(StagateParams::ID, name, value, must)
        }
        other => other,
    }
}
