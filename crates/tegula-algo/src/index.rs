//! Search structures over positions and rows, and sums over all pairs of positions.

mod kdtree;
mod nbody;
pub(crate) mod panels;
mod triangulation;

pub use kdtree::KdTree;
pub(crate) use kdtree::Tick;
pub use nbody::{Field, LowRank};
pub(crate) use triangulation::Triangulation;
