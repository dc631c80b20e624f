//! `pl.sweep`: the table of `tl.sweep` as heat maps.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Frame, Result, Slot, Value};

use crate::grid::{Axes, figure};
use crate::{Drawing, Figure};

/// Draws what `tl.sweep` found: a heat map for every measure.
///
/// # What it does
/// One panel per measure; a cell is one combination of neighbourhood and resolution. The combination that is recommended
/// has a red frame.
///
/// # When to use it
/// After `tl.sweep`, to see how far the domains depend on its parameters.
///
/// # How it works
/// Rows are the numbers of neighbours, columns the resolutions; where the number of domains was given, rows are
/// `s_neigh` and columns `e_neigh`. Colours run from the least to the greatest value of a panel.
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
/// There is none.
///
/// # Example
/// `tegula pl sweep swept.h5ad -o sweep.png`
///
/// # References
/// Hunter 2007 (the colour maps), <https://doi.org/10.1109/MCSE.2007.55>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SweepParams {
    /// Columns of the table, one panel each.
    pub measures: Vec<String>,
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

impl Default for SweepParams {
    fn default() -> Self {
        Self {
            measures: ["stability", "n_clusters", "chaos", "pas"].map(str::to_owned).to_vec(),
            key: "sweep".to_owned(),
            cmap: "viridis".to_owned(),
            ncols: 2,
            width: 2.5,
            dpi: 300.0,
        }
    }
}

impl Drawing for SweepParams {
    const ID: &'static str = "pl.sweep";
    const SUMMARY: &'static str = "Draws what tl.sweep found: a heat map for every measure.";

    fn figure(&self, adata: &AnnData, _: &Ctx<'_>) -> Result<Figure> {
        sweep(adata, self)
    }
}

/// The heat maps of a sweep; see [`SweepParams`].
///
/// ```
/// use tegula_core::{AnnData, Column, Dict, Frame, Value};
/// use tegula_plot::{SweepParams, sweep};
/// let mut table = Frame::with_range_index(2);
/// for (name, values) in [("s_neigh", [6, 6]), ("e_neigh", [30, 30]), ("n_clusters", [5, 9])] {
///     table.insert(name, Column::Int(values.to_vec()))?;
/// }
/// table.insert("resolution", Column::Float(vec![0.5, 1.0]))?;
/// let mut adata = AnnData::default();
/// adata.set_uns("sweep", Dict::from([("table".to_owned(), Value::from(table))]));
/// let params = SweepParams { measures: vec!["n_clusters".into()], ..SweepParams::default() };
/// assert_eq!(sweep(&adata, &params)?.panels.len(), 1);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`tegula_core::Error::Missing`] where there is no sweep, [`tegula_core::Error::Config`] for a measure or map that is not known,
/// [`tegula_core::Error::Param`] for a size that cannot be drawn.
pub fn sweep(adata: &AnnData, params: &SweepParams) -> Result<Figure> {
    let entry = adata.uns().get(&params.key).and_then(Value::as_dict);
    let Some((entry, Some(Value::Frame(table)))) = entry.map(|e| (e, e.get("table"))) else {
        return Err(adata.missing(&Slot::uns(&params.key), "run tl.sweep first, or pass key"));
    };
    let number = |name: &str| entry.get("recommended").and_then(Value::as_dict)?.get(name)?.as_f64();
    let recommended = number("row").map(|row| row as usize);
    // With a wanted number of domains every line has a resolution of its own.
    let pairs: BTreeSet<String> = (0..table.n_rows()).map(|i| pair(table, i)).collect();
    let axes = if pairs.len() == table.n_rows() {
        Axes { rows: &["s_neigh"], columns: "e_neigh" }
    } else {
        Axes { rows: &["s_neigh", "e_neigh"], columns: "resolution" }
    };
    let size = (params.ncols, params.width, params.dpi);
    figure(SweepParams::ID, table, &axes, &params.measures, recommended, &params.cmap, size)
}

/// The neighbourhoods of a line.
fn pair(table: &Frame, i: usize) -> String {
    let of = |name: &str| table.get(name).and_then(Column::to_f64).map_or(f64::NAN, |v| v[i]);
    format!("{} {}", of("s_neigh"), of("e_neigh"))
}
