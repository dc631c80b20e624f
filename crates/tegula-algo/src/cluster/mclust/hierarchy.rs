//! Model-based hierarchical clustering: where a mixture starts (Fraley 1998).

use std::f64::consts::LN_2;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use tegula_core::{Ctx, Result};

use super::matrix::{add_outer, distance2, eigen, factor, inverse_lower, length2, log_determinant};
use super::points::Points;
use crate::linalg::panel::vectorised;

/// What e to the minus this adds to 1 is lost in rounding.
const LOST: f64 = 40.0;

/// The points in the axes of their correlations, each axis divided by the root of its singular value (Scrucca &
/// Raftery 2015). Axes without spread are left out.
pub(super) fn scaled(points: &Points) -> Option<(usize, Vec<f64>)> {
    let (n, d) = (points.n, points.d);
    let scatter = points.scatter();
    let spread: Vec<f64> = (0..d).map(|j| (scatter[j * d + j] / (n as f64 - 1.0)).sqrt()).collect();
    let kept: Vec<usize> = (0..d).filter(|&j| spread[j] > 0.0).collect();
    let m = kept.len();
    if m == 0 {
        return None;
    }
    let correlation: Vec<f64> = (0..m * m)
        .map(|e| (kept[e / m], kept[e % m]))
        .map(|(i, j)| scatter[i * d + j] / (spread[i] * spread[j]))
        .collect();
    let (values, vectors) = eigen(&correlation, m)?;
    // Squares of singular values: half their digits are noise.
    let least = values.first()? * 1e-14;
    let axes: Vec<Vec<f64>> = vectors
        .chunks_exact(m)
        .zip(&values)
        .filter(|(_, v)| **v > least)
        .map(|(axis, v)| {
            let mut row = vec![0.0; d];
            kept.iter().zip(axis).for_each(|(&j, a)| row[j] = a / spread[j] / v.powf(0.25));
            row
        })
        .collect();
    let row = |x: &[f64]| axes.iter().map(|a| a.iter().zip(x).map(|(a, x)| a * x).sum::<f64>()).collect::<Vec<_>>();
    Some((axes.len(), points.rows.chunks_exact(d).flat_map(row).collect()))
}

/// A cluster of the tree.
#[derive(Debug, Clone)]
struct Cluster {
    count: f64,
    mean: Vec<f64>,
    /// The scatter around the mean; empty for a single point.
    scatter: Vec<f64>,
    trace: f64,
    /// The logarithm of the scatter's determinant, and the inverse of its Cholesky factor, where it is not singular.
    solved: Option<(f64, Vec<f64>)>,
    /// What the cluster adds to the criterion.
    term: f64,
}

/// A tree that is being built: `costs[i * n + j]`, i < j, is what joining the clusters of the points i and j would add
/// to the criterion, or a bound below it.
struct Tree {
    n: usize,
    d: usize,
    /// The scatter of all points, per number: keeps the criterion of small clusters finite.
    noise: f64,
    /// The logarithms of 0, 1, 2, ….
    logarithms: Vec<f64>,
    clusters: Vec<Option<Cluster>>,
    alive: Vec<usize>,
    costs: Vec<f64>,
    exact: Vec<bool>,
    /// The least cost of each row, and where.
    least: Vec<(f64, usize)>,
}

/// The merges of a hierarchical clustering of `rows` of `d` numbers by the criterion of model VVV: of clusters named by
/// their first points, the second joins the first.
///
/// # Errors
/// [`tegula_core::Error::Cancelled`].
pub(super) fn merges(rows: &[f64], d: usize, task: &str, ctx: &Ctx<'_>) -> Result<Vec<(usize, usize)>> {
    let mut tree = Tree::new(rows, d);
    let mut merges = Vec::with_capacity(tree.n);
    for step in 1..tree.n {
        if step % 32 == 0 {
            ctx.tick(task, 0)?;
        }
        let (a, b) = tree.best();
        merges.push((a, b));
        tree.join(a, b);
    }
    Ok(merges)
}

/// The partition into `g` clusters that a tree of `n` points gives, numbered by their first points.
pub(super) fn cut(merges: &[(usize, usize)], n: usize, g: usize) -> Vec<u32> {
    let mut parent: Vec<usize> = (0..n).collect();
    for &(a, b) in &merges[..n.saturating_sub(g).min(merges.len())] {
        parent[b] = a;
    }
    let mut next = 0;
    let mut label = vec![0; n];
    // A parent comes before its children.
    for i in 0..n {
        label[i] = if parent[i] == i {
            next += 1;
            next - 1
        } else {
            label[parent[i]]
        };
    }
    label
}

impl Tree {
    fn new(rows: &[f64], d: usize) -> Self {
        let n = rows.len() / d;
        let mut mean = vec![0.0; d];
        for row in rows.chunks_exact(d) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n as f64);
        }
        let total: f64 = rows.chunks_exact(d).map(|row| distance2(row, &mean)).sum();
        let noise = total / (n * d) as f64;
        let single = |row: &[f64]| {
            Some(Cluster {
                count: 1.0,
                mean: row.to_vec(),
                scatter: Vec::new(),
                trace: 0.0,
                solved: None,
                term: noise.ln(),
            })
        };
        let mut tree = Self {
            n,
            d,
            noise,
            logarithms: (0..=n).map(|count| (count as f64).ln()).collect(),
            clusters: rows.chunks_exact(d).map(single).collect(),
            alive: (0..n).collect(),
            costs: vec![f64::INFINITY; n * n],
            exact: vec![true; n * n],
            least: vec![(f64::INFINITY, 0); n],
        };
        let two = 2.0 * noise.ln();
        for i in 0..n {
            let costs = i * n + i + 1..(i + 1) * n;
            vectorised(|| {
                let (x, others) = (&rows[i * d..(i + 1) * d], rows[(i + 1) * d..].chunks_exact(d));
                tree.costs[costs.clone()].iter_mut().zip(others).for_each(|(c, y)| *c = distance2(x, y) / 2.0);
            });
            for e in costs {
                let trace = tree.costs[e];
                // Two points fill a line at most.
                let log_determinant = if d == 1 { trace.ln() } else { f64::NEG_INFINITY };
                tree.costs[e] = tree.term(2.0, trace, log_determinant) - two;
            }
            tree.rescan(i);
        }
        tree
    }

    /// What a cluster adds to the criterion.
    fn term(&self, count: f64, trace: f64, log_determinant: f64) -> f64 {
        let spread = (trace + self.noise) / count;
        let volume = log_determinant - self.d as f64 * self.logarithms[count as usize];
        // The logarithm of the power of two below the spread.
        let below = (((spread.to_bits() >> 52) as f64) - 1023.0) * LN_2;
        count * (if volume < below - LOST { spread } else { volume.exp() + spread }).ln()
    }

    /// Finds the least cost of a row again.
    fn rescan(&mut self, i: usize) {
        let row = &self.costs[i * self.n..(i + 1) * self.n];
        let from = self.alive.partition_point(|&j| j <= i);
        let mut least = (f64::INFINITY, self.n);
        for &j in &self.alive[from..] {
            if row[j] <= least.0 || least.1 == self.n {
                least = (row[j], j);
            }
        }
        self.least[i] = least;
    }

    /// The pair whose joining costs least; of equal ones, as in R, that with the last second cluster.
    fn best(&mut self) -> (usize, usize) {
        loop {
            let mut best = self.alive[0];
            for &i in &self.alive[..self.alive.len() - 1] {
                let (new, old) = (self.least[i], self.least[best]);
                if new.0 < old.0 || (new.0 == old.0 && new.1 >= old.1) {
                    best = i;
                }
            }
            let j = self.least[best].1;
            let at = best * self.n + j;
            if self.exact[at] {
                return (best, j);
            }
            self.costs[at] = self.cost(best, j);
            self.exact[at] = true;
            self.rescan(best);
        }
    }

    /// What joining the clusters `a` and `b` adds to the criterion.
    fn cost(&self, a: usize, b: usize) -> f64 {
        match (&self.clusters[a], &self.clusters[b]) {
            (Some(a), Some(b)) => self.joined(a, b).term - a.term - b.term,
            _ => f64::INFINITY,
        }
    }

    fn joined(&self, a: &Cluster, b: &Cluster) -> Cluster {
        let d = self.d;
        let count = a.count + b.count;
        let weight = a.count * b.count / count;
        let off: Vec<f64> = a.mean.iter().zip(&b.mean).map(|(x, y)| x - y).collect();
        let mut scatter = if a.scatter.is_empty() { vec![0.0; d * d] } else { a.scatter.clone() };
        scatter.iter_mut().zip(&b.scatter).for_each(|(s, w)| *s += w);
        add_outer(&mut scatter, weight, &off);
        let trace = a.trace + b.trace + weight * off.iter().map(|x| x * x).sum::<f64>();
        let solved = if count > d as f64 {
            factor(&scatter, d).map(|l| (log_determinant(&l, d), inverse_lower(&l, d)))
        } else {
            None
        };
        let determinant = solved.as_ref().map_or(f64::NEG_INFINITY, |s| s.0);
        Cluster {
            count,
            mean: a.mean.iter().zip(&b.mean).map(|(x, y)| (a.count * x + b.count * y) / count).collect(),
            scatter,
            trace,
            solved,
            term: self.term(count, trace, determinant),
        }
    }

    /// Joins `b` to `a`, and bounds the costs of joining others to them.
    fn join(&mut self, a: usize, b: usize) {
        let n = self.n;
        let (Some(first), Some(second)) = (&self.clusters[a], &self.clusters[b]) else { return };
        let new = self.joined(first, second);
        self.clusters[b] = None;
        self.alive.retain(|&i| i != b);
        let others: Vec<usize> = self.alive.iter().copied().filter(|&j| j != a).collect();
        let bounds = self.bounds(&new, &others);
        self.clusters[a] = Some(new);
        for (&j, (bound, exact)) in others.iter().zip(bounds) {
            let (i, k) = (a.min(j), a.max(j));
            self.costs[i * n + k] = bound;
            self.exact[i * n + k] = exact;
            if j < a && self.least[j].1 != a && self.least[j].1 != b {
                if bound < self.least[j].0 || (bound == self.least[j].0 && a > self.least[j].1) {
                    self.least[j] = (bound, a);
                }
            } else if j < b && (self.least[j].1 == a || self.least[j].1 == b) {
                self.rescan(j);
            }
        }
        self.rescan(a);
    }

    /// The costs of joining each of the others to `new`, or bounds below them, and which they are.
    ///
    /// A scatter joined is the sum of both and of the outer product of the means' difference: the determinant with that
    /// product needs one product with the inverse factor, and by Minkowski's inequality the d-th root of the whole is
    /// not less than the sum of the roots.
    fn bounds(&self, new: &Cluster, others: &[usize]) -> Vec<(f64, bool)> {
        let d = self.d;
        let mut off = Vec::with_capacity(others.len() * d);
        for other in others.iter().filter_map(|&j| self.clusters[j].as_ref()) {
            off.extend(other.mean.iter().zip(&new.mean).map(|(x, y)| x - y));
        }
        let lengths = |rows: &[f64]| vectorised(|| rows.chunks_exact(d).map(length2).collect::<Vec<f64>>());
        let mut turned = Vec::new();
        if let Some((_, inverse)) = &new.solved {
            turned = vec![0.0; off.len()];
            matmul(
                MatMut::from_column_major_slice_mut(&mut turned, d, others.len()),
                Accum::Replace,
                MatRef::from_row_major_slice(inverse, d, d),
                MatRef::from_column_major_slice(&off, d, others.len()),
                1.0,
                Par::Seq,
            );
        }
        let (off, turned) = (lengths(&off), lengths(&turned));
        let mut bounds = Vec::with_capacity(others.len());
        for (at, other) in others.iter().filter_map(|&j| self.clusters[j].as_ref()).enumerate() {
            let count = new.count + other.count;
            let weight = new.count * other.count / count;
            let trace = new.trace + other.trace + weight * off[at];
            let (mut log_determinant, mut exact) = (f64::NEG_INFINITY, count <= d as f64);
            if let Some((own, _)) = &new.solved {
                log_determinant = own + (weight * turned[at]).ln_1p();
                exact = other.count == 1.0;
                if let Some((theirs, _)) = &other.solved {
                    let (large, small) = (log_determinant.max(*theirs), log_determinant.min(*theirs));
                    log_determinant = large + d as f64 * (((small - large) / d as f64).exp()).ln_1p();
                }
            } else if let Some((theirs, _)) = &other.solved {
                log_determinant = *theirs;
            }
            let cost = self.term(count, trace, log_determinant) - new.term - other.term;
            // A bound must not exceed the cost by rounding.
            bounds.push((if exact { cost } else { cost - 1e-9 * cost.abs() - 1e-9 }, exact));
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_points_join_first_and_far_groups_last() {
        let rows = [0.0, 0.0, 9.0, 9.0, 0.1, 0.0, 9.0, 9.2, 0.0, 0.3];
        let merges = merges(&rows, 2, "test", &Ctx::default()).unwrap();
        assert_eq!(merges.len(), 4);
        assert_eq!(merges[0], (0, 2));
        assert_eq!(cut(&merges, 5, 2), [0, 1, 0, 1, 0]);
        assert_eq!(cut(&merges, 5, 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn bounds_change_no_merge() {
        // Every cost exact from the start must give the same tree.
        let rows: Vec<f64> = (0..120).map(|e| f64::from(e * 7919 % 1009) / 100.0).collect();
        let lazy = merges(&rows, 3, "test", &Ctx::default()).unwrap();
        let mut tree = Tree::new(&rows, 3);
        for &(a, b) in &lazy {
            let mut least = (f64::INFINITY, 0, 0);
            for (at, &i) in tree.alive.iter().enumerate() {
                for &j in &tree.alive[at + 1..] {
                    let cost = tree.cost(i, j);
                    if cost < least.0 {
                        least = (cost, i, j);
                    }
                }
            }
            assert!((least.1, least.2) == (a, b) || (tree.cost(a, b) - least.0).abs() < 1e-9);
            tree.join(a, b);
        }
    }
}
