//! Naming clusters.

mod names;

pub use names::{AnnotateParams, annotate};

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[&entry::<AnnotateParams>()];
