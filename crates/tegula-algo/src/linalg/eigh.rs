//! Eigenvectors of a symmetric matrix.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, MatRef, Par, Spec};
use tegula_core::{Error, Result};

/// The eigenvalues and eigenvectors of a symmetric matrix, the largest first.
#[derive(Debug, Clone)]
pub struct Eigh {
    /// Eigenvalues, falling.
    pub values: Vec<f64>,
    /// Eigenvectors as columns, in the same order.
    pub vectors: Mat<f64>,
}

/// The eigenvalues and eigenvectors of a symmetric matrix, of which the lower triangle is read.
///
/// Runs on one thread, so that the bits do not depend on how many there are.
///
/// # Errors
/// [`Error::Data`] where the iteration does not converge: the matrix holds NaN or infinite values.
///
/// ```
/// let a = faer::mat![[2.0, 1.0], [1.0, 2.0]];
/// let e = tegula_algo::linalg::eigh(a.as_ref())?;
/// assert!((e.values[0] - 3.0).abs() < 1e-12 && (e.values[1] - 1.0).abs() < 1e-12);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn eigh(a: MatRef<'_, f64>) -> Result<Eigh> {
    let n = a.nrows();
    let mut values = Mat::<f64>::zeros(n, 1);
    let mut vectors = Mat::<f64>::zeros(n, n);
    let scratch = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Spec::default());
    let mut memory = MemBuffer::new(scratch);
    self_adjoint_evd(
        a,
        values.col_mut(0).as_diagonal_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Spec::default(),
    )
    .map_err(|_| Error::data("symmetric matrix", "its eigenvalues cannot be found; look for NaN or infinite values"))?;
    Ok(Eigh {
        values: (0..n).rev().map(|i| values[(i, 0)]).collect(),
        vectors: Mat::from_fn(n, n, |i, j| vectors[(i, n - 1 - j)]),
    })
}
