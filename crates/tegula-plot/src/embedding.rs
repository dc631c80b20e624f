//! `pl.embedding`: the observations where an embedding puts them, beside the tissue if wanted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Result, Slot, keys};

use crate::{Drawing, Figure, LegendLoc, Panel, SpatialParams, spatial};

/// The embeddings that are looked for where none is named.
const BASES: [&str; 4] = ["X_spasne", "X_tsne", "X_umap", "X_pca"];

/// Draws an embedding, coloured by clusters or by expression, beside the tissue if wanted.
///
/// # What it does
/// One panel per name in `color`, as `pl.spatial`, with the first two columns of an embedding as positions. With
/// `tissue`, every panel has the tissue in the same colours on its right.
///
/// # When to use it
/// After `tl.tsne` or `tl.spasne`, to see which groups lie together, and with `tissue` whether the map keeps the
/// arrangement of the tissue.
///
/// # How it works
/// As `pl.spatial`: equal axes, colours from `uns["<key>_colors"]` or scanpy's palette, a mark as wide as the median
/// distance to the third nearest neighbour, times `size`.
///
/// # Reads and writes
/// Reads `obsm[basis]`, with `tissue` also `obsm[spatial_key]`, the columns of `obs`, `X` or a layer.
///
/// # Determinism
/// The same bytes for the same data and options.
///
/// # Cost
/// Linear in observations × panels.
///
/// # Differences from the reference
/// scanpy's `sc.pl.embedding` takes the size of marks from their number alone and has no tissue beside it.
///
/// # Example
/// `tegula pl embedding result.h5ad -o map.png --basis spasne --color layer --tissue`
///
/// # References
/// Wolf, Angerer & Theis 2018, <https://doi.org/10.1186/s13059-017-1382-0>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingParams {
    /// The embedding in `obsm`, with or without `X_`; none: the first there is of SpaSNE, t-SNE, UMAP and PCA.
    pub basis: Option<String>,
    /// Columns of `obs` or genes, one panel each; none: plain.
    pub color: Vec<String>,
    /// Whether the tissue is drawn beside each panel.
    pub tissue: bool,
    /// Layer that genes are read from; none: `X`.
    pub layer: Option<String>,
    /// Entry of `obsm` with the positions in the tissue.
    pub spatial_key: String,
    /// Colours of categories: a palette by name or colours divided by commas; none: those in `uns`, else scanpy's.
    pub palette: Option<String>,
    /// Colours of numbers: a map by name; `_r` behind it turns it around.
    pub cmap: String,
    /// Where the names of the categories stand.
    pub legend_loc: LegendLoc,
    /// Width of a mark as a multiple of the distance between neighbours.
    pub size: f64,
    /// Panels beside each other, one with its tissue counted once.
    pub ncols: usize,
    /// Longer side of a panel, in inches.
    pub width: f64,
    /// Pixels per inch of PNG images.
    pub dpi: f64,
}

impl Default for EmbeddingParams {
    fn default() -> Self {
        Self {
            basis: None,
            color: Vec::new(),
            tissue: false,
            layer: None,
            spatial_key: keys::SPATIAL.to_owned(),
            palette: None,
            cmap: "viridis".to_owned(),
            legend_loc: LegendLoc::default(),
            size: 1.0,
            ncols: 2,
            width: 4.0,
            dpi: 300.0,
        }
    }
}

impl Drawing for EmbeddingParams {
    const ID: &'static str = "pl.embedding";
    const SUMMARY: &'static str =
        "Draws an embedding, coloured by clusters or by expression, beside the tissue if wanted.";

    fn figure(&self, adata: &AnnData, ctx: &Ctx<'_>) -> Result<Figure> {
        embedding(adata, self, ctx)
    }
}

/// The observations where an embedding puts them; see [`EmbeddingParams`].
///
/// ```
/// use tegula_core::{AnnData, Coords, Ctx, Frame, Labels};
/// use tegula_plot::{EmbeddingParams, embedding};
/// let mut adata = AnnData::new(None, Frame::with_range_index(3), Frame::default())?;
/// adata.set_obsm("X_tsne", &Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0])?)?;
/// let params = EmbeddingParams { basis: Some("tsne".into()), ..EmbeddingParams::default() };
/// assert_eq!(embedding(&adata, &params, &Ctx::default())?.panels.len(), 1);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// As [`spatial()`]; [`tegula_core::Error::Missing`] where there is no such embedding.
pub fn embedding(adata: &AnnData, params: &EmbeddingParams, ctx: &Ctx<'_>) -> Result<Figure> {
    let map = SpatialParams {
        color: params.color.clone(),
        layer: params.layer.clone(),
        spatial_key: basis(adata, params.basis.as_deref())?,
        palette: params.palette.clone(),
        cmap: params.cmap.clone(),
        legend_loc: params.legend_loc,
        size: params.size,
        ncols: params.ncols,
        invert_y: Some(false),
        frame: true,
        width: params.width,
        dpi: params.dpi,
        ..SpatialParams::default()
    };
    let mut figure = spatial(adata, &map, ctx)?;
    if params.tissue {
        // The names stand once, beside the tissue.
        let beside =
            SpatialParams { spatial_key: params.spatial_key.clone(), invert_y: None, frame: false, ..map.clone() };
        let tissue = spatial(adata, &beside, ctx)?;
        let bare = SpatialParams { legend_loc: LegendLoc::None, ..map };
        let maps = if params.legend_loc == LegendLoc::RightMargin { spatial(adata, &bare, ctx)? } else { figure };
        figure = Figure {
            panels: maps.panels.into_iter().zip(tissue.panels).flat_map(|(a, b)| [a, titled(b, "tissue")]).collect(),
            ncols: 2 * params.ncols,
            ..tissue
        };
    }
    Ok(figure)
}

fn titled(panel: Panel, title: &str) -> Panel {
    Panel { title: Some(title.to_owned()), ..panel }
}

/// The key in `obsm`.
fn basis(adata: &AnnData, asked: Option<&str>) -> Result<String> {
    let there = |key: &&str| adata.obsm().contains_key(*key);
    let Some(name) = asked else {
        let found = BASES.iter().copied().find(there);
        return found.map(str::to_owned).ok_or_else(|| {
            adata.missing(&Slot::obsm(BASES[0]), "run tl.spasne or tl.tsne first, or name another with basis")
        });
    };
    let long = format!("X_{name}");
    let found = [name, &long].into_iter().find(there);
    found.map(str::to_owned).ok_or_else(|| adata.missing(&Slot::obsm(name), "name one that is there with basis"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Coords, Frame, Labels};

    fn adata() -> AnnData {
        let mut adata = AnnData::new(None, Frame::with_range_index(4), Frame::default()).unwrap();
        let square = Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).unwrap();
        adata.set_obsm("spatial", &square).unwrap();
        adata.set_obsm("X_tsne", &square).unwrap();
        adata.set_obs("k", Labels::from_clusters(&[0, 1, 1, 0])).unwrap();
        adata
    }

    #[test]
    fn the_tissue_stands_beside_every_map_with_one_legend() {
        let params = EmbeddingParams { color: vec!["k".into()], tissue: true, ..EmbeddingParams::default() };
        let figure = embedding(&adata(), &params, &Ctx::default()).unwrap();
        assert_eq!((figure.panels.len(), figure.ncols), (2, 4));
        assert_eq!(figure.panels[0].axes, Some(["tsne1".into(), "tsne2".into()]));
        let titles = [0, 1].map(|i| figure.panels[i].title.clone().unwrap());
        assert_eq!(titles, ["k", "tissue"]);
        assert_eq!(figure.panels[0].key, crate::Key::None);
        assert!(matches!(figure.panels[1].key, crate::Key::Legend { .. }));
        assert!(figure.colors.contains_key("k"));
    }

    #[test]
    fn an_embedding_that_is_not_there_is_named_with_those_that_are() {
        let params = EmbeddingParams { basis: Some("umap".into()), ..EmbeddingParams::default() };
        let e = embedding(&adata(), &params, &Ctx::default()).unwrap_err().to_string();
        assert!(e.starts_with("obsm[\"umap\"] is missing; name one that is there") && e.contains("X_tsne"), "{e}");
    }
}
