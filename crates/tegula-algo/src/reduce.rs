//! Dimension reduction.

pub mod pca;

pub use pca::{Pca, PcaParams, Solver, knee, pca};

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[&entry::<PcaParams>()];
