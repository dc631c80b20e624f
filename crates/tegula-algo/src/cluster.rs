//! Clustering: communities of a graph of observations.

pub mod leiden;
pub mod louvain;
pub mod scc;

mod level;
mod moving;
mod multilevel;
mod partition;
mod refine;
mod resolution;
mod source;

pub use leiden::{LeidenParams, leiden};
pub use louvain::{LouvainParams, louvain};
pub use partition::Partition;

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[&entry::<LouvainParams>(), &entry::<LeidenParams>(), &entry::<scc::SccParams>()];
