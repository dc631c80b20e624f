//! The pipeline's figures: each labelling on the tissue, and all of them side by side.

use tegula_core::{AnnData, Ctx, Result};
use tegula_plot::{SpatialParams, spatial};

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
    let mut drawn = Vec::new();
    let task = "figures";
    ctx.begin(task, labels.len() as u64 + 1);
    let mut draw = |name: &str, color: &[String], adata: &mut AnnData| -> Result<()> {
        let params = SpatialParams {
            color: color.to_vec(),
            spatial_key: spatial_key.to_owned(),
            ncols: color.len().min(3),
            ..SpatialParams::default()
        };
        let figure = spatial(adata, &params, ctx)?;
        figure.store_colors(adata);
        drawn.push(Drawn { name: name.to_owned(), png: figure.to_png()? });
        ctx.tick(task, 1)
    };
    for key in labels {
        draw(key, std::slice::from_ref(key), adata)?;
    }
    draw("domains", labels, adata)?;
    ctx.end(task);
    Ok(drawn)
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
