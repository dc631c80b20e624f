//! Nearest neighbours in large data: nearly all of them, with the share found measured.

mod cells;
mod search;

use rand::RngExt;
use rayon::prelude::*;
use tegula_core::{Ctx, Dense, Error, Result};

use super::knn::{Centred, Exact, Knn, TASK, check, distance2};
use cells::{Cell, cells};
use search::{BLOCK, Search};

/// Rows up to which the search is exact where nobody says.
const EXACT: usize = 50_000;
/// The share of the true nearest that is asked for where nobody says.
pub(crate) const MIN_RECALL: f64 = 0.98;
/// Part of what may be missed that is kept in reserve, since the sample is not the whole. More is found than reckoned
/// anyhow: while a row is searched, its farthest neighbour so far is farther than its last one.
const RESERVE: f64 = 0.1;
/// Pairs of rows that may be measured: some minutes on a few cores.
const PAIRS: f64 = 1e12;
/// The number of rows up to which what was found too seldom is searched exactly instead.
const AFFORDABLE: usize = 200_000;
/// Observations whose neighbours are searched exactly, to learn how far to look and to measure the share found.
const SAMPLE: usize = 1000;

/// Cells searched before what was found goes to its place: all at once would take twice the room.
const CELLS: usize = 256;

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
/// k-means cuts the rows into cells of some 256. A row looks through a cell where the border of that cell is nearer
/// than a share of the distance to its k-th neighbour so far; with the share 1 nothing could be missed. The exact
/// neighbours of 1000 rows tell how large the share has to be, and how many of the nearest were found. Where too few
/// were, up to 200,000 rows are searched exactly; beyond 10¹² pairs of rows the share is made smaller.
/// Distances are measured again in `f64`. Time O(N √N) in data of few intrinsic dimensions, up to O(N²) in noise of
/// many; memory O(N (k + d)); the same bits for any number of threads.
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
    if n <= SAMPLE {
        return Ok(Approximate { knn: super::knn(data, k, ctx)?, recall: 1.0 });
    }
    if u32::try_from(n).is_err() {
        return Err(Error::data("nearest neighbours", format!("{n} rows are more than the {} possible", u32::MAX)));
    }
    ctx.begin(TASK, (SAMPLE + n) as u64);
    let truth = Truth::of(data, k, ctx)?;
    let centred = Centred::new(data);
    let cells = cells(&centred, ctx)?;
    let search = Search::new(&centred, &cells, k);
    let share = truth.share(&search, &cells, centred.scale2(), min_recall);
    let (mut indices, mut distances) = (vec![0u32; n * k], vec![0f64; n * k]);
    for batch in (0..cells.len()).collect::<Vec<_>>().chunks(CELLS) {
        let one = |&a: &usize| {
            let part = search.nearest(a, share);
            ctx.tick(TASK, cells[a].rows.len() as u64).map(|()| part)
        };
        let parts: Vec<Vec<(f64, u32)>> = batch.par_iter().map(one).collect::<Result<_>>()?;
        let rows = batch.iter().flat_map(|&a| &cells[a].rows);
        for (&i, found) in rows.zip(parts.iter().flat_map(|part| part.chunks(k))) {
            for (s, &(d2, j)) in (i as usize * k..).zip(found) {
                (indices[s], distances[s]) = (j, d2.sqrt());
            }
        }
    }
    ctx.end(TASK);
    let knn = Knn::from_parts(k, indices, distances);
    let recall = truth.recall(data, &knn);
    ctx.metric(TASK, "recall", recall);
    if recall < min_recall && n <= AFFORDABLE && !ctx.stopping() {
        return Ok(Approximate { knn: super::knn(data, k, ctx)?, recall: 1.0 });
    }
    Ok(Approximate { knn, recall })
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

/// The rows in an order that puts those near each other side by side: cell after cell of [`knn_approximate`].
///
/// # Errors
/// [`Error::Cancelled`].
pub(crate) fn side_by_side(data: &Dense, ctx: &Ctx<'_>) -> Result<Vec<u32>> {
    ctx.begin(TASK, 0);
    let cells = cells(&Centred::new(data), ctx)?;
    ctx.end(TASK);
    Ok(cells.into_iter().flat_map(|cell| cell.rows).collect())
}

/// The nearest of a sample of rows.
struct Truth {
    rows: Vec<u32>,
    nearest: Vec<(f64, u32)>,
    k: usize,
}

impl Truth {
    fn of(data: &Dense, k: usize, ctx: &Ctx<'_>) -> Result<Self> {
        let n = data.n_rows() as u64;
        let mut rng = ctx.rng("pp.neighbors.sample", 0);
        let mut rows: Vec<u32> = (0..SAMPLE).map(|_| rng.random_range(0..n) as u32).collect();
        rows.sort_unstable();
        rows.dedup();
        let nearest = Exact::new(data).search(&rows, k, ctx)?;
        Ok(Self { rows, nearest, k })
    }

    /// How near, in distances to the `k`-th neighbour, the border of a cell has to be for the cell to be looked
    /// through, if the share `min_recall` of the nearest is to be found.
    fn share(&self, search: &Search<'_>, cells: &[Cell], scale2: f64, min_recall: f64) -> f32 {
        if min_recall >= 1.0 {
            return 1.0;
        }
        let mut cell_of = vec![0u32; cells.iter().map(|c| c.rows.len()).sum()];
        for (c, cell) in (0..).zip(cells) {
            cell.rows.iter().for_each(|&i| cell_of[i as usize] = c);
        }
        // The shares at which neighbours are found, and those at which cells are looked through.
        let (mut found, mut looked): (Vec<f32>, Vec<(f32, usize)>) = self
            .rows
            .par_chunks(BLOCK)
            .zip(self.nearest.par_chunks(BLOCK * self.k))
            .map(|(rows, nearest)| {
                let squares = search.squares(rows);
                let (mut found, mut looked) = (Vec::new(), Vec::new());
                for (q, (&i, nearest)) in rows.iter().zip(nearest.chunks(self.k)).enumerate() {
                    let a = cell_of[i as usize] as usize;
                    let far = (nearest[self.k - 1].0 * scale2).sqrt() as f32;
                    let share = |b: usize| {
                        let reach = 2.0 * search.apart(a, b) * far;
                        let border = squares[b * BLOCK + q] - squares[a * BLOCK + q];
                        if b == a || reach == 0.0 { 0.0 } else { border / reach }
                    };
                    found.extend(nearest.iter().map(|e| share(cell_of[e.1 as usize] as usize)));
                    looked.extend((0..cells.len()).map(|b| (share(b), cells[b].rows.len())).filter(|e| e.0 <= 1.0));
                }
                (found, looked)
            })
            .reduce(Default::default, |mut all, part| {
                all.0.extend(part.0);
                all.1.extend(part.1);
                all
            });
        found.sort_unstable_by(f32::total_cmp);
        let wanted = min_recall + RESERVE * (1.0 - min_recall);
        let share = found[((wanted * found.len() as f64) as usize).min(found.len() - 1)].clamp(0.0, 1.0);
        // As many pairs as that share costs the whole, or fewer.
        looked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let times = cell_of.len() as f64 / self.rows.len() as f64;
        let mut pairs = 0.0;
        let dear = looked.iter().find(|e| {
            pairs += times * e.1 as f64;
            pairs > PAIRS
        });
        dear.map_or(share, |e| share.min(e.0))
    }

    /// The share of the nearest found, a tie with the last of them counting as one of them.
    fn recall(&self, data: &Dense, knn: &Knn) -> f64 {
        let found = |(&i, nearest): (&u32, &[(f64, u32)])| {
            let farthest = nearest[self.k - 1].0;
            let distance = |&j: &u32| distance2(data.row(i as usize), data.row(j as usize));
            knn.neighbors(i as usize).iter().map(distance).filter(|&d2| d2 <= farthest).count()
        };
        let total: usize = self.rows.iter().zip(self.nearest.chunks(self.k)).map(found).sum();
        total as f64 / (self.rows.len() * self.k) as f64
    }
}
