//! A graph at one level of coarseness.

use std::borrow::Cow;

use tegula_core::Graph;

use super::objective::Objective;

/// A symmetric graph whose nodes may stand for many observations.
///
/// The finest level borrows the caller's graph; the weights of coarser ones are summed in `f64` and rounded.
pub(super) struct Level<'a> {
    indptr: Cow<'a, [usize]>,
    indices: Cow<'a, [u32]>,
    weights: Cow<'a, [f32]>,
    /// Weight inside a node, each edge counted in both directions.
    inside: Vec<f64>,
    /// What two nodes in one community pay for, `scale` times the product: for modularity the sum of a node's weights,
    /// those inside it included; for CPM the number of observations.
    pub mass: Vec<f64>,
    /// Price of one unit of mass beside another.
    pub scale: f64,
    /// Mass a node does not pay for against itself: 1 observation for CPM.
    own: f64,
    /// Sum of all weights: `2m`.
    pub total: f64,
}

impl<'a> Level<'a> {
    /// The finest level of a symmetric graph.
    pub(super) fn of(graph: &'a Graph, objective: Objective, resolution: f64) -> Self {
        let (csr, n) = (graph.csr(), graph.n_nodes());
        let strength: Vec<f64> = (0..n).map(|i| graph.weights(i).iter().map(|&w| f64::from(w)).sum()).collect();
        let total = strength.iter().sum();
        let (mass, scale, own) = match objective {
            Objective::Modularity => (strength, resolution / total, 0.0),
            Objective::Cpm => (vec![1.0; n], resolution, 1.0),
        };
        Self {
            indptr: Cow::Borrowed(csr.indptr()),
            indices: Cow::Borrowed(csr.indices()),
            weights: Cow::Borrowed(csr.values()),
            inside: vec![0.0; n],
            mass,
            scale,
            own,
            total,
        }
    }
}

impl Level<'_> {
    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.mass.len()
    }

    /// What rounding may change a weight by, relative to it, and more.
    pub(super) fn noise(&self) -> f64 {
        /// Of sums in `f64`.
        const FINE: f64 = 1e-10;
        /// Of those rounded to `f32`.
        const COARSE: f64 = 1e-6;
        if matches!(self.weights, Cow::Borrowed(_)) { FINE } else { COARSE }
    }

    /// Whether masses are whole numbers.
    pub(super) fn exact(&self) -> bool {
        self.own > 0.0
    }

    /// Number of stored edges.
    pub(super) fn n_edges(&self) -> usize {
        self.indices.len()
    }

    /// The other ends of a node's edges, and their weights.
    #[inline]
    pub(super) fn row(&self, node: usize) -> (&[u32], &[f32]) {
        let r = self.indptr[node]..self.indptr[node + 1];
        (&self.indices[r.clone()], &self.weights[r])
    }

    /// The graph whose nodes are the groups `0..k` of this one's nodes.
    pub(super) fn merged(&self, group: &[u32], k: usize) -> Level<'static> {
        let (start, members) = members(group, k);
        let mut indptr = Vec::with_capacity(k + 1);
        let (mut indices, mut weights) = (Vec::<u32>::new(), Vec::new());
        let (mut inside, mut mass) = (vec![0.0; k], vec![0.0; k]);
        let (mut sum, mut touched) = (vec![0.0f64; k], Vec::new());
        indptr.push(0);
        for g in 0..k {
            for &i in &members[start[g]..start[g + 1]] {
                let i = i as usize;
                inside[g] += self.inside[i];
                mass[g] += self.mass[i];
                let (nodes, ws) = self.row(i);
                for (&j, &w) in nodes.iter().zip(ws) {
                    let h = group[j as usize];
                    let s = &mut sum[h as usize];
                    if *s == 0.0 {
                        touched.push(h);
                    }
                    *s += f64::from(w);
                }
            }
            for h in touched.drain(..) {
                let w = std::mem::take(&mut sum[h as usize]);
                if h as usize == g {
                    inside[g] += w;
                } else {
                    indices.push(h);
                    weights.push(w as f32);
                }
            }
            indptr.push(indices.len());
        }
        Level {
            indptr: indptr.into(),
            indices: indices.into(),
            weights: weights.into(),
            inside,
            mass,
            scale: self.scale,
            own: self.own,
            total: self.total,
        }
    }

    /// Quality of a partition of the nodes with labels below their number; see [`Objective::quality`].
    pub(super) fn quality(&self, membership: &[u32]) -> f64 {
        if self.total == 0.0 {
            return 0.0;
        }
        let (mut inside, mut mass) = (0.0, vec![0.0f64; self.len()]);
        for (i, &c) in membership.iter().enumerate() {
            mass[c as usize] += self.mass[i];
            inside += self.inside[i];
            let (nodes, ws) = self.row(i);
            for (&j, &w) in nodes.iter().zip(ws) {
                if membership[j as usize] == c {
                    inside += f64::from(w);
                }
            }
        }
        let paid = mass.iter().filter(|&&t| t > 0.0).map(|t| self.scale * t / self.total * (t - self.own));
        inside / self.total - paid.sum::<f64>()
    }
}

/// Nodes sorted by group: where each group starts, and the nodes (ascending inside a group).
pub(super) fn members(group: &[u32], k: usize) -> (Vec<usize>, Vec<u32>) {
    let mut start = vec![0usize; k + 1];
    for &g in group {
        start[g as usize + 1] += 1;
    }
    for g in 0..k {
        start[g + 1] += start[g];
    }
    let (mut next, mut members) = (start.clone(), vec![0u32; group.len()]);
    for (i, &g) in group.iter().enumerate() {
        members[next[g as usize]] = i as u32;
        next[g as usize] += 1;
    }
    (start, members)
}

/// Numbers the labels `0..k` in the order of their first node; returns `k`.
pub(super) fn compact(membership: &mut [u32]) -> usize {
    const NONE: u32 = u32::MAX;
    let mut new = vec![NONE; membership.iter().max().map_or(0, |&top| top as usize + 1)];
    let mut k = 0;
    for c in membership.iter_mut() {
        let label = &mut new[*c as usize];
        if *label == NONE {
            *label = k;
            k += 1;
        }
        *c = *label;
    }
    k as usize
}

/// The same groups with labels `0..k`, whatever the labels were.
pub(super) fn numbered(membership: &[u32]) -> Vec<u32> {
    let mut distinct = membership.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    membership.iter().map(|c| distinct.partition_point(|d| d < c) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> Graph {
        let e = [(0, 1, 1.0), (1, 2, 2.0), (2, 3, 4.0)];
        let both: Vec<_> = e.iter().flat_map(|&(i, j, w)| [(i, j, w), (j, i, w)]).collect();
        Graph::from_edges(4, &both).unwrap()
    }

    #[test]
    fn merging_keeps_weight_and_quality() {
        let g = path();
        let fine = Level::of(&g, Objective::Modularity, 1.3);
        let coarse = fine.merged(&[0, 0, 1, 1], 2);
        assert_eq!((coarse.total, &coarse.mass[..], &coarse.inside[..]), (14.0, &[4.0, 10.0][..], &[2.0, 8.0][..]));
        assert_eq!(coarse.row(0), (&[1u32][..], &[2.0][..]));
        assert_eq!(coarse.row(1), (&[0u32][..], &[2.0][..]));
        assert_eq!(fine.quality(&[0, 0, 1, 1]), coarse.quality(&[0, 1]));
        let fine = Level::of(&g, Objective::Cpm, 0.75);
        let coarse = fine.merged(&[0, 0, 1, 1], 2);
        assert_eq!(coarse.mass, [2.0, 2.0]);
        // (2 + 8 − 0.75 (2 + 2)) / 14
        assert_eq!((fine.quality(&[0, 0, 1, 1]), coarse.quality(&[0, 1])), (0.5, 0.5));
    }

    #[test]
    fn compact_numbers_by_first_node() {
        let mut m = [3, 1, 3, 0];
        assert_eq!((compact(&mut m), m), (3, [0, 1, 0, 2]));
    }
}
