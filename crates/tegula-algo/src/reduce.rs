//! Dimension reduction: components of the expression, of a graph, and pseudotime, which is a reduction to one dimension.

pub mod diffmap;
pub mod dpt;
pub mod pca;
pub mod psm;

pub use diffmap::{Diffmap, DiffmapParams, diffmap};
pub use dpt::{DptParams, dpt};
pub use pca::{Pca, PcaParams, Solver, knee, pca};
pub use psm::{Psm, PsmParams, psm};

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] =
    &[&entry::<PcaParams>(), &entry::<DiffmapParams>(), &entry::<DptParams>(), &entry::<PsmParams>()];
