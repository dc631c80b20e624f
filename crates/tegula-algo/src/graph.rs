//! Graphs over observations.

mod approximate;
mod delaunay;
mod fuzzy;
mod grid;
pub mod knn;
mod lattice;
pub mod neighbors;
mod prune;
mod sections;
mod shortlist;
mod source;
pub mod spatial;
pub mod spatial_neighbors;
mod undirected;

pub use approximate::{Approximate, knn_approximate};
pub(crate) use approximate::{MIN_RECALL, nearest, side_by_side};
pub use delaunay::{delaunay, voronoi};
pub(crate) use fuzzy::exp;
pub use fuzzy::fuzzy_union;
pub use grid::{grid, rings};
pub use knn::{Knn, knn};
pub(crate) use knn::{check_k, distance2, knn_of};
pub use lattice::{Lattice, LatticeKind, lattice};
pub use prune::{cosine, prune, spectral};
pub(crate) use sections::part;
pub use sections::{between_sections, within_sections};
pub use source::Source;
pub use spatial::{spatial_knn, spatial_radius};
pub(crate) use undirected::undirected;

use tegula_core::{Csr, Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] =
    &[&entry::<neighbors::NeighborsParams>(), &entry::<spatial_neighbors::SpatialNeighborsParams>()];

/// The sum of two sparse matrices of one shape.
pub(crate) fn sum(a: &Csr, b: &Csr) -> Csr {
    fuzzy::merge(a, b, |x, y| x + y)
}
