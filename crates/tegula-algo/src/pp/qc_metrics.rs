//! `pp.calculate_qc_metrics`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dict, Error, Frame, Matrix, Outcome, Result, Slot, Step, Value, par};

use super::{Totals, check_counts};

/// Describes each observation and each gene: totals, numbers expressed, shares.
///
/// # What it does
/// Per observation: expressed genes, total counts, the share of its strongest genes and of marked genes
/// (mitochondrial, say). Per gene: expressing observations, mean, dropout, total.
///
/// # When to use it
/// First of all, on raw counts, to choose the thresholds of `pp.filter_cells` and `pp.filter_genes`.
///
/// # How it works
/// Two passes over the matrix; sums in `f64`. Shares of an empty observation are NaN.
///
/// # Reads and writes
/// Reads `X` or `layers[layer]`, and `var[q]` (flags) for every q of `qc_vars`. Writes to `obs`:
/// `n_genes_by_counts`, `total_counts`, `pct_counts_in_top_<n>_genes`, `total_counts_<q>`, `pct_counts_<q>`, where q is
/// also every name in `qc_prefixes`, whose genes are marked in `var[q]`; to `var`:
/// `n_cells_by_counts`, `mean_counts`, `pct_dropout_by_counts`, `total_counts`; with `log1p` also `log1p_…` of counts
/// and means.
///
/// # Determinism
/// The same bits for any number of threads.
///
/// # Cost
/// O(non-zeros), and a partial selection per observation for the strongest genes.
///
/// # Differences from the reference
/// Numbers and names are scanpy's; `qc_prefixes` is extra. scanpy fails where `percent_top` asks for more genes than there are; here those are left out with a warning.
///
/// # Example
/// `tegula pp calculate_qc_metrics in.h5ad -o out.h5ad --qc-prefixes mt=MT-`
///
/// ```
/// use tegula_algo::pp::CalculateQcMetricsParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(2, 2, vec![1.0, 0.0, 2.0, 3.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::with_range_index(2))?;
/// run(&CalculateQcMetricsParams { percent_top: vec![1], ..Default::default() }, &mut adata, &Ctx::default())?;
/// assert_eq!(adata.obs().get("pct_counts_in_top_1_genes").and_then(|c| c.to_f64()), Some(vec![100.0, 60.0]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// scater, Bioinformatics 2017, doi:10.1093/bioinformatics/btw777.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CalculateQcMetricsParams {
    /// Columns of flags in `var` (as `mt`): the share of each such group of genes is told per observation.
    pub qc_vars: Vec<String>,
    /// Groups of genes by the beginning of their names, as `mt=MT-` (upper or lower case): marked in `var` and told like
    /// `qc_vars`.
    pub qc_prefixes: Vec<String>,
    /// For each number here: the share of that many strongest genes.
    pub percent_top: Vec<u64>,
    /// Add the logarithm of counts and means.
    pub log1p: bool,
    /// Layer to use instead of `X`.
    pub layer: Option<String>,
}

impl Default for CalculateQcMetricsParams {
    fn default() -> Self {
        let percent_top = vec![50, 100, 200, 500];
        Self { qc_vars: vec![], qc_prefixes: vec![], percent_top, log1p: true, layer: None }
    }
}

/// The two tables of metrics, of observations and of variables, with scanpy's column names.
///
/// `groups` are named sets of genes, one flag per gene.
///
/// # Errors
/// [`Error::Shape`] where a group does not have one flag per gene.
///
/// ```
/// let m = tegula_core::Dense::new(1, 2, vec![1.0, 3.0])?.into();
/// let (obs, var) = tegula_algo::pp::calculate_qc_metrics(&m, &[("mt", &[true, false])], &[], false)?;
/// assert_eq!(obs.get("pct_counts_mt").and_then(|c| c.to_f64()), Some(vec![25.0]));
/// assert_eq!(var.get("mean_counts").and_then(|c| c.to_f64()), Some(vec![1.0, 3.0]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn calculate_qc_metrics(
    m: &Matrix,
    groups: &[(&str, &[bool])],
    percent_top: &[usize],
    log1p: bool,
) -> Result<(Frame, Frame)> {
    let mut obs = Table { frame: Frame::with_range_index(m.n_rows()), log1p };
    let rows = Totals::of_rows(m);
    obs.counts("n_genes_by_counts", &rows.positive)?;
    obs.reals("total_counts", &rows.sum)?;
    let tops = top_shares(m, percent_top, &rows.sum);
    for (k, n) in percent_top.iter().enumerate() {
        let share = tops.iter().map(|t| t[k]).collect();
        obs.frame.insert(&format!("pct_counts_in_top_{n}_genes"), Column::Float(share))?;
    }
    for &(name, flags) in groups {
        if flags.len() != m.n_cols() {
            let (got, want) = (format!("({})", flags.len()), format!("({})", m.n_cols()));
            return Err(Error::shape(format!("var[\"{name}\"]"), got, want));
        }
        let of_row = |i: usize| {
            let mut sum = 0.0;
            m.for_row(i, |j, v| sum += if flags[j] { f64::from(v) } else { 0.0 });
            sum
        };
        let sums: Vec<f64> = par::map(m.n_rows(), 256, |r| r.map(of_row).collect::<Vec<_>>()).concat();
        obs.reals(&format!("total_counts_{name}"), &sums)?;
        let pct = sums.iter().zip(&rows.sum).map(|(s, t)| s / t * 100.0).collect();
        obs.frame.insert(&format!("pct_counts_{name}"), Column::Float(pct))?;
    }
    let mut var = Table { frame: Frame::with_range_index(m.n_cols()), log1p };
    let columns = Totals::of_columns(m);
    let n = m.n_rows() as f64;
    var.frame.insert("n_cells_by_counts", ints(&columns.positive))?;
    let mean: Vec<f64> = columns.sum.iter().map(|s| s / n).collect();
    var.frame.insert("mean_counts", Column::Float(mean.clone()))?;
    var.log("mean_counts", mean.into_iter())?;
    let dropout = columns.positive.iter().map(|&k| (1.0 - k as f64 / n) * 100.0).collect();
    var.frame.insert("pct_dropout_by_counts", Column::Float(dropout))?;
    var.reals("total_counts", &columns.sum)?;
    Ok((obs.frame, var.frame))
}

/// A table under construction.
struct Table {
    frame: Frame,
    log1p: bool,
}

impl Table {
    fn counts(&mut self, name: &str, values: &[usize]) -> Result<()> {
        self.frame.insert(name, ints(values))?;
        self.log(name, values.iter().map(|&n| n as f64))
    }

    fn reals(&mut self, name: &str, values: &[f64]) -> Result<()> {
        self.frame.insert(name, Column::Float32(values.iter().map(|&v| v as f32).collect()))?;
        self.log(name, values.iter().copied())
    }

    fn log(&mut self, name: &str, values: impl Iterator<Item = f64>) -> Result<()> {
        if !self.log1p {
            return Ok(());
        }
        self.frame.insert(&format!("log1p_{name}"), Column::Float(values.map(f64::ln_1p).collect()))
    }
}

fn ints(values: &[usize]) -> Column {
    Column::Int(values.iter().map(|&n| n as i64).collect())
}

/// Per row, the share in percent of its `n` largest values, for each ascending `n`.
fn top_shares(m: &Matrix, tops: &[usize], totals: &[f64]) -> Vec<Vec<f64>> {
    let most = tops.last().copied().unwrap_or(0);
    let of_row = |i: usize| {
        let mut v = m.row_values(i).to_vec();
        if most > 0 && most < v.len() {
            v.select_nth_unstable_by(most - 1, |a, b| b.total_cmp(a));
            v.truncate(most);
        }
        v.sort_unstable_by(|a, b| b.total_cmp(a));
        let share = |&n: &usize| v.iter().take(n).map(|&x| f64::from(x)).sum::<f64>() / totals[i] * 100.0;
        tops.iter().map(share).collect::<Vec<f64>>()
    };
    if tops.is_empty() {
        return vec![];
    }
    par::map(m.n_rows(), 128, |r| r.map(of_row).collect::<Vec<_>>()).concat()
}

/// Name and beginning of `name=beginning`, neither empty.
fn name_and_prefix(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(name, prefix)| !name.is_empty() && !prefix.is_empty())
}

/// Which names begin with `prefix`, in upper or lower case.
fn begin_with(names: &[String], prefix: &str) -> Vec<bool> {
    let begins = |n: &String| n.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    names.iter().map(begins).collect()
}

impl CalculateQcMetricsParams {
    /// Names and beginnings of the groups by prefix.
    fn prefixes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.qc_prefixes.iter().filter_map(|p| name_and_prefix(p))
    }

    /// The names of the columns that come in a plain and a logged form, and those that do not, of `obs` and of `var`.
    fn names(&self) -> (Vec<String>, Vec<String>) {
        let both = |name: String| {
            let log = self.log1p.then(|| format!("log1p_{name}"));
            std::iter::once(name).chain(log)
        };
        let mut obs: Vec<String> =
            ["n_genes_by_counts", "total_counts"].map(String::from).into_iter().flat_map(both).collect();
        obs.extend(self.percent_top.iter().map(|n| format!("pct_counts_in_top_{n}_genes")));
        for q in self.qc_vars.iter().map(String::as_str).chain(self.prefixes().map(|p| p.0)) {
            obs.extend(both(format!("total_counts_{q}")));
            obs.push(format!("pct_counts_{q}"));
        }
        let mut var = vec!["n_cells_by_counts".to_owned(), "pct_dropout_by_counts".to_owned()];
        var.extend(self.prefixes().map(|p| p.0.to_owned()));
        var.extend(["mean_counts", "total_counts"].map(String::from).into_iter().flat_map(both));
        (obs, var)
    }
}

impl Step for CalculateQcMetricsParams {
    const ID: &'static str = "pp.calculate_qc_metrics";
    const SUMMARY: &'static str = "Describes each observation and each gene: totals, numbers expressed, shares.";
    const ALIASES: &'static [&'static str] = &["pp.qc"];

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::matrix(self.layer.as_deref())];
        slots.extend(self.qc_vars.iter().map(|q| Slot::var(q)));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        let (obs, var) = self.names();
        obs.iter().map(|k| Slot::obs(k)).chain(var.iter().map(|k| Slot::var(k))).collect()
    }

    fn validate(&self) -> Result<()> {
        if self.percent_top.contains(&0) {
            return Err(Self::refuse("percent_top", 0, "numbers of genes, 1 or more"));
        }
        if let Some(p) = self.qc_prefixes.iter().find(|p| name_and_prefix(p).is_none()) {
            return Err(Self::refuse("qc_prefixes", p, "name=beginning, as mt=MT-"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let layer = self.layer.as_deref();
        check_counts(adata, layer)?;
        let mut tops: Vec<usize> = self.percent_top.iter().map(|&n| n as usize).collect();
        tops.sort_unstable();
        tops.dedup();
        let too_many: Vec<String> = tops.iter().filter(|&&n| n > adata.n_vars()).map(ToString::to_string).collect();
        if !too_many.is_empty() {
            let (list, n) = (too_many.join(", "), adata.n_vars());
            ctx.warn(&format!("there are {n} genes: the share of the top {list} is left out"));
            tops.retain(|&n| n <= adata.n_vars());
        }
        let mut groups = Vec::new();
        for q in &self.qc_vars {
            let hint = "name columns of flags in var";
            let column = adata.var().get(q).ok_or_else(|| adata.missing(&Slot::var(q), hint))?;
            let flags: Vec<bool> = match column {
                Column::Bool(b) => b.clone(),
                Column::NullableBool(b) => b.iter().map(|f| f.unwrap_or(false)).collect(),
                other => {
                    let reason = format!("is {}, not flags; name a column of true and false", other.kind());
                    return Err(Error::data(Slot::var(q), reason));
                }
            };
            groups.push((q.as_str(), flags));
        }
        let marked: Vec<(&str, Vec<bool>)> =
            self.prefixes().map(|(q, prefix)| (q, begin_with(adata.var().index(), prefix))).collect();
        groups.extend(marked.iter().cloned());
        let groups: Vec<(&str, &[bool])> = groups.iter().map(|(q, f)| (*q, f.as_slice())).collect();
        let (obs, var) = calculate_qc_metrics(adata.matrix(layer)?, &groups, &tops, self.log1p)?;
        let mean = |name: &str| {
            let v = obs.get(name).and_then(Column::to_f64).unwrap_or_default();
            Value::from(v.iter().sum::<f64>() / v.len().max(1) as f64)
        };
        let outcome = ["n_genes_by_counts", "total_counts"].map(|k| (format!("mean_{k}"), mean(k)));
        for (name, flags) in marked {
            adata.set_var(name, Column::Bool(flags))?;
        }
        for (name, column) in obs.columns() {
            adata.set_obs(name, column.clone())?;
        }
        for (name, column) in var.columns() {
            adata.set_var(name, column.clone())?;
        }
        Ok(Dict::from(outcome))
    }
}
