//! `pl.align`: sections over each other, before and after alignment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Frame, Result, Slot, keys};

use crate::overlay::{library_key, mixed};
use crate::spatial::has_image;
use crate::{Body, Drawing, Figure, Key, LegendLoc, Panel, SpatialParams, colors_key, spatial};

/// Draws sections over each other, before and after alignment.
///
/// # What it does
/// Two panels, the sections where they lay and where they lie now, a colour for each section or for the categories of
/// `color`. Where the alignment has told how well every observation fits, a third panel shows that.
///
/// # When to use it
/// After `tl.cast_stack`, to see whether outlines, layers and holes lie over each other.
///
/// # How it works
/// Observations of all sections are drawn in mixed order, with gaps, so that no section hides another. Axes are equal.
///
/// # Reads and writes
/// Reads `uns["cast_stack"]`, `obs[library_key]`, `obsm["spatial"]`, `obsm["spatial_aligned"]`, `obs[color]`,
/// `obs[correlation]`. The figure carries the colours it chose.
///
/// # Determinism
/// The same bytes for the same data and options.
///
/// # Cost
/// That of `pl.spatial`.
///
/// # Differences from the reference
/// CAST draws the sections one after the other, the last on top.
///
/// # Example
/// `tegula pl align aligned.h5ad -o aligned.png --color cell_type`
///
/// # References
/// Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlignParams {
    /// Column of `obs` that tells the sections; none: the one that `tl.cast_stack` was told.
    pub library_key: Option<String>,
    /// Column of categories in `obs` to colour by; none: the sections.
    pub color: Option<String>,
    /// Sections to draw; none: all.
    pub sections: Vec<String>,
    /// Positions before, in `obsm`.
    pub spatial_key: String,
    /// Positions after, in `obsm`.
    pub aligned_key: String,
    /// Column of numbers in `obs` for a third panel, drawn where the sections lie now.
    pub correlation: String,
    /// Width of a mark as a multiple of the distance between spots.
    pub size: f64,
    /// Colours of the categories: a palette by name or colours divided by commas; none: those in `uns`, else scanpy's.
    pub palette: Option<String>,
    /// Colours of the numbers: a map by name.
    pub cmap: String,
    /// Whether y grows downwards, as in images; none: where `uns["spatial"]` holds an image.
    pub invert_y: Option<bool>,
    /// Longer side of a panel, in inches.
    pub width: f64,
    /// Pixels per inch of PNG images.
    pub dpi: f64,
}

impl Default for AlignParams {
    fn default() -> Self {
        Self {
            library_key: None,
            color: None,
            sections: Vec::new(),
            spatial_key: keys::SPATIAL.to_owned(),
            aligned_key: "spatial_aligned".to_owned(),
            correlation: "cast_stack_correlation".to_owned(),
            size: 0.8,
            palette: None,
            cmap: "viridis".to_owned(),
            invert_y: None,
            width: 4.0,
            dpi: 300.0,
        }
    }
}

impl Drawing for AlignParams {
    const ID: &'static str = "pl.align";
    const SUMMARY: &'static str = "Draws sections over each other, before and after alignment.";

    fn figure(&self, adata: &AnnData, ctx: &Ctx<'_>) -> Result<Figure> {
        align(adata, self, ctx)
    }
}

/// Sections before and after alignment; see [`AlignParams`].
///
/// ```
/// use tegula_core::{AnnData, Coords, Ctx, Frame, Labels};
/// use tegula_plot::{AlignParams, align};
/// let mut adata = AnnData::new(None, Frame::with_range_index(4), Frame::default())?;
/// adata.set_obs("section", Labels::from_strings(&["a", "a", "b", "b"]))?;
/// adata.set_obsm("spatial", &Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 5.0, 5.0, 5.0, 6.0])?)?;
/// adata.set_obsm("spatial_aligned", &Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0])?)?;
/// let params = AlignParams { library_key: Some("section".into()), ..AlignParams::default() };
/// assert_eq!(align(&adata, &params, &Ctx::default())?.panels.len(), 2);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// As [`spatial()`], and [`tegula_core::Error::Missing`] where there are no sections or aligned positions.
pub fn align(adata: &AnnData, params: &AlignParams, ctx: &Ctx<'_>) -> Result<Figure> {
    let library_key = library_key(adata, params.library_key.as_deref())?;
    let all = adata.sections(library_key)?;
    let color = params.color.as_deref().unwrap_or(library_key);
    let aligned = Slot::obsm(&params.aligned_key);
    if !adata.has(&aligned) {
        return Err(adata.missing(&aligned, "run tl.cast_stack first, or pass aligned_key"));
    }
    let mut stage = AnnData::new(None, Frame::with_range_index(adata.n_obs()), Frame::default())?;
    stage.set_obs(color, if params.color.is_some() { adata.labels(color)? } else { all.clone() })?;
    for key in [&params.spatial_key, &params.aligned_key] {
        stage.set_obsm(key, &adata.coords(key)?)?;
    }
    if let Some(colors) = adata.uns().get(&colors_key(color)) {
        stage.set_uns(&colors_key(color), colors.clone());
    }
    let fits = adata.obs().get(&params.correlation).and_then(Column::to_f64).filter(|_| params.correlation != color);
    if let Some(fits) = &fits {
        stage.set_obs(&params.correlation, Column::Float(fits.clone()))?;
    }
    let names = all.categories();
    if let Some(odd) = params.sections.iter().find(|s| !names.contains(s)) {
        let must = format!("a section of `{library_key}`: {}", names.join(", "));
        return Err(tegula_core::Error::param(AlignParams::ID, "sections", format!("`{odd}`"), must));
    }
    if !params.sections.is_empty() {
        let shown = |&i: &usize| all.get(i).is_some_and(|name| params.sections.iter().any(|s| s == name));
        stage.keep_obs(&(0..adata.n_obs()).filter(shown).collect::<Vec<_>>());
    }
    let panel = |column: &str, key: &str, title: &str, legend_loc: LegendLoc| -> Result<Figure> {
        let drawn = SpatialParams {
            color: vec![column.to_owned()],
            spatial_key: key.to_owned(),
            title: Some(vec![title.to_owned()]),
            size: params.size,
            palette: params.palette.clone(),
            cmap: params.cmap.clone(),
            invert_y: Some(params.invert_y.unwrap_or_else(|| has_image(adata))),
            width: params.width,
            dpi: params.dpi,
            legend_loc,
            ..SpatialParams::default()
        };
        spatial(&stage, &drawn, ctx)
    };
    let before = panel(color, &params.spatial_key, "before", LegendLoc::None)?;
    let after = panel(color, &params.aligned_key, "after", LegendLoc::RightMargin)?;
    let mut panels: Vec<Panel> = before.panels.into_iter().chain(after.panels).map(mix).collect();
    if fits.is_some() {
        let title = params.correlation.rsplit('_').next().unwrap_or_default();
        let fits = panel(&params.correlation, &params.aligned_key, title, LegendLoc::None)?;
        // The names of the sections stand beside the last panel that shows them, the bar beside its own.
        panels.extend(fits.panels);
    }
    let ncols = panels.len();
    Ok(Figure { panels, ncols, panel_width: params.width, dpi: params.dpi, colors: after.colors })
}

/// The marks of a panel in mixed order, those without a category first.
fn mix(mut panel: Panel) -> Panel {
    if let Body::Points(points) = &mut panel.body {
        let grey = points.colors.len().saturating_sub(1) as u16;
        let order = mixed(points.draw.len());
        let draw: Vec<(u32, u16)> = order.iter().map(|&k| points.draw[k as usize]).collect();
        let (below, above): (Vec<_>, Vec<_>) =
            draw.into_iter().partition(|d| d.1 == grey && !matches!(panel.key, Key::Bar { .. }));
        points.draw = below.into_iter().chain(above).collect();
    }
    panel
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Coords, Dict, Labels};

    fn adata() -> AnnData {
        let mut adata = AnnData::new(None, Frame::with_range_index(6), Frame::default()).unwrap();
        let line = |at: f64| Coords::new(2, (0..6).flat_map(|i| [f64::from(i), at]).collect()).unwrap();
        adata.set_obsm("spatial", &line(0.0)).unwrap();
        adata.set_obsm("spatial_aligned", &line(1.0)).unwrap();
        adata.set_obs("bregma", Column::Float(vec![0.2, 0.2, 0.2, -0.1, -0.1, f64::NAN])).unwrap();
        adata.set_obs("kind", Labels::from_clusters(&[0, 1, 2, 0, 1, 2])).unwrap();
        adata
    }

    #[test]
    fn sections_may_be_numbers_and_fits_are_a_third_panel() {
        let mut adata = adata();
        let params = AlignParams { library_key: Some("bregma".into()), ..AlignParams::default() };
        let figure = align(&adata, &params, &Ctx::default()).unwrap();
        let Key::Legend { entries, .. } = &figure.panels[1].key else { panic!("no names") };
        assert_eq!(entries.iter().map(|e| e.0.as_str()).collect::<Vec<_>>(), ["-0.1", "0.2", "NA"]);
        let Body::Points(points) = &figure.panels[0].body else { panic!("no points") };
        assert_eq!(points.draw[0], (5, 2), "what is in no section lies below");
        adata.set_obs("cast_stack_correlation", Column::Float(vec![0.5; 6])).unwrap();
        let params = AlignParams { color: Some("kind".into()), sections: vec!["0.2".into()], ..params };
        let figure = align(&adata, &params, &Ctx::default()).unwrap();
        assert_eq!((figure.panels.len(), figure.panels[2].title.as_deref()), (3, Some("correlation")));
        let Body::Points(points) = &figure.panels[2].body else { panic!("no points") };
        assert_eq!(points.draw.len(), 3);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let mut adata = adata();
        let text =
            |adata: &AnnData, params: AlignParams| align(adata, &params, &Ctx::default()).unwrap_err().to_string();
        assert!(text(&adata, AlignParams::default()).contains("run tl.cast_stack first, or pass library_key"));
        let told = Dict::from([("library_key".to_owned(), "absent".into())]);
        adata.set_uns("cast_stack", told);
        assert!(text(&adata, AlignParams::default()).contains("obs[\"absent\"] is missing"));
        let odd =
            AlignParams { library_key: Some("kind".into()), sections: vec!["7".into()], ..AlignParams::default() };
        assert!(text(&adata, odd).contains("a section of `kind`: 0, 1, 2"));
        adata = AnnData::new(None, Frame::with_range_index(6), Frame::default()).unwrap();
        adata.set_obs("kind", Labels::from_clusters(&[0; 6])).unwrap();
        let kind = AlignParams { library_key: Some("kind".into()), ..AlignParams::default() };
        assert!(text(&adata, kind).contains("run tl.cast_stack first"));
    }
}
