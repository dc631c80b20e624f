//! Eigenvectors of a symmetric matrix.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, MatMut, MatRef, Par, Spec};
use tegula_core::{Error, Result};

/// The eigenvalues and eigenvectors of a symmetric matrix, the largest first.
#[derive(Debug, Clone)]
pub struct Eigh {
    /// Eigenvalues, falling.
    pub values: Vec<f64>,
    /// Eigenvectors as columns, in the same order.
    pub vectors: Mat<f64>,
}

impl Eigh {
    /// The same, the largest absolute value first.
    ///
    /// ```
    /// let a = faer::mat![[1.0, 0.0], [0.0, -2.0]];
    /// assert_eq!(tegula_algo::linalg::eigh(a.as_ref())?.by_size().values, [-2.0, 1.0]);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    #[must_use]
    pub fn by_size(self) -> Self {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| self.values[b].abs().total_cmp(&self.values[a].abs()));
        let (n, v) = (self.vectors.nrows(), &self.vectors);
        let vectors = Mat::from_fn(n, order.len(), |i, j| v[(i, order[j])]);
        Self { values: order.iter().map(|&o| self.values[o]).collect(), vectors }
    }
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
    let mut vectors = Mat::<f64>::zeros(n, n);
    let values = solve(a, Some(vectors.as_mut()))?;
    Ok(Eigh { values, vectors: Mat::from_fn(n, n, |i, j| vectors[(i, n - 1 - j)]) })
}

/// The eigenvalues alone, the largest first; several times faster than [`eigh`].
///
/// # Errors
/// As [`eigh`].
///
/// ```
/// let a = faer::mat![[2.0, 1.0], [1.0, 2.0]];
/// let values = tegula_algo::linalg::eigenvalues(a.as_ref())?;
/// assert!((values[0] - 3.0).abs() < 1e-12 && (values[1] - 1.0).abs() < 1e-12);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn eigenvalues(a: MatRef<'_, f64>) -> Result<Vec<f64>> {
    solve(a, None)
}

/// The eigenvalues, falling; the eigenvectors in the opposite order.
fn solve(a: MatRef<'_, f64>, vectors: Option<MatMut<'_, f64>>) -> Result<Vec<f64>> {
    let n = a.nrows();
    let mut values = Mat::<f64>::zeros(n, 1);
    let want = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let mut memory = MemBuffer::new(self_adjoint_evd_scratch::<f64>(n, want, Par::Seq, Spec::default()));
    let diagonal = values.col_mut(0).as_diagonal_mut();
    self_adjoint_evd(a, diagonal, vectors, Par::Seq, MemStack::new(&mut memory), Spec::default()).map_err(|_| {
        Error::data("symmetric matrix", "its eigenvalues cannot be found; look for NaN or infinite values")
    })?;
    Ok((0..n).rev().map(|i| values[(i, 0)]).collect())
}
