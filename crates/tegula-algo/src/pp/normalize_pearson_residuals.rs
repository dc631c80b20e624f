//! `pp.normalize_pearson_residuals`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dense, Dict, Matrix, Need, Outcome, Result, Slot, Step, Value};

use super::columns::column_sums;
use super::dense::{fill_rows, need};
use super::pearson::Model;
use super::{Scale, Totals, check_counts, scale_of};
use crate::linalg::panel::vectorised;

/// Replaces counts by how far they lie from what totals alone explain.
///
/// # What it does
/// Turns raw counts into Pearson residuals of a model in which a count depends on the total of its observation and on
/// that of its gene only: size and mean are gone, what is left is of about the same variance for every gene.
///
/// # When to use it
/// On raw counts, instead of `pp.normalize_total` and `pp.log1p`, before `pp.pca`. The result has a value for every
/// entry: keep the variable genes first (`pp.highly_variable_genes` with `flavor = "pearson_residuals"` and `subset`).
///
/// # How it works
/// μ = total of the observation · total of the gene / total of all; residual = (x − μ) / √(μ + μ²/θ), clipped at ±`clip`.
///
/// # Reads and writes
/// Reads and replaces `X` or `layers[layer]` (dense `f32`); writes `uns["pearson_residuals_normalization"]`.
///
/// # Determinism
/// The same bits for any number of threads.
///
/// # Cost
/// O(observations × genes) time and memory.
///
/// # Differences from the reference
/// As scanpy's, up to rounding (scanpy multiplies the totals in `f32`). Observations and genes without any count get 0
/// (NaN there).
///
/// # Example
/// ```
/// use tegula_algo::pp::NormalizePearsonResidualsParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(2, 2, vec![1.0, 0.0, 0.0, 1.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::with_range_index(2))?;
/// run(&NormalizePearsonResidualsParams::default(), &mut adata, &Ctx::default())?;
/// let expected = 0.5 / (0.5f32 + 0.0025).sqrt();
/// assert!((adata.matrix(None)?.values()[0] - expected).abs() < 1e-6);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Lause et al., Genome Biology 2021, doi:10.1186/s13059-021-02451-7.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NormalizePearsonResidualsParams {
    /// Overdispersion: the larger, the closer the counts are to a Poisson distribution.
    pub theta: f64,
    /// Residuals beyond this are set to it; by default √(number of observations).
    pub clip: Option<f64>,
    /// Layer to normalise instead of `X`.
    pub layer: Option<String>,
}

impl Default for NormalizePearsonResidualsParams {
    fn default() -> Self {
        Self { theta: 100.0, clip: None, layer: None }
    }
}

/// The Pearson residuals of counts; `clip` is √(number of rows) where `None`.
///
/// # Errors
/// [`Error::Shape`](tegula_core::Error::Shape) never in practice: the result has the shape of `m`.
///
/// ```
/// let m = tegula_core::Dense::new(1, 2, vec![3.0, 5.0])?.into();
/// let residuals = tegula_algo::pp::normalize_pearson_residuals(&m, 100.0, None)?;
/// assert_eq!(residuals.row(0), [0.0, 0.0], "one observation is what its totals say");
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn normalize_pearson_residuals(m: &Matrix, theta: f64, clip: Option<f64>) -> Result<Dense> {
    let obs = Totals::of_rows(m).sum;
    let genes: Vec<f64> = column_sums(m, None, |_, _, v| (v, 0.0)).into_iter().map(|s| s.0).collect();
    let model = Model { theta, clip: clip.unwrap_or((m.n_rows() as f64).sqrt()), total: genes.iter().sum() };
    let rounded: Vec<f32> = genes.iter().map(|&g| g as f32).collect();
    fill_rows(m.n_rows(), m.n_cols(), |i, row| {
        if obs[i] > 0.0 {
            // A zero's residual is −√(μ / (1 + μ/θ)): no quotient of zeros where μ is 0.
            let (share, over, clip) = ((obs[i] / model.total) as f32, (1.0 / theta) as f32, model.clip as f32);
            vectorised(|| {
                for (r, &gene) in row.iter_mut().zip(&rounded) {
                    let mu = gene * share;
                    *r = -(mu / (1.0 + mu * over)).sqrt().min(clip);
                }
            });
            m.for_row(i, |j, v| {
                if v > 0.0 {
                    row[j] = model.residual(f64::from(v), model.mean(genes[j], obs[i])) as f32;
                }
            });
        }
    })
}

impl Step for NormalizePearsonResidualsParams {
    const ID: &'static str = "pp.normalize_pearson_residuals";
    const SUMMARY: &'static str = "Replaces counts by how far they lie from what totals alone explain.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::matrix(self.layer.as_deref())]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::matrix(self.layer.as_deref()), Slot::uns("pearson_residuals_normalization")]
    }

    fn validate(&self) -> Result<()> {
        if self.theta.is_nan() || self.theta <= 0.0 {
            return Err(Self::refuse("theta", self.theta, "above 0"));
        }
        match self.clip {
            Some(c) if c.is_nan() || c < 0.0 => Err(Self::refuse("clip", c, "0 or more")),
            _ => Ok(()),
        }
    }

    fn needs(&self, adata: &AnnData) -> Need {
        need(adata)
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let layer = self.layer.as_deref();
        let slot = Slot::matrix(layer);
        let m = adata.matrix(layer)?;
        check_counts(adata, layer)?;
        if scale_of(m) != Scale::Counts {
            ctx.warn(&format!("{slot} holds no whole numbers; Pearson residuals are made for raw counts"));
        }
        let residuals = normalize_pearson_residuals(m, self.theta, self.clip)?;
        let clip = self.clip.unwrap_or((adata.n_obs() as f64).sqrt());
        adata.set_matrix(layer, residuals)?;
        let about = Dict::from([
            ("theta".to_owned(), Value::from(self.theta)),
            ("clip".to_owned(), Value::from(clip)),
            ("computed_on".to_owned(), Value::from(layer.unwrap_or("adata.X"))),
        ]);
        adata.set_uns("pearson_residuals_normalization", about);
        Ok(Dict::from([("clip".to_owned(), Value::from(clip))]))
    }
}
