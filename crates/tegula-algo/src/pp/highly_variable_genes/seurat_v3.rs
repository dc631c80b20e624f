//! Flavours `seurat_v3` and `seurat_v3_paper`: variance of clipped counts, standardised by a smooth of the variance on
//! the mean.

use tegula_core::Matrix;

use super::loess::loess;
use crate::pp::columns::{Rows, column_sums};

/// Variance of each gene's standardised counts in some rows; counts count at most √n standard deviations above the
/// mean. `mean` and `variance` are those of the counts in these rows.
pub(super) fn variances_norm(m: &Matrix, rows: Rows<'_>, (mean, variance): (&[f64], &[f64]), span: f64) -> Vec<f64> {
    let varies: Vec<usize> = (0..mean.len()).filter(|&j| variance[j] > 0.0).collect();
    let log = |v: &[f64]| varies.iter().map(|&j| v[j].log10()).collect::<Vec<f64>>();
    let fitted = loess(&log(mean), &log(variance), span);
    let mut expected = vec![1.0; mean.len()];
    for (&j, f) in varies.iter().zip(fitted) {
        expected[j] = 10f64.powf(f);
    }
    let n = rows.map_or(m.n_rows(), <[usize]>::len) as f64;
    let limit: Vec<f64> = expected.iter().zip(mean).map(|(v, mean)| v.sqrt() * n.sqrt() + mean).collect();
    let sums = column_sums(m, rows, |_, j, v| {
        let v = v.min(limit[j]);
        (v, v * v)
    });
    let one = |(j, (sum, squares)): (usize, (f64, f64))| {
        (n * mean[j] * mean[j] + squares - 2.0 * sum * mean[j]) / ((n - 1.0) * expected[j])
    };
    sums.into_iter().enumerate().map(one).collect()
}
