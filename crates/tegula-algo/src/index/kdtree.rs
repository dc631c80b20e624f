//! A k-d tree over positions in 2 or 3 dimensions.

mod leafwise;

use rayon::prelude::*;
use tegula_core::{Coords, Result};

/// Points per leaf. Smaller leaves visit more nodes, larger ones more points; 8 was fastest at a million points.
const LEAF: usize = 8;
/// Below this many points a subtree is built by one thread.
const PARALLEL: usize = 16_384;

/// A neighbour: squared distance and index of the point. Ordered by distance, ties by the lower index.
pub(crate) type Near = (f64, u32);

/// Fails where the user gave up.
pub(crate) type Tick<'a> = dyn Fn() -> Result<()> + Sync + 'a;

/// A k-d tree over positions in 2 or 3 dimensions: nearest points and points within a radius, of any place.
///
/// Every node keeps the box around its points, so thin, clustered and collinear sets are searched as fast as even
/// ones. Points at the same place are kept together and never searched through, so that any number of duplicates is
/// harmless. Answers are exact, and equal distances are ordered by the lower index.
///
/// # Cost
/// Building O(N log N); a query O(k + log N) for sets of bounded density contrast.
///
/// ```
/// use tegula_algo::index::KdTree;
/// use tegula_core::Coords;
/// let tree = KdTree::new(&Coords::new(2, vec![0.0, 0.0, 3.0, 4.0, 1.0, 0.0])?);
/// assert_eq!(tree.nearest(&[0.0, 0.0], 2), vec![(0, 0.0), (2, 1.0)]);
/// assert_eq!(tree.within(&[0.0, 0.0], 5.0).len(), 3);
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KdTree(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Flat(Tree<2>),
    Deep(Tree<3>),
}

impl KdTree {
    /// A tree over all points.
    pub fn new(coords: &Coords) -> Self {
        match coords.dim() {
            2 => Self(Kind::Flat(Tree::new(coords))),
            _ => Self(Kind::Deep(Tree::new(coords))),
        }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Flat(t) => t.items.len(),
            Kind::Deep(t) => t.items.len(),
        }
    }

    /// True where there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `k` points nearest to a place as `(index, distance)`, nearest first, ties by the lower index; all points
    /// where there are fewer.
    ///
    /// # Panics
    /// Where `place` has fewer numbers than the tree has dimensions: a bug of the caller.
    pub fn nearest(&self, place: &[f64], k: usize) -> Vec<(u32, f64)> {
        let mut best = Best::new(k);
        match &self.0 {
            Kind::Flat(t) => t.search(&[place[0], place[1]], &mut best),
            Kind::Deep(t) => t.search(&[place[0], place[1], place[2]], &mut best),
        }
        best.list.into_iter().map(|(d2, j)| (j, d2.sqrt())).collect()
    }

    /// All points not farther than `radius` from a place as `(index, distance)`, nearest first, ties by the lower
    /// index.
    ///
    /// # Panics
    /// Where `place` has fewer numbers than the tree has dimensions: a bug of the caller.
    pub fn within(&self, place: &[f64], radius: f64) -> Vec<(u32, f64)> {
        let mut found = Vec::new();
        match &self.0 {
            Kind::Flat(t) => t.collect(0, &[place[0], place[1]], radius * radius, &mut found),
            Kind::Deep(t) => t.collect(0, &[place[0], place[1], place[2]], radius * radius, &mut found),
        }
        found.sort_unstable_by(|a: &Near, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found.into_iter().map(|(d2, j)| (j, d2.sqrt())).collect()
    }

    /// For every place its `k` nearest points of the tree, as [`KdTree::nearest`] gives them.
    pub fn nearest_of(&self, places: &Coords, k: usize) -> Vec<Vec<(u32, f64)>> {
        (0..places.len()).into_par_iter().map(|i| self.nearest(places.point(i), k)).collect()
    }

    /// For every point of the tree its `k` nearest others, as `(squared distances, indices)`, `k` per point.
    /// There must be more than `k` points.
    /// `tick` is asked now and then whether to go on.
    pub(crate) fn all_nearest(&self, k: usize, tick: &Tick<'_>) -> Result<(Vec<f64>, Vec<u32>)> {
        match &self.0 {
            Kind::Flat(t) => t.all_nearest(k, tick),
            Kind::Deep(t) => t.all_nearest(k, tick),
        }
    }

    /// For every point of the tree all others within `radius` with their distances, by index.
    /// `tick` is asked now and then whether to go on.
    pub(crate) fn all_within(&self, radius: f64, tick: &Tick<'_>) -> Result<Vec<Vec<(u32, f32)>>> {
        match &self.0 {
            Kind::Flat(t) => t.all_within(radius, tick),
            Kind::Deep(t) => t.all_within(radius, tick),
        }
    }
}

/// The best `k` so far, nearest first.
struct Best {
    k: usize,
    list: Vec<Near>,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, list: Vec::with_capacity(k + 1) }
    }

    /// What a newcomer has to beat.
    fn worst(&self) -> Near {
        if self.list.len() < self.k {
            (f64::INFINITY, u32::MAX)
        } else {
            self.list.last().copied().unwrap_or((f64::NEG_INFINITY, 0))
        }
    }

    fn offer(&mut self, d2: f64, j: u32) {
        let worst = self.worst();
        if d2 > worst.0 || (d2 == worst.0 && j >= worst.1) {
            return;
        }
        if self.list.len() == self.k {
            self.list.pop();
        }
        let mut at = self.list.len();
        self.list.push((d2, j));
        while at > 0 && (self.list[at - 1].0 > d2 || (self.list[at - 1].0 == d2 && self.list[at - 1].1 > j)) {
            self.list[at] = self.list[at - 1];
            at -= 1;
        }
        self.list[at] = (d2, j);
    }
}

#[derive(Debug, Clone)]
struct Node<const D: usize> {
    low: [f64; D],
    high: [f64; D],
    /// Points of the subtree in `items`.
    start: u32,
    end: u32,
    /// The lowest index among them: decides ties without going down.
    first: u32,
    /// How much farther the right child lies in the list of nodes (the left one is next); 0 for a leaf.
    right: u32,
}

#[derive(Debug, Clone)]
struct Tree<const D: usize> {
    nodes: Vec<Node<D>>,
    items: Vec<([f64; D], u32)>,
}

impl<const D: usize> Tree<D> {
    fn new(coords: &Coords) -> Self {
        let item = |i: usize| {
            let mut p = [0.0; D];
            p.copy_from_slice(coords.point(i));
            (p, i as u32)
        };
        let mut items: Vec<([f64; D], u32)> = (0..coords.len()).map(item).collect();
        let nodes = build(&mut items, 0);
        Self { nodes, items }
    }

    fn search(&self, q: &[f64; D], best: &mut Best) {
        if best.k > 0 && !self.nodes.is_empty() {
            self.descend(0, q, best);
        }
    }

    /// Looks through node `at`, nearer child first. The distance to a box is rounded as the distance to a point is
    /// (same subtractions, same order), so it never exceeds that of a point inside.
    fn descend(&self, at: usize, q: &[f64; D], best: &mut Best) {
        let node = &self.nodes[at];
        if node.right == 0 {
            let points = &self.items[node.start as usize..node.end as usize];
            // A large leaf holds points of one place, lowest index first: no more than k of them can matter.
            let points = if points.len() > LEAF { &points[..points.len().min(best.k)] } else { points };
            for (p, j) in points {
                best.offer(distance2(p, q), *j);
            }
            return;
        }
        let (left, right) = (at + 1, at + node.right as usize);
        let (dl, dr) = (self.nodes[left].distance2(q), self.nodes[right].distance2(q));
        let order = if dr < dl { [(dr, right), (dl, left)] } else { [(dl, left), (dr, right)] };
        for (d2, child) in order {
            let worst = best.worst();
            if d2 < worst.0 || (d2 == worst.0 && self.nodes[child].first < worst.1) {
                self.descend(child, q, best);
            }
        }
    }

    fn collect(&self, at: usize, q: &[f64; D], r2: f64, found: &mut Vec<Near>) {
        let Some(node) = self.nodes.get(at).filter(|n| n.distance2(q) <= r2) else { return };
        if node.right == 0 {
            let points = &self.items[node.start as usize..node.end as usize];
            found.extend(points.iter().map(|(p, j)| (distance2(p, q), *j)).filter(|e| e.0 <= r2));
        } else {
            self.collect(at + 1, q, r2, found);
            self.collect(at + node.right as usize, q, r2, found);
        }
    }
}

impl<const D: usize> Node<D> {
    fn distance2(&self, q: &[f64; D]) -> f64 {
        let mut sum = 0.0;
        for (x, (low, high)) in q.iter().zip(self.low.iter().zip(&self.high)) {
            let gap = (low - x).max(x - high).max(0.0);
            sum += gap * gap;
        }
        sum
    }
}

fn distance2<const D: usize>(a: &[f64; D], b: &[f64; D]) -> f64 {
    let mut sum = 0.0;
    for k in 0..D {
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    }
    sum
}

/// The nodes over `items`, which start at `start` in the whole list; the node itself first.
fn build<const D: usize>(items: &mut [([f64; D], u32)], start: usize) -> Vec<Node<D>> {
    let Some(&(p, _)) = items.first() else { return Vec::new() };
    let (mut low, mut high, mut first) = (p, p, u32::MAX);
    for (p, i) in items.iter() {
        for a in 0..D {
            low[a] = low[a].min(p[a]);
            high[a] = high[a].max(p[a]);
        }
        first = first.min(*i);
    }
    let end = (start + items.len()) as u32;
    let mut nodes = vec![Node { low, high, start: start as u32, end, first, right: 0 }];
    let axis = (0..D).max_by(|&a, &b| (high[a] - low[a]).total_cmp(&(high[b] - low[b]))).unwrap_or(0);
    if low == high {
        items.sort_unstable_by_key(|e| e.1);
        return nodes;
    }
    if items.len() <= LEAF {
        return nodes;
    }
    let middle = items.len() / 2;
    items.select_nth_unstable_by(middle, |a, b| a.0[axis].total_cmp(&b.0[axis]));
    let (a, b) = items.split_at_mut(middle);
    let (left, right) = if a.len() >= PARALLEL {
        rayon::join(|| build(a, start), || build(b, start + middle))
    } else {
        (build(a, start), build(b, start + middle))
    };
    nodes[0].right = 1 + left.len() as u32;
    nodes.extend(left);
    nodes.extend(right);
    nodes
}
