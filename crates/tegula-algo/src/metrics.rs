//! Measures of agreement and quality.

pub mod agreement;
mod distances;
mod embedding;
mod expected;
pub mod lisi;
pub mod modularity;
mod moments;
pub mod neighbor_agreement;
mod recall;
mod score;
pub mod silhouette;
pub mod spatial;

pub use agreement::{Agreement, ami, ari, nmi};
pub use distances::{Correlation, distance_correlation, distance_correlation_coords};
pub use embedding::{EmbeddingScore, score_embedding, score_stored_embedding};
pub use lisi::{lisi, lisi_coords};
pub use modularity::modularity;
pub use neighbor_agreement::neighbor_agreement;
pub use recall::knn_recall;
pub use score::{ScoreOptions, score};
pub use silhouette::{asw, asw_batch, silhouette, silhouette_coords, silhouette_sampled};
pub use spatial::{chaos, pas};
