//! Whether near in one space is near in another.

use rayon::prelude::*;
use tegula_core::{Ctx, Dense, Error, Result};

use crate::graph::knn_of;
use crate::stats::shuffled;

/// Up to so many observations the neighbours of all are compared.
const EXACT: usize = 20_000;
/// Above, those of so many.
const SAMPLE: usize = 2000;

/// The mean share of an observation's `k` nearest in `a` that are among its `k` nearest in `b`, and its standard error.
///
/// 1 where both agree; k / (N − 1) by chance. Exact, with an error of 0, up to 20,000 observations; above, of a random
/// sample of 2,000, each against all others.
///
/// # Errors
/// [`Error::Shape`] where the numbers of observations differ; [`Error::Param`] where `k` is 0 or there are not more than
/// `k` observations; [`Error::Data`] for NaN; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::metrics::knn_recall;
/// use tegula_core::{Ctx, Dense};
/// let line = Dense::new(4, 1, vec![0.0, 1.0, 3.0, 7.0])?;
/// let moved = Dense::new(4, 1, vec![0.0, 1.0, 3.0, -2.0])?;
/// // The nearest of 0 and of 1 is each other, that of 3 is 1; that of the last one changes from 3 to 0.
/// assert_eq!(knn_recall(&line, &moved, 1, &Ctx::default())?, (0.75, 0.0));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn knn_recall(a: &Dense, b: &Dense, k: usize, ctx: &Ctx<'_>) -> Result<(f64, f64)> {
    let n = a.n_rows();
    if b.n_rows() != n {
        return Err(Error::shape("neighbours", format!("{} observations", b.n_rows()), format!("{n} observations")));
    }
    let rows: Vec<u32> = if n <= EXACT {
        (0..n as u32).collect()
    } else {
        let mut rows = shuffled(n, &mut ctx.rng("knn_recall", 0));
        rows.truncate(SAMPLE);
        rows.sort_unstable();
        rows
    };
    let (near, found) = (knn_of(a, &rows, k, ctx)?, knn_of(b, &rows, k, ctx)?);
    let shares: Vec<f64> = near
        .par_chunks(k)
        .zip(found.par_chunks(k))
        .map(|(near, found)| near.iter().filter(|j| found.contains(j)).count() as f64 / k as f64)
        .collect();
    let m = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / m;
    let variance = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (m - 1.0).max(1.0);
    Ok((mean, (variance / m * (1.0 - m / n as f64)).sqrt()))
}
