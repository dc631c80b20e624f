//! Which of its graphs the step makes, and what it says of it.

use tegula_core::{Coords, Csr, Ctx, Dict, Labels, Result, Step, Value};

use super::{CoordType, SpatialNeighborsParams, Transform};
use crate::graph::grid::followed;
use crate::graph::knn::check_k;
use crate::graph::spatial::{nearest, within};
use crate::graph::{Lattice, delaunay, grid, lattice, prune, voronoi};

/// Which graph is made, of positions on which lattice.
pub(super) struct Mode {
    grid: bool,
    lattice: Option<Lattice>,
}

impl Mode {
    /// What the parameters ask for, or the data suggest. `visium`: whether `uns` has Visium's entry.
    pub(super) fn choose(
        params: &SpatialNeighborsParams,
        visium: bool,
        coords: &Coords,
        libraries: Option<&Labels>,
    ) -> Self {
        let free = params.radius.is_none() && !params.delaunay && !params.voronoi && params.percentile.is_none();
        let grid = match params.coord_type {
            CoordType::Grid => true,
            CoordType::Generic => false,
            CoordType::Auto => params.n_rings > 1 || (visium && free),
        };
        // Nothing is to be told of a lattice where another graph was asked for.
        let lattice = if grid || free { first_section(coords, libraries).as_ref().and_then(lattice) } else { None };
        Self { grid, lattice }
    }

    /// The graph of one section, long edges cut.
    pub(super) fn build(&self, params: &SpatialNeighborsParams, coords: &Coords, ctx: &Ctx<'_>) -> Result<Csr> {
        let tick = || ctx.tick(SpatialNeighborsParams::ID, 0);
        tick()?;
        let k = params.n_neighbors;
        let needs_k = !params.delaunay && !params.voronoi && (self.grid || params.radius.is_none());
        if needs_k {
            check_k(SpatialNeighborsParams::ID, "n_neighbors", k, coords.len())?;
        }
        if self.grid {
            let base = if params.delaunay { delaunay(coords)? } else { grid(coords, k)? };
            return followed(&base, params.n_rings, &tick);
        }
        let lengths = match params.radius {
            _ if params.voronoi => voronoi(coords)?,
            _ if params.delaunay => delaunay(coords)?,
            Some(radius) => within(coords, radius, &tick)?,
            None => nearest(coords, k, &tick)?.distance_csr(),
        };
        let longest = params.radius.filter(|_| params.delaunay || params.voronoi);
        if longest.is_none() && params.radius_min.is_none() && params.percentile.is_none() {
            return Ok(lengths);
        }
        let (shortest, longest) = (params.radius_min.unwrap_or(0.0), longest.unwrap_or(f64::INFINITY));
        Ok(prune(&lengths, coords, shortest, longest, params.percentile))
    }

    /// Says where the nearest others cut through a ring of a lattice, so that indices decide.
    pub(super) fn warn(&self, params: &SpatialNeighborsParams, ctx: &Ctx<'_>) {
        let Some(lattice) = self.lattice.as_ref().filter(|_| !self.grid) else { return };
        let (k, whole) = (params.n_neighbors, lattice.kind.s_neigh());
        if k < whole[whole.len() - 1] && !whole.contains(&k) {
            let rings = whole.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let name = lattice.kind.name();
            ctx.warn(&format!(
                "pp.spatial_neighbors: the positions lie on a {name} lattice, whose rings hold {rings} neighbours; \
                 {k} nearest cut through one of them: take another n_neighbors, or coord_type grid"
            ));
        }
    }

    /// The lattice, for the outcome.
    pub(super) fn found(&self) -> Dict {
        let Some(lattice) = &self.lattice else { return Dict::new() };
        Dict::from([
            ("lattice".to_owned(), Value::from(lattice.kind.name())),
            ("spacing".to_owned(), Value::from(lattice.spacing)),
        ])
    }

    /// The parameters that count, as squidpy notes them.
    pub(super) fn params(&self, params: &SpatialNeighborsParams) -> Dict {
        let mut noted =
            Dict::from([("coord_type".to_owned(), Value::from(if self.grid { "grid" } else { "generic" }))]);
        let mut note = |name: &str, value: Value| {
            noted.insert(name.to_owned(), value);
        };
        if self.grid || (params.radius.is_none() && !params.delaunay && !params.voronoi) {
            note("n_neighbors", Value::from(params.n_neighbors));
        }
        if self.grid {
            note("n_rings", Value::from(params.n_rings));
        }
        for (name, asked) in [("delaunay", params.delaunay), ("voronoi", params.voronoi)] {
            if asked {
                note(name, Value::from(true));
            }
        }
        let numbers = [
            ("radius", params.radius),
            ("radius_min", params.radius_min),
            ("percentile", params.percentile),
            ("radius_z", params.radius_z),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                note(name, Value::from(value));
            }
        }
        if let Some(transform) = params.transform {
            let name = match transform {
                Transform::Spectral => "spectral",
                Transform::Cosine => "cosine",
            };
            note("transform", Value::from(name));
        }
        if let Some(key) = &params.library_key {
            note("library_key", Value::from(key.as_str()));
        }
        noted
    }
}

/// The positions of the section of the first observation: lattices of several do not fit together.
fn first_section(coords: &Coords, libraries: Option<&Labels>) -> Option<Coords> {
    let Some(libraries) = libraries else { return Some(coords.clone()) };
    let first = *libraries.codes().first()?;
    let members = (0..coords.len()).filter(|&i| libraries.codes()[i] == first);
    Coords::new(coords.dim(), members.flat_map(|i| coords.point(i)).copied().collect()).ok()
}

/// The same matrix with 1 on the diagonal.
pub(super) fn with_diagonal(weights: &Csr) -> Csr {
    let rows: Vec<Vec<(u32, f32)>> = (0..weights.n_rows())
        .map(|i| {
            let (cols, values) = weights.row(i);
            let mut row: Vec<(u32, f32)> = cols.iter().copied().zip(values.iter().copied()).collect();
            row.insert(cols.partition_point(|&j| (j as usize) < i), (i as u32, 1.0));
            row
        })
        .collect();
    Csr::from_rows(weights.n_cols(), &rows)
}
