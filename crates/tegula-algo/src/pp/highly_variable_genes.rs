//! `pp.highly_variable_genes`.

mod seurat;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dict, Error, Matrix, Outcome, Result, Slot, Step, Value, keys};

use super::check_finite;

/// How variability is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flavor {
    /// Log dispersion, standardised among genes of similar mean; on logged data.
    #[default]
    Seurat,
}

/// Marks the genes that vary more than others of the same mean.
///
/// # What it does
/// Ranks genes by normalised dispersion and marks the top `n_top_genes`, or those within the cut-offs.
///
/// # When to use it
/// On normalised, logged data, before `pp.pca`: the components then follow the genes that tell regions apart.
///
/// # How it works
/// Flavour `seurat`: mean and variance of expm1(x) per gene; dispersion = ln(variance / mean); genes fall into
/// `n_bins` bins of equal width of ln(1 + mean); the dispersion is centred and divided by the standard deviation
/// (ddof 1) of its bin. A gene alone in its bin gets 1.
///
/// # Reads and writes
/// Reads `X` or `layers[layer]`, and the base of the logarithm from `uns["log1p"]`. Writes `var["highly_variable"]`,
/// `var["means"]`, `var["dispersions"]`, `var["dispersions_norm"]`, `var["highly_variable_rank"]` (0 is the most
/// variable, NaN where not chosen) and `uns["hvg"]`; with `subset` drops the other variables.
///
/// # Determinism
/// The same bits for any number of threads.
///
/// # Cost
/// O(non-zeros); no copy of the matrix.
///
/// # Differences from the reference
/// Equal to scanpy 1.11 up to rounding. The rank column is extra.
///
/// # Example
/// ```
/// use tegula_algo::pp::HighlyVariableGenesParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(3, 3, vec![0.0, 1.0, 1.0, 2.0, 1.1, 0.9, 0.0, 0.9, 1.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(3), Frame::with_range_index(3))?;
/// run(&HighlyVariableGenesParams { n_top_genes: Some(1), ..Default::default() }, &mut adata, &Ctx::default())?;
/// assert!(adata.var().get("highly_variable").is_some());
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Satija et al., Nature Biotechnology 2015, doi:10.1038/nbt.3192.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HighlyVariableGenesParams {
    /// Number of genes to mark; the cut-offs below are ignored then. By default the cut-offs decide.
    pub n_top_genes: Option<usize>,
    /// Lowest ln(1 + mean), exclusive.
    pub min_mean: f64,
    /// Highest ln(1 + mean), exclusive.
    pub max_mean: f64,
    /// Lowest normalised dispersion, exclusive.
    pub min_disp: f64,
    /// Highest normalised dispersion, exclusive; by default there is no limit.
    pub max_disp: Option<f64>,
    /// Number of bins of the mean.
    pub n_bins: usize,
    /// How variability is judged.
    pub flavor: Flavor,
    /// Drop the other genes.
    pub subset: bool,
    /// Layer to use instead of `X`.
    pub layer: Option<String>,
}

impl Default for HighlyVariableGenesParams {
    fn default() -> Self {
        Self {
            n_top_genes: None,
            min_mean: 0.0125,
            max_mean: 3.0,
            min_disp: 0.5,
            max_disp: None,
            n_bins: 20,
            flavor: Flavor::Seurat,
            subset: false,
            layer: None,
        }
    }
}

/// What [`highly_variable_genes`] found, per gene.
#[derive(Debug, Clone, PartialEq)]
pub struct HighlyVariable {
    /// Whether it was chosen.
    pub highly_variable: Vec<bool>,
    /// ln(1 + mean).
    pub means: Vec<f64>,
    /// ln(variance / mean); NaN where the variance is 0.
    pub dispersions: Vec<f64>,
    /// Dispersion standardised inside its bin.
    pub dispersions_norm: Vec<f64>,
    /// Place among the chosen ones, 0 the most variable; NaN where not chosen.
    pub rank: Vec<f64>,
}

/// Finds the highly variable genes of logged data; `base` is the base of its logarithm, e where `None`.
///
/// ```
/// use tegula_algo::pp::{HighlyVariableGenesParams, highly_variable_genes};
/// let m = tegula_core::Dense::new(2, 2, vec![0.0, 1.0, 3.0, 1.0])?.into();
/// let params = HighlyVariableGenesParams { n_top_genes: Some(1), ..Default::default() };
/// assert_eq!(highly_variable_genes(&m, &params, None).highly_variable, [true, false]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn highly_variable_genes(m: &Matrix, params: &HighlyVariableGenesParams, base: Option<f64>) -> HighlyVariable {
    let (means, dispersions, dispersions_norm) = match params.flavor {
        Flavor::Seurat => seurat::dispersions(m, params.n_bins, base),
    };
    let highly_variable: Vec<bool> = if let Some(n) = params.n_top_genes {
        let cut = nth_highest(&dispersions_norm, n);
        dispersions_norm.iter().map(|&d| if d.is_nan() { f64::NEG_INFINITY } else { d } >= cut).collect()
    } else {
        let max_disp = params.max_disp.unwrap_or(f64::INFINITY);
        let within = |(&mean, &disp): (&f64, &f64)| {
            let disp = if disp.is_nan() { 0.0 } else { disp.clamp(f64::MIN, f64::MAX) };
            mean > params.min_mean && mean < params.max_mean && disp > params.min_disp && disp < max_disp
        };
        means.iter().zip(&dispersions_norm).map(within).collect()
    };
    let mut order: Vec<usize> = (0..highly_variable.len()).filter(|&j| highly_variable[j]).collect();
    order.sort_by(|&a, &b| dispersions_norm[b].total_cmp(&dispersions_norm[a]));
    let mut rank = vec![f64::NAN; highly_variable.len()];
    for (place, j) in order.into_iter().enumerate() {
        rank[j] = place as f64;
    }
    HighlyVariable { highly_variable, means, dispersions, dispersions_norm, rank }
}

/// The `n`-th highest value that is not NaN; the lowest where there are fewer, +∞ where there is none.
fn nth_highest(x: &[f64], n: usize) -> f64 {
    let mut v: Vec<f64> = x.iter().copied().filter(|d| !d.is_nan()).collect();
    v.sort_unstable_by(|a, b| b.total_cmp(a));
    match v.len().min(n) {
        0 => f64::INFINITY,
        n => v[n - 1],
    }
}

impl Step for HighlyVariableGenesParams {
    const ID: &'static str = "pp.highly_variable_genes";
    const SUMMARY: &'static str = "Marks the genes that vary more than others of the same mean.";
    const ALIASES: &'static [&'static str] = &["pp.hvg"];

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::matrix(self.layer.as_deref()), Slot::uns(keys::LOG1P)]
    }

    fn writes(&self) -> Vec<Slot> {
        let columns = [keys::HIGHLY_VARIABLE, "means", "dispersions", "dispersions_norm", "highly_variable_rank"];
        let mut slots: Vec<Slot> = columns.into_iter().map(Slot::var).collect();
        slots.push(Slot::uns("hvg"));
        slots.extend(self.subset.then_some(Slot::VarAxis));
        slots
    }

    fn validate(&self) -> Result<()> {
        if self.n_top_genes == Some(0) {
            return Err(Self::refuse("n_top_genes", 0, "at least 1"));
        }
        if self.n_bins == 0 {
            return Err(Self::refuse("n_bins", 0, "at least 1"));
        }
        let max_disp = ("max_disp", self.max_disp.unwrap_or(f64::INFINITY));
        let cuts = [("min_mean", self.min_mean), ("max_mean", self.max_mean), ("min_disp", self.min_disp), max_disp];
        match cuts.into_iter().find(|(_, v)| v.is_nan()) {
            Some((name, v)) => Err(Self::refuse(name, v, "a number")),
            None => Ok(()),
        }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        check_finite(adata, self.layer.as_deref())?;
        let base = adata.uns().get(keys::LOG1P).and_then(Value::as_dict).and_then(|d| d.get("base"));
        let m = adata.matrix(self.layer.as_deref())?;
        let found = highly_variable_genes(m, self, base.and_then(Value::as_f64));
        let keep: Vec<usize> = (0..adata.n_vars()).filter(|&j| found.highly_variable[j]).collect();
        if keep.is_empty() {
            let reason = "no gene is highly variable; loosen the cut-offs, pass n_top_genes, or log the data first";
            return Err(Error::data(Slot::matrix(self.layer.as_deref()), reason));
        }
        if let Some(n) = self.n_top_genes.filter(|&n| n > keep.len()) {
            ctx.warn(&format!("{n} genes were asked for, {} have a dispersion; all of them are chosen", keep.len()));
        }
        adata.set_var(keys::HIGHLY_VARIABLE, Column::Bool(found.highly_variable))?;
        adata.set_var("highly_variable_rank", Column::Float(found.rank))?;
        adata.set_var("means", Column::Float(found.means))?;
        adata.set_var("dispersions", Column::Float(found.dispersions))?;
        let norm = found.dispersions_norm.into_iter().map(|d| d as f32).collect();
        adata.set_var("dispersions_norm", Column::Float32(norm))?;
        adata.set_uns("hvg", Dict::from([("flavor".to_owned(), Value::from("seurat"))]));
        if self.subset {
            adata.keep_var(&keep);
        }
        Ok(Dict::from([("n_highly_variable".to_owned(), Value::from(keep.len()))]))
    }
}
