//! All measures of a labelling at once, for reports.

use tegula_core::{AnnData, Ctx, Dict, Result, Slot, Value, keys};

use super::lisi::mean_lisi_coords;
use super::{Agreement, chaos, pas, silhouette_sampled};
use crate::graph::neighbors::PCA_FIRST;

/// Neighbours that LISI weighs, as its authors do.
const PERPLEXITY: f64 = 30.0;
/// Up to so many observations silhouette and LISI are exact.
const EXACT: usize = 20_000;
/// Above, the silhouette is that of so many.
const SAMPLE: usize = 5000;

/// Where [`score`] looks for what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreOptions {
    /// Positions in `obsm`, for CHAOS and PAS; skipped where absent.
    pub spatial_key: String,
    /// Embedding in `obsm` for the silhouette; `None` leaves it out. Of an embedding: the data it was made from.
    pub use_rep: Option<String>,
    /// Whether to measure LISI too, which takes longer than all the rest.
    pub lisi: bool,
}

impl Default for ScoreOptions {
    fn default() -> Self {
        Self { spatial_key: keys::SPATIAL.into(), use_rep: None, lisi: true }
    }
}

/// Everything that can be said of the labels `obs[pred_key]`: agreement with `obs[truth_key]` where given, compactness in
/// the tissue, silhouette where asked for.
///
/// Holds `n_clusters`; with a truth `n_compared`, `n_left_out`, `ari`, `nmi`, `ami`, `homogeneity`, `completeness`,
/// `v_measure`; with positions `chaos`, `pas` and, where asked for, `lisi` (its mean); with an embedding `silhouette` and `asw`. Above
/// 20,000 observations the silhouette is that of a sample of 5,000, with its standard error `silhouette_se`, and LISI
/// that of a sample of 20,000.
///
/// # Errors
/// [`tegula_core::Error::Missing`] where a column or the embedding is absent; [`tegula_core::Error::Data`] where they
/// cannot be compared.
///
/// ```
/// use tegula_algo::metrics::{ScoreOptions, score};
/// use tegula_core::{AnnData, Ctx, Frame, Labels};
/// let mut adata = AnnData::new(None, Frame::with_range_index(4), Frame::default())?;
/// adata.set_obs("layer", Labels::from_strings(&["a", "a", "b", "b"]))?;
/// adata.set_obs("scc", Labels::from_clusters(&[1, 1, 0, 0]))?;
/// let table = score(&adata, Some("layer"), "scc", &ScoreOptions::default(), &Ctx::default())?;
/// assert_eq!(table["ari"].as_f64(), Some(1.0));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn score(
    adata: &AnnData,
    truth_key: Option<&str>,
    pred_key: &str,
    options: &ScoreOptions,
    ctx: &Ctx<'_>,
) -> Result<Dict> {
    let found = adata.labels(pred_key)?;
    let n_clusters = found.n_used();
    let mut table = Dict::from([("n_clusters".to_owned(), Value::from(n_clusters))]);
    let mut put = |name: &str, value: Value| table.insert(name.to_owned(), value);
    if let Some(key) = truth_key {
        let agreement = Agreement::of(&adata.labels(key)?, &found)?;
        put("n_compared", agreement.n_compared().into());
        put("n_left_out", agreement.n_left_out().into());
        put("ari", agreement.ari().into());
        put("nmi", agreement.nmi().into());
        put("ami", agreement.ami().into());
        put("homogeneity", agreement.homogeneity().into());
        put("completeness", agreement.completeness().into());
        put("v_measure", agreement.v_measure().into());
    }
    if n_clusters > 0 && adata.has(&Slot::obsm(&options.spatial_key)) {
        let coords = adata.coords(&options.spatial_key)?;
        put("chaos", chaos(&coords, &found)?.into());
        // Too few observations for its ten neighbours: the measure does not exist.
        if let Ok(share) = pas(&coords, &found) {
            put("pas", share.into());
        }
        if options.lisi
            && let Ok(groups) = mean_lisi_coords(&coords, &found, PERPLEXITY, EXACT, ctx)
        {
            put("lisi", groups.into());
        }
    }
    if let Some(rep) = &options.use_rep {
        let data = adata.embedding(rep, PCA_FIRST)?;
        let large = found.codes().iter().filter(|&&c| c >= 0).count() > EXACT;
        let (mean, error) = silhouette_sampled(&data, &found, if large { SAMPLE } else { EXACT }, ctx)?;
        put("silhouette", mean.into());
        put("asw", f64::midpoint(mean, 1.0).into());
        if large {
            put("silhouette_se", error.into());
        }
    }
    Ok(table)
}
