//! Sums over the columns of a dense matrix.

use tegula_core::{Dense, par};

use super::panel::rows_per_block;

/// The mean of the rows, in `f64`.
pub(crate) fn column_means(data: &Dense) -> Vec<f64> {
    let (n, d) = (data.n_rows(), data.n_cols());
    let mut means = par::sum_vectors(n, rows_per_block(n), d, |rows| {
        let mut sums = vec![0.0; d];
        for i in rows {
            sums.iter_mut().zip(data.row(i)).for_each(|(s, &x)| *s += f64::from(x));
        }
        sums
    });
    means.iter_mut().for_each(|m| *m /= n as f64);
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_columns() {
        let rows = (0..5000).flat_map(|i| [i as f32, 3.0]).collect::<Vec<_>>();
        assert_eq!(column_means(&Dense::new(5000, 2, rows).unwrap()), [2499.5, 3.0]);
    }
}
