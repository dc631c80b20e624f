//! What a network is trained on.

use tegula_core::{Csr, Matrix};

use crate::graph::Edges;
use crate::input::Input;
use crate::scalar::Scalar;

/// Observations to train on: their expression, and the graph between them.
#[derive(Debug)]
pub struct Problem<T> {
    /// The expression.
    pub input: Input<T>,
    /// The graph.
    pub edges: Edges,
}

impl<T: Scalar> Problem<T> {
    /// The observations `order` of a matrix and of a graph, numbered by their place there.
    pub fn new(x: &Matrix, graph: &Csr, order: &[u32]) -> Self {
        Self { input: Input::new(x, order), edges: Edges::new(graph, order) }
    }
}
