//! Lloyd's iterations; rows that bounds show to stay are not looked at (Hamerly 2010).

use rayon::prelude::*;
use tegula_core::{Ctx, Dense, Result};

use super::nearest::{Nearest, distance2, nearest, panels};
use crate::index::panels::{Panels, Queries};
use crate::linalg::panel::{rows_per_block, vectorised};

/// Rows compared with all centres at a time.
const CHUNK: usize = 512;

/// Where the iterations ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// The centres, one after the other.
    pub(super) centres: Vec<f32>,
    /// Rounds that were run.
    pub(super) n_iter: usize,
    /// Whether no row, or the centres hardly, moved in the last one.
    pub(super) converged: bool,
}

/// Rows and what is known of their distances to the centres.
struct State {
    near: Vec<u32>,
    /// Not less than the distance to the centre of the row.
    upper: Vec<f32>,
    /// Not more than the distance to any other centre.
    lower: Vec<f32>,
}

/// What a block of rows changed: the sums and numbers of the rows of each centre.
struct Change {
    moved: usize,
    sums: Vec<f64>,
    counts: Vec<i64>,
}

/// The centres of a round, and how far each moved since the last.
struct Round {
    centres: Vec<f32>,
    panels: Panels,
    /// Half the distance from each centre to its nearest other.
    half: Vec<f32>,
    moved: Vec<f32>,
    /// The farthest and second farthest that a centre moved, and which moved farthest.
    most: (usize, f32, f32),
}

impl Round {
    fn new(centres: Vec<f32>, moved: Vec<f32>, d: usize) -> Self {
        let panels = panels(&centres, d);
        let half = centres
            .par_chunks_exact(d)
            .enumerate()
            .map(|(a, x)| {
                let others = centres.chunks_exact(d).enumerate().filter(|&(b, _)| b != a);
                others.map(|(_, y)| distance2(x, y)).fold(f32::INFINITY, f32::min).sqrt() / 2.0
            })
            .collect();
        let mut most = (0, 0.0, 0.0);
        for (c, &m) in moved.iter().enumerate() {
            if m > most.1 {
                most = (c, m, most.1);
            } else if m > most.2 {
                most.2 = m;
            }
        }
        Self { centres, panels, half, moved, most }
    }

    /// The farthest that a centre other than `a` moved.
    fn others(&self, a: usize) -> f32 {
        if a == self.most.0 { self.most.2 } else { self.most.1 }
    }
}

/// Iterates from `centres` until the squared moves of the centres sum up to `tol` at most.
pub(super) fn lloyd(
    rows: &Dense,
    lengths: &[f32],
    centres: Vec<f32>,
    (max_iter, tol): (usize, f64),
    task: &str,
    ctx: &Ctx<'_>,
) -> Result<Ended> {
    let (n, d) = (rows.n_rows(), rows.n_cols());
    let k = centres.len() / d;
    let mut state = State { near: vec![u32::MAX; n], upper: vec![f32::INFINITY; n], lower: vec![0.0; n] };
    let (mut sums, mut counts) = (vec![0.0; k * d], vec![0i64; k]);
    let mut round = Round::new(centres, vec![0.0; k], d);
    for n_iter in 1..=max_iter {
        let changes = assign(rows, lengths, &round, &mut state);
        let moved: usize = changes.iter().map(|c| c.moved).sum();
        for change in changes.iter().filter(|c| c.moved > 0) {
            sums.iter_mut().zip(&change.sums).for_each(|(s, c)| *s += c);
            counts.iter_mut().zip(&change.counts).for_each(|(s, c)| *s += c);
        }
        if moved > 0 {
            fill_empty(rows, &round.centres, &mut state, &mut sums, &mut counts);
        }
        let centres: Vec<f32> = (0..k * d)
            .map(|e| if counts[e / d] > 0 { (sums[e] / counts[e / d] as f64) as f32 } else { round.centres[e] })
            .collect();
        let shifts: Vec<f32> =
            centres.chunks_exact(d).zip(round.centres.chunks_exact(d)).map(|(a, b)| distance2(a, b)).collect();
        let shift: f64 = shifts.iter().map(|&s| f64::from(s)).sum();
        ctx.tick(task, 0)?;
        let converged = moved == 0 || shift <= tol;
        if converged || n_iter == max_iter || ctx.stopping() {
            return Ok(Ended { centres, n_iter, converged });
        }
        round = Round::new(centres, shifts.iter().map(|s| s.sqrt()).collect(), d);
    }
    Ok(Ended { centres: round.centres, n_iter: 0, converged: false })
}

/// Gives every row to its nearest centre.
fn assign(rows: &Dense, lengths: &[f32], round: &Round, state: &mut State) -> Vec<Change> {
    let (d, size) = (rows.n_cols(), rows_per_block(rows.n_rows()));
    let bounds = state.upper.par_chunks_mut(size).zip(state.lower.par_chunks_mut(size));
    let blocks = rows.data().par_chunks(size * d).zip(lengths.par_chunks(size));
    blocks
        .zip(state.near.par_chunks_mut(size).zip(bounds))
        .map(|((rows, lengths), (near, (upper, lower)))| {
            let mut change = Change { moved: 0, sums: Vec::new(), counts: Vec::new() };
            let mut queries = Queries::new(d);
            let (mut asked, mut found) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
            for from in (0..near.len()).step_by(CHUNK) {
                let chunk = from..near.len().min(from + CHUNK);
                queries.clear();
                asked.clear();
                vectorised(|| {
                    for i in chunk {
                        let x = &rows[i * d..(i + 1) * d];
                        if !stays(x, round, near[i], &mut upper[i], &mut lower[i]) {
                            queries.push(x);
                            asked.push(i);
                        }
                    }
                });
                nearest(&round.panels, &queries, asked.len(), &mut found);
                for (&i, Nearest { index, first, second }) in asked.iter().zip(&found) {
                    upper[i] = (first + lengths[i]).max(0.0).sqrt();
                    lower[i] = (second + lengths[i]).max(0.0).sqrt();
                    if *index != near[i] {
                        change.record(&rows[i * d..(i + 1) * d], near[i], *index, round.half.len());
                        near[i] = *index;
                    }
                }
            }
            change
        })
        .collect()
}

/// Whether the bounds, brought up to date, show that the row stays with its centre.
#[inline(always)]
#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]
fn stays(x: &[f32], round: &Round, near: u32, upper: &mut f32, lower: &mut f32) -> bool {
    let a = near as usize;
    if a >= round.half.len() {
        return false;
    }
    *upper += round.moved[a];
    *lower -= round.others(a);
    let far = lower.max(round.half[a]);
    if *upper < far {
        return true;
    }
    let d = x.len();
    *upper = distance2(x, &round.centres[a * d..(a + 1) * d]).sqrt();
    *upper < far
}

impl Change {
    fn record(&mut self, x: &[f32], from: u32, to: u32, k: usize) {
        if self.moved == 0 {
            self.sums = vec![0.0; k * x.len()];
            self.counts = vec![0; k];
        }
        self.moved += 1;
        let d = x.len();
        let mut add = |c: usize, sign: f64| {
            self.counts[c] += sign as i64;
            self.sums[c * d..(c + 1) * d].iter_mut().zip(x).for_each(|(s, &x)| *s += sign * f64::from(x));
        };
        if from != u32::MAX {
            add(from as usize, -1.0);
        }
        add(to as usize, 1.0);
    }
}

/// Gives every centre without rows the row that is farthest from its own.
fn fill_empty(rows: &Dense, centres: &[f32], state: &mut State, sums: &mut [f64], counts: &mut [i64]) {
    let d = rows.n_cols();
    let empty: Vec<usize> = (0..counts.len()).filter(|&c| counts[c] == 0).collect();
    if empty.is_empty() {
        return;
    }
    let mut far: Vec<(f32, usize)> = (0..rows.n_rows())
        .into_par_iter()
        .map(|i| {
            let a = state.near[i] as usize;
            (distance2(rows.row(i), &centres[a * d..(a + 1) * d]), i)
        })
        .collect();
    far.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut far = far.into_iter();
    for c in empty {
        // One alone with its centre is no use elsewhere.
        let Some((_, i)) = far.find(|&(distance, i)| distance > 0.0 && counts[state.near[i] as usize] > 1) else {
            return;
        };
        let mut change = Change { moved: 0, sums: Vec::new(), counts: Vec::new() };
        change.record(rows.row(i), state.near[i], c as u32, counts.len());
        sums.iter_mut().zip(&change.sums).for_each(|(s, c)| *s += c);
        counts.iter_mut().zip(&change.counts).for_each(|(s, c)| *s += c);
        (state.near[i], state.upper[i], state.lower[i]) = (c as u32, f32::INFINITY, 0.0);
    }
}
