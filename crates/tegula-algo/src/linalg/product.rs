//! Sparse times sparse.

use tegula_core::{Csr, Error, Matrix, Result, par};

/// Below one entry in so many columns, sorting the columns is cheaper than looking at all.
const SPARSE: usize = 16;

/// The product of a sparse matrix and another, sums in `f64`; entries that come to 0 are not stored.
///
/// Every row of the product is a weighted sum of rows of `m`. A dense `m` is taken for a sparse one.
///
/// # Errors
/// [`Error::Shape`] where `weights` does not have a column for every row of `m`.
///
/// ```
/// use tegula_core::{Csr, Dense};
/// let weights = Csr::from_rows(2, &[vec![(0, 0.5), (1, 0.5)], vec![], vec![(1, 2.0)]]);
/// let product = tegula_algo::linalg::sparse_product(&weights, &Dense::new(2, 2, vec![1.0, 0.0, 3.0, 4.0])?.into())?;
/// assert_eq!(product.to_dense().data()[..], [2.0, 2.0, 0.0, 0.0, 6.0, 8.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn sparse_product(weights: &Csr, m: &Matrix) -> Result<Csr> {
    if weights.n_cols() != m.n_rows() {
        let want = format!("(…, {}), a weight for every row", m.n_rows());
        return Err(Error::shape("weights", format!("({}, {})", weights.n_rows(), weights.n_cols()), want));
    }
    match m {
        Matrix::Csr(m) => product(weights, m),
        Matrix::Dense(m) => product(weights, &Csr::from_dense(m)),
    }
}

fn product(weights: &Csr, m: &Csr) -> Result<Csr> {
    let parts = par::map(weights.n_rows(), 64, |r| {
        let (mut lengths, mut indices, mut values) = (Vec::with_capacity(r.len()), Vec::new(), Vec::new());
        let mut sums = vec![0f64; m.n_cols()];
        for row in r {
            let before = indices.len();
            let (rows, shares) = weights.row(row);
            let stored: usize = rows.iter().map(|&i| m.row(i as usize).0.len()).sum();
            for (&i, &w) in rows.iter().zip(shares) {
                let (cols, vals) = m.row(i as usize);
                cols.iter().zip(vals).for_each(|(&j, &v)| sums[j as usize] += f64::from(w) * f64::from(v));
            }
            let mut keep = |j: u32| {
                let sum = std::mem::take(&mut sums[j as usize]);
                if sum != 0.0 {
                    indices.push(j);
                    values.push(sum as f32);
                }
            };
            match rows {
                [] => {}
                [only] => m.row(*only as usize).0.iter().copied().for_each(&mut keep),
                _ if stored > m.n_cols() / SPARSE => (0..m.n_cols() as u32).for_each(&mut keep),
                _ => {
                    let mut cols: Vec<u32> = rows.iter().flat_map(|&i| m.row(i as usize).0).copied().collect();
                    cols.sort_unstable();
                    cols.into_iter().for_each(&mut keep);
                }
            }
            lengths.push(indices.len() - before);
        }
        (lengths, indices, values)
    });
    let mut indptr = vec![0];
    let mut end = 0;
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    for (lengths, cols, vals) in parts {
        for len in lengths {
            end += len;
            indptr.push(end);
        }
        indices.extend(cols);
        values.extend(vals);
    }
    Csr::new(weights.n_rows(), m.n_cols(), indptr, indices, values)
}
