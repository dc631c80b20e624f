//! `pl.cast_project`: how good a projection is.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dict, Error, Result, Slot, Value};

use crate::overlay::check_size;
use crate::{Bars, Body, Drawing, Figure, Grid, Key, Panel, Rgb, cmap, ticks};

/// Colour of the histograms.
const BAR: Rgb = Rgb([76, 114, 176]);

/// Draws how good a projection of `tl.cast_project` is: confusion matrices of its labels and histograms of its distances.
///
/// # What it does
/// A heat map for every label that the target has itself: its own labels downwards, the projected ones to the right. And two
/// histograms: how far in the tissue, and how unlike, the matches are.
///
/// # When to use it
/// After `tl.cast_project`, to see which types are taken for which, and whether the sections lie well over each other. Where
/// in the tissue matches are poor, `pl.spatial` shows with `cast_project_cosine` or `<label>_confidence`.
///
/// # How it works
/// A cell's colour and number are the share of its row (`normalize`: own; the diagonal is the sensitivity), of its column
/// (projected; the precision), or the count (none).
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
/// CAST writes each into a file of its own.
///
/// # Example
/// `tegula pl cast_project projected.h5ad -o projection.pdf`
///
/// # References
/// Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CastProjectPlotParams {
    /// Labels to draw the confusion matrix of; none: all that there are.
    pub label: Vec<String>,
    /// What a cell of a confusion matrix is a share of.
    pub normalize: Normalize,
    /// Whether the two histograms are drawn.
    pub histograms: bool,
    /// Name of the projection in `uns`.
    pub key: String,
    /// Colours of the confusion matrix: a map by name.
    pub cmap: String,
    /// Panels beside each other.
    pub ncols: usize,
    /// Longer side of a panel, in inches.
    pub width: f64,
    /// Pixels per inch of PNG images.
    pub dpi: f64,
}

/// What a cell of a confusion matrix is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Of the observations of the row: the diagonal is the sensitivity.
    #[default]
    Own,
    /// Of those of the column: the diagonal is the precision.
    Projected,
    /// Of nothing: counts.
    None,
}

impl Default for CastProjectPlotParams {
    fn default() -> Self {
        Self {
            label: Vec::new(),
            normalize: Normalize::default(),
            histograms: true,
            key: "cast_project".to_owned(),
            cmap: "Blues".to_owned(),
            ncols: 3,
            width: 4.0,
            dpi: 300.0,
        }
    }
}

impl Drawing for CastProjectPlotParams {
    const ID: &'static str = "pl.cast_project";
    const SUMMARY: &'static str =
        "Draws how good a projection is: confusion matrices of its labels and histograms of its distances.";

    fn figure(&self, adata: &AnnData, _: &Ctx<'_>) -> Result<Figure> {
        cast_project(adata, self)
    }
}

/// Confusion matrices and histograms of a projection; see [`CastProjectPlotParams`].
///
/// ```
/// use tegula_core::{AnnData, Array, Dict, Value};
/// use tegula_plot::{CastProjectPlotParams, cast_project};
/// let histogram = Dict::from([
///     ("edges".to_owned(), Value::from(Array::vector(vec![0.0, 1.0, 2.0]))),
///     ("counts".to_owned(), Value::from(Array::vector(vec![5.0, 3.0]))),
/// ]);
/// let mut adata = AnnData::default();
/// let entry = ["distance_histogram", "cosine_histogram"].map(|key| (key.to_owned(), Value::from(histogram.clone())));
/// adata.set_uns("cast_project", Dict::from(entry));
/// assert_eq!(cast_project(&adata, &CastProjectPlotParams::default())?.panels.len(), 2);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Missing`] where there is no projection, [`Error::Param`] for a label that has no confusion matrix or a size that
/// cannot be drawn, [`Error::Config`] for a map that is not known.
pub fn cast_project(adata: &AnnData, params: &CastProjectPlotParams) -> Result<Figure> {
    check_size(CastProjectPlotParams::ID, 1.0, params.width, params.dpi)?;
    let entry = adata.uns().get(&params.key).and_then(Value::as_dict);
    let hint = "run tl.cast_project first, or pass key";
    let entry = entry.ok_or_else(|| adata.missing(&Slot::uns(&params.key), hint))?;
    let colors = cmap(&params.cmap)?;
    let labels = entry.get("labels").and_then(Value::as_dict);
    let tables: Vec<(&str, Table)> = labels
        .into_iter()
        .flatten()
        .filter_map(|(name, told)| Some((name.as_str(), Table::stored(told.as_dict()?)?)))
        .collect();
    if let Some(odd) = params.label.iter().find(|l| !tables.iter().any(|t| t.0 == l.as_str())) {
        let names: Vec<&str> = tables.iter().map(|t| t.0).collect();
        let must = format!("a label that the target has itself: {}", names.join(", "));
        return Err(Error::param(CastProjectPlotParams::ID, "label", format!("`{odd}`"), must));
    }
    let shown = tables.iter().filter(|t| params.label.is_empty() || params.label.iter().any(|l| l == t.0));
    let mut panels: Vec<Panel> = shown.map(|(name, table)| table.panel(name, params.normalize, &colors)).collect();
    if params.histograms {
        let axes = [("distance_histogram", "distance in the tissue"), ("cosine_histogram", "cosine distance")];
        panels.extend(axes.into_iter().filter_map(|(key, name)| histogram(entry.get(key)?.as_dict()?, name)));
    }
    if panels.is_empty() {
        let reason = "holds neither labels that can be compared nor distances; run tl.cast_project again";
        return Err(Error::data(Slot::uns(&params.key), reason));
    }
    let (ncols, panel_width) = (params.ncols.max(1), params.width);
    Ok(Figure { panels, ncols, panel_width, dpi: params.dpi, colors: IndexMap::new() })
}

/// The numbers of an entry.
fn numbers(told: &Dict, key: &str) -> Option<Vec<f64>> {
    match told.get(key)? {
        Value::Array(array) => array.data().to_f64(),
        _ => None,
    }
}

fn histogram(told: &Dict, name: &str) -> Option<Panel> {
    let (edges, counts) = (numbers(told, "edges")?, numbers(told, "counts")?);
    let axes = Some([name.to_owned(), "observations".to_owned()]);
    let body = Body::Bars(Bars { edges, counts, color: BAR });
    Some(Panel { title: None, body, key: Key::None, axes, scale_bar: None })
}

/// A confusion matrix.
struct Table {
    names: Vec<String>,
    /// Row by row.
    counts: Vec<f64>,
    accuracy: f64,
}

impl Table {
    fn stored(told: &Dict) -> Option<Self> {
        let names = told.get("categories")?.as_strings()?.to_vec();
        let counts = numbers(told, "confusion").filter(|c| c.len() == names.len() * names.len())?;
        Some(Self { names, counts, accuracy: told.get("accuracy")?.as_f64()? })
    }

    fn panel(&self, name: &str, normalize: Normalize, colors: &[Rgb]) -> Panel {
        let n = self.names.len();
        let sum = |k: usize| match normalize {
            Normalize::Own => self.counts[k / n * n..][..n].iter().sum::<f64>(),
            Normalize::Projected => self.counts[k % n..].iter().step_by(n).sum(),
            Normalize::None => 1.0,
        };
        let values: Vec<f64> = self.counts.iter().enumerate().map(|(k, c)| c / sum(k).max(1.0)).collect();
        let hi = if normalize == Normalize::None { values.iter().copied().fold(1.0, f64::max) } else { 1.0 };
        let text = |v: f64| match normalize {
            _ if v == 0.0 => String::new(),
            Normalize::None => ticks::number(v, 0),
            _ if v < 0.005 => String::new(),
            _ => ticks::number(v, 2),
        };
        let cells = values.iter().map(|&v| (colors[cmap::step(v, 0.0, hi)], text(v))).collect();
        let grid = Grid { rows: self.names.clone(), columns: self.names.clone(), cells, marked: None };
        Panel {
            title: Some(format!("{name}: {:.0} % agree", 100.0 * self.accuracy)),
            body: Body::Grid(grid),
            key: Key::Bar { lo: 0.0, hi, colors: colors.to_vec() },
            axes: Some(["projected".to_owned(), "own".to_owned()]),
            scale_bar: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Array, ArrayData};

    fn adata() -> AnnData {
        let table = Array::new(vec![2, 2], ArrayData::I64(vec![6, 2, 0, 1].into())).unwrap();
        let label = Dict::from([
            ("categories".to_owned(), Value::from(Array::strings(vec!["x".into(), "y".into()]))),
            ("confusion".to_owned(), Value::from(table)),
            ("accuracy".to_owned(), Value::from(7.0 / 9.0)),
        ]);
        let labels =
            Dict::from([("kind".to_owned(), Value::from(label)), ("new".to_owned(), Value::from(Dict::new()))]);
        let mut adata = AnnData::default();
        adata.set_uns("cast_project", Dict::from([("labels".to_owned(), Value::from(labels))]));
        adata
    }

    #[test]
    fn cells_are_shares_of_their_row_column_or_none() {
        let texts = |normalize: Normalize| {
            let params = CastProjectPlotParams { normalize, ..CastProjectPlotParams::default() };
            let figure = cast_project(&adata(), &params).unwrap();
            assert_eq!((figure.panels.len(), figure.panels[0].title.as_deref()), (1, Some("kind: 78 % agree")));
            let Body::Grid(grid) = &figure.panels[0].body else { panic!("no grid") };
            grid.cells.iter().map(|c| c.1.clone()).collect::<Vec<_>>()
        };
        assert_eq!(texts(Normalize::Own), ["0.75", "0.25", "", "1.00"]);
        assert_eq!(texts(Normalize::Projected), ["1.00", "0.67", "", "0.33"]);
        assert_eq!(texts(Normalize::None), ["6", "2", "", "1"]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let text = |adata: &AnnData, label: &[&str]| {
            let label = label.iter().map(ToString::to_string).collect();
            let params = CastProjectPlotParams { label, ..CastProjectPlotParams::default() };
            cast_project(adata, &params).unwrap_err().to_string()
        };
        assert!(text(&adata(), &["new"]).contains("a label that the target has itself: kind"));
        assert!(text(&AnnData::default(), &[]).contains("run tl.cast_project first"));
        let mut empty = AnnData::default();
        empty.set_uns("cast_project", Dict::new());
        assert!(text(&empty, &[]).contains("run tl.cast_project again"));
    }
}
