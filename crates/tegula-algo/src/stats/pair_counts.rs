//! Pairs of observations by their groups and their distance, counted without looking at every pair.
//!
//! The tree is not `index::KdTree`: that one's leaves of 8 indexed points suit single queries; pairs of boxes want leaves
//! of 32, with the groups beside the points and their numbers in every node.

use rayon::prelude::*;
use tegula_core::{Coords, Ctx, Result};

/// Points per leaf.
const LEAF: usize = 32;
/// Pairs of nodes that the work is cut into.
const TASKS: usize = 1024;
const TASK: &str = "co_occurrence";

struct Node {
    low: [f64; 3],
    high: [f64; 3],
    start: usize,
    end: usize,
    /// The right child (the left one is next); 0 for a leaf.
    right: usize,
}

/// A tree of boxes whose nodes know how many points of each group they hold.
struct Tree<'a> {
    nodes: Vec<Node>,
    points: Vec<([f64; 3], u32)>,
    /// Points of each group, node by node.
    held: Vec<u32>,
    k: usize,
    /// Squared upper ends of the distance classes, ascending.
    limits: &'a [f64],
}

/// For groups a, b and class r of distance, the ordered pairs (i in a, j in b, i ≠ j) whose squared distance lies in
/// that class: above the limit before and not above `limits[r]`; at `(a k + b) limits.len() + r`.
///
/// Two boxes all of whose pairs fall into one class are counted at once: with N points and L classes about O(L N^1.5)
/// instead of O(N²).
pub(super) fn pair_counts(
    coords: &Coords,
    groups: &[u32],
    k: usize,
    limits: &[f64],
    ctx: &Ctx<'_>,
) -> Result<Vec<u64>> {
    let tree = Tree::new(coords, groups, k, limits);
    let size = k * k * limits.len();
    let mut tasks = if tree.points.is_empty() { Vec::new() } else { vec![(0, 0)] };
    while !tasks.is_empty() && tasks.len() < TASKS {
        let before = tasks.len();
        tasks = tasks.into_iter().flat_map(|(a, b)| tree.split(a, b).unwrap_or_else(|| vec![(a, b)])).collect();
        if tasks.len() == before {
            break;
        }
    }
    ctx.begin(TASK, tasks.len() as u64);
    // Whole numbers: the order of the sum does not matter.
    let found = tasks
        .into_par_iter()
        .try_fold(
            || vec![0u64; size],
            |mut counts, (a, b)| {
                ctx.tick(TASK, 1)?;
                tree.count(a, b, &mut counts);
                Ok(counts)
            },
        )
        .try_reduce(
            || vec![0u64; size],
            |mut one, two| {
                one.iter_mut().zip(two).for_each(|(a, b)| *a += b);
                Ok(one)
            },
        );
    ctx.end(TASK);
    let found = found?;
    let l = limits.len();
    let at = |e: usize| {
        let (a, b, r) = (e / (k * l), e / l % k, e % l);
        found[(a * k + b) * l + r] + found[(b * k + a) * l + r]
    };
    Ok((0..size).map(at).collect())
}

impl<'a> Tree<'a> {
    fn new(coords: &Coords, groups: &[u32], k: usize, limits: &'a [f64]) -> Self {
        let point = |i: usize| {
            let mut p = [0.0; 3];
            p[..coords.dim()].copy_from_slice(coords.point(i));
            (p, groups[i])
        };
        let mut points: Vec<([f64; 3], u32)> = (0..coords.len()).map(point).collect();
        let mut nodes = Vec::new();
        if !points.is_empty() {
            build(&mut points, 0, &mut nodes);
        }
        let mut held = vec![0; nodes.len() * k];
        for (node, held) in nodes.iter().zip(held.chunks_mut(k.max(1))) {
            points[node.start..node.end].iter().for_each(|p| held[p.1 as usize] += 1);
        }
        Self { nodes, points, held, k, limits }
    }

    /// The classes of the nearest and of the farthest pair of two nodes. Rounded as distances are (the same
    /// operations), so no pair falls outside.
    fn classes(&self, a: usize, b: usize) -> (usize, usize) {
        let (a, b) = (&self.nodes[a], &self.nodes[b]);
        let (mut nearest, mut farthest) = (0.0, 0.0);
        for x in 0..3 {
            let gap = (b.low[x] - a.high[x]).max(a.low[x] - b.high[x]).max(0.0);
            let span = (b.high[x] - a.low[x]).max(a.high[x] - b.low[x]);
            nearest += gap * gap;
            farthest += span * span;
        }
        (self.class(nearest), self.class(farthest))
    }

    fn class(&self, d2: f64) -> usize {
        self.limits.partition_point(|&limit| limit < d2)
    }

    /// The pairs of nodes that a pair consists of; none where it is counted as it is.
    fn split(&self, a: usize, b: usize) -> Option<Vec<(usize, usize)>> {
        let (near, far) = self.classes(a, b);
        let (left, right) = (&self.nodes[a], &self.nodes[b]);
        if near == far || (left.right == 0 && right.right == 0) {
            return None;
        }
        Some(if a == b {
            vec![(a + 1, a + 1), (left.right, left.right), (a + 1, left.right)]
        } else if right.right == 0 || (left.right != 0 && left.end - left.start >= right.end - right.start) {
            vec![(a + 1, b), (left.right, b)]
        } else {
            vec![(a, b + 1), (a, right.right)]
        })
    }

    /// Adds the pairs with one point in each node; every unordered pair once where they are the same node.
    fn count(&self, a: usize, b: usize, counts: &mut [u64]) {
        if let Some(parts) = self.split(a, b) {
            for (a, b) in parts {
                self.count(a, b, counts);
            }
            return;
        }
        let (near, far) = self.classes(a, b);
        let l = self.limits.len();
        if near == l {
            return;
        }
        let (left, right) = (&self.nodes[a], &self.nodes[b]);
        let (size, k) = ((left.end - left.start) * (right.end - right.start), self.k);
        if near == far && (size > k * k || left.right != 0 || right.right != 0) {
            let (one, two) = (&self.held[a * k..(a + 1) * k], &self.held[b * k..(b + 1) * k]);
            for (p, &m) in one.iter().enumerate().filter(|e| *e.1 > 0) {
                for (q, &n) in two.iter().enumerate() {
                    let pairs = u64::from(m) * u64::from(n);
                    let pairs = match (a == b, p.cmp(&q)) {
                        (false, _) | (true, std::cmp::Ordering::Less) => pairs,
                        (true, std::cmp::Ordering::Equal) => (pairs - u64::from(m)) / 2,
                        (true, std::cmp::Ordering::Greater) => 0,
                    };
                    counts[(p * k + q) * l + near] += pairs;
                }
            }
            return;
        }
        let far = far.min(l);
        let some = &self.limits[near..far];
        for i in left.start..left.end {
            let (p, c) = self.points[i];
            let from = if a == b { i + 1 } else { right.start };
            for (q, d) in &self.points[from..right.end] {
                let mut d2 = 0.0;
                for x in 0..3 {
                    d2 += (p[x] - q[x]) * (p[x] - q[x]);
                }
                let class = near + some.iter().take_while(|&&limit| limit < d2).count();
                if class < l {
                    counts[(c as usize * k + *d as usize) * l + class] += 1;
                }
            }
        }
    }
}

/// Adds the nodes over `points`, which start at `start` in the whole list; the node itself first.
fn build(points: &mut [([f64; 3], u32)], start: usize, nodes: &mut Vec<Node>) {
    let (mut low, mut high) = (points[0].0, points[0].0);
    for (p, _) in points.iter() {
        for x in 0..3 {
            low[x] = low[x].min(p[x]);
            high[x] = high[x].max(p[x]);
        }
    }
    let own = nodes.len();
    nodes.push(Node { low, high, start, end: start + points.len(), right: 0 });
    if points.len() <= LEAF || low == high {
        return;
    }
    let axis = (0..3).max_by(|&a, &b| (high[a] - low[a]).total_cmp(&(high[b] - low[b]))).unwrap_or(0);
    let middle = points.len() / 2;
    points.select_nth_unstable_by(middle, |a, b| a.0[axis].total_cmp(&b.0[axis]));
    let (left, right) = points.split_at_mut(middle);
    build(left, start, nodes);
    nodes[own].right = nodes.len();
    build(right, start + middle, nodes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn trees_count_what_looking_at_every_pair_counts(
            points in proptest::collection::vec((0u32..30, 0u32..30, 0u32..3), 0..150),
            limits in proptest::collection::btree_set(0u32..1500, 1..8),
        ) {
            let coords = Coords::new(2, points.iter().flat_map(|p| [f64::from(p.0), f64::from(p.1)]).collect()).unwrap();
            let groups: Vec<u32> = points.iter().map(|p| p.2).collect();
            let limits: Vec<f64> = limits.into_iter().map(f64::from).collect();
            let l = limits.len();
            let mut expected = vec![0u64; 9 * l];
            for i in 0..points.len() {
                for j in (0..points.len()).filter(|&j| j != i) {
                    let (p, q) = (coords.point(i), coords.point(j));
                    let d2 = (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2);
                    if let Some(r) = limits.iter().position(|&limit| d2 <= limit) {
                        expected[(groups[i] * 3 + groups[j]) as usize * l + r] += 1;
                    }
                }
            }
            prop_assert_eq!(pair_counts(&coords, &groups, 3, &limits, &Ctx::default()).unwrap(), expected);
        }
    }
}
