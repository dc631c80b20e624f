//! Search structures over positions.

mod kdtree;

pub use kdtree::KdTree;
