//! Flavours `seurat` and `cell_ranger`: dispersion, standardised among genes of similar mean.

use tegula_core::{Column, Frame, Labels, Matrix, Result, keys};

use super::{Flavor, HighlyVariableGenesParams, rows_of};
use crate::pp::columns::{Rows, moments_of_rows, widen};
use crate::pp::fast_math::exp_m1_all;
use crate::stats::quantile::{median, quantile_of_sorted};

/// Median absolute deviation of the standard normal distribution.
const MAD_OF_NORMAL: f64 = 0.674_489_750_196_081_7;

/// Mean, dispersion and standardised dispersion of each gene, and which are chosen.
struct Found {
    means: Vec<f64>,
    dispersions: Vec<f64>,
    norm: Vec<f64>,
    chosen: Vec<bool>,
}

/// The columns of these flavours.
pub(super) fn find(
    m: &Matrix,
    params: &HighlyVariableGenesParams,
    base: Option<f64>,
    batches: Option<&Labels>,
    names: &[String],
) -> Result<Frame> {
    let (found, n_batches) = match batches {
        None => (of_rows(m, None, params, base), None),
        Some(labels) => {
            let parts: Vec<Found> = rows_of(labels).iter().map(|r| of_rows(m, Some(r), params, base)).collect();
            let n_batches: Vec<i64> =
                (0..m.n_cols()).map(|j| parts.iter().filter(|p| p.chosen[j]).count() as i64).collect();
            (average(&parts, &n_batches, params, names), Some((n_batches, parts.len() as i64)))
        }
    };
    let mut rank = vec![f64::NAN; m.n_cols()];
    let mut order: Vec<usize> = (0..rank.len()).filter(|&j| found.chosen[j]).collect();
    order.sort_by(|&a, &b| found.norm[b].total_cmp(&found.norm[a]));
    for (place, j) in order.into_iter().enumerate() {
        rank[j] = place as f64;
    }
    let mut frame = Frame::new(names.to_vec());
    frame.insert(keys::HIGHLY_VARIABLE, Column::Bool(found.chosen))?;
    frame.insert("highly_variable_rank", Column::Float(rank))?;
    frame.insert("means", Column::Float(found.means))?;
    frame.insert("dispersions", Column::Float(found.dispersions))?;
    frame.insert("dispersions_norm", Column::Float32(found.norm.into_iter().map(|d| d as f32).collect()))?;
    if let Some((n_batches, all)) = n_batches {
        let everywhere = n_batches.iter().map(|&n| n == all).collect();
        frame.insert("highly_variable_nbatches", Column::Int(n_batches))?;
        frame.insert("highly_variable_intersection", Column::Bool(everywhere))?;
    }
    Ok(frame)
}

/// Judges genes by some rows: a batch's, where genes without any expression stand aside with zeros, or all (`None`).
fn of_rows(m: &Matrix, rows: Rows<'_>, params: &HighlyVariableGenesParams, base: Option<f64>) -> Found {
    let logged = params.flavor == Flavor::Seurat;
    let scale = base.map_or(1.0, f64::ln);
    let (mean, variance) = if logged {
        moments_of_rows(m, rows, |from, to| exp_m1_all(from, scale, to))
    } else {
        moments_of_rows(m, rows, widen)
    };
    let genes: Vec<usize> = (0..mean.len()).filter(|&j| rows.is_none() || mean[j] != 0.0).collect();
    let (means, dispersions): (Vec<f64>, Vec<f64>) = genes
        .iter()
        .map(|&j| {
            let mean = if mean[j] == 0.0 { 1e-12 } else { mean[j] };
            let d = variance[j] / mean;
            if logged { (mean.ln_1p(), if d == 0.0 { f64::NAN } else { d.ln() }) } else { (mean, d) }
        })
        .unzip();
    let norm = if logged {
        standardise(&bins(&means, params.n_bins), params.n_bins, &dispersions)
    } else {
        standardise_robustly(&percentile_bins(&means), &dispersions)
    };
    let chosen = if let Some(n) = params.n_top_genes {
        let cut = nth_highest(&norm, n);
        norm.iter().map(|&d| if d.is_nan() { f64::NEG_INFINITY } else { d } >= cut).collect()
    } else {
        within(&means, &norm, params)
    };
    if genes.len() == mean.len() {
        return Found { means, dispersions, norm, chosen };
    }
    let mut all = Found { means: vec![0.0; mean.len()], dispersions: vec![], norm: vec![], chosen: vec![] };
    all.dispersions.clone_from(&all.means);
    all.norm.clone_from(&all.means);
    all.chosen = vec![false; mean.len()];
    for (k, j) in genes.into_iter().enumerate() {
        (all.means[j], all.dispersions[j], all.norm[j], all.chosen[j]) = (means[k], dispersions[k], norm[k], chosen[k]);
    }
    all
}

/// The average of the batches, NaN passed over; chosen are the genes chosen in most batches, then by dispersion, then
/// by name; or those within the cut-offs.
fn average(parts: &[Found], n_batches: &[i64], params: &HighlyVariableGenesParams, names: &[String]) -> Found {
    let mean = |of: fn(&Found) -> &[f64]| -> Vec<f64> {
        let gene = |j: usize| {
            let present = || parts.iter().map(|p| of(p)[j]).filter(|v| !v.is_nan());
            present().sum::<f64>() / present().count() as f64
        };
        (0..n_batches.len()).map(gene).collect()
    };
    let (means, dispersions, mut norm) = (mean(|p| &p.means), mean(|p| &p.dispersions), mean(|p| &p.norm));
    let chosen = if let Some(n) = params.n_top_genes {
        let value = |j: usize| if norm[j].is_nan() { f64::NEG_INFINITY } else { norm[j] };
        let mut order: Vec<usize> = (0..norm.len()).collect();
        order.sort_by(|&a, &b| {
            let by_value = n_batches[b].cmp(&n_batches[a]).then(value(b).total_cmp(&value(a)));
            by_value.then_with(|| names[a].cmp(&names[b]))
        });
        let mut chosen = vec![false; norm.len()];
        order.into_iter().take(n).for_each(|j| chosen[j] = true);
        chosen
    } else {
        norm.iter_mut().filter(|d| d.is_nan()).for_each(|d| *d = 0.0);
        within(&means, &norm, params)
    };
    Found { means, dispersions, norm, chosen }
}

/// Which genes lie within the cut-offs; a dispersion that is NaN counts as 0.
fn within(means: &[f64], norm: &[f64], params: &HighlyVariableGenesParams) -> Vec<bool> {
    let max_disp = params.max_disp.unwrap_or(f64::INFINITY);
    let one = |(&mean, &disp): (&f64, &f64)| {
        let disp = if disp.is_nan() { 0.0 } else { disp.clamp(f64::MIN, f64::MAX) };
        mean > params.min_mean && mean < params.max_mean && disp > params.min_disp && disp < max_disp
    };
    means.iter().zip(norm).map(one).collect()
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

/// Bin of each value between its own 10th, 15th, … 100th percentiles, closed on the right.
fn percentile_bins(x: &[f64]) -> Vec<usize> {
    let mut sorted = x.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let edges: Vec<f64> = (2..=20).filter_map(|k| quantile_of_sorted(&sorted, f64::from(k * 5) / 100.0)).collect();
    x.iter().map(|&v| edges.partition_point(|&e| e < v)).collect()
}

/// Each value minus the median of its bin, divided by the bin's median absolute deviation as of a normal distribution.
fn standardise_robustly(bin: &[usize], x: &[f64]) -> Vec<f64> {
    let mut members: Vec<Vec<f64>> = vec![vec![]; 20];
    for (&b, &v) in bin.iter().zip(x) {
        members[b].push(v);
    }
    let stats: Vec<(f64, f64)> = members
        .into_iter()
        .map(|mut v| {
            let middle = median(&mut v).unwrap_or(f64::NAN);
            for x in &mut v {
                *x = (*x - middle).abs();
            }
            (middle, median(&mut v).unwrap_or(f64::NAN) / MAD_OF_NORMAL)
        })
        .collect();
    bin.iter().zip(x).map(|(&b, &v)| (v - stats[b].0) / stats[b].1).collect()
}

/// Bin of each value among `n` of equal width, closed on the right, as pandas' `cut` makes them.
fn bins(x: &[f64], n: usize) -> Vec<usize> {
    let (mut lo, mut hi) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    if lo == hi {
        let margin = if lo == 0.0 { 0.001 } else { 0.001 * lo.abs() };
        (lo, hi) = (lo - margin, hi + margin);
    }
    let step = (hi - lo) / n as f64;
    // The last edge is `hi` itself, as numpy's linspace has it, or rounding would leave the largest value outside.
    let edges: Vec<f64> = (1..=n).map(|k| if k == n { hi } else { k as f64 * step + lo }).collect();
    x.iter().map(|&v| edges.partition_point(|&e| e < v).min(n - 1)).collect()
}

/// Each value centred and divided by the standard deviation (ddof 1) of its bin; 1 where it is alone there.
fn standardise(bin: &[usize], n_bins: usize, x: &[f64]) -> Vec<f64> {
    let mut sums = vec![(0usize, 0f64); n_bins];
    let present = || bin.iter().zip(x).filter(|(_, v)| !v.is_nan());
    for (&b, v) in present() {
        sums[b].0 += 1;
        sums[b].1 += v;
    }
    let average: Vec<f64> = sums.iter().map(|&(n, s)| s / n as f64).collect();
    let mut squares = vec![0f64; n_bins];
    for (&b, v) in present() {
        squares[b] += (v - average[b]).powi(2);
    }
    let one = |(&b, &v): (&usize, &f64)| match sums[b].0 {
        1 => v / average[b],
        n => (v - average[b]) / (squares[b] / (n as f64 - 1.0)).sqrt(),
    };
    bin.iter().zip(x).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_closed_on_the_right() {
        assert_eq!(bins(&[0.0, 1.0, 1.5, 2.0], 2), [0, 0, 1, 1]);
        assert_eq!(bins(&[3.0, 3.0], 4), [1, 1], "equal values share the bin that holds the middle");
    }

    #[test]
    fn a_gene_alone_in_its_bin_gets_one() {
        let norm = standardise(&[0, 1, 1, 1], 2, &[-4.0, 1.0, 3.0, f64::NAN]);
        assert_eq!(norm[0], 1.0);
        assert!((norm[2] - 0.5f64.sqrt()).abs() < 1e-12 && norm[3].is_nan());
    }
}
