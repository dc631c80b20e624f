//! p-values of many tests at once.

/// Benjamini and Hochberg's adjusted p-values: the false discovery rate at which each would just be called.
///
/// NaN stays NaN and counts as no test. <https://doi.org/10.1111/j.2517-6161.1995.tb02031.x>
///
/// ```
/// use tegula_algo::stats::correction::benjamini_hochberg;
/// assert_eq!(benjamini_hochberg(&[0.25, 1.0, 0.125, 1.0]), [0.5, 1.0, 0.5, 1.0]);
/// ```
pub fn benjamini_hochberg(pvals: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..pvals.len()).filter(|&i| !pvals[i].is_nan()).collect();
    order.sort_by(|&a, &b| pvals[a].total_cmp(&pvals[b]));
    let mut adjusted = vec![f64::NAN; pvals.len()];
    let (n, mut least) = (order.len() as f64, 1.0f64);
    for (rank, &i) in order.iter().enumerate().rev() {
        least = least.min(pvals[i] / ((rank + 1) as f64 / n));
        adjusted[i] = least;
    }
    adjusted
}

/// Bonferroni's adjusted p-values: p times the number of tests, at most 1. NaN stays NaN and counts as no test.
///
/// ```
/// use tegula_algo::stats::correction::bonferroni;
/// assert_eq!(bonferroni(&[0.25, 0.5]), [0.5, 1.0]);
/// ```
pub fn bonferroni(pvals: &[f64]) -> Vec<f64> {
    let n = pvals.iter().filter(|p| !p.is_nan()).count() as f64;
    pvals.iter().map(|p| if p.is_nan() { f64::NAN } else { (p * n).min(1.0) }).collect()
}
