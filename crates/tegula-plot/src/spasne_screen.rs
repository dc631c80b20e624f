//! `pl.spasne_screen`: the table of `tl.spasne_screen` as heat maps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Error, Result, Slot, Value};

use crate::grid::{Axes, figure};
use crate::{Drawing, Figure};

/// Draws what `tl.spasne_screen` found: a heat map for every measure.
///
/// # What it does
/// One panel per measure; a cell is one pair of `alpha` (downwards) and `beta` (to the right). The best pair has a red
/// frame.
///
/// # When to use it
/// After `tl.spasne_screen`, to see how wide the choice of weights is.
///
/// # How it works
/// Colours run from the least to the greatest value of a panel.
///
/// # Reads and writes
/// Reads `uns[key]`.
///
/// # Determinism
/// The same bytes for the same table.
///
/// # Cost
/// None to speak of.
///
/// # Differences from the reference
/// The authors' notebook draws the score of both grids; here r1 and r2 stand beside it.
///
/// # Example
/// `tegula pl spasne_screen screened.h5ad -o screen.png --grid rough`
///
/// # References
/// Zhou et al. 2025, <https://doi.org/10.1093/gigascience/giaf002>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpasneScreenParams {
    /// Columns of the table, one panel each.
    pub measures: Vec<String>,
    /// Which grid.
    pub grid: ScreenGrid,
    /// Name of the table in `uns`.
    pub key: String,
    /// Colours: a map by name (`viridis`, `magma`, …); `_r` behind it turns it around.
    pub cmap: String,
    /// Panels beside each other.
    pub ncols: usize,
    /// Longer side of a panel, in inches.
    pub width: f64,
    /// Pixels per inch of PNG images.
    pub dpi: f64,
}

/// A grid of `tl.spasne_screen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScreenGrid {
    /// The fine one, or the wide one where that is all there is.
    #[default]
    Last,
    /// The wide one.
    Rough,
    /// The fine one.
    Fine,
}

impl Default for SpasneScreenParams {
    fn default() -> Self {
        Self {
            measures: ["r1", "r2", "sd", "score"].map(str::to_owned).to_vec(),
            grid: ScreenGrid::default(),
            key: "spasne_screen".to_owned(),
            cmap: "viridis".to_owned(),
            ncols: 2,
            width: 3.5,
            dpi: 300.0,
        }
    }
}

impl Drawing for SpasneScreenParams {
    const ID: &'static str = "pl.spasne_screen";
    const SUMMARY: &'static str = "Draws what tl.spasne_screen found: a heat map for every measure.";

    fn figure(&self, adata: &AnnData, _: &Ctx<'_>) -> Result<Figure> {
        spasne_screen(adata, self)
    }
}

/// The heat maps of a screening; see [`SpasneScreenParams`].
///
/// ```
/// use tegula_core::{AnnData, Column, Dict, Frame, Value};
/// use tegula_plot::{SpasneScreenParams, spasne_screen};
/// let mut table = Frame::with_range_index(2);
/// table.insert("stage", Column::Int(vec![1, 1]))?;
/// for (name, values) in [("alpha", [5.0, 10.0]), ("beta", [1.0, 1.0]), ("score", [0.2, 0.4])] {
///     table.insert(name, Column::Float(values.to_vec()))?;
/// }
/// let mut adata = AnnData::default();
/// adata.set_uns("spasne_screen", Dict::from([("table".to_owned(), Value::from(table))]));
/// let params = SpasneScreenParams { measures: vec!["score".into()], ..SpasneScreenParams::default() };
/// assert_eq!(spasne_screen(&adata, &params)?.panels.len(), 1);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Missing`] where there is no screening or not that grid, [`Error::Config`] for a measure or map that is not
/// known, [`Error::Param`] for a size that cannot be drawn.
pub fn spasne_screen(adata: &AnnData, params: &SpasneScreenParams) -> Result<Figure> {
    let missing = || adata.missing(&Slot::uns(&params.key), "run tl.spasne_screen first, or pass key");
    let entry = adata.uns().get(&params.key).and_then(Value::as_dict).ok_or_else(missing)?;
    let Some(Value::Frame(table)) = entry.get("table") else { return Err(missing()) };
    let stages = table.get("stage").and_then(Column::to_f64).ok_or_else(missing)?;
    let of = |stage: f64| -> Vec<usize> { (0..stages.len()).filter(|&i| stages[i] == stage).collect() };
    let rows = match params.grid {
        ScreenGrid::Rough => of(1.0),
        ScreenGrid::Fine => of(2.0),
        ScreenGrid::Last => [of(2.0), of(1.0)].into_iter().find(|rows| !rows.is_empty()).unwrap_or_default(),
    };
    if rows.is_empty() {
        let reason = "the table has no line of that grid; run tl.spasne_screen to its end";
        return Err(Error::data(format!("uns[\"{}\"]", params.key), reason));
    }
    let table = table.select(&rows);
    let scores = table.get("score").and_then(Column::to_f64).unwrap_or_default();
    let best = (0..scores.len()).reduce(|a, b| if scores[b] > scores[a] { b } else { a });
    let axes = Axes { rows: &["alpha"], columns: "beta" };
    let size = (params.ncols, params.width, params.dpi);
    figure(SpasneScreenParams::ID, &table, &axes, &params.measures, best, &params.cmap, size)
}
