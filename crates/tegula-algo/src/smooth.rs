//! Smoothing labels in space.

mod majority;

pub use majority::{SmoothParams, smooth};

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[&entry::<SmoothParams>()];
