//! Nearest neighbours in large data: nearly all of them, with the share found measured.

mod forest;
mod join;
mod lists;
mod points;

use rand::RngExt;
use rayon::prelude::*;
use tegula_core::{Ctx, Dense, Error, Result};

use super::knn::{Exact, Knn, TASK, check, distance2};
use lists::Lists;
use points::Points;

/// Rows up to which the search is exact where nobody says.
const EXACT: usize = 50_000;
/// The share of the true nearest that is asked for where nobody says.
pub(crate) const MIN_RECALL: f64 = 0.98;
/// Trees of the first attempt, and of each that follows where the share found is too small.
const TREES: u64 = 3;
/// Neighbours followed in the first attempt.
const WIDTH: usize = 16;
/// As many more from the third on.
const WIDER: usize = 12;
/// Neighbours kept while searching, at least: fewer lead nowhere else.
const KEPT: usize = 24;
/// Rounds over neighbours' neighbours of one attempt.
const ROUNDS: usize = 6;
/// A round that changes a smaller share of the neighbours is the last one of its attempt.
const SETTLED: f64 = 0.01;
/// Attempts before what was found is returned as it is.
const ATTEMPTS: u64 = 4;
/// The share that the first attempt finds in data with structure …
const HOPEFUL: f64 = 0.9;
/// … and the number of rows up to which the exact search is the cheaper way out for data without.
const AFFORDABLE: usize = 200_000;
/// Observations whose neighbours are searched exactly, to measure the share found.
const SAMPLE: usize = 1000;

/// Nearest neighbours found by an approximate search, and how good they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Approximate {
    /// The neighbours; their distances are exact.
    pub knn: Knn,
    /// The share of the true nearest that is among them, measured on a sample.
    pub recall: f64,
}

/// The `k` nearest others of every row by Euclidean distance, at least the share `min_recall` of them.
///
/// Random trees cut the rows into leaves, inside which all distances come from matrix products; then every row looks
/// at the neighbours of its neighbours until little changes (NN-descent). The exact neighbours of 1000 rows tell the
/// share found; while it is below `min_recall`, more trees and wider rounds follow, and up to 200,000 rows of data
/// without structure are searched exactly. Distances are measured again in `f64`.
/// Time about O(N log N), memory O(N (k + d)); the same bits for any number of threads.
///
/// # Errors
/// As [`knn`](super::knn()).
///
/// ```
/// use tegula_algo::graph::knn_approximate;
/// use tegula_core::{Ctx, Dense};
/// let line = Dense::new(3000, 1, (0..3000).map(|i| i as f32).collect::<Vec<_>>())?;
/// let found = knn_approximate(&line, 4, 0.98, &Ctx::default())?;
/// assert!(found.recall > 0.98);
/// assert_eq!(found.knn.neighbors(0), &[1, 2, 3, 4]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn knn_approximate(data: &Dense, k: usize, min_recall: f64, ctx: &Ctx<'_>) -> Result<Approximate> {
    check(data, k)?;
    let n = data.n_rows();
    if n <= forest::LEAF.max(SAMPLE) {
        return Ok(Approximate { knn: super::knn(data, k, ctx)?, recall: 1.0 });
    }
    if u32::try_from(n).is_err() || n >= lists::NEW as usize {
        return Err(Error::data("nearest neighbours", format!("{n} rows are more than the {} possible", lists::NEW)));
    }
    ctx.begin(TASK, 0);
    let truth = Truth::of(data, k, ctx)?;
    let points = Points::new(data);
    let first = forest::grow(&points, ctx, 0);
    // In the order of the first tree, what is near lies near in memory.
    let points = points.ordered(&first.order);
    let order = first.order;
    let sample = truth.places(&order);
    let mut lists = Lists::new(n, k.max(KEPT).min(n - 1));
    forest::search(&points, &forest::Tree { order: (0..n as u32).collect(), ends: first.ends }, &mut lists, ctx)?;
    let (mut trees, mut recall) = (1, 0.0);
    for attempt in 0..ATTEMPTS {
        for tree in trees..TREES * (attempt + 1) {
            forest::search(&points, &forest::grow(&points, ctx, tree), &mut lists, ctx)?;
        }
        trees = TREES * (attempt + 1);
        // More trees lead on by themselves; where they did not suffice, more is followed, and all looked at again.
        let wider = (attempt as usize).saturating_sub(1);
        if wider > 0 {
            lists.renew();
        }
        for _ in 0..ROUNDS {
            let changed = join::round(&points, &mut lists, WIDTH + WIDER * wider, ctx)?;
            recall = truth.recall(data, &lists, &order, &sample);
            ctx.metric(TASK, "recall", recall);
            if recall >= min_recall || (changed as f64) < SETTLED * (n * lists.k()) as f64 {
                break;
            }
        }
        if recall >= min_recall || ctx.stopping() || recall < HOPEFUL && n <= AFFORDABLE {
            break;
        }
    }
    ctx.end(TASK);
    if recall < min_recall && n <= AFFORDABLE && !ctx.stopping() {
        return Ok(Approximate { knn: super::knn(data, k, ctx)?, recall: 1.0 });
    }
    Ok(Approximate { knn: finish(data, k, &lists, &order), recall })
}

/// Distances in `f64`, rows and neighbours under their own numbers, nearest first, ties by the lower index.
fn finish(data: &Dense, k: usize, lists: &Lists, order: &[u32]) -> Knn {
    let n = order.len();
    let mut place = vec![0u32; n];
    order.iter().enumerate().for_each(|(p, &i)| place[i as usize] = p as u32);
    let (mut indices, mut distances) = (vec![0u32; n * k], vec![0f64; n * k]);
    indices.par_chunks_mut(k).zip(distances.par_chunks_mut(k)).enumerate().for_each_with(
        Vec::with_capacity(lists.k()),
        |list: &mut Vec<(f64, u32)>, (i, (indices, distances))| {
            list.clear();
            list.extend(lists.neighbors(place[i] as usize).map(|p| {
                let j = order[p as usize];
                (distance2(data.row(i), data.row(j as usize)), j)
            }));
            list.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for ((index, distance), &(d2, j)) in indices.iter_mut().zip(distances).zip(list.iter()) {
                (*index, *distance) = (j, d2.sqrt());
            }
        },
    );
    Knn::from_parts(k, indices, distances)
}

/// The nearest others of every row: exactly up to [`EXACT`] rows, else as [`knn_approximate`] finds them; with the recall.
///
/// `exact` and `min_recall` as in [`NeighborsParams`](super::neighbors::NeighborsParams).
///
/// # Errors
/// As [`knn`](super::knn()).
pub(crate) fn nearest(
    data: &Dense,
    k: usize,
    exact: Option<bool>,
    min_recall: f64,
    ctx: &Ctx<'_>,
) -> Result<Approximate> {
    if exact.unwrap_or(data.n_rows() <= EXACT) {
        return Ok(Approximate { knn: super::knn(data, k, ctx)?, recall: 1.0 });
    }
    let found = knn_approximate(data, k, min_recall, ctx)?;
    if found.recall < min_recall {
        ctx.warn(&format!(
            "the nearest neighbours found are {:.1} % of the true ones, not {:.1} %: the data have little structure; \
             use fewer components, or exact",
            100.0 * found.recall,
            100.0 * min_recall
        ));
    }
    Ok(found)
}

/// How far the `k`-th nearest of a sample of rows are.
struct Truth {
    rows: Vec<u32>,
    farthest: Vec<f64>,
    k: usize,
}

impl Truth {
    fn of(data: &Dense, k: usize, ctx: &Ctx<'_>) -> Result<Self> {
        let n = data.n_rows() as u64;
        let mut rng = ctx.rng("pp.neighbors.sample", 0);
        let mut rows: Vec<u32> = (0..SAMPLE).map(|_| rng.random_range(0..n) as u32).collect();
        rows.sort_unstable();
        rows.dedup();
        let exact = Exact::new(data);
        let parts: Vec<Vec<f64>> = rows
            .par_chunks(64)
            .map(|rows| {
                let nearest = exact.nearest(rows, k);
                ctx.tick(TASK, 0).map(|()| nearest.chunks(k).map(|list| list[k - 1].0).collect())
            })
            .collect::<Result<_>>()?;
        Ok(Self { rows, farthest: parts.into_iter().flatten().collect(), k })
    }

    /// Where in an order of all rows those of the sample stand.
    fn places(&self, order: &[u32]) -> Vec<usize> {
        let mut places = vec![0; self.rows.len()];
        for (p, i) in order.iter().enumerate() {
            if let Ok(at) = self.rows.binary_search(i) {
                places[at] = p;
            }
        }
        places
    }

    /// The share of the nearest found, a tie with the last of them counting as one of them.
    fn recall(&self, data: &Dense, lists: &Lists, order: &[u32], places: &[usize]) -> f64 {
        let found = |((&i, &farthest), &place): ((&u32, &f64), &usize)| {
            let distance = |p: u32| distance2(data.row(i as usize), data.row(order[p as usize] as usize));
            lists.neighbors(place).filter(|&p| distance(p) <= farthest).count().min(self.k)
        };
        let total: usize = self.rows.iter().zip(&self.farthest).zip(places).map(found).sum();
        total as f64 / (self.rows.len() * self.k) as f64
    }
}
