//! `pp.scale`.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dict, Error, Matrix, Need, Outcome, Result, Slot, Step, Value};

use super::check_finite;
use super::columns::{moments_of_rows, widen};
use super::dense::{fill_rows, need};
use crate::linalg::panel::vectorised;

/// Gives every gene mean 0 and variance 1.
///
/// # What it does
/// Subtracts each gene's mean and divides by its standard deviation, so that all genes weigh the same.
///
/// # When to use it
/// On logged data of the variable genes, before `pp.pca`, where strong genes should not dominate. `pp.pca` centres by
/// itself without making the matrix dense: scaling is a choice, not a need.
///
/// # How it works
/// Mean and variance (ddof 1) of each gene; (x − mean) / std; values beyond ±`max_value` are set to it. A gene that
/// never varies is divided by 1. With `zero_center = false` only the division is made, zeros stay zeros and a sparse
/// matrix stays sparse; then `max_value` limits from above only.
///
/// # Reads and writes
/// Reads and replaces `X` or `layers[layer]` (dense `f32` where centred), reads `obs[mask_obs]`; writes `var["mean"]`
/// and `var["std"]`, called `mean of <mask_obs>` and `std of <mask_obs>` with a mask.
///
/// # Determinism
/// The same bits for any number of threads.
///
/// # Cost
/// O(observations × genes) time and memory where centred (of a dense matrix), else O(non-zeros) in place.
///
/// # Differences from the reference
/// As scanpy's, which gives `f64` where it makes a sparse matrix dense; with a mask a centred sparse matrix becomes
/// dense here, and stays sparse with every value stored there.
///
/// # Example
/// ```
/// use tegula_algo::pp::ScaleParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(3, 1, vec![1.0, 2.0, 3.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(3), Frame::with_range_index(1))?;
/// run(&ScaleParams::default(), &mut adata, &Ctx::default())?;
/// assert_eq!(adata.matrix(None)?.values(), [-1.0, 0.0, 1.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleParams {
    /// Subtract the mean; without it a sparse matrix stays sparse.
    pub zero_center: bool,
    /// Values beyond this, in standard deviations, are set to it; by default there is no limit.
    pub max_value: Option<f64>,
    /// Layer to scale instead of `X`.
    pub layer: Option<String>,
    /// Column of flags in `obs`: only these observations are looked at and scaled.
    pub mask_obs: Option<String>,
}

impl Default for ScaleParams {
    fn default() -> Self {
        Self { zero_center: true, max_value: None, layer: None, mask_obs: None }
    }
}

/// The scaled matrix with each column's mean and standard deviation before; `rows` are looked at and scaled, all where
/// `None`.
///
/// # Errors
/// [`Error::Data`] where a centred result is absurdly large.
///
/// ```
/// let m = tegula_core::Csr::new(3, 1, vec![0, 1, 1, 2], vec![0, 0], vec![2.0, 4.0])?.into();
/// let (scaled, mean, std) = tegula_algo::pp::scale(m, false, None, None)?;
/// assert_eq!((mean, std), (vec![2.0], vec![2.0]));
/// assert_eq!(scaled.values(), [1.0, 2.0], "still sparse");
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn scale(
    mut m: Matrix,
    zero_center: bool,
    max_value: Option<f64>,
    rows: Option<&[usize]>,
) -> Result<(Matrix, Vec<f64>, Vec<f64>)> {
    let (mean, variance) = moments_of_rows(&m, rows, widen);
    let std: Vec<f64> = variance.into_iter().map(|v| if v == 0.0 { 1.0 } else { v.sqrt() }).collect();
    let mut scaled = vec![rows.is_none(); m.n_rows()];
    rows.into_iter().flatten().for_each(|&i| scaled[i] = true);
    let limit = max_value.unwrap_or(f64::INFINITY);
    if !zero_center {
        let lengths: Vec<usize> = (0..m.n_rows()).map(|i| m.row_range(i).len()).collect();
        let columns = match &m {
            Matrix::Csr(s) => Some(s.indices().clone()),
            Matrix::Dense(_) => None,
        };
        let (mut parts, mut rest, mut start) = (Vec::with_capacity(lengths.len()), m.values_mut(), 0);
        for (len, scaled) in lengths.into_iter().zip(scaled) {
            let (row, tail) = rest.split_at_mut(len);
            if scaled {
                parts.push((start, row));
            }
            (rest, start) = (tail, start + len);
        }
        parts.into_par_iter().with_min_len(64).for_each(|(start, row)| {
            for (k, v) in row.iter_mut().enumerate() {
                let j = columns.as_ref().map_or(k, |c| c[start + k] as usize);
                *v = (f64::from(*v) / std[j]).min(limit) as f32;
            }
        });
        return Ok((m, mean, std));
    }
    let one = |j: usize, v: f32| ((f64::from(v) - mean[j]) / std[j]).clamp(-limit, limit) as f32;
    if let Matrix::Dense(d) = &mut m {
        let width = d.n_cols().max(1);
        d.data_mut().par_chunks_mut(width).with_min_len(16).zip(&scaled).filter(|(_, s)| **s).for_each(|(row, _)| {
            vectorised(|| row.iter_mut().enumerate().for_each(|(j, v)| *v = one(j, *v)));
        });
        return Ok((m, mean, std));
    }
    let zeros: Vec<f32> = (0..m.n_cols()).map(|j| one(j, 0.0)).collect();
    let dense = fill_rows(m.n_rows(), m.n_cols(), |i, row| {
        if scaled[i] {
            row.copy_from_slice(&zeros);
            m.for_row(i, |j, v| row[j] = one(j, v));
        } else {
            m.for_row(i, |j, v| row[j] = v);
        }
    })?;
    Ok((dense.into(), mean, std))
}

impl ScaleParams {
    /// Names of the two columns written.
    fn names(&self) -> [String; 2] {
        ["mean", "std"].map(|k| self.mask_obs.as_ref().map_or_else(|| k.to_owned(), |mask| format!("{k} of {mask}")))
    }
}

impl Step for ScaleParams {
    const ID: &'static str = "pp.scale";
    const SUMMARY: &'static str = "Gives every gene mean 0 and variance 1.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::matrix(self.layer.as_deref())];
        slots.extend(self.mask_obs.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::matrix(self.layer.as_deref())];
        slots.extend(self.names().iter().map(|k| Slot::var(k)));
        slots
    }

    fn validate(&self) -> Result<()> {
        match self.max_value {
            Some(v) if v.is_nan() || v <= 0.0 => Err(Self::refuse("max_value", v, "above 0")),
            _ => Ok(()),
        }
    }

    fn needs(&self, adata: &AnnData) -> Need {
        if self.zero_center { need(adata) } else { Need::default() }
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        let layer = self.layer.as_deref();
        check_finite(adata, layer)?;
        let rows = self.mask_obs.as_deref().map(|key| masked(adata, key)).transpose()?;
        let m = adata.take_matrix(layer)?;
        let (m, mean, std) = scale(m, self.zero_center, self.max_value, rows.as_deref())?;
        adata.set_matrix(layer, m)?;
        let n_scaled = rows.map_or(adata.n_obs(), |r| r.len());
        let [mean_key, std_key] = self.names();
        adata.set_var(&mean_key, Column::Float(mean))?;
        adata.set_var(&std_key, Column::Float(std))?;
        Ok(Dict::from([("n_scaled".to_owned(), Value::from(n_scaled))]))
    }
}

/// The observations whose flag is set in a column of `obs`.
fn masked(adata: &AnnData, key: &str) -> Result<Vec<usize>> {
    let slot = Slot::obs(key);
    let rows: Vec<usize> = match adata.obs().get(key) {
        None => return Err(adata.missing(&slot, "name a column of flags in obs")),
        Some(Column::Bool(b)) => (0..b.len()).filter(|&i| b[i]).collect(),
        Some(Column::NullableBool(b)) => (0..b.len()).filter(|&i| b[i] == Some(true)).collect(),
        Some(other) => {
            let reason = format!("is {}, not flags; name a column of true and false", other.kind());
            return Err(Error::data(slot, reason));
        }
    };
    if rows.is_empty() {
        return Err(Error::data(slot, "marks no observation; name another column"));
    }
    Ok(rows)
}
