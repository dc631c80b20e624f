//! The result of a clustering, and the two finishing touches every result gets.

use tegula_core::{Dict, Graph, Labels, Value};

/// A cluster for every node.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// Cluster of each node. Clusters are numbered by falling size from 0, equal ones by their first member.
    pub membership: Vec<u32>,
    /// Number of clusters.
    pub n_clusters: usize,
    /// What was maximised, at [`Partition::resolution`]: see [`Objective::quality`](super::Objective::quality).
    pub quality: f64,
    /// The resolution γ the clusters were found at: the one asked for, or the one that gives `n_clusters`.
    pub resolution: f64,
    /// Rounds that were run, the last two without gain unless a limit stopped them.
    pub n_iterations: usize,
}

impl Partition {
    /// The clusters as categories `"0"`, `"1"`, ….
    ///
    /// ```
    /// use tegula_algo::cluster::{LeidenParams, leiden};
    /// use tegula_core::{Ctx, Graph};
    /// let g = Graph::from_edges(3, &[(1, 2, 1.0), (2, 1, 1.0)])?;
    /// let p = leiden(&g, &LeidenParams::default(), &Ctx::new(0))?;
    /// assert_eq!(p.labels().codes(), &[1, 0, 0]);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn labels(&self) -> Labels {
        Labels::from_clusters(&self.membership)
    }

    /// What a step tells of it.
    pub fn outcome(&self) -> Dict {
        Dict::from([
            ("n_clusters".to_owned(), Value::from(self.n_clusters)),
            ("quality".to_owned(), Value::from(self.quality)),
            ("resolution".to_owned(), Value::from(self.resolution)),
            ("n_iterations".to_owned(), Value::from(self.n_iterations)),
        ])
    }
}

/// Numbers clusters by falling size, equal ones by their first member; returns how many there are.
///
/// Labels must be below `membership.len()`.
pub(crate) fn by_size(membership: &mut [u32]) -> usize {
    let n = membership.len();
    let (mut size, mut first) = (vec![0usize; n], vec![0u32; n]);
    for (i, &c) in membership.iter().enumerate() {
        if size[c as usize] == 0 {
            first[c as usize] = i as u32;
        }
        size[c as usize] += 1;
    }
    let mut order: Vec<u32> = (0..n as u32).filter(|&c| size[c as usize] > 0).collect();
    order.sort_unstable_by_key(|&c| (usize::MAX - size[c as usize], first[c as usize]));
    let mut rank = first;
    for (r, &c) in order.iter().enumerate() {
        rank[c as usize] = r as u32;
    }
    for c in membership.iter_mut() {
        *c = rank[*c as usize];
    }
    order.len()
}

/// The connected parts of every cluster as clusters of their own (labels below the number of nodes).
///
/// Parts without an edge between them gain by being apart, so quality never falls.
pub(crate) fn connected(graph: &Graph, membership: &[u32]) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let mut part = vec![NONE; membership.len()];
    let (mut next, mut stack) = (0, Vec::new());
    for seed in 0..membership.len() {
        if part[seed] != NONE {
            continue;
        }
        part[seed] = next;
        stack.push(seed);
        while let Some(i) = stack.pop() {
            for &j in graph.neighbors(i) {
                let j = j as usize;
                if part[j] == NONE && membership[j] == membership[i] {
                    part[j] = next;
                    stack.push(j);
                }
            }
        }
        next += 1;
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_fall_by_size_and_ties_go_to_the_first_member() {
        let mut m = [5, 2, 2, 4, 5, 0, 2];
        assert_eq!(by_size(&mut m), 4);
        assert_eq!(m, [1, 0, 0, 2, 1, 3, 0]);
        assert_eq!(by_size(&mut []), 0);
    }

    #[test]
    fn a_cluster_in_two_parts_becomes_two() {
        let g = Graph::from_edges(5, &[(0, 1, 1.0), (1, 0, 1.0), (2, 3, 1.0), (3, 2, 1.0)]).unwrap();
        assert_eq!(connected(&g, &[1, 1, 1, 1, 1]), [0, 0, 1, 1, 2]);
        assert_eq!(connected(&g, &[0, 1, 2, 2, 2]), [0, 1, 2, 2, 3]);
    }
}
