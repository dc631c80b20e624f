//! Modularity of a partition.

use tegula_core::Graph;

/// Modularity of a partition at a resolution: `Σ_c [in_c / 2m − γ (tot_c / 2m)²]`.
///
/// `in_c` sums the stored weights inside cluster `c` (both directions of an edge), `tot_c` the strengths of its members,
/// `2m` all weights. Of a graph that is not symmetric the value is that of `(W + Wᵀ) / 2`. A graph without edges has 0.
/// Linear in edges and nodes; 0 thus means "no better than chance", and `resolution` 1 is Newman's modularity.
///
/// # Panics
/// Where `membership` does not have one label per node: a bug of the caller.
///
/// ```
/// use tegula_algo::metrics::modularity;
/// use tegula_core::Graph;
/// // Two edges that do not touch: half of all weight inside each cluster.
/// let g = Graph::from_edges(4, &[(0, 1, 1.0), (1, 0, 1.0), (2, 3, 1.0), (3, 2, 1.0)])?;
/// assert_eq!(modularity(&g, &[0, 0, 1, 1], 1.0), 0.5);
/// assert_eq!(modularity(&g, &[0, 0, 0, 0], 1.0), 0.0);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn modularity(graph: &Graph, membership: &[u32], resolution: f64) -> f64 {
    let n = graph.n_nodes();
    assert_eq!(membership.len(), n, "one label per node");
    let label = compact(membership);
    let k = label.iter().max().map_or(0, |&c| c as usize + 1);
    let (mut inside, mut out, mut into) = (0.0, vec![0.0f64; k], vec![0.0f64; k]);
    for i in 0..n {
        let own = label[i];
        for (&j, &w) in graph.neighbors(i).iter().zip(graph.weights(i)) {
            let (other, w) = (label[j as usize], f64::from(w));
            out[own as usize] += w;
            into[other as usize] += w;
            if own == other {
                inside += w;
            }
        }
    }
    let total: f64 = out.iter().sum();
    if total == 0.0 {
        return 0.0;
    }
    let expected: f64 = out.iter().zip(&into).map(|(a, b)| (0.5 * (a + b) / total).powi(2)).sum();
    inside / total - resolution * expected
}

/// The same clusters with labels `0..k`, so that any labels may come in.
fn compact(membership: &[u32]) -> Vec<u32> {
    let mut distinct = membership.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.last().is_none_or(|&c| c as usize + 1 == distinct.len()) {
        return membership.to_vec();
    }
    membership.iter().map(|c| distinct.partition_point(|d| d < c) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_triangles_joined_by_an_edge() {
        let pairs = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)];
        let edges: Vec<(u32, u32, f32)> = pairs.iter().flat_map(|&(i, j)| [(i, j, 1.0), (j, i, 1.0)]).collect();
        let g = Graph::from_edges(6, &edges).unwrap();
        // in = 6 of 14 twice, tot = 7 of 14 twice.
        let q = |gamma| modularity(&g, &[7, 7, 7, 900, 900, 900], gamma);
        assert!((q(1.0) - (12.0 / 14.0 - 0.5)).abs() < 1e-15);
        assert!((q(2.0) - (12.0 / 14.0 - 1.0)).abs() < 1e-15);
    }

    #[test]
    fn nothing_is_zero() {
        let g = Graph::from_edges(0, &[]).unwrap();
        assert_eq!(modularity(&g, &[], 1.0), 0.0);
        let g = Graph::from_edges(2, &[]).unwrap();
        assert_eq!(modularity(&g, &[0, 1], 1.0), 0.0);
    }
}
