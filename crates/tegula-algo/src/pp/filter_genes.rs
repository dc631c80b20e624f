//! `pp.filter_genes`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dict, Error, Matrix, Outcome, Result, Slot, Step, Value};

use super::{Totals, check_counts};

/// Drops genes seen in too few or too many observations.
///
/// # What it does
/// Counts, for each gene, the observations that express it and its total counts, and keeps the genes within all
/// thresholds given.
///
/// # When to use it
/// First, on raw counts: genes seen in a handful of spots carry noise only and cost time everywhere after.
///
/// # How it works
/// One pass over the matrix. A gene is expressed where its value is above zero. Thresholds are inclusive.
///
/// # Reads and writes
/// Reads `X`. Writes `var["n_cells"]` where a threshold on cells is given, `var["n_counts"]` where one on counts is
/// given, both where none is; drops variables everywhere (`raw` stays), or with `subset = false` writes
/// `var["pass_filter"]` instead.
///
/// # Determinism
/// Exact.
///
/// # Cost
/// O(non-zeros), a few milliseconds per million.
///
/// # Differences from the reference
/// scanpy takes one threshold per call; here any number holds at once.
///
/// # Example
/// `tegula pp filter_genes in.h5ad -o out.h5ad --min-cells 3`
///
/// ```
/// use tegula_algo::pp::FilterGenesParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(2, 2, vec![1.0, 0.0, 2.0, 3.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::with_range_index(2))?;
/// run(&FilterGenesParams { min_cells: Some(2), ..Default::default() }, &mut adata, &Ctx::default())?;
/// assert_eq!(adata.n_vars(), 1);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterGenesParams {
    /// Keep genes expressed in at least this many observations.
    pub min_cells: Option<usize>,
    /// Keep genes expressed in at most this many observations.
    pub max_cells: Option<usize>,
    /// Keep genes with at least this many counts in all.
    pub min_counts: Option<f64>,
    /// Keep genes with at most this many counts in all.
    pub max_counts: Option<f64>,
    /// Drop the others; `false` only marks those that pass, in `var["pass_filter"]`.
    pub subset: bool,
}

impl Default for FilterGenesParams {
    fn default() -> Self {
        Self { min_cells: None, max_cells: None, min_counts: None, max_counts: None, subset: true }
    }
}

/// Which genes pass, and the totals they were judged by.
///
/// ```
/// use tegula_algo::pp::{FilterGenesParams, filter_genes};
/// use tegula_core::Dense;
/// let m = Dense::new(2, 2, vec![1.0, 0.0, 2.0, 3.0])?.into();
/// let params = FilterGenesParams { max_counts: Some(2.5), ..Default::default() };
/// assert_eq!(filter_genes(&m, &params).0, [false, false]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn filter_genes(m: &Matrix, params: &FilterGenesParams) -> (Vec<bool>, Totals) {
    let totals = Totals::of_columns(m);
    let cells = (params.min_cells, params.max_cells);
    (passing(&totals, cells, (params.min_counts, params.max_counts)), totals)
}

/// Which entries of `totals` lie within the thresholds.
pub(super) fn passing(
    totals: &Totals,
    (min_n, max_n): (Option<usize>, Option<usize>),
    (min_sum, max_sum): (Option<f64>, Option<f64>),
) -> Vec<bool> {
    let within = |(&n, &sum): (&usize, &f64)| {
        min_n.is_none_or(|t| n >= t)
            && max_n.is_none_or(|t| n <= t)
            && min_sum.is_none_or(|t| sum >= t)
            && max_sum.is_none_or(|t| sum <= t)
    };
    totals.positive.iter().zip(&totals.sum).map(within).collect()
}

/// Refuses a threshold that is no number or negative, and a minimum above its maximum.
pub(super) fn check_thresholds<S: Step>(
    n: (Option<usize>, Option<usize>, &str),
    counts: (Option<f64>, Option<f64>),
) -> Result<()> {
    for (name, value) in [("min_counts", counts.0), ("max_counts", counts.1)] {
        if let Some(v) = value.filter(|v| !v.is_finite() || *v < 0.0) {
            return Err(S::refuse(name, v, "a number of counts, 0 or more"));
        }
    }
    if let (Some(lo), Some(hi), what) = n
        && lo > hi
    {
        return Err(S::refuse(&format!("min_{what}"), lo, &format!("at most max_{what} ({hi})")));
    }
    if let (Some(lo), Some(hi)) = counts
        && lo > hi
    {
        return Err(S::refuse("min_counts", lo, &format!("at most max_counts ({hi})")));
    }
    Ok(())
}

impl FilterGenesParams {
    /// Whether `n_cells` and `n_counts` are written.
    fn columns(&self) -> (bool, bool) {
        let cells = self.min_cells.is_some() || self.max_cells.is_some();
        let counts = self.min_counts.is_some() || self.max_counts.is_some();
        (cells || !counts, counts || !cells)
    }
}

impl Step for FilterGenesParams {
    const ID: &'static str = "pp.filter_genes";
    const SUMMARY: &'static str = "Drops genes seen in too few or too many observations.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::X]
    }

    fn writes(&self) -> Vec<Slot> {
        let (cells, counts) = self.columns();
        let mut slots = vec![if self.subset { Slot::VarAxis } else { Slot::var("pass_filter") }];
        slots.extend(cells.then(|| Slot::var("n_cells")));
        slots.extend(counts.then(|| Slot::var("n_counts")));
        slots
    }

    fn validate(&self) -> Result<()> {
        let cells = (self.min_cells, self.max_cells, "cells");
        check_thresholds::<Self>(cells, (self.min_counts, self.max_counts))
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        check_counts(adata, None)?;
        let (pass, totals) = filter_genes(adata.matrix(None)?, self);
        let keep: Vec<usize> = (0..pass.len()).filter(|&j| pass[j]).collect();
        let n_dropped = pass.len() - keep.len();
        if keep.is_empty() && self.subset {
            return Err(Error::data("var", "no gene passes the filter; loosen its thresholds"));
        }
        let (cells, counts) = self.columns();
        if cells {
            adata.set_var("n_cells", Column::Int(totals.positive.iter().map(|&n| n as i64).collect()))?;
        }
        if counts {
            adata.set_var("n_counts", Column::Float32(totals.sum.iter().map(|&s| s as f32).collect()))?;
        }
        if !self.subset {
            adata.set_var("pass_filter", Column::Bool(pass))?;
        } else if n_dropped > 0 {
            adata.keep_var(&keep);
        }
        let outcome = [("n_kept", keep.len()), ("n_dropped", n_dropped)];
        Ok(Dict::from(outcome.map(|(k, v)| (k.to_owned(), Value::from(v)))))
    }
}
