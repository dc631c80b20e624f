//! Sections laid onto each other, and what one measured brought onto another.

mod affine;
pub mod apply_transform;
pub mod cast_project;
pub mod cast_stack;
mod clues;
mod cost;
mod follow;
mod likeness;
mod matches;
mod mesh;
mod section;
mod start;
mod stored;
mod transform;
mod warp;

pub use affine::Affine;
pub use apply_transform::ApplyTransformParams;
pub use cast_project::{CastProjectParams, Match, Projection, Side, cast_project};
pub use cast_stack::{Alignment, CastStackParams, Mode, TransformKind, cast_stack};
pub use mesh::Mesh;
pub use section::Section;
pub use start::Start;
pub use transform::Transform;

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] =
    &[&entry::<CastStackParams>(), &entry::<ApplyTransformParams>(), &entry::<CastProjectParams>()];

/// A place in the plane.
pub(crate) type Point = [f64; 2];
