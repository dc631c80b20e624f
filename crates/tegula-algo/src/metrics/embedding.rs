//! All measures of an embedding at once.

use tegula_core::{AnnData, Coords, Ctx, Dense, Dict, Labels, Result, Slot, Value, keys};

use super::distances::{Correlation, Rows, correlations};
use super::{ScoreOptions, knn_recall, silhouette_sampled};
use crate::graph::neighbors::PCA_FIRST;

/// Neighbours whose recall is measured.
const NEIGHBORS: usize = 10;
/// Up to so many observations the silhouette is exact.
const EXACT: usize = 20_000;
/// Above, it is that of so many.
const SAMPLE: usize = 5000;

/// How much of the data and of the tissue an embedding keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbeddingScore {
    /// Correlation of distances in the data and in the embedding.
    pub r1: Correlation,
    /// Correlation of distances in the tissue and in the embedding.
    pub r2: Option<Correlation>,
    /// Share of the 10 nearest in the data that are among the 10 nearest in the embedding; absent for fewer than 12.
    pub knn_recall: Option<f64>,
    /// Mean silhouette of known labels in the embedding; absent where they are one group or as many as observations.
    pub silhouette: Option<f64>,
}

impl EmbeddingScore {
    /// As `uns` holds it: `r1`, `r2`, `knn_recall`, `silhouette` where they exist, and `r1_error`, `r2_error` where they
    /// are those of a sample.
    pub fn to_dict(&self) -> Dict {
        let correlation = |r: Option<Correlation>| (r.map(|r| r.r), r.map(|r| r.error).filter(|&e| e > 0.0));
        let ((r1, r1_error), (r2, r2_error)) = (correlation(Some(self.r1)), correlation(self.r2));
        [
            ("r1", r1),
            ("r1_error", r1_error),
            ("r2", r2),
            ("r2_error", r2_error),
            ("knn_recall", self.knn_recall),
            ("silhouette", self.silhouette),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.filter(|v| v.is_finite())?))))
        .collect()
    }
}

/// Measures an embedding against the data it was made from, the tissue and known labels.
///
/// Above 20,000 observations of samples: four million pairs for the correlations, 2,000 observations for the recall, 5,000
/// for the silhouette.
///
/// # Errors
/// As [`super::distance_correlation`], [`knn_recall`] and [`super::silhouette()`].
///
/// ```
/// use tegula_algo::metrics::score_embedding;
/// use tegula_core::{Ctx, Dense};
/// let data = Dense::new(4, 1, vec![0.0, 1.0, 3.0, 7.0])?;
/// let score = score_embedding(&data, &data, None, None, &Ctx::default())?;
/// assert!((score.r1.r - 1.0).abs() < 1e-6);
/// assert_eq!(score.to_dict().keys().collect::<Vec<_>>(), ["r1"]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn score_embedding(
    data: &Dense,
    embedding: &Dense,
    spatial: Option<&Coords>,
    labels: Option<&Labels>,
    ctx: &Ctx<'_>,
) -> Result<EmbeddingScore> {
    let (ours, theirs) = (Rows::of(embedding)?, Rows::of(data)?);
    let (r1, r2) = match spatial {
        Some(coords) => {
            let [r1, r2] = correlations([&theirs, &Rows::of_coords(coords)], &ours, ctx)?;
            (r1, Some(r2))
        }
        None => (correlations([&theirs], &ours, ctx)?[0], None),
    };
    let knn_recall = match data.n_rows() {
        n if n > NEIGHBORS + 1 => Some(knn_recall(data, embedding, NEIGHBORS, ctx)?.0),
        _ => None,
    };
    let silhouette = match labels {
        Some(labels) if says_something(labels) => {
            let labelled = labels.codes().iter().filter(|&&c| c >= 0).count();
            Some(silhouette_sampled(embedding, labels, if labelled > EXACT { SAMPLE } else { EXACT }, ctx)?.0)
        }
        _ => None,
    };
    Ok(EmbeddingScore { r1, r2, knn_recall, silhouette })
}

/// Everything that can be said of the embedding `obsm[key]`: what [`score_embedding`] measures against
/// `obsm[options.use_rep]` (else `obsm["X_pca"]`), the positions where there are any and the labels `obs[truth_key]`, and
/// the divergences that `tl.tsne` and `tl.spasne` stored when they made it.
///
/// # Errors
/// [`tegula_core::Error::Missing`] where the embedding, the data or the labels are absent; as [`score_embedding`].
///
/// ```
/// use tegula_algo::metrics::{ScoreOptions, score_stored_embedding};
/// use tegula_core::{AnnData, Ctx, Dense, Frame};
/// let mut adata = AnnData::new(None, Frame::with_range_index(4), Frame::default())?;
/// adata.set_obsm("X_pca", Dense::new(4, 1, vec![0.0, 1.0, 3.0, 7.0])?)?;
/// adata.set_obsm("X_tsne", Dense::new(4, 1, vec![0.0, 2.0, 6.0, 14.0])?)?;
/// let table = score_stored_embedding(&adata, "X_tsne", None, &ScoreOptions::default(), &Ctx::default())?;
/// assert!((table["r1"].as_f64().unwrap_or_default() - 1.0).abs() < 1e-6);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn score_stored_embedding(
    adata: &AnnData,
    key: &str,
    truth_key: Option<&str>,
    options: &ScoreOptions,
    ctx: &Ctx<'_>,
) -> Result<Dict> {
    let embedding = adata.embedding(key, "make that embedding first (tl.tsne, tl.spasne)")?;
    let data = adata.embedding(options.use_rep.as_deref().unwrap_or(keys::X_PCA), PCA_FIRST)?;
    let spatial =
        adata.has(&Slot::obsm(&options.spatial_key)).then(|| adata.coords(&options.spatial_key)).transpose()?;
    let truth = truth_key.map(|key| adata.labels(key)).transpose()?;
    let mut table = score_embedding(&data, &embedding, spatial.as_ref(), truth.as_ref(), ctx)?.to_dict();
    // scanpy keeps what it says of X_tsne under tsne.
    let made = [key, key.strip_prefix("X_").unwrap_or(key)].into_iter().find_map(|k| adata.uns().get(k)?.as_dict());
    for name in ["kl_divergence", "kl_global", "kl_spatial"] {
        if let Some(value) = made.and_then(|made| made.get(name)).filter(|v| v.as_f64().is_some()) {
            table.insert(name.to_owned(), value.clone());
        }
    }
    Ok(table)
}

/// Whether labels name at least two groups, and fewer than observations.
fn says_something(labels: &Labels) -> bool {
    let labelled = labels.codes().iter().filter(|&&c| c >= 0).count();
    (2..labelled).contains(&labels.n_used())
}
