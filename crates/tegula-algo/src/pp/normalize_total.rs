//! `pp.normalize_total`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dict, Matrix, Outcome, Result, Slot, Step, Value};

use super::Totals;
use super::check::totals_of_counts;
use super::columns::ROWS;
use crate::linalg::panel::vectorised;
use crate::stats::quantile::median;

/// Divides each observation by its size factor, so that all have the same total.
///
/// # What it does
/// Row i is divided by its size factor s = (total of i) / target. The target is `target_sum`, or the median total of the observations
/// that are not empty.
///
/// # When to use it
/// On raw counts, before `pp.log1p`, to take differing depths (or captured areas) out of the comparison.
///
/// # How it works
/// Totals are summed in `f64`; values change in place. Empty observations keep s = 1, and a warning tells how many
/// there are.
///
/// # Reads and writes
/// Changes `X` or `layers[layer]`; with `key_added` writes the size factors to `obs[key_added]`.
///
/// # Determinism
/// Exact.
///
/// # Cost
/// O(non-zeros), at the speed of the memory. No second copy of the matrix unless somebody else holds it.
///
/// # Differences from the reference
/// scanpy 1.11 takes empty observations into the median for sparse matrices and not for dense ones; here they are
/// never counted. `exclude_highly_expressed` is not offered.
///
/// # Example
/// `tegula pp normalize_total in.h5ad -o out.h5ad --target-sum 10000`
///
/// ```
/// use tegula_algo::pp::NormalizeTotalParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(2, 2, vec![1.0, 1.0, 2.0, 6.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::with_range_index(2))?;
/// run(&NormalizeTotalParams { target_sum: Some(4.0), ..Default::default() }, &mut adata, &Ctx::default())?;
/// assert_eq!(adata.matrix(None)?.values(), [2.0, 2.0, 1.0, 3.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Weinreb et al., Bioinformatics 2018, doi:10.1093/bioinformatics/btx792.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NormalizeTotalParams {
    /// Total of every observation afterwards; by default the median total of those that are not empty.
    pub target_sum: Option<f64>,
    /// Layer to normalise instead of `X`.
    pub layer: Option<String>,
    /// Column of `obs` for the size factors; by default they are not kept.
    pub key_added: Option<String>,
}

/// What [`normalize_total`] did.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized {
    /// Size factor of each observation; 1 for an empty one.
    pub size_factors: Vec<f64>,
    /// Total of each observation afterwards.
    pub target_sum: f64,
    /// Number of empty observations.
    pub n_empty: usize,
}

/// Divides every row, in place, so that each sums to `target_sum` (or to the median row total).
///
/// ```
/// use tegula_core::{Dense, Matrix};
/// let mut m: Matrix = Dense::new(3, 1, vec![2.0, 0.0, 4.0])?.into();
/// let done = tegula_algo::pp::normalize_total(&mut m, None);
/// assert_eq!((m.values(), done.n_empty), (&[3.0, 0.0, 3.0][..], 1));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn normalize_total(m: &mut Matrix, target_sum: Option<f64>) -> Normalized {
    let totals = Totals::of_rows(m).sum;
    divide(m, &totals, target_sum)
}

/// As [`normalize_total`], from the totals of the rows.
fn divide(m: &mut Matrix, totals: &[f64], target_sum: Option<f64>) -> Normalized {
    let mut present: Vec<f64> = totals.iter().copied().filter(|&t| t > 0.0).collect();
    // An empty matrix stays as it is, whatever its target.
    let target_sum = target_sum.or_else(|| median(&mut present)).unwrap_or(1.0);
    let size_factors: Vec<f64> = totals.iter().map(|&t| if t > 0.0 { t / target_sum } else { 1.0 }).collect();
    let lengths: Vec<usize> = (0..m.n_rows()).map(|i| m.row_range(i).len()).collect();
    let mut end = 0;
    let mut block_end = |lengths: &[usize]| {
        end += lengths.iter().sum::<usize>();
        end
    };
    let ends: Vec<usize> = lengths.chunks(ROWS).map(&mut block_end).collect();
    m.update_values(&ends, |block, mut values| {
        let rows = block * ROWS..((block + 1) * ROWS).min(lengths.len());
        for (&len, s) in lengths[rows.clone()].iter().zip(&size_factors[rows]) {
            let (row, rest) = values.split_at_mut(len);
            values = rest;
            // In f64 the product with 1 / s rounds to the f32 that the quotient rounds to.
            let factor = 1.0 / s;
            vectorised(|| row.iter_mut().for_each(|v| *v = (f64::from(*v) * factor) as f32));
        }
    });
    let n_empty = totals.iter().filter(|&&t| t <= 0.0).count();
    Normalized { size_factors, target_sum, n_empty }
}

impl Step for NormalizeTotalParams {
    const ID: &'static str = "pp.normalize_total";
    const SUMMARY: &'static str = "Divides each observation by its size factor, so that all have the same total.";
    const ALIASES: &'static [&'static str] = &["pp.normalize"];

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::matrix(self.layer.as_deref())]
    }

    fn writes(&self) -> Vec<Slot> {
        let mut slots = self.reads();
        slots.extend(self.key_added.as_deref().map(Slot::obs));
        slots
    }

    fn validate(&self) -> Result<()> {
        match self.target_sum {
            Some(t) if !(t.is_finite() && t > 0.0) => Err(Self::refuse("target_sum", t, "above 0")),
            _ => Ok(()),
        }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let layer = self.layer.as_deref();
        let totals = totals_of_counts(adata, layer)?;
        let mut m = adata.take_matrix(layer)?;
        let done = divide(&mut m, &totals, self.target_sum);
        adata.set_matrix(layer, m)?;
        if done.n_empty > 0 {
            let (n, of) = (done.n_empty, adata.n_obs());
            ctx.warn(&format!("{n} of {of} observations are empty and stay so; drop them with pp.filter_cells"));
        }
        if let Some(key) = &self.key_added {
            adata.set_obs(key, Column::Float(done.size_factors))?;
        }
        let target = ("target_sum".to_owned(), Value::from(done.target_sum));
        Ok(Dict::from([target, ("n_empty".to_owned(), Value::from(done.n_empty))]))
    }
}
