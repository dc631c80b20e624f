//! `pp.log1p`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dict, Matrix, Outcome, Result, Slot, Step, Value, keys};

use super::check_counts;
use super::fast_math::ln_1p_all;

/// Takes the logarithm of 1 + x.
///
/// # What it does
/// x ← ln(1 + x), or the logarithm to `base`.
///
/// # When to use it
/// After `pp.normalize_total`: it makes the variance of a gene depend less on its mean.
///
/// # How it works
/// In place where nobody else holds the values; zeros stay zeros, so a sparse matrix stays as sparse as it is. Where `uns["log1p"]` tells that it was
/// done before, a warning is given.
///
/// # Reads and writes
/// Changes `X` or `layers[layer]`; writes `uns["log1p"]` (with `base`, where one was given).
///
/// # Determinism
/// Exact.
///
/// # Cost
/// O(non-zeros).
///
/// # Differences from the reference
/// Negative values are refused (scanpy makes NaN of those below −1). Values are within 0.9 units in the last place
/// of `f32`.
///
/// # Example
/// ```
/// use tegula_algo::pp::Log1pParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(1, 2, vec![0.0, 1.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(1), Frame::with_range_index(2))?;
/// run(&Log1pParams::default(), &mut adata, &Ctx::default())?;
/// assert_eq!(adata.matrix(None)?.values(), [0.0, std::f32::consts::LN_2]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log1pParams {
    /// Base of the logarithm; by default e.
    pub base: Option<f64>,
    /// Layer to change instead of `X`.
    pub layer: Option<String>,
}

/// Values per parallel piece: they stay in the cache.
const PIECE: usize = 1 << 14;

/// Replaces every value x by the logarithm of 1 + x, in place; values must not be negative.
///
/// ```
/// use tegula_core::{Dense, Matrix};
/// let mut m: Matrix = Dense::new(1, 2, vec![1.0, 3.0])?.into();
/// tegula_algo::pp::log1p(&mut m, Some(2.0));
/// assert_eq!(m.values(), [1.0, 2.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn log1p(m: &mut Matrix, base: Option<f64>) {
    let scale = base.map_or(1.0, |b| 1.0 / b.ln());
    let n = m.values().len();
    let ends: Vec<usize> = (0..n).step_by(PIECE).map(|start| (start + PIECE).min(n)).collect();
    m.update_values(&ends, |_, piece| {
        ln_1p_all(piece);
        if base.is_some() {
            for v in piece {
                *v = (f64::from(*v) * scale) as f32;
            }
        }
    });
}

impl Step for Log1pParams {
    const ID: &'static str = "pp.log1p";
    const SUMMARY: &'static str = "Takes the logarithm of 1 + x.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::matrix(self.layer.as_deref()), Slot::uns(keys::LOG1P)]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::matrix(self.layer.as_deref()), Slot::uns(keys::LOG1P)]
    }

    fn validate(&self) -> Result<()> {
        match self.base {
            Some(b) if !(b.is_finite() && b > 1.0) => Err(Self::refuse("base", b, "above 1")),
            _ => Ok(()),
        }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let layer = self.layer.as_deref();
        check_counts(adata, layer)?;
        let again = adata.uns().contains_key(keys::LOG1P);
        if again {
            ctx.warn("the data was logged before (uns[\"log1p\"] is there); it is logged a second time now");
        }
        let mut m = adata.take_matrix(layer)?;
        log1p(&mut m, self.base);
        adata.set_matrix(layer, m)?;
        let base = self.base.map(|b| ("base".to_owned(), Value::from(b)));
        adata.set_uns(keys::LOG1P, base.into_iter().collect::<Dict>());
        Ok(Dict::from([("logged_before".to_owned(), Value::from(again))]))
    }
}
