//! The transition matrix of a graph, never made: weights are scaled inside the products.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use faer::MatMut;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_core::{Csr, Graph, par};

use crate::cluster::{by_size, connected};
use crate::linalg::Symmetric;
use crate::linalg::panel::with_lanes;

/// Vectors multiplied at once: more read the graph less often, but need more products in all. Eigenvalues of higher
/// multiplicity do not occur but in graphs of equal parts.
pub(super) const BLOCK: usize = 4;

/// Rows of a product that a thread makes at a time: they are of unequal length.
const ROWS: usize = 64;

/// A row of a block of vectors.
type Row = [f64; BLOCK];

/// D^-½ K D^-½ with K the weights divided by the densities at both ends (Coifman & Lafon's α = 1), less the vectors of
/// eigenvalue 1, which are known.
pub(super) struct Transitions {
    weights: Csr,
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
        Self { weights: graph.csr().clone(), scale, stationary, parts, n_parts }
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
        let rows: Vec<_> = q.iter().map(|&x| std::array::from_fn(|l| if l == 0 { x } else { 0.0 })).collect();
        let along = self.along(&rows);
        for ((x, &part), s) in q.iter_mut().zip(&self.parts).zip(&self.stationary) {
            *x -= s * along[part as usize][0];
        }
    }

    /// How much of each column lies along the vector of eigenvalue 1 of each part.
    fn along(&self, rows: &[Row]) -> Vec<Row> {
        let n = rows.len();
        // Neighbours in order mostly lie on the same part: one sum for as long as they do.
        let runs = par::map(n, par::BLOCK, |range| {
            let mut runs: Vec<(u32, Row)> = Vec::new();
            for i in range {
                if runs.last().is_none_or(|(part, _)| *part != self.parts[i]) {
                    runs.push((self.parts[i], [0.0; BLOCK]));
                }
                if let Some((_, sum)) = runs.last_mut() {
                    (0..BLOCK).for_each(|l| sum[l] += self.stationary[i] * rows[i][l]);
                }
            }
            runs
        });
        let mut along = vec![[0.0; BLOCK]; self.n_parts];
        for (part, sum) in runs.iter().flatten() {
            (0..BLOCK).for_each(|l| along[*part as usize][l] += sum[l]);
        }
        along
    }
}

impl Symmetric for Transitions {
    fn dim(&self) -> usize {
        self.scale.len()
    }

    fn times(&self, q: &[f64]) -> Vec<f64> {
        let n = self.dim();
        let width = q.len() / n;
        debug_assert!(width <= BLOCK);
        let mut scaled = vec![[0.0; BLOCK]; n];
        scaled.par_chunks_mut(par::BLOCK).enumerate().for_each(|(b, rows)| {
            for (i, row) in (b * par::BLOCK..).zip(rows) {
                (0..width).for_each(|l| row[l] = self.scale[i] * q[l * n + i]);
            }
        });
        let mut product = vec![[0.0; BLOCK]; n];
        product.par_chunks_mut(ROWS).enumerate().for_each(|(b, rows)| {
            with_lanes(Sums { of: self, scaled: &scaled, from: b * ROWS, rows });
        });
        let along = self.along(&product);
        let mut columns = vec![0.0; q.len()];
        MatMut::from_column_major_slice_mut(&mut columns, n, width)
            .par_row_chunks_mut(par::BLOCK)
            .enumerate()
            .for_each(|(b, mut block)| {
                for (at, i) in (b * par::BLOCK..).take(block.nrows()).enumerate() {
                    let (s, along) = (self.stationary[i], &along[self.parts[i] as usize]);
                    (0..width).for_each(|l| block[(at, l)] = product[i][l] - s * along[l]);
                }
            });
        columns
    }
}

/// Some rows of a product.
struct Sums<'a> {
    of: &'a Transitions,
    scaled: &'a [Row],
    from: usize,
    rows: &'a mut [Row],
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (i, row) in (self.from..).zip(self.rows) {
            let (cols, weights) = self.of.weights.row(i);
            // Four sums side by side, since one alone waits for each addition to end.
            let mut sums = [[0.0; BLOCK]; 4];
            let (fours, of_weights) = (cols.chunks_exact(4), weights.chunks_exact(4));
            for (&col, &weight) in fours.remainder().iter().zip(of_weights.remainder()) {
                add(&mut sums[0], weight, &self.scaled[col as usize]);
            }
            for (cols, weights) in fours.zip(of_weights) {
                for ((sum, &col), &weight) in sums.iter_mut().zip(cols).zip(weights) {
                    add(sum, weight, &self.scaled[col as usize]);
                }
            }
            let scale = self.of.scale[i];
            *row = std::array::from_fn(|l| scale * ((sums[0][l] + sums[1][l]) + (sums[2][l] + sums[3][l])));
        }
    }
}

#[inline(always)]
fn add(sum: &mut Row, weight: f32, row: &Row) {
    for l in 0..BLOCK {
        sum[l] += f64::from(weight) * row[l];
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
    #[test]
    fn products_are_those_of_the_whole_matrix_less_the_known_vectors() {
        // Two rings of different size whose nodes alternate, each node with the next ones up to three on.
        let rings: [Vec<u32>; 2] = [(0..60).filter(|i| i % 3 > 0).collect(), (0..60).step_by(3).collect()];
        let mut edges = Vec::new();
        for ring in rings {
            for (at, step) in (0..ring.len()).flat_map(|at| [(at, 1), (at, 2), (at, 3)]) {
                let (i, j) = (ring[at], ring[(at + step) % ring.len()]);
                let weight = ((i * 7 + j * 3) % 11 + 1) as f32;
                edges.extend([(i, j, weight), (j, i, weight)]);
            }
        }
        let graph = Graph::from_edges(60, &edges).unwrap();
        let t = Transitions::new(&graph);
        assert_eq!(t.n_parts(), 2);
        let known = [t.stationary(0), t.stationary(1)];
        let of_whole = |i: usize, j: usize| {
            let weight = f64::from(graph.csr().get(i, j)) * t.scale[i] * t.scale[j];
            weight - known.iter().map(|s| s[i] * s[j]).sum::<f64>()
        };
        for width in 1..=BLOCK {
            let q: Vec<f64> = (0..60 * width).map(|e| ((e * 37) % 101) as f64 / 50.0 - 1.0).collect();
            let product = t.times(&q);
            for (q, product) in q.chunks(60).zip(product.chunks(60)) {
                let wanted = |i: usize| (0..60).map(|j| of_whole(i, j) * q[j]).sum::<f64>();
                assert!((0..60).all(|i| (product[i] - wanted(i)).abs() < 1e-14));
                let mut apart = q.to_vec();
                t.deflate(&mut apart);
                assert!(known.iter().all(|s| s.iter().zip(&apart).map(|(s, x)| s * x).sum::<f64>().abs() < 1e-14));
            }
        }
    }
}
