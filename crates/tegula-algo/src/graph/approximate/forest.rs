//! Random trees whose leaves hold rows near each other.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::RngExt;
use rayon::prelude::*;
use tegula_core::{Ctx, Result};

use super::super::knn::{TASK, bound, collect_below, up};
use super::lists::{Lists, Stretch};
use super::points::{Points, along};
use crate::linalg::panel::{Row, W, vectorised};

/// Rows of a leaf at most: all their products stay in the second-level cache.
pub(super) const LEAF: usize = 512;
/// Rows from which a cut takes its direction.
const SAMPLE: usize = 96;
/// Rounds of two-means over them.
const ROUNDS: usize = 3;
/// Rows that are cut in parallel.
const LARGE: usize = 8192;

/// Places in the order of the leaves.
pub(super) struct Tree {
    pub(super) order: Vec<u32>,
    /// Where each leaf ends in it.
    pub(super) ends: Vec<usize>,
}

/// Tree number `item`: halves until the halves are leaves, cut between the centres of two random groups.
pub(super) fn grow(points: &Points, ctx: &Ctx<'_>, item: u64) -> Tree {
    let mut order: Vec<u32> = (0..points.len() as u32).collect();
    let mut ends = leaves(points.len(), 0);
    ends.sort_unstable();
    // A node is told by its path: the tree's number, then a bit for each turn.
    cut(points, &mut order, ctx, (item << 32) | 1);
    Tree { order, ends }
}

/// Where the leaves of `len` rows from `from` on end.
fn leaves(len: usize, from: usize) -> Vec<usize> {
    if len <= LEAF {
        return vec![from + len];
    }
    let mut ends = leaves(len / 2, from);
    ends.extend(leaves(len - len / 2, from + len / 2));
    ends
}

fn cut(points: &Points, rows: &mut [u32], ctx: &Ctx<'_>, path: u64) {
    if rows.len() <= LEAF {
        return;
    }
    let direction = direction(points, rows, ctx, path);
    let along = |&i: &u32| (along(points.row(i), &direction), i);
    let mut projected: Vec<(f32, u32)> =
        if rows.len() > LARGE { rows.par_iter().map(along).collect() } else { rows.iter().map(along).collect() };
    let half = rows.len() / 2;
    projected.select_nth_unstable_by(half, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    rows.iter_mut().zip(&projected).for_each(|(row, p)| *row = p.1);
    drop(projected);
    let (left, right) = rows.split_at_mut(half);
    if left.len() > LARGE {
        rayon::join(|| cut(points, left, ctx, path << 1), || cut(points, right, ctx, (path << 1) | 1));
    } else {
        cut(points, left, ctx, path << 1);
        cut(points, right, ctx, (path << 1) | 1);
    }
}

/// From the centre of one random group to that of another.
fn direction(points: &Points, rows: &[u32], ctx: &Ctx<'_>, path: u64) -> Vec<Row<f32>> {
    let mut rng = ctx.rng("pp.neighbors.tree", path);
    let dim = points.dim();
    let mut sample = vec![vec![0f32; dim]; SAMPLE];
    for x in &mut sample {
        points.copy(rows[rng.random_range(0..rows.len())], x);
    }
    let mut centres = [sample[0].clone(), sample[1].clone()];
    for _ in 0..ROUNDS {
        let mut sums = [vec![0f32; dim], vec![0f32; dim]];
        let mut counts = [0f32; 2];
        for x in &sample {
            let d2 = |c: &[f32]| x.iter().zip(c).map(|(x, c)| (x - c) * (x - c)).sum::<f32>();
            let nearer = usize::from(d2(&centres[1]) < d2(&centres[0]));
            counts[nearer] += 1.0;
            sums[nearer].iter_mut().zip(x).for_each(|(s, x)| *s += x);
        }
        if counts.contains(&0.0) {
            break;
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(sums.iter().zip(counts)) {
            centre.iter_mut().zip(sum).for_each(|(c, s)| *c = s / count);
        }
    }
    let line = |(a, b): (&[f32], &[f32])| Row(std::array::from_fn(|l| if l < a.len() { a[l] - b[l] } else { 0.0 }));
    centres[0].chunks(W).zip(centres[1].chunks(W)).map(line).collect()
}

/// Offers to every place all others of its leaf.
pub(super) fn search(points: &Points, tree: &Tree, lists: &mut Lists, ctx: &Ctx<'_>) -> Result<()> {
    let mut gathered = lists.gathered(&tree.order);
    gathered.stretches(&tree.ends).into_par_iter().try_for_each(|mut leaf| {
        let rows = &tree.order[leaf.from..leaf.from + leaf.len()];
        join_leaf(points, rows, &mut leaf);
        ctx.tick(TASK, 0)
    })?;
    let mut place = vec![0u32; tree.order.len()];
    tree.order.iter().enumerate().for_each(|(at, &p)| place[p as usize] = at as u32);
    *lists = gathered.gathered(&place);
    Ok(())
}

fn join_leaf(points: &Points, rows: &[u32], leaf: &mut Stretch<'_>) {
    let (m, d) = (rows.len(), points.dim());
    let w = d + 1;
    let (mut queries, mut candidates, mut norms) = (vec![1f32; m * w], vec![0f32; m * w], vec![0f32; m]);
    let mut mean = vec![0f32; d];
    for (query, &i) in queries.chunks_exact_mut(w).zip(rows) {
        points.copy(i, query);
        mean.iter_mut().zip(&*query).for_each(|(s, x)| *s += x / m as f32);
    }
    // Rows `[x, 1]` and `[−2y, ‖y‖²]` about their centre: the product is ‖x − y‖² − ‖x‖².
    for q in 0..m {
        queries[q * w..q * w + d].iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
        let (x, c) = (&queries[q * w..q * w + d], &mut candidates[q * w..(q + 1) * w]);
        norms[q] = x.iter().map(|x| x * x).sum();
        c.iter_mut().zip(x).for_each(|(c, x)| *c = -2.0 * x);
        c[d] = norms[q];
    }
    let mut scores = vec![0f32; m * m];
    matmul(
        MatMut::from_column_major_slice_mut(&mut scores, m, m),
        Accum::Replace,
        MatRef::from_row_major_slice(&candidates, m, w),
        MatRef::from_column_major_slice(&queries, w, m),
        1.0,
        Par::Seq,
    );
    let mut near = Vec::new();
    vectorised(
        #[inline(always)]
        || {
            for q in 0..m {
                offer(rows, q, &scores[q * m..(q + 1) * m], norms[q], &mut near, leaf);
            }
        },
    );
}

/// Offers the `q`-th row of a leaf those of the leaf that are near enough.
fn offer(rows: &[u32], q: usize, scores: &[f32], norm: f32, near: &mut Vec<u32>, leaf: &mut Stretch<'_>) {
    let k = leaf.list(q).len();
    let mut list = leaf.list(q);
    let limit = if list.farthest().is_finite() {
        list.farthest() - norm
    } else {
        bound(scores, k + 1).unwrap_or(f32::INFINITY)
    };
    near.clear();
    collect_below(scores, up(f64::from(limit)), 0, near);
    for &at in near.iter().filter(|&&at| at as usize != q) {
        let j = rows[at as usize];
        if !list.holds(j) {
            list.push((scores[at as usize] + norm).max(0.0), j);
        }
    }
}
