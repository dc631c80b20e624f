//! The others near all points of the tree, leaf by leaf.
//!
//! Points of a leaf have nearly the same neighbours: the tree is gone through once per leaf, and what it finds stays in
//! the cache while the points of the leaf look through it.

use std::ops::Range;

use rayon::prelude::*;
use tegula_core::{Result, par};

use super::{LEAF, Near, Node, Tick, Tree, distance2};

/// Leaves per block of parallel work: some milliseconds.
const LEAVES: usize = 256;

/// A leaf, and the smallest subtree around it with enough points to bound the search.
struct Task {
    leaf: u32,
    base: u32,
}

/// What a block of leaves uses over and over.
struct Space<const D: usize> {
    /// Leaves that may hold neighbours, with their distance from the leaf at work.
    near: Vec<(f64, u32)>,
    /// The points of the base.
    start: Vec<([f64; D], u32)>,
    /// The best `k` so far of each point of the leaf.
    best: Vec<Near>,
}

impl<const D: usize> Tree<D> {
    /// For every point its `k` nearest others, as `(squared distances, indices)`, `k` per point. There must be more
    /// than `k` points.
    pub(super) fn all_nearest(&self, k: usize, tick: &Tick<'_>) -> Result<(Vec<f64>, Vec<u32>)> {
        let n = self.items.len();
        let mut tasks = Vec::with_capacity(2 * n / LEAF + 1);
        if k > 0 && n > 0 {
            self.tasks(0, 0, k + 1, &mut tasks);
        }
        let block = |range: Range<usize>| {
            tick()?;
            let mut space = Space { near: Vec::new(), start: Vec::new(), best: Vec::new() };
            let mut out = Vec::with_capacity(range.len() * LEAF * k);
            for task in &tasks[range] {
                self.leaf_nearest(task, k, &mut space);
                out.extend_from_slice(&space.best);
            }
            Ok(out)
        };
        let found: Vec<Near> = par::blocks(tasks.len(), LEAVES).map(block).collect::<Result<Vec<_>>>()?.concat();
        let mut place = vec![0u32; n];
        for (at, item) in self.items.iter().enumerate() {
            place[item.1 as usize] = at as u32;
        }
        let (mut d2, mut indices) = (vec![0.0; n * k], vec![0u32; n * k]);
        if k > 0 {
            d2.par_chunks_mut(k).zip(indices.par_chunks_mut(k)).zip(&place).for_each(|((d2, indices), &at)| {
                for (s, e) in found[at as usize * k..][..k].iter().enumerate() {
                    (d2[s], indices[s]) = *e;
                }
            });
        }
        Ok((d2, indices))
    }

    /// For every point all others within `radius` with their distances, by index.
    pub(super) fn all_within(&self, radius: f64, tick: &Tick<'_>) -> Result<Vec<Vec<(u32, f32)>>> {
        let r2 = radius * radius;
        let mut tasks = Vec::with_capacity(2 * self.items.len() / LEAF + 1);
        if !self.nodes.is_empty() {
            self.tasks(0, 0, usize::MAX, &mut tasks);
        }
        let block = |range: Range<usize>| {
            let mut near = Vec::new();
            let mut rows = Vec::with_capacity(range.len() * LEAF);
            for task in &tasks[range] {
                tick()?;
                let leaf = &self.nodes[task.leaf as usize];
                near.clear();
                self.reach(0, leaf, r2, None, &mut near);
                for (p, i) in &self.items[leaf.start as usize..leaf.end as usize] {
                    let mut row = Vec::new();
                    for node in near.iter().map(|e| &self.nodes[e.1 as usize]).filter(|n| n.distance2(p) <= r2) {
                        let points = &self.items[node.start as usize..node.end as usize];
                        let of = points.iter().map(|(q, j)| (*j, distance2(q, p)));
                        row.extend(of.filter(|e| e.1 <= r2 && e.0 != *i).map(|(j, d2)| (j, d2.sqrt() as f32)));
                    }
                    row.sort_unstable_by_key(|e| e.0);
                    rows.push((*i, row));
                }
            }
            Ok(rows)
        };
        let found = par::blocks(tasks.len(), LEAVES).map(block).collect::<Result<Vec<_>>>()?;
        let mut rows = vec![Vec::new(); self.items.len()];
        for (i, row) in found.into_iter().flatten() {
            rows[i as usize] = row;
        }
        Ok(rows)
    }

    /// The leaves below node `at` in order, each with the smallest subtree of at least `need` points.
    fn tasks(&self, at: usize, base: usize, need: usize, out: &mut Vec<Task>) {
        let node = &self.nodes[at];
        let base = if (node.end - node.start) as usize >= need { at } else { base };
        if node.right == 0 {
            out.push(Task { leaf: at as u32, base: base as u32 });
        } else {
            self.tasks(at + 1, base, need, out);
            self.tasks(at + node.right as usize, base, need, out);
        }
    }

    /// The points of a leaf that can be among the `k` nearest others of any point: of a large one, which holds one
    /// place, lowest index first, no more than `k + 1`.
    fn points(&self, leaf: &Node<D>, k: usize) -> &[([f64; D], u32)] {
        let points = &self.items[leaf.start as usize..leaf.end as usize];
        if points.len() > LEAF { &points[..points.len().min(k + 1)] } else { points }
    }

    /// The `k` nearest others of every point of a leaf, into `space.best`.
    fn leaf_nearest(&self, task: &Task, k: usize, space: &mut Space<D>) {
        let Space { near, start, best } = space;
        let (leaf, base) = (&self.nodes[task.leaf as usize], &self.nodes[task.base as usize]);
        let points = &self.items[leaf.start as usize..leaf.end as usize];
        best.clear();
        best.resize(points.len() * k, (f64::INFINITY, u32::MAX));
        near.clear();
        self.reach(task.base as usize, leaf, f64::INFINITY, None, near);
        start.clear();
        for (_, at) in &*near {
            start.extend_from_slice(self.points(&self.nodes[*at as usize], k));
        }
        let mut reach = 0f64;
        for ((p, i), best) in points.iter().zip(best.chunks_mut(k)) {
            offer(best, p, *i, start);
            reach = reach.max(best[k - 1].0);
        }
        near.clear();
        self.reach(0, leaf, reach, Some(base), near);
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for ((p, i), best) in points.iter().zip(best.chunks_mut(k)) {
            for (apart, at) in &*near {
                let worst = best[k - 1];
                if *apart > worst.0 {
                    break;
                }
                let node = &self.nodes[*at as usize];
                let d2 = node.distance2(p);
                if d2 < worst.0 || (d2 == worst.0 && node.first < worst.1) {
                    offer(best, p, *i, self.points(node, k));
                }
            }
        }
    }

    /// The leaves below node `at` not farther than `reach` (squared) from `leaf`, but for those below `done`.
    fn reach(&self, at: usize, leaf: &Node<D>, reach: f64, done: Option<&Node<D>>, near: &mut Vec<(f64, u32)>) {
        let node = &self.nodes[at];
        let apart = node.apart2(leaf);
        if apart > reach || done.is_some_and(|d| d.start <= node.start && node.end <= d.end) {
            return;
        }
        if node.right == 0 {
            near.push((apart, at as u32));
        } else {
            self.reach(at + 1, leaf, reach, done, near);
            self.reach(at + node.right as usize, leaf, reach, done, near);
        }
    }
}

impl<const D: usize> Node<D> {
    /// Squared distance between two boxes, rounded as that between two points, so never above it.
    fn apart2(&self, other: &Self) -> f64 {
        let mut sum = 0.0;
        for a in 0..D {
            let gap = (self.low[a] - other.high[a]).max(other.low[a] - self.high[a]).max(0.0);
            sum += gap * gap;
        }
        sum
    }
}

/// Puts those of `points` other than `i` among its best where they belong.
fn offer<const D: usize>(best: &mut [Near], p: &[f64; D], i: u32, points: &[([f64; D], u32)]) {
    let last = best.len() - 1;
    let mut worst = best[last];
    for (q, j) in points {
        let d2 = distance2(q, p);
        if d2 > worst.0 || (d2 == worst.0 && *j >= worst.1) || *j == i {
            continue;
        }
        let mut at = last;
        while at > 0 && (best[at - 1].0 > d2 || (best[at - 1].0 == d2 && best[at - 1].1 > *j)) {
            best[at] = best[at - 1];
            at -= 1;
        }
        best[at] = (d2, *j);
        worst = best[last];
    }
}
