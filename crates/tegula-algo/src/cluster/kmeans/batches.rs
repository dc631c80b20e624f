//! Mini-batches (Sculley 2010): centres follow the means of small random samples.

use rand::RngExt;
use rayon::prelude::*;
use tegula_core::{Ctx, Dense, Result};

use super::lloyd::Ended;
use super::nearest::{Nearest, nearest, panels};
use crate::index::panels::{Panels, Queries};

/// Rows compared at a time.
const CHUNK: usize = 512;

/// Batches without gain after which the iterations end.
const PATIENCE: usize = 10;

/// Iterates from `centres` over batches of `size` rows; at most as many as `max_iter` rounds over all rows.
pub(super) fn batches(
    rows: &Dense,
    lengths: &[f32],
    mut centres: Vec<f32>,
    (size, max_iter): (usize, usize),
    run: u64,
    task: &str,
    ctx: &Ctx<'_>,
) -> Result<Ended> {
    let (n, d) = (rows.n_rows(), rows.n_cols());
    let k = centres.len() / d;
    let steps = max_iter * n.div_ceil(size);
    let mut exact: Vec<f64> = centres.iter().map(|&c| f64::from(c)).collect();
    let mut weights = vec![0.0; k];
    // The mean of the batches' sums, later ones counting more: one batch alone says little.
    let rate = (2.0 * size as f64 / (n as f64 + 1.0)).min(1.0);
    let (mut smooth, mut least, mut idle) = (None, f64::INFINITY, 0);
    let mut rng = ctx.rng("tl.kmeans.batch", run);
    for step in 1..=steps {
        let batch: Vec<usize> = (0..size).map(|_| rng.random_range(0..n)).collect();
        let found = closest(rows, &batch, &panels(&centres, d));
        let inertia: f64 = batch.iter().zip(&found).map(|(&i, f)| f64::from((f.first + lengths[i]).max(0.0))).sum();
        let (mut sums, mut counts) = (vec![0.0; k * d], vec![0.0; k]);
        for (&i, f) in batch.iter().zip(&found) {
            let c = f.index as usize;
            counts[c] += 1.0;
            sums[c * d..(c + 1) * d].iter_mut().zip(rows.row(i)).for_each(|(s, &x)| *s += f64::from(x));
        }
        for e in (0..k * d).filter(|e| counts[e / d] > 0.0) {
            let (weight, count) = (weights[e / d], counts[e / d]);
            exact[e] = (exact[e] * weight + sums[e]) / (weight + count);
            centres[e] = exact[e] as f32;
        }
        weights.iter_mut().zip(&counts).for_each(|(w, c)| *w += c);
        ctx.tick(task, 0)?;
        // The first batch still shows the centres of the start.
        if step > 1 {
            let now = smooth.map_or(inertia, |s| s * (1.0 - rate) + inertia * rate);
            smooth = Some(now);
            idle = if now < least { 0 } else { idle + 1 };
            least = least.min(now);
        }
        if idle >= PATIENCE || ctx.stopping() {
            return Ok(Ended { centres, n_iter: step, converged: idle >= PATIENCE });
        }
    }
    Ok(Ended { centres, n_iter: steps, converged: false })
}

/// The nearest centre of the given rows.
pub(super) fn closest(rows: &Dense, which: &[usize], centres: &Panels) -> Vec<Nearest> {
    let parts: Vec<Vec<Nearest>> = which
        .par_chunks(CHUNK)
        .map(|which| {
            let (mut queries, mut found) = (Queries::new(rows.n_cols()), Vec::new());
            for &i in which {
                queries.push(rows.row(i));
            }
            nearest(centres, &queries, which.len(), &mut found);
            found
        })
        .collect();
    parts.concat()
}
