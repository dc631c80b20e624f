//! A weighted graph over observations.

use rayon::prelude::*;

use crate::{Csr, Error, Result};

/// A weighted graph: square, sorted, without self-loops. Edges may be directed; see [`Graph::is_symmetric`].
#[derive(Debug, Clone, PartialEq)]
pub struct Graph(Csr);

impl Graph {
    /// A graph from a square matrix; the diagonal is dropped, explicit zeros too.
    ///
    /// # Errors
    /// [`Error::Shape`] where it is not square; [`Error::Data`] where a weight is negative or not finite.
    pub fn from_csr(m: &Csr) -> Result<Self> {
        if m.n_rows() != m.n_cols() {
            return Err(Error::shape("graph", format!("({}, {})", m.n_rows(), m.n_cols()), "a square matrix"));
        }
        if let Some(w) = m.values().iter().find(|w| !w.is_finite() || **w < 0.0) {
            return Err(Error::data("graph", format!("a weight is {w}; weights must be finite and not negative")));
        }
        let keep = |i: usize, j: u32, w: f32| j as usize != i && w != 0.0;
        let clean = (0..m.n_rows()).all(|i| {
            let (c, v) = m.row(i);
            c.iter().zip(v).all(|(&j, &w)| keep(i, j, w))
        });
        if clean {
            return Ok(Self(m.clone()));
        }
        let rows: Vec<Vec<(u32, f32)>> = (0..m.n_rows())
            .map(|i| {
                let (c, v) = m.row(i);
                c.iter().zip(v).map(|(&j, &w)| (j, w)).filter(|&(j, w)| keep(i, j, w)).collect()
            })
            .collect();
        Ok(Self(Csr::from_rows(m.n_cols(), &rows)))
    }

    /// A graph from edges `(from, to, weight)`, in any order; parallel edges are summed, self-loops dropped.
    ///
    /// # Errors
    /// As [`Graph::from_csr`], and [`Error::Data`] where an end is not below `n`.
    ///
    /// ```
    /// use tegula_core::Graph;
    /// let g = Graph::from_edges(3, &[(0, 1, 1.0), (1, 0, 1.0), (1, 2, 2.0), (2, 1, 2.0)])?;
    /// assert!(g.is_symmetric());
    /// assert_eq!(g.neighbors(1), &[0, 2]);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn from_edges(n: usize, edges: &[(u32, u32, f32)]) -> Result<Self> {
        let mut rows: Vec<Vec<(u32, f32)>> = vec![Vec::new(); n];
        for &(i, j, w) in edges {
            let end = i.max(j) as usize;
            if end >= n {
                return Err(Error::data("graph", format!("an edge ends at {end}, but there are {n} nodes")));
            }
            rows[i as usize].push((j, w));
        }
        let mut indptr = vec![0];
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        for row in rows {
            indices.extend(row.iter().map(|e| e.0));
            values.extend(row.iter().map(|e| e.1));
            indptr.push(indices.len());
        }
        Self::from_csr(&Csr::canonical(n, n, indptr, indices, values)?)
    }

    /// Number of nodes.
    pub fn n_nodes(&self) -> usize {
        self.0.n_rows()
    }

    /// Number of stored (directed) edges.
    pub fn n_edges(&self) -> usize {
        self.0.nnz()
    }

    /// Nodes that node `i` points to, ascending.
    pub fn neighbors(&self, i: usize) -> &[u32] {
        self.0.row(i).0
    }

    /// Weights of the edges of node `i`, in the order of [`Graph::neighbors`].
    pub fn weights(&self, i: usize) -> &[f32] {
        self.0.row(i).1
    }

    /// The adjacency matrix.
    pub fn csr(&self) -> &Csr {
        &self.0
    }

    /// The adjacency matrix, given away.
    pub fn into_csr(self) -> Csr {
        self.0
    }

    /// True where every edge has its reverse with the same weight.
    pub fn is_symmetric(&self) -> bool {
        // Looked up one by one: a transposed copy would take as much memory again. Where every edge to a higher node has
        // its reverse, and there are as many edges to lower ones, these are the reverses.
        let reversed = |i: usize| {
            let (nodes, weights) = self.0.row(i);
            let lower = nodes.partition_point(|&j| (j as usize) < i);
            let mut higher = nodes[lower..].iter().zip(&weights[lower..]);
            higher.all(|(&j, &w)| self.0.get(j as usize, i) == w).then(|| nodes.len() - lower)
        };
        let all = (0..self.n_nodes()).into_par_iter().with_min_len(64);
        let n_higher = all.map(reversed).try_reduce(|| 0, |a, b| Some(a + b));
        n_higher.is_some_and(|n| 2 * n == self.n_edges())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_without_its_reverse_or_with_another_weight_is_seen() {
        let pair = [(0, 1, 1.0), (1, 0, 1.0)];
        let with = |more: &[(u32, u32, f32)]| Graph::from_edges(4, &[&pair, more].concat()).unwrap().is_symmetric();
        assert!(with(&[]) && with(&[(3, 1, 2.0), (1, 3, 2.0)]));
        assert!(!with(&[(2, 3, 1.0)]) && !with(&[(3, 2, 1.0)]));
        assert!(!with(&[(3, 1, 2.0), (1, 3, 2.5)]));
        // As many edges up as down.
        assert!(!with(&[(2, 3, 1.0), (3, 1, 1.0)]));
    }
}
