//! The weights of a graph and the sums over them that Moran's I and Geary's C need.

use tegula_core::{Error, Graph, Result, par};

/// Weights w of the edges, by rows; each row divided by its sum where asked for.
pub(super) struct Weights<'a> {
    graph: &'a Graph,
    /// What the stored weights of each row are multiplied with.
    scale: Vec<f64>,
    /// `Σ_j (w_ij + w_ji)` of each observation.
    pub(super) degree: Vec<f64>,
    /// `Σ w_ij`.
    pub(super) s0: f64,
    /// `½ Σ (w_ij + w_ji)²`.
    pub(super) s1: f64,
    /// `Σ_i degree²`.
    pub(super) s2: f64,
}

impl<'a> Weights<'a> {
    pub(super) fn new(graph: &'a Graph, row_normalised: bool) -> Result<Self> {
        let n = graph.n_nodes();
        let row_sum = |i: usize| graph.weights(i).iter().map(|&w| f64::from(w)).sum::<f64>();
        let scale: Vec<f64> = (0..n)
            .map(|i| if row_normalised && !graph.weights(i).is_empty() { 1.0 / row_sum(i) } else { 1.0 })
            .collect();
        let mut degree = vec![0.0; n];
        for i in 0..n {
            for (&j, &w) in graph.neighbors(i).iter().zip(graph.weights(i)) {
                degree[i] += scale[i] * f64::from(w);
                degree[j as usize] += scale[i] * f64::from(w);
            }
        }
        let s0 = degree.iter().sum::<f64>() / 2.0;
        if s0 <= 0.0 || n < 4 {
            let reason =
                format!("{} edges among {n} observations; autocorrelation needs edges among 4", graph.n_edges());
            return Err(Error::data("graph", reason));
        }
        let s1 = par::sum(n, |rows| {
            let mut sum = 0.0;
            for i in rows {
                for (&j, &w) in graph.neighbors(i).iter().zip(graph.weights(i)) {
                    let (j, w) = (j as usize, scale[i] * f64::from(w));
                    let back = graph.neighbors(j).binary_search(&(i as u32));
                    let back = back.map_or(0.0, |k| scale[j] * f64::from(graph.weights(j)[k]));
                    sum += w * (w + back);
                }
            }
            sum
        });
        let s2 = degree.iter().map(|d| d * d).sum();
        Ok(Self { graph, scale, degree, s0, s1, s2 })
    }

    /// Number of observations.
    pub(super) fn n(&self) -> usize {
        self.degree.len()
    }

    /// `Σ_j w_ij x_j`.
    pub(super) fn lag(&self, i: usize, x: &[f64]) -> f64 {
        let near = self.graph.neighbors(i).iter().zip(self.graph.weights(i));
        self.scale[i] * near.map(|(&j, &w)| f64::from(w) * x[j as usize]).sum::<f64>()
    }
}
