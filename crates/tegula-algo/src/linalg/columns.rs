//! Means of the columns of dense matrices.

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
    for m in &mut means {
        *m /= n as f64;
    }
    means
}

/// Takes their mean from rows of `d` numbers, and returns it.
pub(crate) fn centre(rows: &mut [f64], d: usize) -> Vec<f64> {
    let n = rows.len() / d.max(1);
    let mut mean = par::sum_vectors(n, rows_per_block(n), d, |block| {
        let mut sums = vec![0.0; d];
        for row in rows[block.start * d..block.end * d].chunks_exact(d) {
            sums.iter_mut().zip(row).for_each(|(s, x)| *s += x);
        }
        sums
    });
    for m in &mut mean {
        *m /= n as f64;
    }
    for row in rows.chunks_exact_mut(d.max(1)) {
        row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_columns() {
        let rows = (0..5000).flat_map(|i| [i as f32, 3.0]).collect::<Vec<_>>();
        assert_eq!(column_means(&Dense::new(5000, 2, rows).unwrap()), [2499.5, 3.0]);
    }

    #[test]
    fn rows_lie_around_zero_and_their_mean_is_told() {
        let mut rows = [1.0, 5.0, 3.0, 9.0];
        assert_eq!(centre(&mut rows, 2), [2.0, 7.0]);
        assert_eq!(rows, [-1.0, -2.0, 1.0, 2.0]);
        assert!(centre(&mut [], 3).iter().all(|m| m.is_nan()));
    }
}
