//! `pp.combat`.

mod design;
mod prior;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dense, Dict, Error, Matrix, Need, Outcome, Result, Slot, Step, Value, par};

use super::check_finite;
use super::dense::{fill_rows, need};
use design::Design;
pub(super) use design::present;
use prior::{Adjustment, Moments, adjust};

/// At most this many blocks of rows, so that few partial sums as wide as batches × genes live at once.
const MAX_BLOCKS: usize = 16;
/// A variance below this share of the squared mean is rounding.
const ROUNDING: f64 = 1e-12;

/// Removes differences of mean and variance between batches (`ComBat`).
///
/// # What it does
/// Brings each gene to the same mean and variance in every batch, where what is particular to a batch is estimated from
/// all genes together: genes with little evidence are corrected less.
///
/// # When to use it
/// On logged data of several sections or donors whose composition is alike, before `pp.pca`. Where the composition
/// differs, name what differs in `covariates`, or that difference is removed too.
///
/// # How it works
/// A linear model of batches and covariates per gene gives overall mean and pooled variance; the standardised data of
/// each batch have a mean γ and a variance δ per gene. With a normal prior for γ and an inverse gamma prior for δ,
/// whose parameters come from the moments over all genes, both are iterated to their posterior mean (until no change is
/// above 1e-4); the data are adjusted by them.
///
/// # Reads and writes
/// Reads `X`, `obs[key]` and `obs[covariates]` (numbers as they are, everything else as categories). Replaces `X`
/// (dense `f32`).
///
/// # Determinism
/// The same bits for any number of threads.
///
/// # Cost
/// O(observations × genes) time and memory, three passes. Each round of the iteration is O(genes).
///
/// # Differences from the reference
/// As scanpy's, except that genes that do not vary are set aside. In scanpy a single one of them ends the iteration
/// after the first round (a quotient of zeros), and they take part in the priors; filter them out there for the same
/// numbers. Batches of one observation, missing values, and covariates that the batches determine are refused.
///
/// # Example
/// `tegula pp combat in.h5ad -o out.h5ad --key batch`
///
/// ```
/// use tegula_algo::pp::CombatParams;
/// use tegula_core::{AnnData, Column, Ctx, Dense, Frame, run};
/// let x = Dense::new(4, 2, vec![1.0, 2.0, 3.0, 3.0, 11.0, 12.5, 13.0, 13.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(4), Frame::with_range_index(2))?;
/// adata.set_obs("batch", Column::Str(["a", "a", "b", "b"].map(String::from).to_vec()))?;
/// run(&CombatParams::default(), &mut adata, &Ctx::default())?;
/// let x = adata.matrix(None)?.values();
/// assert!((x[0] - x[4]).abs() < 1.0, "ten apart before");
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Johnson et al., Biostatistics 2007, doi:10.1093/biostatistics/kxj037.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CombatParams {
    /// Column of `obs` with the batches.
    pub key: String,
    /// Columns of `obs` whose differences are to be kept: numbers or categories.
    pub covariates: Vec<String>,
}

impl Default for CombatParams {
    fn default() -> Self {
        Self { key: "batch".into(), covariates: vec![] }
    }
}

/// The matrix without differences between batches. `batch` is each row's batch, 0, 1, …; `covariates` are columns of
/// numbers whose effect is kept.
///
/// # Errors
/// [`Error::Shape`] where a list is not as long as there are rows; [`Error::Data`] where there are fewer than two
/// batches, one of a single row, or covariates that batches and other covariates determine.
///
/// ```
/// let m = tegula_core::Dense::new(4, 1, vec![1.0, 3.0, 11.0, 13.0])?.into();
/// let x = tegula_algo::pp::combat(&m, &[0, 0, 1, 1], &[])?;
/// let mean: f32 = x.data().iter().sum::<f32>() / 4.0;
/// assert!((mean - 7.0).abs() < 1e-5);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn combat(m: &Matrix, batch: &[usize], covariates: &[Vec<f64>]) -> Result<Dense> {
    let design = Design::new(m.n_rows(), batch, covariates)?;
    let (genes, n_batches) = (m.n_cols(), design.sizes.len());
    let coefficients = design.fit(m);
    let n = m.n_rows() as f64;
    let share = |b: usize| design.sizes[b] as f64 / n;
    let grand: Vec<f64> =
        (0..genes).map(|j| (0..n_batches).map(|b| share(b) * coefficients[b * genes + j]).sum()).collect();
    // What overall mean and covariates expect of row `i`.
    let expect = |i: usize, row: &mut [f64]| {
        row.copy_from_slice(&grand);
        for (c, covariate) in covariates.iter().enumerate() {
            let effects = &coefficients[(n_batches + c) * genes..][..genes];
            row.iter_mut().zip(effects).for_each(|(r, e)| *r += covariate[i] * e);
        }
    };
    let sums = centred_sums(m, batch, n_batches, &expect);
    let variance: Vec<f64> = (0..genes)
        .map(|j| {
            let of_batch = |b: usize| {
                let (sum, squares) = sums[b * genes + j];
                let effect = coefficients[b * genes + j] - grand[j];
                squares - 2.0 * effect * sum + design.sizes[b] as f64 * effect * effect
            };
            let v = (0..n_batches).map(of_batch).sum::<f64>() / n;
            if v <= ROUNDING * grand[j] * grand[j] { 0.0 } else { v }
        })
        .collect();
    let varies: Vec<usize> = (0..genes).filter(|&j| variance[j] > 0.0).collect();
    let adjusted: Vec<Vec<Adjustment>> = (0..n_batches)
        .map(|b| {
            let n = design.sizes[b] as f64;
            let moments: Vec<Moments> = varies
                .iter()
                .map(|&j| {
                    let (sum, squares) = sums[b * genes + j];
                    Moments { n, sum: sum / variance[j].sqrt(), squares: squares / variance[j] }
                })
                .collect();
            adjust(&moments)
        })
        .collect();
    // Per batch and gene: what to subtract, in the gene's units, and what to multiply with.
    let mut shift = vec![(0.0, 1.0); n_batches * genes];
    for (b, adjusted) in adjusted.iter().enumerate() {
        for (&j, a) in varies.iter().zip(adjusted) {
            shift[b * genes + j] = (a.gamma * variance[j].sqrt(), 1.0 / a.delta.sqrt());
        }
    }
    fill_rows(m.n_rows(), genes, |i, row| {
        let mut expected = vec![0f64; genes];
        expect(i, &mut expected);
        let shift = &shift[batch[i] * genes..][..genes];
        let one = |x: f64, j: usize| ((x - expected[j] - shift[j].0) * shift[j].1 + expected[j]) as f32;
        for (j, r) in row.iter_mut().enumerate() {
            *r = one(0.0, j);
        }
        m.for_row(i, |j, v| row[j] = one(f64::from(v), j));
    })
}

/// Sum, and sum of squares, of what lies above the expected, per batch and gene.
fn centred_sums(
    m: &Matrix,
    batch: &[usize],
    n_batches: usize,
    expect: &(impl Fn(usize, &mut [f64]) + Sync),
) -> Vec<(f64, f64)> {
    let genes = m.n_cols();
    let block = m.n_rows().div_ceil(MAX_BLOCKS).max(64);
    let parts = par::map(m.n_rows(), block, |rows| {
        let mut part = vec![(0f64, 0f64); n_batches * genes];
        let mut row = vec![0f64; genes];
        for i in rows {
            expect(i, &mut row);
            for r in &mut row {
                *r = -*r;
            }
            m.for_row(i, |j, v| row[j] += f64::from(v));
            for (t, s) in part[batch[i] * genes..].iter_mut().zip(&row) {
                t.0 += s;
                t.1 += s * s;
            }
        }
        part
    });
    let mut total = vec![(0f64, 0f64); n_batches * genes];
    for part in parts {
        for (t, p) in total.iter_mut().zip(part) {
            t.0 += p.0;
            t.1 += p.1;
        }
    }
    total
}

impl Step for CombatParams {
    const ID: &'static str = "pp.combat";
    const SUMMARY: &'static str = "Removes differences of mean and variance between batches (ComBat).";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::X, Slot::obs(&self.key)];
        slots.extend(self.covariates.iter().map(|c| Slot::obs(c)));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::X]
    }

    fn validate(&self) -> Result<()> {
        for (k, c) in self.covariates.iter().enumerate() {
            if *c == self.key || self.covariates[..k].contains(c) {
                return Err(Self::refuse("covariates", c, "other columns than the batches, each once"));
            }
        }
        Ok(())
    }

    fn needs(&self, adata: &AnnData) -> Need {
        need(adata)
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        check_finite(adata, None)?;
        let (batch, n_batches) = design::batches(adata, &self.key)?;
        let mut covariates = Vec::new();
        for key in &self.covariates {
            covariates.extend(design::covariate(adata, key)?);
        }
        let corrected = combat(adata.matrix(None)?, &batch, &covariates)?;
        adata.set_x(corrected)?;
        Ok(Dict::from([("n_batches".to_owned(), Value::from(n_batches))]))
    }
}

/// The [`Error`] for a value that is missing in a column of `obs`.
fn missing_value(adata: &AnnData, key: &str, i: usize) -> Error {
    let name = &adata.obs().index()[i];
    Error::data(Slot::obs(key), format!("has no value for observation `{name}`; fill it, or drop the observation"))
}
