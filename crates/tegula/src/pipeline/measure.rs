//! Every measure of every labelling and embedding, as one JSON table.

use serde_json::{Map, Value as Json, json};

use tegula_algo::metrics::{ScoreOptions, modularity, score, score_stored_embedding};
use tegula_core::{AnnData, Ctx, Result, Value, keys};

/// Measures each column of labels: agreement with `truth` (ARI, NMI, …), compactness in the tissue (CHAOS, PAS),
/// silhouette in the embedding of the options, else in `X_pca`, and modularity on the graph the labels were found on.
///
/// The form is `{"n_obs", "truth", "labels": {column: {measure: value}}}`.
///
/// # Errors
/// [`tegula_core::Error::Missing`] where a column is not there.
pub fn measure(
    adata: &AnnData,
    labels: &[String],
    truth: Option<&str>,
    options: &ScoreOptions,
    ctx: &Ctx<'_>,
) -> Result<Json> {
    let mut options = options.clone();
    let pca = adata.obsm().contains_key(keys::X_PCA).then(|| keys::X_PCA.to_owned());
    options.use_rep = options.use_rep.or(pca);
    let mut rows = Map::new();
    for key in labels {
        let mut row = score(adata, truth, key, &options, ctx)?;
        if let Some(q) = modularity_of(adata, key)? {
            row.insert("modularity".to_owned(), Value::Float(q));
        }
        rows.insert(key.clone(), Value::Dict(row).to_json());
    }
    Ok(json!({"n_obs": adata.n_obs(), "n_vars": adata.n_vars(), "truth": truth, "labels": rows}))
}

/// Measures embeddings in `obsm` against the data they were made from, the tissue and known labels.
///
/// # Errors
/// Where an embedding, the data or the labels are missing; see [`score_stored_embedding`].
pub fn measure_embeddings(
    adata: &AnnData,
    embeddings: &[String],
    truth: Option<&str>,
    options: &ScoreOptions,
    ctx: &Ctx<'_>,
) -> Result<Json> {
    let mut rows = Map::new();
    for key in embeddings {
        let row = score_stored_embedding(adata, key, truth, options, ctx)?;
        rows.insert(key.clone(), Value::Dict(row).to_json());
    }
    Ok(Json::Object(rows))
}

/// Modularity (γ = 1) on the graph the labels were found on: `<key>_connectivities`, for smoothed labels that of the
/// labels before smoothing, else `connectivities`. `None` where there is no graph or a label is missing.
fn modularity_of(adata: &AnnData, key: &str) -> Result<Option<f64>> {
    let stem = key.strip_suffix("_smooth").unwrap_or(key);
    let candidates = [format!("{stem}_{}", keys::CONNECTIVITIES), keys::CONNECTIVITIES.to_owned()];
    let Some(graph_key) = candidates.iter().find(|k| adata.obsp().contains_key(k.as_str())) else { return Ok(None) };
    let graph = adata.graph(graph_key, "run pp.neighbors first")?;
    let codes: Option<Vec<u32>> = adata.labels(key)?.codes().iter().map(|&c| u32::try_from(c).ok()).collect();
    Ok(codes.map(|membership| modularity(&graph, &membership, 1.0)))
}
