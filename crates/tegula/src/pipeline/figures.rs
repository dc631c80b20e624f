//! The pipeline's figures: each labelling on the tissue, and all of them side by side.

use tegula_core::{AnnData, Ctx, Result};
use tegula_plot::{Figure, SpatialParams, spatial};

/// Makes a figure of every column of labels on the tissue, and one of all of them side by side, called `domains`:
/// names and figures, to be drawn. The colours chosen are stored in `uns["<key>_colors"]`.
///
/// # Errors
/// See [`spatial()`].
pub fn figures(
    adata: &mut AnnData,
    labels: &[String],
    spatial_key: &str,
    ctx: &Ctx<'_>,
) -> Result<Vec<(String, Figure)>> {
    let mut plans: Vec<(&str, &[String])> =
        labels.iter().map(|key| (key.as_str(), std::slice::from_ref(key))).collect();
    plans.push(("domains", labels));
    let mut made = Vec::new();
    for (name, color) in plans {
        let params = SpatialParams {
            color: color.to_vec(),
            spatial_key: spatial_key.to_owned(),
            ncols: if color.len() == 4 { 2 } else { color.len().clamp(1, 3) },
            ..SpatialParams::default()
        };
        let figure = spatial(adata, &params, ctx)?;
        // Stored before the next one is made, so that a column has the same colours in every figure.
        figure.store_colors(adata);
        made.push((name.to_owned(), figure));
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_figure_can_be_given_as_parameters() {
        let params: SpatialParams = serde_json::from_str("{}").unwrap();
        assert_eq!(params, SpatialParams::default());
    }
}
