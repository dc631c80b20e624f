//! Exact nearest neighbours in many dimensions.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use tegula_core::{Csr, Ctx, Dense, Error, Graph, Result, par};

/// Queries per block of products.
const QUERIES: usize = 128;
/// Candidates per block of products: 128 × 1024 products are 512 KiB and stay in the second-level cache.
const CANDIDATES: usize = 1024;
/// Products looked at together: most groups hold nothing near enough.
const GROUP: usize = 64;
/// Products written out together where a group holds some.
const PART: usize = 16;
/// Groups whose smallest products bound what is near among the first candidates.
const MINIMA: usize = 128;
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
/// Products of blocks of rows (‖y‖² − 2x·y in `f32`) only sort out what is too far beyond their own rounding error;
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
    let n = data.n_rows();
    ctx.begin(TASK, n as u64);
    let products = Exact::new(data);
    let parts: Vec<Vec<(f64, u32)>> = par::blocks(n, QUERIES)
        .map(|range| {
            let rows: Vec<u32> = range.map(|i| i as u32).collect();
            let part = products.nearest(&rows, k);
            ctx.tick(TASK, rows.len() as u64).map(|()| part)
        })
        .collect::<Result<_>>()?;
    ctx.end(TASK);
    let mut indices = Vec::with_capacity(n * k);
    let mut distances = Vec::with_capacity(n * k);
    for (d2, j) in parts.into_iter().flatten() {
        indices.push(j);
        distances.push(d2.sqrt());
    }
    Ok(Knn::from_parts(k, indices, distances))
}

/// The `k` nearest others of some rows, exactly as [`knn()`] finds them, one row after the other.
pub(crate) fn knn_of(data: &Dense, rows: &[u32], k: usize, ctx: &Ctx<'_>) -> Result<Vec<u32>> {
    check(data, k)?;
    ctx.begin(TASK, rows.len() as u64);
    let products = Exact::new(data);
    let parts: Vec<Vec<(f64, u32)>> = rows
        .par_chunks(QUERIES)
        .map(|rows| {
            let part = products.nearest(rows, k);
            ctx.tick(TASK, rows.len() as u64).map(|()| part)
        })
        .collect::<Result<_>>()?;
    ctx.end(TASK);
    Ok(parts.into_iter().flatten().map(|e| e.1).collect())
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

/// The rows, centred and scaled, ready for the products.
pub(super) struct Exact<'a> {
    data: &'a Dense,
    /// Width of a padded row.
    width: usize,
    /// Rows `[−2y, ‖y‖²]`: the product with a query `[x, 1]` is ‖x − y‖² − ‖x‖².
    candidates: Vec<f32>,
    /// ‖x‖² of the rows as they went into the products.
    norms: Vec<f64>,
    /// The longest ‖x‖ of each block of candidates.
    longest: Vec<f64>,
    /// A distance in the data, squared, times this is one in the products.
    scale2: f64,
}

impl<'a> Exact<'a> {
    pub(super) fn new(data: &'a Dense) -> Self {
        let (n, d) = (data.n_rows(), data.n_cols());
        let width = d + 1;
        let mean: Vec<f64> = par::sum_vectors(n, par::BLOCK, d, |range| {
            let mut sum = vec![0.0; d];
            for i in range {
                sum.iter_mut().zip(data.row(i)).for_each(|(s, &v)| *s += f64::from(v));
            }
            sum
        })
        .into_iter()
        .map(|s| s / n as f64)
        .collect();
        let centred = |i: usize, j: usize| f64::from(data.row(i)[j]) - mean[j];
        let reach = (0..n)
            .into_par_iter()
            .map(|i| (0..d).map(|j| centred(i, j).abs()).fold(0.0, f64::max))
            .reduce(|| 0.0, f64::max);
        // A power of two, so that scaling rounds nothing, and no product overflows.
        let scale = if reach > 0.0 { (-reach.log2().floor()).exp2() } else { 1.0 };
        let (mut candidates, mut norms) = (vec![0f32; n * width], vec![0.0; n]);
        candidates.par_chunks_mut(width).zip(norms.par_iter_mut()).enumerate().for_each(|(i, (c, norm))| {
            *norm = 0.0;
            for j in 0..d {
                let x = (centred(i, j) * scale) as f32;
                c[j] = -2.0 * x;
                *norm += f64::from(x) * f64::from(x);
            }
            c[d] = *norm as f32;
        });
        let longest = norms.chunks(CANDIDATES).map(|b| b.iter().copied().fold(0.0, f64::max).sqrt()).collect();
        Self { data, width, candidates, norms, longest, scale2: scale * scale }
    }

    /// The `k` nearest others of each of these rows with their squared distances, one row after the other.
    pub(super) fn nearest(&self, rows: &[u32], k: usize) -> Vec<(f64, u32)> {
        let (n, w, m) = (self.norms.len(), self.width, rows.len());
        let mut found: Vec<Found> = (0..m).map(|_| Found::new(k)).collect();
        let mut scores = vec![0f32; m * CANDIDATES.min(n)];
        let mut near: Vec<u32> = Vec::with_capacity(CANDIDATES);
        let mut queries = vec![1f32; m * w];
        for (q, &i) in queries.chunks_exact_mut(w).zip(rows) {
            // Halving rounds nothing.
            q[..w - 1].iter_mut().zip(&self.candidates[i as usize * w..]).for_each(|(x, c)| *x = -0.5 * c);
        }
        let queries = MatRef::from_column_major_slice(&queries, w, m);
        for (b, longest) in self.longest.iter().enumerate() {
            let start = b * CANDIDATES;
            let len = CANDIDATES.min(n - start);
            let candidates = &self.candidates[start * w..(start + len) * w];
            let scores = &mut scores[..m * len];
            matmul(
                MatMut::from_column_major_slice_mut(scores, len, m),
                Accum::Replace,
                MatRef::from_row_major_slice(candidates, len, w),
                queries,
                1.0,
                Par::Seq,
            );
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    for (q, (found, scores)) in found.iter_mut().zip(scores.chunks(len)).enumerate() {
                        self.scan(rows[q] as usize, scores, start, *longest, &mut near, found);
                    }
                },
            );
        }
        found.into_iter().flat_map(|f| f.list).collect()
    }

    /// Offers query `i` those of a block of candidates, which begins at `start`, that may be near enough.
    #[inline(always)]
    fn scan(&self, i: usize, scores: &[f32], start: usize, longest: f64, near: &mut Vec<u32>, found: &mut Found) {
        let error = self.error(i, longest);
        let limit = match found.farthest() {
            Some(d2) => d2 * self.scale2 - self.norms[i] + error,
            // One of the k + 1 may be the query itself.
            None => bound(scores, found.k + 1).map_or(f64::INFINITY, |s| f64::from(s) + 2.0 * error),
        };
        near.clear();
        collect_below(scores, up(limit), start, near);
        if near.len() > 2 * found.k {
            let mut sorted: Vec<f32> = near.iter().map(|&j| scores[j as usize - start]).collect();
            let kth = *sorted.select_nth_unstable_by(found.k, f32::total_cmp).1;
            let limit = up(f64::from(kth) + 2.0 * error);
            near.retain(|&j| scores[j as usize - start] <= limit);
        }
        for &j in near.iter().filter(|&&j| j as usize != i) {
            found.push(distance2(self.data.row(i), self.data.row(j as usize)), j);
        }
    }

    /// How far a product of query `i` may lie from the true ‖x − y‖² − ‖x‖², for ‖y‖ up to `longest`.
    ///
    /// The usual bound of a dot product, (d + 1) roundings of ‖x‖·2‖y‖ + ‖y‖², and one more rounding of each
    /// coordinate when centred; doubled, which also covers the higher orders. The constant is for underflow.
    fn error(&self, i: usize, longest: f64) -> f64 {
        let reach = self.norms[i].sqrt() + longest;
        2.0 * (self.width as f64 + 4.0) * ROUNDING * reach * reach + 1e-30
    }
}

/// The next `f32` not below `x`.
pub(super) fn up(x: f64) -> f32 {
    let y = x as f32;
    if f64::from(y) < x { y.next_up() } else { y }
}

/// A number that at least `count` of the scores do not exceed, near the smallest such; none where they are too few.
#[inline(always)]
pub(super) fn bound(scores: &[f32], count: usize) -> Option<f32> {
    if scores.len() < MINIMA || count > MINIMA / 2 {
        return None;
    }
    // Each smallest is another score, so `count` of them are `count` scores.
    let mut minima = [f32::INFINITY; MINIMA];
    for row in scores.chunks_exact(MINIMA) {
        for l in 0..MINIMA {
            minima[l] = if row[l] < minima[l] { row[l] } else { minima[l] };
        }
    }
    Some(*minima.select_nth_unstable_by(count - 1, f32::total_cmp).1)
}

/// The places of all scores up to `limit`, counted from `start`.
#[inline(always)]
pub(super) fn collect_below(scores: &[f32], limit: f32, start: usize, near: &mut Vec<u32>) {
    for (g, group) in scores.chunks(GROUP).enumerate() {
        if !any_below(group, limit) {
            continue;
        }
        for (p, part) in group.chunks(PART).enumerate() {
            if any_below(part, limit) {
                let first = start + g * GROUP + p * PART;
                // Every place is written and the last one kept only if near: no branch to guess wrong.
                let (mut places, mut n) = ([0u32; PART], 0);
                for (e, &s) in part.iter().enumerate() {
                    places[n] = (first + e) as u32;
                    n += usize::from(s <= limit);
                }
                near.extend_from_slice(&places[..n]);
            }
        }
    }
}

/// Without a branch inside, so that the compiler compares many at once.
#[inline(always)]
fn any_below(scores: &[f32], limit: f32) -> bool {
    scores.iter().map(|&s| u32::from(s <= limit)).sum::<u32>() > 0
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
