//! Directed graphs where a method wants both directions.

use std::borrow::Cow;

use tegula_core::{Graph, Result};

/// The graph with edges in both directions: itself where it is symmetric, else `(W + Wᵀ) / 2`; every weight 1 where
/// weights are not wanted.
pub(crate) fn undirected(graph: &Graph, use_weights: bool) -> Result<Cow<'_, Graph>> {
    let symmetric = graph.is_symmetric();
    if symmetric && use_weights {
        return Ok(Cow::Borrowed(graph));
    }
    let graph = if symmetric { Cow::Borrowed(graph) } else { Cow::Owned(averaged(graph)?) };
    if use_weights {
        return Ok(graph);
    }
    let ones = vec![1.0f32; graph.n_edges()];
    Graph::from_csr(&graph.csr().with_values(ones)).map(Cow::Owned)
}

fn averaged(graph: &Graph) -> Result<Graph> {
    let mut edges = Vec::with_capacity(2 * graph.n_edges());
    for i in 0..graph.n_nodes() {
        for (&j, &w) in graph.neighbors(i).iter().zip(graph.weights(i)) {
            edges.push((i as u32, j, 0.5 * w));
            edges.push((j, i as u32, 0.5 * w));
        }
    }
    Graph::from_edges(graph.n_nodes(), &edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directed_graph_is_averaged_with_its_reverse() {
        let g = Graph::from_edges(3, &[(0, 1, 1.0), (1, 0, 3.0), (1, 2, 1.0)]).unwrap();
        let u = undirected(&g, true).unwrap();
        assert_eq!((u.weights(0), u.weights(1), u.weights(2)), (&[2.0f32][..], &[2.0f32, 0.5][..], &[0.5f32][..]));
        assert_eq!(undirected(&g, false).unwrap().weights(1), &[1.0, 1.0]);
        assert!(matches!(undirected(&u, true).unwrap(), Cow::Borrowed(_)));
    }
}
