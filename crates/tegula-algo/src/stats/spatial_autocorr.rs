//! `tl.spatial_autocorr`: Moran's I and Geary's C of every gene.

mod statistic;
mod weights;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{
    AnnData, Column, Csr, Ctx, Dict, Error, Frame, Graph, Matrix, Outcome, Result, Slot, Step, Value, keys, par,
};

use super::correction::{benjamini_hochberg, bonferroni};
use super::distribution::normal_sf;
use super::nhood_enrichment::shuffled;
use statistic::{Feature, variance_of_noise};
use weights::Weights;

/// Measures how much each gene varies over the tissue rather than from spot to spot.
///
/// # What it does
/// Moran's I (1 where neighbours agree, about 0 for noise) or Geary's C (0 where they agree, about 1 for noise) of
/// every gene or column of `obs`, on any graph, with p-values.
///
/// # When to use it
/// To find spatially variable genes after `pp.spatial_neighbors`. The analytic p-values need no permutations;
/// `pval_rand` also holds for skewed genes, which counts are.
///
/// # How it works
/// Both statistics need `Σ w_ij x_i x_j` only, which is summed over the non-zero values of each gene and their
/// neighbours; the rest follows from row and column sums of the weights.
///
/// # Reads and writes
/// Reads `X` (or `layer`) or columns of `obs`, `obsp[connectivity_key]` and `var["highly_variable"]`. Writes the table
/// `uns["moranI"]` or `uns["gearyC"]`, most autocorrelated first: `I` or `C`, `pval_norm`, `var_norm`, `pval_rand`,
/// `var_rand`, with `n_perms` `pval_z_sim`, `pval_sim`, `var_sim`, and every p-value corrected.
///
/// # Determinism
/// The same bits for any number of threads; each permutation has its own random stream.
///
/// # Cost
/// O(nnz × neighbours) time, `n_perms` times as much more with permutations; one transposed copy of the matrix.
///
/// # Differences from the reference
/// Statistics and analytic p-values are squidpy's, `pval_rand` and `var_rand` are esda's. A permutation relabels all
/// observations, as in esda and in the definition of the test; squidpy permutes the rows of the graph alone, whose
/// variance under noise is about half as large and whose p-values are too small. Constant genes get NaN and do not
/// count in the correction. Self-loops of the graph are dropped.
///
/// # Example
/// `tegula tl spatial_autocorr in.h5ad -o out.h5ad --mode moran`
///
/// # References
/// Moran 1950, <https://doi.org/10.1093/biomet/37.1-2.17>; Geary 1954, <https://doi.org/10.2307/2986645>; Palla et al.
/// 2022, <https://doi.org/10.1038/s41592-021-01358-2>; Cliff & Ord 1981, Spatial Processes
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpatialAutocorrParams {
    /// The statistic.
    pub mode: AutocorrMode,
    /// Genes (or columns of `obs`) to measure; where empty the highly variable genes if marked, else all.
    pub genes: Vec<String>,
    /// What to measure.
    pub attr: AutocorrAttr,
    /// Layer to use instead of `X`.
    pub layer: Option<String>,
    /// The graph in `obsp`.
    pub connectivity_key: String,
    /// Divide the weights of each observation by their sum.
    pub transformation: bool,
    /// Permutations for p-values by simulation; 0 for none.
    pub n_perms: usize,
    /// Double the analytic p-values.
    pub two_tailed: bool,
    /// How p-values are corrected for the number of genes; None for not at all.
    pub corr_method: Option<AutocorrCorrection>,
}

/// A measure of spatial autocorrelation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AutocorrMode {
    /// Moran's I.
    Moran,
    /// Geary's C.
    Geary,
}

/// Where the values lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AutocorrAttr {
    /// Expression.
    X,
    /// Columns of `obs`.
    #[serde(rename = "obs")]
    Obs,
}

/// A correction for many tests, by the names of statsmodels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AutocorrCorrection {
    /// The false discovery rate of Benjamini and Hochberg.
    FdrBh,
    /// Bonferroni's.
    Bonferroni,
}

impl Default for SpatialAutocorrParams {
    fn default() -> Self {
        Self {
            mode: AutocorrMode::Moran,
            genes: Vec::new(),
            attr: AutocorrAttr::X,
            layer: None,
            connectivity_key: keys::SPATIAL_CONNECTIVITIES.into(),
            transformation: true,
            n_perms: 0,
            two_tailed: false,
            corr_method: Some(AutocorrCorrection::FdrBh),
        }
    }
}

/// The autocorrelation of several features, feature by feature. NaN for constant ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Autocorr {
    /// I or C.
    pub score: Vec<f64>,
    /// p-value where values are normal noise.
    pub pval_norm: Vec<f64>,
    /// Variance of the score of normal noise: the same for all.
    pub var_norm: f64,
    /// p-value where the feature's own values lie at random.
    pub pval_rand: Vec<f64>,
    /// Variance of the score where they do.
    pub var_rand: Vec<f64>,
    /// From permutations, where there were any.
    pub simulated: Option<Simulated>,
}

/// What permutations tell of each feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// p-value by the mean and variance of the permuted scores.
    pub pval_z_sim: Vec<f64>,
    /// p-value by the share of permuted scores beyond the real one.
    pub pval_sim: Vec<f64>,
    /// Variance of the permuted scores.
    pub var_sim: Vec<f64>,
}

/// Features per piece of work.
const FEATURES: usize = 16;
/// Permutations held at a time.
const PERMUTATIONS: usize = 16;
const TASK: &str = "spatial_autocorr";

/// Autocorrelation on `graph` of every row of `features` (features × observations).
///
/// # Errors
/// [`Error::Shape`]; [`Error::Data`] for a graph without edges or of fewer than 4 observations; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::stats::{autocorr, spatial_autocorr::SpatialAutocorrParams};
/// use tegula_core::{Csr, Ctx, Dense, Graph};
/// let line = Graph::from_edges(4, &[(0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0), (2, 1, 1.0), (2, 3, 1.0), (3, 2, 1.0)])?;
/// let gene = Csr::from_dense(&Dense::new(1, 4, vec![0.0, 0.0, 2.0, 2.0])?);
/// let params = SpatialAutocorrParams { transformation: false, ..Default::default() };
/// let found = autocorr(&gene, &line, &params, &Ctx::default())?;
/// assert!((found.score[0] - 1.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn autocorr(features: &Csr, graph: &Graph, params: &SpatialAutocorrParams, ctx: &Ctx<'_>) -> Result<Autocorr> {
    if features.n_cols() != graph.n_nodes() {
        return Err(Error::shape(
            "features",
            format!("(…, {})", features.n_cols()),
            format!("(…, {})", graph.n_nodes()),
        ));
    }
    let entries = |f: usize| {
        let (rows, values) = features.row(f);
        Feature::new(graph.n_nodes(), rows.iter().zip(values).map(|(&i, &v)| (i, f64::from(v))))
    };
    let features: Vec<Feature> = (0..features.n_rows()).into_par_iter().map(entries).collect();
    autocorr_of(&features, graph, params, ctx)
}

fn autocorr_of(features: &[Feature], graph: &Graph, params: &SpatialAutocorrParams, ctx: &Ctx<'_>) -> Result<Autocorr> {
    let w = Weights::new(graph, params.transformation)?;
    let n = w.n();
    let expected = if params.mode == AutocorrMode::Moran { -1.0 / (n as f64 - 1.0) } else { 1.0 };
    let rounds = 1 + params.n_perms;
    ctx.begin(TASK, (features.len() * rounds) as u64);
    // `f` of every feature, in blocks that share working memory.
    let each = |done: u64, f: &(dyn Fn(usize, &Feature, &mut [f64]) -> Sums + Sync)| -> Result<Vec<Sums>> {
        let parts = par::map(features.len(), FEATURES, |range| {
            ctx.tick(TASK, done * range.len() as u64)?;
            let mut x = vec![0.0; n];
            let of = |i: usize| if features[i].is_constant() { Sums::NONE } else { f(i, &features[i], &mut x) };
            Ok(range.map(of).collect())
        });
        Ok(parts.into_iter().collect::<Result<Vec<Vec<Sums>>>>()?.into_iter().flatten().collect())
    };
    let real = each(1, &|_, feature, x| Sums {
        score: feature.statistic(params.mode, &w, x, |i| i as usize),
        square: feature.variance_at_random(params.mode, &w),
        beyond: 0,
    })?;
    let mut total = vec![Sums { score: 0.0, square: 0.0, beyond: 0 }; features.len()];
    for first in (0..params.n_perms).step_by(PERMUTATIONS) {
        let several: Vec<Vec<u32>> = (first..(first + PERMUTATIONS).min(params.n_perms))
            .into_par_iter()
            .map(|p| shuffled(n, &mut ctx.rng("tl.spatial_autocorr", p as u64)))
            .collect();
        let part = each(several.len() as u64, &|f, feature, x| {
            let mut sums = Sums { score: 0.0, square: 0.0, beyond: 0 };
            for places in &several {
                let score = feature.statistic(params.mode, &w, x, |i| places[i as usize] as usize);
                sums.score += score - expected;
                sums.square += (score - expected) * (score - expected);
                sums.beyond += usize::from(score >= real[f].score);
            }
            sums
        })?;
        for (t, p) in total.iter_mut().zip(part) {
            *t = Sums { score: t.score + p.score, square: t.square + p.square, beyond: t.beyond + p.beyond };
        }
    }
    ctx.end(TASK);
    let var_norm = variance_of_noise(params.mode, &w);
    let tails = if params.two_tailed { 2.0 } else { 1.0 };
    let pval = |score: f64, mean: f64, variance: f64| normal_sf((score - mean).abs() / variance.sqrt());
    let simulated = (params.n_perms > 0).then(|| {
        let m = params.n_perms as f64;
        let mean: Vec<f64> = total.iter().map(|t| t.score / m).collect();
        let var_sim: Vec<f64> = total.iter().zip(&mean).map(|(t, a)| (t.square / m - a * a).max(0.0)).collect();
        let beyond = |s: &Sums| s.beyond.min(params.n_perms - s.beyond);
        let share =
            |(t, r): (&Sums, &Sums)| if r.score.is_nan() { f64::NAN } else { (beyond(t) as f64 + 1.0) / (m + 1.0) };
        Simulated {
            pval_z_sim: (0..real.len()).map(|f| pval(real[f].score, expected + mean[f], var_sim[f])).collect(),
            pval_sim: total.iter().zip(&real).map(share).collect(),
            var_sim,
        }
    });
    Ok(Autocorr {
        pval_norm: real.iter().map(|r| tails * pval(r.score, expected, var_norm)).collect(),
        var_norm,
        pval_rand: real.iter().map(|r| tails * pval(r.score, expected, r.square)).collect(),
        var_rand: real.iter().map(|r| r.square).collect(),
        score: real.iter().map(|r| r.score).collect(),
        simulated,
    })
}

/// A score and a variance, or sums over permutations.
#[derive(Clone, Copy)]
struct Sums {
    score: f64,
    square: f64,
    beyond: usize,
}

impl Sums {
    const NONE: Self = Self { score: f64::NAN, square: f64::NAN, beyond: 0 };
}

impl SpatialAutocorrParams {
    fn key(&self) -> &'static str {
        if self.mode == AutocorrMode::Moran { "moranI" } else { "gearyC" }
    }

    /// What to measure and its names.
    fn features(&self, adata: &AnnData) -> Result<(Vec<String>, Vec<Feature>)> {
        let (axis, slot): (&Frame, fn(&str) -> Slot) = match self.attr {
            AutocorrAttr::X => (adata.var(), Slot::var),
            AutocorrAttr::Obs => (adata.obs(), Slot::obs),
        };
        if self.attr == AutocorrAttr::Obs {
            let of = |name: &String| {
                let column = axis.get(name).ok_or_else(|| adata.missing(&slot(name), "name another column"))?;
                let values = column.to_f64().filter(|v| v.iter().all(|x| x.is_finite()));
                let reason = "is not a column of finite numbers; name others in genes";
                let values = values.ok_or_else(|| Error::data(slot(name), reason))?;
                Ok(Feature::new(values.len(), values.into_iter().enumerate().map(|(i, v)| (i as u32, v))))
            };
            let features = self.genes.iter().map(of).collect::<Result<_>>()?;
            return Ok((self.genes.clone(), features));
        }
        let layer = self.layer.as_deref();
        crate::pp::check_finite(adata, layer)?;
        let marked = adata.var().get(keys::HIGHLY_VARIABLE);
        let keep: Vec<usize> = match (&self.genes[..], marked) {
            ([], Some(Column::Bool(flags))) => (0..flags.len()).filter(|&j| flags[j]).collect(),
            ([], _) => (0..adata.n_vars()).collect(),
            (some, _) => {
                let at = |name: &String| axis.index().iter().position(|g| g == name);
                let lost = |name: &String| Error::data("var_names", format!("`{name}` is not there; name other genes"));
                let mut keep = some.iter().map(|g| at(g).ok_or_else(|| lost(g))).collect::<Result<Vec<_>>>()?;
                keep.sort_unstable();
                keep.dedup();
                keep
            }
        };
        let n = adata.n_obs();
        let by_gene = match adata.matrix(layer)?.select_cols(&keep) {
            Matrix::Csr(m) => m.transpose(),
            Matrix::Dense(m) => Csr::from_dense(&m).transpose(),
        };
        let feature = |j: usize| {
            let (rows, values) = by_gene.row(j);
            Feature::new(n, rows.iter().zip(values).map(|(&i, &v)| (i, f64::from(v))))
        };
        let features = (0..keep.len()).into_par_iter().map(feature).collect();
        Ok((keep.iter().map(|&j| axis.index()[j].clone()).collect(), features))
    }

    /// The table as squidpy stores it, most autocorrelated first.
    fn table(&self, names: Vec<String>, found: &Autocorr) -> Result<Frame> {
        let moran = self.mode == AutocorrMode::Moran;
        let mut order: Vec<usize> = (0..names.len()).collect();
        let by = |i: usize| if moran { -found.score[i] } else { found.score[i] };
        order.sort_by(|&a, &b| by(a).is_nan().cmp(&by(b).is_nan()).then(by(a).total_cmp(&by(b))));
        let mut columns = vec![
            (if moran { "I" } else { "C" }, found.score.clone()),
            ("pval_norm", found.pval_norm.clone()),
            ("var_norm", vec![found.var_norm; names.len()]),
            ("pval_rand", found.pval_rand.clone()),
            ("var_rand", found.var_rand.clone()),
        ];
        if let Some(s) = &found.simulated {
            columns.push(("pval_z_sim", s.pval_z_sim.clone()));
            columns.push(("pval_sim", s.pval_sim.clone()));
            columns.push(("var_sim", s.var_sim.clone()));
        }
        let mut table = Frame::new(names);
        for (name, values) in &columns {
            table.insert(name, Column::Float(values.clone()))?;
        }
        for (name, values) in columns.iter().filter(|c| c.0.starts_with("pval")) {
            match self.corr_method {
                Some(AutocorrCorrection::FdrBh) => {
                    table.insert(&format!("{name}_fdr_bh"), Column::Float(benjamini_hochberg(values)))?;
                }
                Some(AutocorrCorrection::Bonferroni) => {
                    table.insert(&format!("{name}_bonferroni"), Column::Float(bonferroni(values)))?;
                }
                None => {}
            }
        }
        Ok(table.select(&order))
    }
}

impl Step for SpatialAutocorrParams {
    const ID: &'static str = "tl.spatial_autocorr";
    const SUMMARY: &'static str = "Measures how much each gene varies over the tissue: Moran's I, Geary's C.";
    const ALIASES: &'static [&'static str] = &["tl.morans_i"];

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obsp(&self.connectivity_key)];
        match self.attr {
            AutocorrAttr::X => {
                slots.extend([Slot::matrix(self.layer.as_deref()), Slot::var(keys::HIGHLY_VARIABLE)]);
            }
            AutocorrAttr::Obs => slots.extend(self.genes.iter().map(|g| Slot::obs(g))),
        }
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::uns(self.key())]
    }

    fn validate(&self) -> Result<()> {
        if self.attr == AutocorrAttr::Obs && self.genes.is_empty() {
            return Err(Self::refuse("genes", "empty", "columns of obs where attr is obs"));
        }
        if self.attr == AutocorrAttr::Obs && self.layer.is_some() {
            return Err(Self::refuse("layer", "named", "left out where attr is obs"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let graph = adata.graph(&self.connectivity_key, "run pp.spatial_neighbors first, or pass connectivity_key")?;
        let (names, features) = self.features(adata)?;
        let found = autocorr_of(&features, &graph, self, ctx)?;
        let constant = found.score.iter().filter(|s| s.is_nan()).count();
        let (n, table) = (names.len(), self.table(names, &found)?);
        adata.set_uns(self.key(), table);
        Ok(Dict::from([("n_features".to_owned(), Value::from(n)), ("n_constant".to_owned(), Value::from(constant))]))
    }
}
