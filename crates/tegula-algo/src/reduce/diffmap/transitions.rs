//! The transition matrix of a graph, never made: weights are scaled inside the products.

use tegula_core::{Graph, Matrix, par};

use crate::cluster::{by_size, connected};
use crate::linalg::panel::W;
use crate::linalg::{Symmetric, spmm};

/// D^-½ K D^-½ with K the weights divided by the densities at both ends (Coifman & Lafon's α = 1), less the vectors of
/// eigenvalue 1, which are known.
pub(super) struct Transitions {
    weights: Matrix,
    /// What a weight is multiplied with at either end; 0 for an observation without neighbours.
    scale: Vec<f64>,
    /// The vectors of eigenvalue 1, all in one: each lives on a connected part of its own.
    stationary: Vec<f64>,
    /// The connected part of each observation, the largest first.
    parts: Vec<u32>,
    n_parts: usize,
}

impl Transitions {
    /// Of a symmetric graph.
    pub(super) fn new(graph: &Graph) -> Self {
        let n = graph.n_nodes();
        let mut parts = connected(graph, &vec![0; n]);
        let n_parts = by_size(&mut parts);
        let sums = |f: &(dyn Fn(u32) -> f64 + Sync)| -> Vec<f64> {
            let sum =
                |i: usize| graph.neighbors(i).iter().zip(graph.weights(i)).map(|(&j, &w)| f64::from(w) * f(j)).sum();
            par::map(n, par::BLOCK, |rows| rows.map(sum).collect::<Vec<f64>>()).concat()
        };
        let density = sums(&|_| 1.0);
        let flow = sums(&|j| 1.0 / density[j as usize]);
        let root: Vec<f64> =
            (0..n).map(|i| if density[i] > 0.0 { (flow[i] / density[i]).sqrt() } else { 1.0 }).collect();
        let scale = (0..n).map(|i| if density[i] > 0.0 { 1.0 / (density[i] * root[i]) } else { 0.0 }).collect();
        let mut lengths = vec![0.0; n_parts];
        for (&part, x) in parts.iter().zip(&root) {
            lengths[part as usize] += x * x;
        }
        let stationary = parts.iter().zip(&root).map(|(&part, x)| x / lengths[part as usize].sqrt()).collect();
        Self { weights: graph.csr().clone().into(), scale, stationary, parts, n_parts }
    }

    pub(super) fn n_parts(&self) -> usize {
        self.n_parts
    }

    /// The vector of eigenvalue 1 that lives on a part.
    pub(super) fn stationary(&self, part: usize) -> Vec<f64> {
        let on = |(&p, &x): (&u32, &f64)| if p as usize == part { x } else { 0.0 };
        self.parts.iter().zip(&self.stationary).map(on).collect()
    }

    /// Takes what lies along the vectors of eigenvalue 1 out of a vector.
    pub(super) fn deflate(&self, q: &mut [f64]) {
        let mut along = vec![0.0; self.n_parts];
        for ((&part, s), x) in self.parts.iter().zip(&self.stationary).zip(q.iter()) {
            along[part as usize] += s * x;
        }
        for ((&part, s), x) in self.parts.iter().zip(&self.stationary).zip(q) {
            *x -= s * along[part as usize];
        }
    }
}

impl Symmetric for Transitions {
    fn dim(&self) -> usize {
        self.scale.len()
    }

    fn times(&self, q: &[f64]) -> Vec<f64> {
        let n = self.dim();
        let width = q.len() / n;
        debug_assert!(width <= W);
        let rows = par::map(n, par::BLOCK, |rows| {
            rows.flat_map(|i| (0..width).map(move |l| (i, l)))
                .map(|(i, l)| self.scale[i] * q[l * n + i])
                .collect::<Vec<_>>()
        });
        let product = spmm(&self.weights, &rows.concat(), width);
        let columns = par::map(width, 1, |l| {
            let mut column: Vec<f64> = (0..n).map(|i| self.scale[i] * product[i * width + l.start]).collect();
            self.deflate(&mut column);
            column
        });
        columns.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_vectors_are_those_of_eigenvalue_1_and_are_taken_out() {
        // A path of three, a pair, and one alone.
        let pairs = [(0, 1, 1.0), (1, 2, 3.0), (3, 4, 0.5)];
        let edges: Vec<_> = pairs.iter().flat_map(|&(i, j, w)| [(i, j, w), (j, i, w)]).collect();
        let graph = Graph::from_edges(6, &edges).unwrap();
        let t = Transitions::new(&graph);
        assert_eq!((t.n_parts(), &t.parts[..]), (3, &[0, 0, 0, 1, 1, 2][..]));
        let whole: Vec<f64> = (0..36)
            .map(|e| (e / 6, e % 6))
            .map(|(i, j)| f64::from(graph.csr().get(i, j)) * t.scale[i] * t.scale[j])
            .collect();
        for part in 0..2 {
            let s = t.stationary(part);
            assert!((s.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-15);
            let back = |i: usize| (0..6).map(|j| whole[i * 6 + j] * s[j]).sum::<f64>();
            assert!((0..6).all(|i| (back(i) - s[i]).abs() < 1e-15));
            assert!(t.times(&s).iter().all(|x| x.abs() < 1e-15));
        }
        assert_eq!(t.stationary(2), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    }
}
