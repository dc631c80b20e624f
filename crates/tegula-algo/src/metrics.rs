//! Measures of agreement and quality.

pub mod agreement;
mod expected;
pub mod lisi;
pub mod modularity;
mod score;
pub mod silhouette;
pub mod spatial;

pub use agreement::{Agreement, ami, ari, nmi};
pub use lisi::{lisi, lisi_coords};
pub use modularity::modularity;
pub use score::{ScoreOptions, score};
pub use silhouette::{asw, asw_batch, silhouette, silhouette_coords, silhouette_sampled};
pub use spatial::{chaos, pas};
