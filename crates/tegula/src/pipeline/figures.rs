//! The pipeline's figures: each labelling on the tissue, all of them side by side, and what the sweep found.

use serde_json::Value as Json;
use tegula_core::{AnnData, Ctx, Result};
use tegula_plot::{Figure, SpatialParams, SweepParams, match_colors, spatial, sweep};

use super::Report;

/// Panels that a sheet of all labellings may have.
const SHEET: usize = 6;

/// Makes a figure of every column of labels on the tissue, one of all of them side by side, called `domains`, and one
/// of the sweep where there is one: names and figures, to be drawn. The colours chosen are stored in `uns["<key>_colors"]`;
/// groups have the colour of what they share most with in the last column.
///
/// # Errors
/// See [`spatial()`].
pub fn figures(
    adata: &mut AnnData,
    labels: &[String],
    report: &Report,
    ctx: &Ctx<'_>,
) -> Result<Vec<(String, Figure)>> {
    if let Some(last) = labels.last() {
        match_colors(adata, labels, last)?;
    }
    let mut plans: Vec<(&str, Vec<String>)> = labels.iter().map(|key| (key.as_str(), vec![key.clone()])).collect();
    if let Some(consensus) = plans.iter_mut().find(|plan| plan.0 == "consensus") {
        consensus.1.push("consensus_confidence".to_owned());
    }
    // Where there are many, those that are there smoothed as well are left out of the sheet.
    let smoothed = |key: &String| labels.contains(&format!("{key}_smooth"));
    let sheet = labels.iter().filter(|key| labels.len() <= SHEET || !smoothed(key)).cloned().collect();
    plans.push(("domains", sheet));
    let mut made = Vec::new();
    for (name, color) in plans {
        let params = SpatialParams {
            spatial_key: report.spatial_key.clone(),
            ncols: if color.len() == 4 { 2 } else { color.len().clamp(1, 3) },
            color,
            ..SpatialParams::default()
        };
        let figure = spatial(adata, &params, ctx)?;
        // Stored before the next one is made, so that a column has the same colours in every figure.
        figure.store_colors(adata);
        made.push((name.to_owned(), figure));
    }
    for step in report.recipe.steps.iter().filter(|step| step.id == "tl.sweep") {
        let key = step.params.get("key_added").and_then(Json::as_str).unwrap_or("sweep").to_owned();
        made.push((key.clone(), sweep(adata, &SweepParams { key, ..SweepParams::default() })?));
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
