//! k-means++: centres to start from.

use rand::{Rng, RngExt};
use rayon::prelude::*;
use tegula_core::{Ctx, Dense, Result};

use super::nearest::distance2;
use crate::linalg::panel::vectorised;
use crate::stats::shuffled;

/// Rows per block.
const ROWS: usize = 1024;

/// Rows that are looked at, at most …
const ENOUGH: usize = 1 << 17;
/// … unless there are fewer than these for each centre.
const EACH: usize = 1024;

/// Greedy k-means++ (Arthur & Vassilvitskii 2007): of 2 + ln k rows drawn by their squared distance to the centres so
/// far, the one that leaves the least sum of squared distances becomes the next centre. Of very many rows a random part
/// is looked at.
pub(super) fn plus_plus(rows: &Dense, k: usize, rng: &mut impl Rng, task: &str, ctx: &Ctx<'_>) -> Result<Vec<f32>> {
    let (n, d) = (rows.n_rows(), rows.n_cols());
    let most = ENOUGH.max(k * EACH);
    if n > most {
        let mut part = shuffled(n, rng);
        part.truncate(most);
        part.sort_unstable();
        let part = part.into_iter().flat_map(|i| rows.row(i as usize)).copied().collect::<Vec<f32>>();
        return plus_plus(&Dense::new(most, d, part)?, k, rng, task, ctx);
    }
    let trials = 2 + (k as f64).ln() as usize;
    let mut centres = rows.row(rng.random_range(0..n)).to_vec();
    let mut known = Known { near: vec![0; n], distances: vec![f32::INFINITY; n] };
    let mut tried = vec![0f32; n * trials];
    known.measure(rows, &centres, &[0.0], &mut tried[..n]);
    let mut sums = known.take(&tried[..n], (1, 0), 0);
    while centres.len() < k * d {
        ctx.tick(task, 0)?;
        let drawn: Vec<usize> = (0..trials).map(|_| draw(&known.distances, &sums, rng)).collect();
        let candidates: Vec<f32> = drawn.iter().flat_map(|&i| rows.row(i)).copied().collect();
        // A centre's row cannot be nearer to a candidate than half their distance.
        let halves: Vec<f32> = candidates
            .chunks_exact(d)
            .flat_map(|x| centres.chunks_exact(d).map(move |c| distance2(x, c) / 4.0))
            .collect();
        let left = known.measure(rows, &candidates, &halves, &mut tried);
        let total = |t: usize| left.iter().map(|l| l[t]).sum::<f64>();
        let best = (0..trials).min_by(|&a, &b| total(a).total_cmp(&total(b))).unwrap_or(0);
        sums = known.take(&tried, (trials, best), (centres.len() / d) as u32);
        centres.extend_from_slice(&candidates[best * d..(best + 1) * d]);
    }
    Ok(centres)
}

/// The nearest centre of each row so far, and its squared distance.
struct Known {
    near: Vec<u32>,
    distances: Vec<f32>,
}

impl Known {
    /// Squared distances of all rows to some candidates into `tried`, row after row, infinite where the candidate is
    /// farther than what is known; returns the sum that each would leave, block after block.
    fn measure(&self, rows: &Dense, candidates: &[f32], halves: &[f32], tried: &mut [f32]) -> Vec<Vec<f64>> {
        let d = rows.n_cols();
        let trials = candidates.len() / d;
        let n_centres = halves.len() / trials;
        let blocks = rows.data().par_chunks(ROWS * d).zip(tried.par_chunks_mut(ROWS * trials));
        blocks
            .zip(self.near.par_chunks(ROWS).zip(self.distances.par_chunks(ROWS)))
            .map(|((rows, tried), (near, distances))| {
                vectorised(|| {
                    let mut left = vec![0.0; trials];
                    let known = near.iter().zip(distances);
                    for ((x, tried), (&a, &known)) in
                        rows.chunks_exact(d).zip(tried.chunks_exact_mut(trials)).zip(known)
                    {
                        for (t, c) in candidates.chunks_exact(d).enumerate() {
                            let far = halves[t * n_centres + a as usize] >= known;
                            tried[t] = if far { f32::INFINITY } else { distance2(x, c) };
                            left[t] += f64::from(known.min(tried[t]));
                        }
                    }
                    left
                })
            })
            .collect()
    }

    /// Gives the rows nearer to candidate `best` of `trials` to it; returns the sum of squared distances of each block.
    fn take(&mut self, tried: &[f32], (trials, best): (usize, usize), index: u32) -> Vec<f64> {
        let known = self.near.par_chunks_mut(ROWS).zip(self.distances.par_chunks_mut(ROWS));
        tried
            .par_chunks(ROWS * trials)
            .zip(known)
            .map(|(tried, (near, distances))| {
                let mut sum = 0.0;
                for (tried, (near, known)) in tried.chunks_exact(trials).zip(near.iter_mut().zip(distances)) {
                    if tried[best] < *known {
                        (*near, *known) = (index, tried[best]);
                    }
                    sum += f64::from(*known);
                }
                sum
            })
            .collect()
    }
}

/// A row, drawn by its squared distance.
fn draw(distances: &[f32], sums: &[f64], rng: &mut impl Rng) -> usize {
    let total: f64 = sums.iter().sum();
    if total <= 0.0 || !total.is_finite() {
        return rng.random_range(0..distances.len());
    }
    let mut left = rng.random::<f64>() * total;
    let mut block = 0;
    while block + 1 < sums.len() && left >= sums[block] {
        left -= sums[block];
        block += 1;
    }
    let from = block * ROWS;
    let block = &distances[from..distances.len().min(from + ROWS)];
    let mut last = 0;
    for (i, &x) in block.iter().enumerate() {
        if x > 0.0 {
            last = i;
            left -= f64::from(x);
            if left < 0.0 {
                break;
            }
        }
    }
    from + last
}
