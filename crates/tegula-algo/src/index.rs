//! Search structures over positions, and sums over all pairs of them.

mod kdtree;
mod nbody;
mod triangulation;

pub use kdtree::KdTree;
pub(crate) use kdtree::Tick;
pub use nbody::{Field, LowRank};
pub(crate) use triangulation::Triangulation;
