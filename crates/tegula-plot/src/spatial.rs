//! `pl.spatial`: the observations where they lie in the tissue, coloured by categories or by numbers.

mod draw;
mod shade;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Error, Result, keys};

use crate::{Drawing, Figure, Rgb, cmap, palette};

pub(crate) use draw::has_image;
pub(crate) use shade::listed;

/// Draws the tissue, coloured by clusters, by regions or by the expression of genes.
///
/// # What it does
/// One panel per name in `color`: an `obs` column of categories (with a legend), an `obs` column of numbers or a gene
/// (with a colour bar). Without a name, the plain tissue.
///
/// # When to use it
/// To look at spatial domains, cell types, quality measures and genes, and to print them: PNG for slides, SVG and PDF
/// for papers. Figures look the same on every machine; no font need be installed.
///
/// # How it works
/// Axes are equal. A mark is as wide as the median distance to the third nearest neighbour: the spots of a lattice
/// touch whatever their number, and cells that lie anyhow fill the tissue. Marks are drawn in the order of the observations, numbers from low to high, missing
/// values below. Categories keep the colours in `uns["<key>_colors"]`; new ones come from the palette scanpy takes
/// (20, 28 or 102 colours by the number of categories). Categories are listed in their own order; where that is only
/// alphabetical, `2` comes before `10`. y grows upwards unless the data belong to an image.
/// Of positions in 3 dimensions the first two are drawn.
///
/// # Reads and writes
/// Reads `obsm["spatial"]`, the columns of `obs`, `X` or a layer (or `raw` for genes that only it has),
/// `uns["<key>_colors"]`, `uns["spatial"]`. The figure carries the colours it chose; the command and the Python door
/// store them in `uns["<key>_colors"]`.
///
/// # Determinism
/// The same bytes for the same data and options, for any number of threads. No time stamps.
///
/// # Cost
/// Linear in observations × panels: 100,000 observations take about 0.1 s as PNG. Above 50,000 the points of SVG and
/// PDF are one embedded image, the rest stays vectors.
///
/// # Differences from the reference
/// scanpy's `sc.pl.spatial` and Spateo's `st.pl.space` need a size by hand; here 1 means touching. Numbers are whole
/// columns: an integer column counts as numbers, as in scanpy. The image of the tissue is not drawn yet.
///
/// # Example
/// `tegula pl spatial result.h5ad -o domains.pdf --color scc,Plp1 --legend-loc right_margin`
///
/// # References
/// Wolf, Angerer & Theis, Genome Biology 2018, doi:10.1186/s13059-017-1382-0. Qiu et al., Cell 2024,
/// doi:10.1016/j.cell.2024.10.011.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpatialParams {
    /// Columns of `obs` or genes, one panel each; none: the plain tissue.
    pub color: Vec<String>,
    /// Layer that genes are read from; none: `X`.
    pub layer: Option<String>,
    /// Entry of `obsm` with the positions.
    pub spatial_key: String,
    /// Colours of categories: a palette by name (`vega_20_scanpy`, `tab20`, …) or colours divided by commas; none: those
    /// in `uns`, else scanpy's.
    pub palette: Option<String>,
    /// Colours of numbers: a map by name (`viridis`, `magma`, `Reds`, `coolwarm`, …); `_r` behind it turns it around.
    pub cmap: String,
    /// Where the names of the categories stand.
    pub legend_loc: LegendLoc,
    /// Width of a mark as a multiple of the distance between spots: at 1 they touch.
    pub size: f64,
    /// Shape of the marks.
    pub marker: Marker,
    /// Panels beside each other.
    pub ncols: usize,
    /// Titles of the panels; none: the names in `color`.
    pub title: Option<Vec<String>>,
    /// Whether y grows downwards, as in images; none: where `uns["spatial"]` holds an image.
    pub invert_y: Option<bool>,
    /// Number at the lower end of the colours; none: the smallest.
    pub vmin: Option<f64>,
    /// Number at the upper end of the colours; none: the largest.
    pub vmax: Option<f64>,
    /// Number in the middle of the colours, for maps of two sides as `coolwarm`; the ends then lie equally far from it.
    pub vcenter: Option<f64>,
    /// Per cent of the numbers beyond each end of the colours, where `vmin` or `vmax` is not given.
    pub clip_percent: f64,
    /// Categories to show in colour, the others become grey; none: all.
    pub groups: Vec<String>,
    /// Colour of missing values and of categories that are not shown.
    pub na_color: String,
    /// Whether a frame with the names of the axes stands around the tissue.
    pub frame: bool,
    /// Length of a scale bar in the unit of the positions; none: no bar.
    pub scale_bar: Option<f64>,
    /// Unit written behind the length of the scale bar, as `µm`; none: the number alone.
    pub scale_unit: Option<String>,
    /// Longer side of the tissue in a panel, in inches.
    pub width: f64,
    /// Pixels per inch of PNG images.
    pub dpi: f64,
}

/// Where the names of the categories stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegendLoc {
    /// Outside, on the right.
    #[default]
    #[serde(alias = "right margin")]
    RightMargin,
    /// On the tissue, in the middle of each category.
    #[serde(alias = "on data")]
    OnData,
    /// Inside, at the top on the left.
    #[serde(alias = "upper left")]
    UpperLeft,
    /// Inside, at the top on the right.
    #[serde(alias = "upper right")]
    UpperRight,
    /// Inside, at the bottom on the left.
    #[serde(alias = "lower left")]
    LowerLeft,
    /// Inside, at the bottom on the right.
    #[serde(alias = "lower right")]
    LowerRight,
    /// Nowhere.
    None,
}

/// Shape of the marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// Discs.
    #[default]
    Round,
    /// Squares, for bins and square lattices.
    Square,
}

impl Default for SpatialParams {
    fn default() -> Self {
        Self {
            color: Vec::new(),
            layer: None,
            spatial_key: keys::SPATIAL.to_owned(),
            palette: None,
            cmap: "viridis".to_owned(),
            legend_loc: LegendLoc::default(),
            size: 1.0,
            marker: Marker::default(),
            ncols: 3,
            title: None,
            invert_y: None,
            vmin: None,
            vmax: None,
            vcenter: None,
            clip_percent: 0.0,
            groups: Vec::new(),
            na_color: "#d3d3d3".to_owned(),
            frame: false,
            scale_bar: None,
            scale_unit: None,
            width: 4.0,
            dpi: 300.0,
        }
    }
}

impl Drawing for SpatialParams {
    const ID: &'static str = "pl.spatial";
    const SUMMARY: &'static str = "Draws the tissue, coloured by clusters, by regions or by the expression of genes.";

    fn figure(&self, adata: &AnnData, ctx: &Ctx<'_>) -> Result<Figure> {
        spatial(adata, self, ctx)
    }
}

impl SpatialParams {
    /// Checks the options by themselves, before any data is looked at.
    ///
    /// ```
    /// use tegula_plot::SpatialParams;
    /// assert!(SpatialParams { size: 0.0, ..SpatialParams::default() }.validate().is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Param`] or [`Error::Config`] for the first one that cannot be used.
    pub fn validate(&self) -> Result<()> {
        let refuse =
            |name: &str, value: &dyn std::fmt::Display, must: &str| Err(Error::param(Self::ID, name, value, must));
        let within = |v: f64, lo: f64, hi: f64| (lo..=hi).contains(&v);
        if !within(self.size, 1e-3, 1e3) {
            return refuse("size", &self.size, "between 0.001 and 1000; 1 makes the spots touch");
        }
        if !within(self.width, 0.5, 40.0) {
            return refuse("width", &self.width, "between 0.5 and 40 inches");
        }
        if !within(self.dpi, 20.0, 2400.0) {
            return refuse("dpi", &self.dpi, "between 20 and 2400");
        }
        if !within(self.clip_percent, 0.0, 49.0) {
            return refuse("clip_percent", &self.clip_percent, "between 0 and 49");
        }
        if self.ncols == 0 {
            return refuse("ncols", &self.ncols, "at least 1");
        }
        for (name, v) in [("vmin", self.vmin), ("vmax", self.vmax), ("vcenter", self.vcenter)] {
            if v.is_some_and(|v| !v.is_finite()) {
                return refuse(name, &f64::NAN, "a finite number");
            }
        }
        if let (Some(lo), Some(hi)) = (self.vmin, self.vmax)
            && lo >= hi
        {
            return refuse("vmin", &lo, &format!("less than `vmax`, {hi}"));
        }
        if self.scale_bar.is_some_and(|v| !(v.is_finite() && v > 0.0)) {
            return refuse("scale_bar", &self.scale_bar.unwrap_or_default(), "a length above 0");
        }
        let panels = self.color.len().max(1);
        if let Some(t) = &self.title
            && t.len() != panels
        {
            return refuse("title", &t.len(), &format!("one title for each of the {panels} panels"));
        }
        if self.na_color.parse::<Rgb>().is_err() {
            return refuse("na_color", &format!("`{}`", self.na_color), "a colour, as `#d3d3d3` or `lightgrey`");
        }
        cmap::cmap(&self.cmap)?;
        if let Some(name) = &self.palette {
            palette::palette(name)?;
        }
        Ok(())
    }
}

/// The observations where they lie in the tissue: a panel for each name in `params.color`.
///
/// ```
/// use tegula_core::{AnnData, Coords, Ctx, Frame, Labels};
/// use tegula_plot::{SpatialParams, spatial};
/// let mut adata = AnnData::new(None, Frame::with_range_index(3), Frame::default())?;
/// adata.set_obsm("spatial", &Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0])?)?;
/// adata.set_obs("scc", Labels::from_clusters(&[0, 1, 1]))?;
/// let params = SpatialParams { color: vec!["scc".into()], ..SpatialParams::default() };
/// let figure = spatial(&adata, &params, &Ctx::default())?;
/// assert!(figure.to_png()?.starts_with(b"\x89PNG"));
/// figure.store_colors(&mut adata);
/// assert!(adata.uns().contains_key("scc_colors"));
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// What [`SpatialParams::validate`] says; [`Error::Missing`] for positions, columns or genes that are not there;
/// [`Error::Data`] for positions that are not finite and for data without observations.
pub fn spatial(adata: &AnnData, params: &SpatialParams, ctx: &Ctx<'_>) -> Result<Figure> {
    params.validate()?;
    draw::figure(adata, params, ctx)
}
