//! `tl.spatial_autocorr`: Moran's I and Geary's C of every gene.

mod scores;
mod statistic;
mod weights;

pub use scores::{Autocorr, Simulated, autocorr};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Csr, Ctx, Dict, Error, Frame, Matrix, Outcome, Result, Slot, Step, Value, keys};

use super::correction::{benjamini_hochberg, bonferroni};
use scores::autocorr_of;
use statistic::Feature;

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
/// Reads `X` (or `layer`), columns of `obs` or of `obsm[layer]`, `obsp[connectivity_key]` and `var["highly_variable"]`. Writes the table
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
    /// Genes (columns of `obs`; numbers or names of columns in `obsm`) to measure; where empty the highly variable
    /// genes if marked, else all.
    pub genes: Vec<String>,
    /// What to measure.
    pub attr: AutocorrAttr,
    /// Layer to use instead of `X`; where `attr` is `obsm`, the key in it.
    pub layer: Option<String>,
    /// The graph in `obsp`.
    pub connectivity_key: String,
    /// Divide the weights of each observation by their sum.
    pub transformation: bool,
    /// Permutations for p-values by simulation; none where left out.
    pub n_perms: Option<usize>,
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
    /// Columns of the entry `layer` of `obsm`.
    #[serde(rename = "obsm")]
    Obsm,
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
            n_perms: None,
            two_tailed: false,
            corr_method: Some(AutocorrCorrection::FdrBh),
        }
    }
}

impl SpatialAutocorrParams {
    fn key(&self) -> &'static str {
        if self.mode == AutocorrMode::Moran { "moranI" } else { "gearyC" }
    }

    /// What to measure and its names.
    fn features(&self, adata: &AnnData) -> Result<(Vec<String>, Vec<Feature>)> {
        match self.attr {
            AutocorrAttr::X => {}
            AutocorrAttr::Obs => return self.columns_of_obs(adata),
            AutocorrAttr::Obsm => return self.columns_of_obsm(adata),
        }
        let axis = adata.var();
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

    fn columns_of_obs(&self, adata: &AnnData) -> Result<(Vec<String>, Vec<Feature>)> {
        let of = |name: &String| {
            let slot = Slot::obs(name);
            let column = adata.obs().get(name).ok_or_else(|| adata.missing(&slot, "name another column"))?;
            let values = column.to_f64().filter(|v| v.iter().all(|x| x.is_finite()));
            let values =
                values.ok_or_else(|| Error::data(slot, "is not a column of finite numbers; name others in genes"))?;
            Ok(Feature::of_all(values))
        };
        Ok((self.genes.clone(), self.genes.iter().map(of).collect::<Result<_>>()?))
    }

    fn columns_of_obsm(&self, adata: &AnnData) -> Result<(Vec<String>, Vec<Feature>)> {
        let slot = Slot::obsm(self.layer.as_deref().unwrap_or_default());
        let entry = slot.key().and_then(|key| adata.obsm().get(key));
        let entry = entry.ok_or_else(|| adata.missing(&slot, "name another key in layer"))?;
        let (width, rows) = entry
            .to_f64_rows()
            .filter(|r| r.1.iter().all(|x| x.is_finite()))
            .ok_or_else(|| Error::data(&slot, "is not a matrix of finite numbers; name another key in layer"))?;
        let all: Vec<String> = match entry {
            Value::Frame(f) => f.columns().keys().cloned().collect(),
            _ => (0..width).map(|j| j.to_string()).collect(),
        };
        let names = if self.genes.is_empty() { all.clone() } else { self.genes.clone() };
        let of = |name: &String| {
            let lost =
                || Error::data(&slot, format!("has no column `{name}`, only {width} columns; name others in genes"));
            let j = all.iter().position(|n| n == name).ok_or_else(lost)?;
            Ok(Feature::of_all(rows.iter().skip(j).step_by(width).copied().collect()))
        };
        let features = names.iter().map(of).collect::<Result<_>>()?;
        Ok((names, features))
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
            AutocorrAttr::Obsm => slots.extend(self.layer.as_deref().map(Slot::obsm)),
        }
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::uns(self.key())]
    }

    fn validate(&self) -> Result<()> {
        if self.n_perms == Some(0) {
            return Err(Self::refuse("n_perms", 0, "at least 1, or left out"));
        }
        if self.attr == AutocorrAttr::Obs && self.genes.is_empty() {
            return Err(Self::refuse("genes", "empty", "columns of obs where attr is obs"));
        }
        if self.attr == AutocorrAttr::Obs && self.layer.is_some() {
            return Err(Self::refuse("layer", "named", "left out where attr is obs"));
        }
        if self.attr == AutocorrAttr::Obsm && self.layer.is_none() {
            return Err(Self::refuse("layer", "None", "the key in obsm where attr is obsm"));
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
