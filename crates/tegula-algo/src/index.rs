//! Search structures over positions.

mod kdtree;
mod triangulation;

pub use kdtree::KdTree;
pub(crate) use kdtree::Tick;
pub(crate) use triangulation::Triangulation;
