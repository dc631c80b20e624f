//! `pp.highly_variable_genes`.

mod dispersion;
mod loess;
mod pearson;
mod ranks;
mod seurat_v3;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dict, Error, Frame, Labels, Matrix, Outcome, Result, Slot, Step, Value, keys};

use super::columns::{Rows, moments_of_rows, widen};
use super::{Scale, Totals, check_counts, check_finite, scale_of};
use ranks::Ranks;

/// How variability is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flavor {
    /// Log dispersion, standardised among genes of similar mean; on logged data.
    #[default]
    Seurat,
    /// Dispersion, standardised by medians among genes of similar mean; on logged data.
    CellRanger,
    /// Variance of standardised, clipped counts; among batches the median rank decides.
    SeuratV3,
    /// As `seurat_v3`; among batches the number of batches decides first.
    SeuratV3Paper,
    /// Variance of Pearson residuals of counts.
    PearsonResiduals,
}

impl Flavor {
    fn name(self) -> &'static str {
        match self {
            Self::Seurat => "seurat",
            Self::CellRanger => "cell_ranger",
            Self::SeuratV3 => "seurat_v3",
            Self::SeuratV3Paper => "seurat_v3_paper",
            Self::PearsonResiduals => "pearson_residuals",
        }
    }

    /// True where it wants raw counts.
    fn takes_counts(self) -> bool {
        !matches!(self, Self::Seurat | Self::CellRanger)
    }
}

/// Marks the genes that vary more than others of the same mean.
///
/// # What it does
/// Judges how much each gene varies beyond what its mean explains, and marks the top `n_top_genes`, or those within
/// the cut-offs; with `batch_key` in each batch by itself, so that differences between batches choose no gene.
///
/// # When to use it
/// Before `pp.pca`: the components then follow the genes that tell regions apart. `seurat` and `cell_ranger` on
/// normalised, logged data; `seurat_v3` and `pearson_residuals` on raw counts.
///
/// # How it works
/// - `seurat`: mean and variance of expm1(x) per gene; dispersion = ln(variance / mean); genes fall into `n_bins` bins
///   of equal width of ln(1 + mean); the dispersion is centred and divided by the standard deviation (ddof 1) of its
///   bin. A gene alone in its bin gets 1.
/// - `cell_ranger`: dispersion = variance / mean of x; bins between the 10th, 15th, … percentiles of the mean; the
///   dispersion minus the bin's median, divided by its median absolute deviation.
/// - `seurat_v3`: loess (degree 2, `span`) of log10 variance on log10 mean gives each gene's expected variance; counts
///   are standardised by it, clipped at √n, and their variance ranks the genes. Among batches the median rank decides,
///   then the number of batches with the gene on top; for `seurat_v3_paper` the other way round.
/// - `pearson_residuals`: the variance of (x − μ) / √(μ + μ²/`theta`), clipped at `clip`, where μ is the product of
///   the gene's and the observation's share of all counts. Among batches the number of batches decides, then the
///   median rank.
///
/// Among batches of `seurat` and `cell_ranger` the number of batches decides, then the mean normalised dispersion,
/// then the name.
///
/// # Reads and writes
/// Reads `X` or `layers[layer]`, `obs[batch_key]` (observations without a batch are passed over), and the base of the
/// logarithm from `uns["log1p"]`. Writes `var["highly_variable"]`, `var["highly_variable_rank"]` (0 is the most
/// variable, NaN where not chosen), `var["means"]` and `uns["hvg"]`; `var["dispersions"]` and
/// `var["dispersions_norm"]`, or `var["variances"]` and `var["variances_norm"]` (`var["residual_variances"]`); with
/// `batch_key` `var["highly_variable_nbatches"]` and, but for `seurat_v3`, `var["highly_variable_intersection"]`. With
/// `subset` drops the other variables.
///
/// # Determinism
/// The same bits for any number of threads.
///
/// # Cost
/// O(non-zeros), for every flavour; no copy of the matrix.
///
/// # Differences from the reference
/// Equal to scanpy 1.11 up to rounding, including the interpolation inside its loess. The rank column of `seurat` and
/// `cell_ranger` is extra. Equal scores of `seurat_v3` and `pearson_residuals` rank in the order of the genes (in
/// scanpy as its sort leaves them). With batches, `pearson_residuals` clips at √n of each batch (scanpy at that of the
/// first). Where loess has too few distinct means for a parabola it fits less (scanpy stops).
///
/// # Example
/// `tegula pp highly_variable_genes in.h5ad -o out.h5ad --n-top-genes 2000`
///
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
/// Satija et al., Nature Biotechnology 2015, doi:10.1038/nbt.3192; Zheng et al., Nature Communications 2017,
/// doi:10.1038/ncomms14049; Stuart et al., Cell 2019, doi:10.1016/j.cell.2019.05.031; Lause et al., Genome Biology
/// 2021, doi:10.1186/s13059-021-02451-7; Cleveland & Grosse, Statistics and Computing 1991, doi:10.1007/BF01890836.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HighlyVariableGenesParams {
    /// Number of genes to mark; the cut-offs below are ignored then. By default the cut-offs decide; `seurat_v3` marks
    /// 2000; `pearson_residuals` needs to be told.
    pub n_top_genes: Option<usize>,
    /// Lowest mean (`seurat`: ln(1 + mean)), exclusive.
    pub min_mean: f64,
    /// Highest mean (`seurat`: ln(1 + mean)), exclusive.
    pub max_mean: f64,
    /// Lowest normalised dispersion, exclusive.
    pub min_disp: f64,
    /// Highest normalised dispersion, exclusive; by default there is no limit.
    pub max_disp: Option<f64>,
    /// `seurat_v3`: the share of genes that each local fit looks at.
    pub span: f64,
    /// `seurat`: number of bins of the mean.
    pub n_bins: usize,
    /// How variability is judged.
    pub flavor: Flavor,
    /// `pearson_residuals`: the larger, the closer the counts are to a Poisson distribution.
    pub theta: f64,
    /// `pearson_residuals`: residuals beyond this are set to it; by default √(number of observations).
    pub clip: Option<f64>,
    /// Column of `obs` with batches, to judge each by itself.
    pub batch_key: Option<String>,
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
            span: 0.3,
            n_bins: 20,
            flavor: Flavor::Seurat,
            theta: 100.0,
            clip: None,
            batch_key: None,
            subset: false,
            layer: None,
        }
    }
}

/// The table of genes called `names`, with scanpy's columns for the flavour.
///
/// `base` is the base of the logarithm of logged data, e where `None`; `batches` the batch of each row.
///
/// # Errors
/// [`Error::Shape`] where there is not one name per column, or one batch per row.
///
/// ```
/// use tegula_algo::pp::{HighlyVariableGenesParams, highly_variable_genes};
/// use tegula_core::Column;
/// let m = tegula_core::Dense::new(2, 2, vec![0.0, 1.0, 3.0, 1.0])?.into();
/// let params = HighlyVariableGenesParams { n_top_genes: Some(1), ..Default::default() };
/// let genes = highly_variable_genes(&m, &params, None, None, &["a".into(), "b".into()])?;
/// assert_eq!(genes.get("highly_variable"), Some(&Column::Bool(vec![true, false])));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn highly_variable_genes(
    m: &Matrix,
    params: &HighlyVariableGenesParams,
    base: Option<f64>,
    batches: Option<&Labels>,
    names: &[String],
) -> Result<Frame> {
    if names.len() != m.n_cols() {
        return Err(Error::shape("names of genes", format!("({})", names.len()), format!("({})", m.n_cols())));
    }
    if let Some(l) = batches.filter(|l| l.len() != m.n_rows()) {
        return Err(Error::shape("batches", format!("({})", l.len()), format!("({})", m.n_rows())));
    }
    if params.flavor.takes_counts() {
        by_rank(m, params, batches, names)
    } else {
        dispersion::find(m, params, base, batches, names)
    }
}

/// The flavours that rank the genes of each batch by one score.
fn by_rank(
    m: &Matrix,
    params: &HighlyVariableGenesParams,
    batches: Option<&Labels>,
    names: &[String],
) -> Result<Frame> {
    let pearson = params.flavor == Flavor::PearsonResiduals;
    let totals = if pearson { Totals::of_rows(m).sum } else { vec![] };
    let (means, variances) = moments_of_rows(m, None, widen);
    let score = |rows: Rows<'_>| {
        if pearson {
            pearson::residual_variances(m, rows, &totals, (params.theta, params.clip))
        } else if rows.is_none() {
            seurat_v3::variances_norm(m, rows, (&means, &variances), params.span)
        } else {
            let (means, variances) = moments_of_rows(m, rows, widen);
            seurat_v3::variances_norm(m, rows, (&means, &variances), params.span)
        }
    };
    let scores: Vec<Vec<f64>> = match batches {
        None => vec![score(None)],
        Some(labels) => rows_of(labels).iter().map(|rows| score(Some(rows))).collect(),
    };
    let n_top = params.n_top_genes.unwrap_or(2000);
    let ranks = Ranks::new(&scores, m.n_cols(), n_top);
    let batches_first = params.flavor != Flavor::SeuratV3;
    let mean = |j: usize| scores.iter().map(|s| s[j]).sum::<f64>() / scores.len() as f64;

    let mut frame = Frame::new(names.to_vec());
    frame.insert(keys::HIGHLY_VARIABLE, Column::Bool(ranks.choose(n_top, batches_first)))?;
    frame.insert("highly_variable_rank", Column::Float32(ranks.median))?;
    frame.insert("means", Column::Float(means))?;
    frame.insert("variances", Column::Float(variances))?;
    let name = if pearson { "residual_variances" } else { "variances_norm" };
    frame.insert(name, Column::Float((0..m.n_cols()).map(mean).collect()))?;
    if batches.is_some() {
        let everywhere = ranks.n_batches.iter().map(|&n| n == scores.len() as i64).collect();
        frame.insert("highly_variable_nbatches", Column::Int(ranks.n_batches))?;
        if pearson {
            frame.insert("highly_variable_intersection", Column::Bool(everywhere))?;
        }
    }
    Ok(frame)
}

/// The rows of each batch that has any.
fn rows_of(labels: &Labels) -> Vec<Vec<usize>> {
    let mut rows = vec![vec![]; labels.categories().len()];
    for (i, &code) in labels.codes().iter().enumerate() {
        if let Ok(code) = usize::try_from(code) {
            rows[code].push(i);
        }
    }
    rows.retain(|r| !r.is_empty());
    rows
}

impl Step for HighlyVariableGenesParams {
    const ID: &'static str = "pp.highly_variable_genes";
    const SUMMARY: &'static str = "Marks the genes that vary more than others of the same mean.";
    const ALIASES: &'static [&'static str] = &["pp.hvg"];

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::matrix(self.layer.as_deref())];
        slots.extend((self.flavor == Flavor::Seurat).then(|| Slot::uns(keys::LOG1P)));
        slots.extend(self.batch_key.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        let mut columns = vec![keys::HIGHLY_VARIABLE, "highly_variable_rank", "means"];
        columns.extend(match self.flavor {
            Flavor::Seurat | Flavor::CellRanger => ["dispersions", "dispersions_norm"],
            Flavor::SeuratV3 | Flavor::SeuratV3Paper => ["variances", "variances_norm"],
            Flavor::PearsonResiduals => ["variances", "residual_variances"],
        });
        if self.batch_key.is_some() {
            columns.push("highly_variable_nbatches");
            let v3 = matches!(self.flavor, Flavor::SeuratV3 | Flavor::SeuratV3Paper);
            columns.extend((!v3).then_some("highly_variable_intersection"));
        }
        let mut slots: Vec<Slot> = columns.into_iter().map(Slot::var).collect();
        slots.push(Slot::uns("hvg"));
        slots.extend(self.subset.then_some(Slot::VarAxis));
        slots
    }

    fn validate(&self) -> Result<()> {
        if self.n_top_genes == Some(0) {
            return Err(Self::refuse("n_top_genes", 0, "at least 1"));
        }
        if self.n_top_genes.is_none() && self.flavor == Flavor::PearsonResiduals {
            return Err(Self::refuse("n_top_genes", "None", "a number of genes for flavor pearson_residuals"));
        }
        if self.n_bins == 0 {
            return Err(Self::refuse("n_bins", 0, "at least 1"));
        }
        if !(self.span > 0.0 && self.span <= 1.0) {
            return Err(Self::refuse("span", self.span, "above 0 and at most 1"));
        }
        if self.theta.is_nan() || self.theta <= 0.0 {
            return Err(Self::refuse("theta", self.theta, "above 0"));
        }
        if let Some(clip) = self.clip.filter(|c| c.is_nan() || *c < 0.0) {
            return Err(Self::refuse("clip", clip, "0 or more"));
        }
        let max_disp = ("max_disp", self.max_disp.unwrap_or(f64::INFINITY));
        let cuts = [("min_mean", self.min_mean), ("max_mean", self.max_mean), ("min_disp", self.min_disp), max_disp];
        match cuts.into_iter().find(|(_, v)| v.is_nan()) {
            Some((name, v)) => Err(Self::refuse(name, v, "a number")),
            None => Ok(()),
        }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let layer = self.layer.as_deref();
        let counts = self.flavor.takes_counts();
        if counts { check_counts(adata, layer) } else { check_finite(adata, layer) }?;
        let m = adata.matrix(layer)?;
        if counts && scale_of(m) != Scale::Counts {
            let (slot, flavor) = (Slot::matrix(layer), self.flavor.name());
            ctx.warn(&format!("{slot} holds no whole numbers; flavor {flavor} is made for raw counts"));
        }
        let base = adata.uns().get(keys::LOG1P).and_then(Value::as_dict).and_then(|d| d.get("base"));
        let batches = self.batch_key.as_deref().map(|key| adata.labels(key)).transpose()?;
        if batches.as_ref().is_some_and(|l| l.codes().iter().all(|&c| c < 0)) {
            let key = self.batch_key.as_deref().unwrap_or_default();
            return Err(Error::data(Slot::obs(key), "no observation has a batch; name another column"));
        }
        let names = adata.var().index();
        let found = highly_variable_genes(m, self, base.and_then(Value::as_f64), batches.as_ref(), names)?;
        let chosen = found.get(keys::HIGHLY_VARIABLE).and_then(Column::to_f64).unwrap_or_default();
        let keep: Vec<usize> = (0..chosen.len()).filter(|&j| chosen[j] > 0.0).collect();
        if keep.is_empty() {
            let reason = "no gene is highly variable; loosen the cut-offs, pass n_top_genes, or log the data first";
            return Err(Error::data(Slot::matrix(layer), reason));
        }
        if let Some(n) = self.n_top_genes.filter(|&n| n > keep.len()) {
            ctx.warn(&format!("{n} genes were asked for, {} can be judged; all of them are chosen", keep.len()));
        }
        for (name, column) in found.columns() {
            adata.set_var(name, column.clone())?;
        }
        let mut hvg = Dict::from([("flavor".to_owned(), Value::from(self.flavor.name()))]);
        if self.flavor == Flavor::PearsonResiduals {
            hvg.insert("computed_on".to_owned(), Value::from(layer.unwrap_or("adata.X")));
        }
        adata.set_uns("hvg", hvg);
        if self.subset {
            adata.keep_var(&keep);
        }
        Ok(Dict::from([("n_highly_variable".to_owned(), Value::from(keep.len()))]))
    }
}
