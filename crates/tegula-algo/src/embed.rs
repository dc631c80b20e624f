//! Embeddings: every observation a point in the plane or in space.

pub mod affinity;
pub mod exact;
mod pairs;
pub mod terms;

pub use affinity::Points;
pub use exact::Exact;
pub use pairs::Pairs;
pub use terms::{Balance, Divergences, Terms};

use tegula_core::Method;

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[];
