//! k-means++: centres to start from.

use rand::{Rng, RngExt};
use rayon::prelude::*;
use tegula_core::{Ctx, Dense, Result};

use super::nearest::distance2;
use crate::linalg::panel::vectorised;

/// Rows per block.
const ROWS: usize = 4096;

/// Greedy k-means++ (Arthur & Vassilvitskii 2007): of 2 + ln k rows drawn by their squared distance to the centres so
/// far, the one that leaves the least sum of squared distances becomes the next centre.
pub(super) fn plus_plus(rows: &Dense, k: usize, rng: &mut impl Rng, task: &str, ctx: &Ctx<'_>) -> Result<Vec<f32>> {
    let (n, d) = (rows.n_rows(), rows.n_cols());
    let trials = 2 + (k as f64).ln() as usize;
    let mut centres = rows.row(rng.random_range(0..n)).to_vec();
    let mut near = vec![0u32; n];
    let mut distances = vec![f32::INFINITY; n];
    let mut sums = take(rows, &centres, 0, &[0.0], &mut near, &mut distances);
    while centres.len() < k * d {
        ctx.tick(task, 0)?;
        let drawn: Vec<usize> = (0..trials).map(|_| draw(&distances, &sums, rng)).collect();
        let candidates: Vec<f32> = drawn.iter().flat_map(|&i| rows.row(i)).copied().collect();
        // A centre's row cannot be nearer to a candidate than half their distance.
        let halves: Vec<f32> = candidates
            .chunks_exact(d)
            .flat_map(|x| centres.chunks_exact(d).map(move |c| distance2(x, c) / 4.0))
            .collect();
        let k_now = centres.len() / d;
        let left: Vec<Vec<f64>> = rows
            .data()
            .par_chunks(ROWS * d)
            .zip(near.par_chunks(ROWS).zip(distances.par_chunks(ROWS)))
            .map(|(rows, (near, distances))| {
                vectorised(|| {
                    let mut left = vec![0.0; trials];
                    for (x, (&a, &known)) in rows.chunks_exact(d).zip(near.iter().zip(distances)) {
                        for (t, c) in candidates.chunks_exact(d).enumerate() {
                            let far = halves[t * k_now + a as usize] >= known;
                            left[t] += f64::from(if far { known } else { known.min(distance2(x, c)) });
                        }
                    }
                    left
                })
            })
            .collect();
        let total = |t: usize| left.iter().map(|l| l[t]).sum::<f64>();
        let best = (0..trials).min_by(|&a, &b| total(a).total_cmp(&total(b))).unwrap_or(0);
        let halves = &halves[best * k_now..(best + 1) * k_now];
        let centre = &candidates[best * d..(best + 1) * d];
        sums = take(rows, centre, k_now as u32, halves, &mut near, &mut distances);
        centres.extend_from_slice(centre);
    }
    Ok(centres)
}

/// Gives the rows nearer to the new centre to it; returns the sum of squared distances of each block.
fn take(rows: &Dense, centre: &[f32], index: u32, halves: &[f32], near: &mut [u32], distances: &mut [f32]) -> Vec<f64> {
    let d = rows.n_cols();
    let blocks = rows.data().par_chunks(ROWS * d).zip(near.par_chunks_mut(ROWS).zip(distances.par_chunks_mut(ROWS)));
    blocks
        .map(|(rows, (near, distances))| {
            vectorised(|| {
                let mut sum = 0.0;
                for (x, (near, known)) in rows.chunks_exact(d).zip(near.iter_mut().zip(distances)) {
                    if halves[*near as usize] < *known {
                        let new = distance2(x, centre);
                        if new < *known {
                            (*near, *known) = (index, new);
                        }
                    }
                    sum += f64::from(*known);
                }
                sum
            })
        })
        .collect()
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
