//! Embeddings: every observation a point in the plane or in space.

pub mod affinity;
mod descent;
pub mod exact;
mod fast;
mod pairs;
mod run;
pub mod screen;
mod shape;
pub mod spasne;
mod start;
pub mod terms;
pub mod tsne;

pub use affinity::Points;
pub use exact::Exact;
pub use pairs::Pairs;
pub use run::{Embedding, Method};
pub use screen::{Screen, ScreenRow, SpasneScreenParams, Stage, spasne_screen};
pub use spasne::{SpasneParams, spasne};
pub use start::Init;
pub use terms::{Balance, Divergences, Terms};
pub use tsne::{TsneParams, tsne};

use tegula_core::entry;

/// The methods of this room.
pub const METHODS: &[&dyn tegula_core::Method] =
    &[&entry::<TsneParams>(), &entry::<SpasneParams>(), &entry::<SpasneScreenParams>()];
