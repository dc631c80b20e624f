//! `pp.filter_cells`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dict, Error, Matrix, Outcome, Result, Slot, Step, Value};

use super::filter_genes::{check_thresholds, passing};
use super::{Totals, check_counts};

/// Drops observations with too few or too many genes or counts.
///
/// # What it does
/// Counts, for each observation (cell, spot, bin), its expressed genes and its total counts, and keeps those within
/// all thresholds given.
///
/// # When to use it
/// First, on raw counts: to drop spots beside the tissue and damaged cells.
///
/// # How it works
/// One pass over the matrix. A gene is expressed where its value is above zero. Thresholds are inclusive.
///
/// # Reads and writes
/// Reads `X`. Writes `obs["n_genes"]` where a threshold on genes is given, `obs["n_counts"]` where one on counts is
/// given, both where none is; drops observations everywhere, or with `subset = false` writes `obs["pass_filter"]`
/// instead.
///
/// # Determinism
/// Exact.
///
/// # Cost
/// O(non-zeros).
///
/// # Differences from the reference
/// scanpy takes one threshold per call; here any number holds at once.
///
/// # Example
/// `tegula pp filter_cells in.h5ad -o out.h5ad --min-genes 10`
///
/// ```
/// use tegula_algo::pp::FilterCellsParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(2, 2, vec![1.0, 0.0, 2.0, 3.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::with_range_index(2))?;
/// run(&FilterCellsParams { min_genes: Some(2), ..Default::default() }, &mut adata, &Ctx::default())?;
/// assert_eq!(adata.obs().index(), ["1"]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterCellsParams {
    /// Keep observations that express at least this many genes.
    pub min_genes: Option<usize>,
    /// Keep observations that express at most this many genes.
    pub max_genes: Option<usize>,
    /// Keep observations with at least this many counts.
    pub min_counts: Option<f64>,
    /// Keep observations with at most this many counts.
    pub max_counts: Option<f64>,
    /// Drop the others; `false` only marks those that pass, in `obs["pass_filter"]`.
    pub subset: bool,
}

impl Default for FilterCellsParams {
    fn default() -> Self {
        Self { min_genes: None, max_genes: None, min_counts: None, max_counts: None, subset: true }
    }
}

/// Which observations pass, and the totals they were judged by.
///
/// ```
/// use tegula_algo::pp::{FilterCellsParams, filter_cells};
/// use tegula_core::Dense;
/// let m = Dense::new(2, 2, vec![1.0, 0.0, 2.0, 3.0])?.into();
/// let params = FilterCellsParams { min_counts: Some(2.0), ..Default::default() };
/// assert_eq!(filter_cells(&m, &params).0, [false, true]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn filter_cells(m: &Matrix, params: &FilterCellsParams) -> (Vec<bool>, Totals) {
    let totals = Totals::of_rows(m);
    let genes = (params.min_genes, params.max_genes);
    (passing(&totals, genes, (params.min_counts, params.max_counts)), totals)
}

impl FilterCellsParams {
    /// Whether `n_genes` and `n_counts` are written.
    fn columns(&self) -> (bool, bool) {
        let genes = self.min_genes.is_some() || self.max_genes.is_some();
        let counts = self.min_counts.is_some() || self.max_counts.is_some();
        (genes || !counts, counts || !genes)
    }
}

impl Step for FilterCellsParams {
    const ID: &'static str = "pp.filter_cells";
    const SUMMARY: &'static str = "Drops observations with too few or too many genes or counts.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::X]
    }

    fn writes(&self) -> Vec<Slot> {
        let (genes, counts) = self.columns();
        let mut slots = vec![if self.subset { Slot::ObsAxis } else { Slot::obs("pass_filter") }];
        slots.extend(genes.then(|| Slot::obs("n_genes")));
        slots.extend(counts.then(|| Slot::obs("n_counts")));
        slots
    }

    fn validate(&self) -> Result<()> {
        let genes = (self.min_genes, self.max_genes, "genes");
        check_thresholds::<Self>(genes, (self.min_counts, self.max_counts))
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        check_counts(adata, None)?;
        let (pass, totals) = filter_cells(adata.matrix(None)?, self);
        let keep: Vec<usize> = (0..pass.len()).filter(|&i| pass[i]).collect();
        let n_dropped = pass.len() - keep.len();
        if keep.is_empty() && self.subset {
            return Err(Error::data("obs", "no observation passes the filter; loosen its thresholds"));
        }
        let (genes, counts) = self.columns();
        if genes {
            adata.set_obs("n_genes", Column::Int(totals.positive.iter().map(|&n| n as i64).collect()))?;
        }
        if counts {
            adata.set_obs("n_counts", Column::Float32(totals.sum.iter().map(|&s| s as f32).collect()))?;
        }
        if !self.subset {
            adata.set_obs("pass_filter", Column::Bool(pass))?;
        } else if n_dropped > 0 {
            adata.keep_obs(&keep);
        }
        let outcome = [("n_kept", keep.len()), ("n_dropped", n_dropped)];
        Ok(Dict::from(outcome.map(|(k, v)| (k.to_owned(), Value::from(v)))))
    }
}
