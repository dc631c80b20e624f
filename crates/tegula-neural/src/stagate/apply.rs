//! What a trained network gives: embeddings, and expression as it sees it.

use tegula_core::Result;

use super::forward::hidden;
use super::net::{Net, STEP};
use crate::problem::Problem;
use crate::rows::{Rows, product};
use crate::scalar::Scalar;
use crate::train::Go;

impl<T: Scalar> Net<T> {
    /// The embedding of every observation of a problem; it means nothing where `go` said no.
    pub fn embed(&mut self, problem: &mut Problem<T>, go: Go<'_>) -> Rows<T> {
        self.encode(problem, go);
        let n = problem.edges.n();
        let mut z = Rows::zeros(n, self.weights.widths.latent);
        let len = z.data().len();
        z.data_mut().copy_from_slice(&self.work.z.data()[..len]);
        z
    }

    /// Reconstructs some genes after [`Net::embed`] of the same problem, observation after observation: `row` gets the
    /// number of each and its values, those of genes in the order given, in blocks of few rows at a time.
    ///
    /// # Errors
    /// Those of `row`.
    pub fn reconstruct(
        &mut self,
        problem: &Problem<T>,
        genes: &[u32],
        mut row: impl FnMut(usize, &[T]) -> Result<()>,
    ) -> Result<()> {
        self.mix(problem);
        let (n, first) = (problem.edges.n(), &self.weights.first);
        let mut chosen = Rows::zeros(first.width(), genes.len());
        for (k, &g) in genes.iter().enumerate() {
            for (h, w) in first.row(g as usize).iter().enumerate() {
                chosen.row_mut(h)[k] = *w;
            }
        }
        let mut h3 = Rows::zeros(STEP, self.weights.widths.hidden);
        let mut out = Rows::zeros(STEP, genes.len());
        for from in (0..n).step_by(STEP) {
            let rows = STEP.min(n - from);
            hidden(&self.second_t, self.work.y.view(from, rows), &mut h3);
            product(out.view_mut(rows), h3.view(0, rows), chosen.all(), 1.0);
            for k in 0..rows {
                row(from + k, out.row(k))?;
            }
        }
        Ok(())
    }
}
