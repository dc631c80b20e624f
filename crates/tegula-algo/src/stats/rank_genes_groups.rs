//! `tl.rank_genes_groups`: the genes that mark each group.

mod gene;
mod groups;
mod ranking;

pub use ranking::{RankedGenes, Ranking, rank_genes_groups};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{
    AnnData, ArrayData, Column, Ctx, Dict, Error, Frame, Matrix, Outcome, Records, Result, Slot, Step, Value, keys,
};

/// Ranks the genes that mark each group of observations.
///
/// # What it does
/// Compares every gene's expression in each group with that in all other observations (or in one `reference` group) by
/// Wilcoxon's rank-sum test or Welch's t-test, and lists the genes by their score with p-values and fold changes.
///
/// # When to use it
/// To name spatial domains and cell types by their markers, after clustering. Expects log-normalised data. Groups found
/// in the same data make p-values too small: read them as a ranking.
///
/// # How it works
/// Gene by gene over the transposed matrix. Only non-zero values are sorted; zeros are one block of ties. Moments are
/// joined group by group, without cancellation.
///
/// # Reads and writes
/// Reads `raw.X` where there is one, else `X`, or `layer`, `obs[groupby]` and the base in `uns["log1p"]`. Writes
/// `uns[key_added]` as scanpy does: records `names`, `scores`, `pvals`, `pvals_adj`, `logfoldchanges` with a field per
/// group, best gene first; tables `pts`, `pts_rest` with `pts`; `params`.
///
/// # Determinism
/// No randomness; the same bits for any number of threads. Equal scores go to the lower gene.
///
/// # Cost
/// O(nnz log nnz + genes × groups²) time, one transposed copy of the matrix.
///
/// # Differences from the reference
/// Numbers are scanpy's. Genes of equal score are ordered by position; categories without observations are left out;
/// logistic regression is not offered. Observations without a label count among the rest, as in scanpy.
///
/// # Example
/// `tegula tl rank_genes_groups in.h5ad -o out.h5ad --groupby leiden --method wilcoxon`
///
/// # References
/// Wilcoxon 1945, <https://doi.org/10.2307/3001968>; Welch 1947, <https://doi.org/10.1093/biomet/34.1-2.28>; Wolf et
/// al. 2018, <https://doi.org/10.1186/s13059-017-1382-0>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RankGenesGroupsParams {
    /// Column of `obs` with the groups.
    pub groupby: String,
    /// Groups to rank genes for; all where empty.
    pub groups: Vec<String>,
    /// The group to compare with; `rest` compares each group with all other observations.
    pub reference: String,
    /// Genes to list per group; all where left out.
    pub n_genes: Option<usize>,
    /// List by the absolute score, so that genes that are lacking count too.
    pub rankby_abs: bool,
    /// Also store the share of observations that express each gene.
    pub pts: bool,
    /// The test.
    pub method: RankMethod,
    /// How p-values are corrected for the number of genes.
    pub corr_method: CorrMethod,
    /// Correct the variance of rank sums for ties (`wilcoxon` only).
    pub tie_correct: bool,
    /// Layer to use instead of `X`.
    pub layer: Option<String>,
    /// Use `raw.X` instead of `X`; by default where there is one and no layer is named, as scanpy does.
    pub use_raw: Option<bool>,
    /// Flags in `var`: only genes that have it are tested.
    pub mask_var: Option<String>,
    /// Name to store under in `uns`.
    pub key_added: String,
}

/// A test of two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RankMethod {
    /// Welch's t-test.
    #[serde(rename = "t-test")]
    TTest,
    /// Welch's t-test with the rest counted as no larger than the group.
    #[serde(rename = "t-test_overestim_var")]
    TTestOverestimVar,
    /// Wilcoxon's rank-sum test.
    #[serde(rename = "wilcoxon")]
    Wilcoxon,
}

/// A correction for many tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CorrMethod {
    /// The false discovery rate.
    #[serde(rename = "benjamini-hochberg")]
    BenjaminiHochberg,
    /// The chance of any false discovery.
    #[serde(rename = "bonferroni")]
    Bonferroni,
}

impl Default for RankGenesGroupsParams {
    fn default() -> Self {
        Self {
            groupby: "leiden".into(),
            groups: Vec::new(),
            reference: "rest".into(),
            n_genes: None,
            rankby_abs: false,
            pts: false,
            method: RankMethod::TTest,
            corr_method: CorrMethod::BenjaminiHochberg,
            tie_correct: false,
            layer: None,
            use_raw: None,
            mask_var: None,
            key_added: "rank_genes_groups".into(),
        }
    }
}

impl RankGenesGroupsParams {
    /// Whether `raw` is taken.
    fn of_raw(&self, adata: &AnnData) -> bool {
        self.use_raw.unwrap_or(self.layer.is_none() && adata.raw().is_some())
    }

    /// The matrix to test and its genes.
    fn source(&self, adata: &AnnData) -> Result<(Matrix, Vec<String>)> {
        let use_raw = self.of_raw(adata);
        let (x, var) = match adata.raw().filter(|_| use_raw) {
            Some(raw) => (&raw.x, &raw.var),
            None if use_raw => {
                return Err(Error::data("raw", "there is none; leave out use_raw, or name a layer"));
            }
            None => (adata.matrix(self.layer.as_deref())?, adata.var()),
        };
        if use_raw && !x.values().iter().all(|v| v.is_finite()) {
            return Err(Error::data("raw", "holds NaN or infinite values; make it again from clean data"));
        }
        if !use_raw {
            crate::pp::check_finite(adata, self.layer.as_deref())?;
        }
        let Some(key) = &self.mask_var else { return Ok((x.clone(), var.index().to_vec())) };
        let flags = match var.get(key) {
            Some(Column::Bool(flags)) => flags,
            Some(other) => {
                let reason = format!("is {}, not flags; name a column of flags", other.kind());
                return Err(Error::data(Slot::var(key), reason));
            }
            None => return Err(adata.missing(&Slot::var(key), "name another column of flags")),
        };
        let keep: Vec<usize> = (0..flags.len()).filter(|&j| flags[j]).collect();
        Ok((x.select_cols(&keep), keep.iter().map(|&j| var.index()[j].clone()).collect()))
    }

    /// What scanpy keeps in `uns[key_added]`.
    fn stored(&self, ranking: &Ranking, names: &[String], use_raw: bool) -> Result<Dict> {
        let params = Dict::from([
            ("groupby".to_owned(), Value::from(self.groupby.as_str())),
            ("reference".to_owned(), Value::from(self.reference.as_str())),
            ("method".to_owned(), Value::from(self.method.name())),
            ("use_raw".to_owned(), Value::from(use_raw)),
            ("layer".to_owned(), self.layer.as_deref().map_or(Value::Null, Value::from)),
            ("corr_method".to_owned(), Value::from(self.corr_method.name())),
        ]);
        let mut out = Dict::from([("params".to_owned(), Value::from(params))]);
        if self.pts {
            for (key, shares) in [("pts", &ranking.pts), ("pts_rest", &ranking.pts_rest)] {
                let mut table = Frame::new(names.to_vec());
                for (group, share) in shares {
                    table.insert(group, Column::Float(share.clone()))?;
                }
                if !shares.is_empty() {
                    out.insert(key.to_owned(), table.into());
                }
            }
        }
        let single = |v: &[f64]| ArrayData::F32(v.iter().map(|&x| x as f32).collect());
        let double = |v: &[f64]| ArrayData::F64(v.to_vec().into());
        let field = |key: &str, f: &dyn Fn(&RankedGenes) -> ArrayData| {
            let mut records = Records::default();
            ranking.groups.iter().try_for_each(|g| records.insert(&g.group, f(g)))?;
            Ok::<_, Error>((key.to_owned(), Value::from(records)))
        };
        out.extend([
            field("names", &|g| ArrayData::Str(g.genes.iter().map(|&j| names[j].clone()).collect()))?,
            field("scores", &|g| single(&g.scores))?,
            field("pvals", &|g| double(&g.pvals))?,
            field("pvals_adj", &|g| double(&g.pvals_adj))?,
            field("logfoldchanges", &|g| single(&g.logfoldchanges))?,
        ]);
        Ok(out)
    }
}

impl RankMethod {
    fn name(self) -> &'static str {
        match self {
            Self::TTest => "t-test",
            Self::TTestOverestimVar => "t-test_overestim_var",
            Self::Wilcoxon => "wilcoxon",
        }
    }
}

impl CorrMethod {
    fn name(self) -> &'static str {
        match self {
            Self::BenjaminiHochberg => "benjamini-hochberg",
            Self::Bonferroni => "bonferroni",
        }
    }
}

impl Step for RankGenesGroupsParams {
    const ID: &'static str = "tl.rank_genes_groups";
    const SUMMARY: &'static str = "Ranks the genes that mark each group of observations.";

    fn reads(&self) -> Vec<Slot> {
        let matrix = Slot::matrix(self.layer.as_deref());
        let mut slots = match self.use_raw {
            Some(true) => vec![Slot::Raw],
            None if self.layer.is_none() => vec![Slot::Raw, matrix],
            _ => vec![matrix],
        };
        slots.extend([Slot::obs(&self.groupby), Slot::uns(keys::LOG1P)]);
        slots.extend(self.mask_var.as_deref().map(Slot::var));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::uns(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        if self.n_genes == Some(0) {
            return Err(Self::refuse("n_genes", 0, "at least 1"));
        }
        if self.use_raw == Some(true) && self.layer.is_some() {
            return Err(Self::refuse("use_raw", true, "false where a layer is named"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let (x, names) = self.source(adata)?;
        let base = adata.uns().get(keys::LOG1P).and_then(Value::as_dict).and_then(|d| d.get("base"));
        let labels = adata.labels(&self.groupby)?;
        let counts = x.values().iter().all(|&v| v >= 0.0 && v.fract() == 0.0);
        if counts && !x.values().is_empty() {
            ctx.warn("the matrix holds whole numbers: rank genes on log-normalised data, not on counts");
        }
        let ranking = rank_genes_groups(&x, &labels, self, base.and_then(Value::as_f64), ctx)?;
        let stored = self.stored(&ranking, &names, self.of_raw(adata))?;
        adata.set_uns(&self.key_added, stored);
        Ok(Dict::from([
            ("n_groups".to_owned(), Value::from(ranking.groups.len())),
            ("n_genes".to_owned(), Value::from(names.len())),
        ]))
    }
}
