//! Exact nearest neighbours in many dimensions.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use rayon::prelude::*;
use tegula_core::{Csr, Ctx, Dense, Error, Graph, Result};

use super::fuzzy::union_of;
use super::shortlist::List;
use crate::index::panels::{GROUP, Panels, Queries, length2, scan};
use crate::linalg::column_means;
use crate::linalg::panel::{W, vectorised};

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
        self.csr(|distances, values| values.iter_mut().zip(distances).for_each(|(to, &d)| *to = d as f32))
    }

    /// The directed graph with weight 1 from each observation to each of its neighbours.
    pub fn adjacency_csr(&self) -> Csr {
        self.csr(|_, values| values.fill(1.0))
    }

    /// The undirected graph with weight 1 wherever one of the two is a neighbour of the other.
    pub fn union_graph(&self) -> Result<Graph> {
        union_of(&self.adjacency_csr())
    }

    /// The directed graph with the weights that `weigh(distances, weights)` writes for the neighbours of an observation.
    pub(crate) fn csr(&self, weigh: impl Fn(&[f64], &mut [f32]) + Sync) -> Csr {
        let (n, k) = (self.n_obs(), self.k);
        Csr::build(
            n,
            n,
            |_| k,
            |i, columns, values| {
                weigh(self.distances(i), values);
                let mut row: Vec<(u32, f32)> = self.neighbors(i).iter().copied().zip(values.iter().copied()).collect();
                row.sort_unstable_by_key(|e| e.0);
                row.into_iter().zip(columns.iter_mut().zip(values)).for_each(|(e, to)| (*to.0, *to.1) = e);
            },
        )
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
        let mut found: Vec<Found> = rows.iter().map(|&i| Found::new(k, self.norms[i as usize])).collect();
        let (mut queries, mut row) = (Queries::new(self.rows.dim()), vec![0f32; self.rows.dim()]);
        for &i in rows {
            self.rows.write(i as usize, &mut row);
            queries.push(&row);
        }
        for (b, longest) in self.longest.iter().enumerate() {
            let groups = b * CANDIDATES / GROUP..((b + 1) * CANDIDATES / GROUP).min(self.panels.n_groups());
            let errors: Vec<f64> = rows.iter().map(|&i| self.error(i as usize, *longest)).collect();
            let mut limits: Vec<f32> = found.iter().zip(&errors).map(|(f, &e)| f.limit(e)).collect();
            let near = |q: usize, first: usize, scores: &[f32; W], limit: f32| {
                let (i, found) = (rows[q], &mut found[q]);
                found.error = found.error.max(errors[q]);
                let mut near = (0..W).fold(0u32, |near, l| near | u32::from(scores[l] <= limit) << l);
                while near != 0 {
                    let l = near.trailing_zeros() as usize;
                    near &= near - 1;
                    // Beyond the last row the panel is filled up.
                    if first + l < self.norms.len() && first + l != i as usize {
                        found.list.push(scores[l] + found.norm, (first + l) as u32);
                    }
                }
                if !found.list.is_long() {
                    return limit;
                }
                found.list.keep_within(up(2.0 * found.error));
                found.farthest = f64::from(found.list.farthest()) + found.error;
                if found.list.is_long() {
                    // Too many are as near as single precision can tell.
                    let nearest = self.measured(i, k, &found.list);
                    found.farthest = nearest[k - 1].0 * self.rows.scale2();
                    found.list.keep_rows(&nearest.iter().map(|e| e.1).collect::<Vec<_>>());
                }
                found.limit(errors[q])
            };
            scan(&self.panels, groups, &queries, &mut limits, near);
        }
        rows.iter()
            .zip(&mut found)
            .flat_map(|(&i, found)| {
                found.list.keep_within(up(2.0 * found.error));
                self.measured(i, k, &found.list)
            })
            .collect()
    }

    /// The `k` nearest of row `i` in its list, by their squared distances in the data, ties by the lower index.
    fn measured(&self, i: u32, k: usize, list: &List) -> Vec<(f64, u32)> {
        let data = self.rows.data;
        let distance = |j: u32| (distance2(data.row(i as usize), data.row(j as usize)), j);
        let mut measured: Vec<(f64, u32)> = vectorised(
            #[inline(always)]
            || list.rows().map(distance).collect(),
        );
        measured.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        measured.truncate(k);
        measured
    }

    /// How far a score of row `i` may lie from the true ‖x − y‖² − ‖x‖², for ‖y‖ up to `longest`.
    ///
    /// The usual bound of a dot product, (d + 1) roundings of ‖x‖·2‖y‖ + ‖y‖², and one more rounding of each
    /// coordinate when centred, of ‖x‖² and of its sum with the score; doubled, which also covers the higher orders. The
    /// constant is for underflow.
    fn error(&self, i: usize, longest: f64) -> f64 {
        let reach = self.norms[i].sqrt() + longest;
        2.0 * (self.rows.dim() as f64 + 8.0) * ROUNDING * reach * reach + 1e-30
    }
}

/// What is known of the nearest of one query, in the scale of the centred rows.
struct Found {
    list: List,
    /// ‖x‖² of the query.
    norm: f32,
    /// The squared distance of the k-th nearest so far is not more than this.
    farthest: f64,
    /// The largest error of a distance in the list.
    error: f64,
}

impl Found {
    fn new(k: usize, norm: f64) -> Self {
        Self { list: List::new(k), norm: norm as f32, farthest: f64::INFINITY, error: 0.0 }
    }

    /// The score above which, with an error up to `error`, nothing can be among the nearest any more.
    fn limit(&self, error: f64) -> f32 {
        up(self.farthest - f64::from(self.norm) + error)
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
