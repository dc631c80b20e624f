//! Exact nearest neighbours in many dimensions.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use rayon::prelude::*;
use tegula_core::{Csr, Ctx, Dense, Error, Graph, Result};

use crate::index::panels::{GROUP, Panels, Queries, length2, scan};
use crate::linalg::column_means;
use crate::linalg::panel::W;

/// Queries per block.
const QUERIES: usize = 128;
/// Tasks that few queries are cut into.
const TASKS: usize = 32;
/// Candidates looked through before the next queries are: in 30 dimensions they stay in the second-level cache.
const CANDIDATES: usize = 1024;
/// The task as progress shows it.
pub(super) const TASK: &str = "neighbors";
/// Half a unit in the last place of `f32`.
const ROUNDING: f64 = 0.5 * f32::EPSILON as f64;

/// The nearest others of every observation, nearest first, ties by the lower index; never the observation itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Knn {
    k: usize,
    indices: Vec<u32>,
    distances: Vec<f64>,
}

impl Knn {
    pub(crate) fn from_parts(k: usize, indices: Vec<u32>, distances: Vec<f64>) -> Self {
        debug_assert!(indices.len() == distances.len() && indices.len().is_multiple_of(k));
        Self { k, indices, distances }
    }

    /// The first `k` neighbours from distances as [`Knn::distance_csr`] stores them; `None` where a row has fewer.
    pub(crate) fn from_distances(distances: &Csr, k: usize) -> Option<Self> {
        let n = distances.n_rows();
        if (0..n).any(|i| distances.row(i).0.len() < k) {
            return None;
        }
        let (mut indices, mut nearest) = (vec![0u32; n * k], vec![0f64; n * k]);
        indices.par_chunks_mut(k).zip(nearest.par_chunks_mut(k)).enumerate().for_each_init(
            Vec::new,
            |row, (i, (indices, nearest))| {
                let (cols, values) = distances.row(i);
                row.clear();
                row.extend(values.iter().copied().zip(cols.iter().copied()));
                row.sort_unstable_by(|a: &(f32, u32), b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for ((&(d, j), index), near) in row.iter().zip(indices).zip(nearest) {
                    (*index, *near) = (j, f64::from(d));
                }
            },
        );
        Some(Self::from_parts(k, indices, nearest))
    }

    /// Neighbours per observation.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of observations.
    pub fn n_obs(&self) -> usize {
        self.indices.len() / self.k
    }

    /// The neighbours of observation `i`, nearest first.
    pub fn neighbors(&self, i: usize) -> &[u32] {
        &self.indices[i * self.k..(i + 1) * self.k]
    }

    /// The distances to [`Knn::neighbors`].
    pub fn distances(&self, i: usize) -> &[f64] {
        &self.distances[i * self.k..(i + 1) * self.k]
    }

    /// The directed graph of distances: row `i` holds the distances of `i` to its neighbours. Distances of 0 between
    /// duplicates are stored.
    pub fn distance_csr(&self) -> Csr {
        self.csr(|d| d as f32)
    }

    /// The directed graph with weight 1 from each observation to each of its neighbours.
    pub fn adjacency_csr(&self) -> Csr {
        self.csr(|_| 1.0)
    }

    /// The undirected graph with weight 1 wherever one of the two is a neighbour of the other.
    pub fn union_graph(&self) -> Result<Graph> {
        let a = self.adjacency_csr();
        Graph::from_csr(&super::fuzzy::merge(&a, &a.transpose(), |_, _| 1.0)?)
    }

    pub(crate) fn csr(&self, value: impl Fn(f64) -> f32 + Sync) -> Csr {
        let (n, k) = (self.n_obs(), self.k);
        let mut entries: Vec<(u32, f32)> = vec![(0, 0.0); n * k];
        entries.par_chunks_mut(k).enumerate().for_each(|(i, row)| {
            for (e, (&j, &d)) in row.iter_mut().zip(self.neighbors(i).iter().zip(self.distances(i))) {
                *e = (j, value(d));
            }
            row.sort_unstable_by_key(|e| e.0);
        });
        let indptr: Vec<usize> = (0..=n).map(|i| i * k).collect();
        let (indices, values): (Vec<u32>, Vec<f32>) = entries.into_iter().unzip();
        Csr::new(n, n, indptr, indices, values).expect("neighbours of a point are distinct observations")
    }
}

/// The `k` nearest others of every row, by Euclidean distance, exactly.
///
/// Scores ‖y‖² − 2x·y in `f32` only sort out what is too far beyond their own rounding error;
/// what is left is measured again in `f64`, and ordered by that distance, ties by the lower index. Memory is
/// O(N k); the result has the same bits for any number of threads.
///
/// # Errors
/// [`Error::Param`] where `k` is 0 or there are not more than `k` rows; [`Error::Data`] for NaN or no columns;
/// [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::graph::knn;
/// use tegula_core::{Ctx, Dense};
/// let nearest = knn(&Dense::new(4, 1, vec![0.0, 1.0, 3.0, 7.0])?, 2, &Ctx::default())?;
/// assert_eq!(nearest.neighbors(2), &[1, 0]);
/// assert_eq!(nearest.distances(2), &[2.0, 3.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn knn(data: &Dense, k: usize, ctx: &Ctx<'_>) -> Result<Knn> {
    check(data, k)?;
    let rows: Vec<u32> = (0..data.n_rows() as u32).collect();
    ctx.begin(TASK, rows.len() as u64);
    let found = Exact::new(data).search(&rows, k, ctx)?;
    ctx.end(TASK);
    let (distances, indices) = found.into_iter().map(|(d2, j)| (d2.sqrt(), j)).unzip();
    Ok(Knn::from_parts(k, indices, distances))
}

/// The `k` nearest others of some rows, exactly as [`knn()`] finds them, one row after the other.
pub(crate) fn knn_of(data: &Dense, rows: &[u32], k: usize, ctx: &Ctx<'_>) -> Result<Vec<u32>> {
    check(data, k)?;
    ctx.begin(TASK, rows.len() as u64);
    let found = Exact::new(data).search(rows, k, ctx)?;
    ctx.end(TASK);
    Ok(found.into_iter().map(|e| e.1).collect())
}

/// Refuses data without nearest neighbours.
pub(super) fn check(data: &Dense, k: usize) -> Result<()> {
    check_k("pp.neighbors", "n_neighbors", k, data.n_rows())?;
    if data.n_cols() == 0 {
        return Err(Error::data("nearest neighbours", "the data have no columns; name another embedding"));
    }
    if !data.data().par_iter().all(|v| v.is_finite()) {
        return Err(Error::data("nearest neighbours", "the data hold NaN or infinite values; clean them first"));
    }
    Ok(())
}

/// Refuses a number of neighbours that `n` observations cannot have.
pub(crate) fn check_k(method: &str, name: &str, k: usize, n: usize) -> Result<()> {
    match k {
        0 => Err(Error::param(method, name, k, "at least 1")),
        _ if k < n => Ok(()),
        _ if n < 2 => Err(Error::data("observations", format!("{n} of them; neighbours need at least 2"))),
        _ => Err(Error::param(method, name, k, format!("at most {}: there are {n} observations", n - 1))),
    }
}

/// Rows about their mean, scaled.
pub(super) struct Centred<'a> {
    pub(super) data: &'a Dense,
    mean: Vec<f64>,
    /// A power of two, so that scaling rounds nothing, and no product overflows.
    scale: f64,
}

impl<'a> Centred<'a> {
    pub(super) fn new(data: &'a Dense) -> Self {
        let mut centred = Self { data, mean: column_means(data), scale: 1.0 };
        let reach =
            (0..data.n_rows()).into_par_iter().map(|i| centred.numbers(i).fold(0.0, |m: f64, x| m.max(x.abs())));
        let reach = reach.reduce(|| 0.0, f64::max);
        if reach > 0.0 {
            centred.scale = (-reach.log2().floor()).exp2();
        }
        centred
    }

    pub(super) fn dim(&self) -> usize {
        self.mean.len()
    }

    /// A squared distance in the data times this is one of these rows.
    pub(super) fn scale2(&self) -> f64 {
        self.scale * self.scale
    }

    fn numbers(&self, i: usize) -> impl Iterator<Item = f64> {
        self.data.row(i).iter().zip(&self.mean).map(|(&x, m)| (f64::from(x) - m) * self.scale)
    }

    /// Writes row `i`.
    pub(super) fn write(&self, i: usize, to: &mut [f32]) {
        to.iter_mut().zip(self.numbers(i)).for_each(|(to, x)| *to = x as f32);
    }
}

/// The rows, ready for the exact search.
pub(super) struct Exact<'a> {
    rows: Centred<'a>,
    panels: Panels,
    /// ‖x‖² of the rows as they went into the panels.
    norms: Vec<f64>,
    /// The longest ‖x‖ of each block of candidates.
    longest: Vec<f64>,
}

impl<'a> Exact<'a> {
    pub(super) fn new(data: &'a Dense) -> Self {
        let rows = Centred::new(data);
        let (n, d) = (data.n_rows(), data.n_cols());
        let panels = Panels::new(n, d, |i, row| rows.write(i, row));
        let norm = |row: &mut Vec<f32>, i: usize| {
            rows.write(i, row);
            length2(row)
        };
        let norms: Vec<f64> = (0..n).into_par_iter().map_with(vec![0f32; d], norm).collect();
        let longest = norms.chunks(CANDIDATES).map(|b| b.iter().copied().fold(0.0, f64::max).sqrt()).collect();
        Self { rows, panels, norms, longest }
    }

    /// The `k` nearest others of each of these rows with their squared distances, one row after the other.
    pub(super) fn search(&self, rows: &[u32], k: usize, ctx: &Ctx<'_>) -> Result<Vec<(f64, u32)>> {
        // Where there are few rows, all threads get some.
        let size = rows.len().div_ceil(TASKS).clamp(1, QUERIES);
        let found = |rows: &[u32]| {
            let found = self.nearest(rows, k);
            ctx.tick(TASK, rows.len() as u64).map(|()| found)
        };
        let parts: Vec<Vec<(f64, u32)>> = rows.par_chunks(size).map(found).collect::<Result<_>>()?;
        Ok(parts.concat())
    }

    /// The nearest of rows that are searched together.
    fn nearest(&self, rows: &[u32], k: usize) -> Vec<(f64, u32)> {
        let mut found: Vec<Found> = rows.iter().map(|_| Found::new(k)).collect();
        let (mut queries, mut row) = (Queries::new(self.rows.dim()), vec![0f32; self.rows.dim()]);
        for &i in rows {
            self.rows.write(i as usize, &mut row);
            queries.push(&row);
        }
        for (b, longest) in self.longest.iter().enumerate() {
            let groups = b * CANDIDATES / GROUP..((b + 1) * CANDIDATES / GROUP).min(self.panels.n_groups());
            let errors: Vec<f64> = rows.iter().map(|&i| self.error(i as usize, *longest)).collect();
            let mut limits: Vec<f32> = (0..rows.len()).map(|q| self.limit(rows[q], &found[q], errors[q])).collect();
            let near = |q: usize, first: usize, scores: &[f32; W], limit: f32| {
                let i = rows[q] as usize;
                for (j, _) in (first..self.norms.len()).zip(scores).filter(|e| *e.1 <= limit && e.0 != i) {
                    found[q].push(distance2(self.rows.data.row(i), self.rows.data.row(j)), j as u32);
                }
                self.limit(rows[q], &found[q], errors[q])
            };
            scan(&self.panels, groups, &queries, &mut limits, near);
        }
        found.into_iter().flat_map(|f| f.list).collect()
    }

    /// The score above which nothing can be among the nearest of row `i` any more.
    fn limit(&self, i: u32, found: &Found, error: f64) -> f32 {
        let reach = |d2: f64| up(d2 * self.rows.scale2() - self.norms[i as usize] + error);
        found.farthest().map_or(f32::INFINITY, reach)
    }

    /// How far a score of row `i` may lie from the true ‖x − y‖² − ‖x‖², for ‖y‖ up to `longest`.
    ///
    /// The usual bound of a dot product, (d + 1) roundings of ‖x‖·2‖y‖ + ‖y‖², and one more rounding of each
    /// coordinate when centred; doubled, which also covers the higher orders. The constant is for underflow.
    fn error(&self, i: usize, longest: f64) -> f64 {
        let reach = self.norms[i].sqrt() + longest;
        2.0 * (self.rows.dim() as f64 + 5.0) * ROUNDING * reach * reach + 1e-30
    }
}

/// The next `f32` not below `x`.
fn up(x: f64) -> f32 {
    let y = x as f32;
    if f64::from(y) < x { y.next_up() } else { y }
}

/// Squared distance in `f64`, summed in eight fixed lanes.
#[inline(always)]
pub(crate) fn distance2(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 8;
    let mut sum = [0.0f64; LANES];
    let (a8, b8) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a8.remainder().iter().zip(b8.remainder());
    for (s, (&x, &y)) in sum.iter_mut().zip(rest) {
        let d = f64::from(x) - f64::from(y);
        *s = d * d;
    }
    for (x, y) in a8.zip(b8) {
        for l in 0..LANES {
            let d = f64::from(x[l]) - f64::from(y[l]);
            sum[l] += d * d;
        }
    }
    ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]))
}

/// The nearest of one query so far, nearest first.
struct Found {
    k: usize,
    list: Vec<(f64, u32)>,
}

impl Found {
    fn new(k: usize) -> Self {
        Self { k, list: Vec::with_capacity(k + 1) }
    }

    /// Squared distance of the k-th nearest so far, once there are `k`.
    fn farthest(&self) -> Option<f64> {
        self.list.get(self.k - 1).map(|e| e.0)
    }

    fn push(&mut self, d2: f64, j: u32) {
        // Later candidates have higher indices, so a tie is lost.
        if self.farthest().is_some_and(|f| d2 >= f) {
            return;
        }
        let at = self.list.partition_point(|e| e.0 <= d2);
        self.list.truncate(self.k - 1);
        self.list.insert(at, (d2, j));
    }
}
