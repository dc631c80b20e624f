//! Rows added up.

use tegula_core::{Csr, Dense, Matrix, Result, par};

/// One row for each group of rows: their sum, in `f64`. Sparse stays sparse.
///
/// # Errors
/// None in practice: the arrays are made to fit.
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
        Matrix::Csr(s) => sparse(s, groups).map(Matrix::from),
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

fn sparse(m: &Csr, groups: &[Vec<usize>]) -> Result<Csr> {
    let parts = par::map(groups.len(), 64, |r| {
        let (mut lengths, mut indices, mut values) = (Vec::with_capacity(r.len()), Vec::new(), Vec::new());
        let mut sums = vec![0f64; m.n_cols()];
        for group in &groups[r] {
            let before = indices.len();
            let stored: usize = group.iter().map(|&i| m.row(i).0.len()).sum();
            let entries = || group.iter().map(|&i| m.row(i)).flat_map(|(cols, vals)| cols.iter().zip(vals));
            entries().for_each(|(&j, &v)| sums[j as usize] += f64::from(v));
            let mut keep = |j: u32| {
                let sum = std::mem::take(&mut sums[j as usize]);
                if sum != 0.0 {
                    indices.push(j);
                    values.push(sum as f32);
                }
            };
            if stored > m.n_cols() / 16 {
                (0..m.n_cols() as u32).for_each(&mut keep);
            } else {
                // Few entries: cheaper to sort their columns than to look at all.
                let mut cols: Vec<u32> = entries().map(|e| *e.0).collect();
                cols.sort_unstable();
                cols.into_iter().for_each(&mut keep);
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
    Csr::new(groups.len(), m.n_cols(), indptr, indices, values)
}
