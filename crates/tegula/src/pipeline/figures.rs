//! The pipeline's figures: each labelling on the tissue, and all of them side by side.

use rayon::prelude::*;

use tegula_core::{AnnData, Ctx, Result};
use tegula_plot::{Figure, SpatialParams, spatial};

/// A figure, drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Its file name without the extension.
    pub name: String,
    /// The picture.
    pub png: Vec<u8>,
}

/// Draws every column of labels on the tissue, and all of them side by side as `domains`. The colours chosen are
/// stored in `uns["<key>_colors"]`.
///
/// # Errors
/// See [`spatial`].
pub fn figures(adata: &mut AnnData, labels: &[String], spatial_key: &str, ctx: &Ctx<'_>) -> Result<Vec<Drawn>> {
    let task = "figures";
    let mut plans: Vec<(&str, &[String])> =
        labels.iter().map(|key| (key.as_str(), std::slice::from_ref(key))).collect();
    plans.push(("domains", labels));
    ctx.begin(task, plans.len() as u64);
    let mut placed = Vec::new();
    for (name, color) in plans {
        let params = SpatialParams {
            color: color.to_vec(),
            spatial_key: spatial_key.to_owned(),
            ncols: if color.len() == 4 { 2 } else { color.len().min(3) },
            ..SpatialParams::default()
        };
        let figure = spatial(adata, &params, ctx)?;
        // Stored before the next one is made, so that a column has the same colours in every figure.
        figure.store_colors(adata);
        placed.push((name, figure));
    }
    let draw = |(name, figure): (&str, Figure)| {
        let png = figure.to_png()?;
        ctx.tick(task, 1)?;
        Ok(Drawn { name: name.to_owned(), png })
    };
    let drawn = placed.into_par_iter().map(draw).collect();
    ctx.end(task);
    drawn
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
