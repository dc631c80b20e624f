//! Sections brought together.

pub mod cast_project;

pub use cast_project::{CastProjectParams, Match, Projection, Side, cast_project};

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[&entry::<CastProjectParams>()];
