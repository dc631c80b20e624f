//! Rows added up.

use tegula_core::{Csr, Dense, Matrix, Result, par};

use crate::linalg::sparse_product;

/// One row for each group of rows: their sum, in `f64`. Sparse stays sparse.
///
/// # Errors
/// [`tegula_core::Error::Data`] where a group names a row that is not there.
///
/// ```
/// let m = tegula_core::Dense::new(3, 2, vec![1.0, 0.0, 2.0, 5.0, 4.0, 0.0])?.into();
/// let sums = tegula_algo::pp::sum_rows(&m, &[vec![0, 1], vec![2]])?;
/// assert_eq!(sums.values(), [3.0, 5.0, 4.0, 0.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn sum_rows(m: &Matrix, groups: &[Vec<usize>]) -> Result<Matrix> {
    match m {
        Matrix::Dense(d) => dense(d, groups).map(Matrix::from),
        Matrix::Csr(_) => sparse_product(&ones(groups, m.n_rows())?, m).map(Matrix::from),
    }
}

fn dense(m: &Dense, groups: &[Vec<usize>]) -> Result<Dense> {
    let rows = par::map(groups.len(), 64, |r| {
        let mut out = Vec::with_capacity(r.len() * m.n_cols());
        for group in &groups[r] {
            let mut sum = vec![0f64; m.n_cols()];
            for &i in group {
                sum.iter_mut().zip(m.row(i)).for_each(|(s, &v)| *s += f64::from(v));
            }
            out.extend(sum.into_iter().map(|s| s as f32));
        }
        out
    });
    Dense::new(groups.len(), m.n_cols(), rows.concat())
}

/// The members of each group as ones.
fn ones(groups: &[Vec<usize>], n_rows: usize) -> Result<Csr> {
    let mut indptr = vec![0];
    indptr.extend(groups.iter().scan(0, |end, group| {
        *end += group.len();
        Some(*end)
    }));
    let members: Vec<u32> = groups.iter().flatten().map(|&i| i as u32).collect();
    let weights = vec![1.0; members.len()];
    Csr::canonical(groups.len(), n_rows, indptr, members, weights)
}
