//! Graphs over observations.

use tegula_core::Method;

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[];
