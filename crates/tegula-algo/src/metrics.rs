//! Measures of agreement and quality.

pub mod agreement;
mod expected;
pub mod modularity;
mod score;
pub mod silhouette;
pub mod spatial;

pub use agreement::{Agreement, ami, ari, nmi};
pub use modularity::modularity;
pub use score::{ScoreOptions, score};
pub use silhouette::{silhouette, silhouette_coords};
pub use spatial::{chaos, pas};
