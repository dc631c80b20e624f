//! Clustering: communities of a graph of observations, groups in an embedding.

pub mod consensus;
pub mod kmeans;
pub mod leiden;
pub mod louvain;
pub mod mclust;
pub mod scc;

mod level;
mod moving;
mod multilevel;
mod objective;
mod options;
mod partition;
mod refine;
mod resolution;
mod restrict;
mod runs;
mod source;
pub mod sweep;
mod vote;

pub use consensus::{Combined, Consensus, ConsensusParams, combine, consensus};
pub use kmeans::{Kmeans, KmeansParams, kmeans};
pub use leiden::{LeidenParams, leiden, leiden_from};
pub use louvain::{LouvainParams, louvain, louvain_from};
pub use mclust::{MclustParams, Mixture};
pub use objective::Objective;
pub use partition::Partition;
pub use source::Source;
pub use sweep::{Sweep, SweepParams, SweepRow, sweep};

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[
    &entry::<LouvainParams>(),
    &entry::<LeidenParams>(),
    &entry::<scc::SccParams>(),
    &entry::<KmeansParams>(),
    &entry::<MclustParams>(),
    &entry::<ConsensusParams>(),
    &entry::<SweepParams>(),
];
