//! By what a training knows its data again: counts for people, and a digest that tells the rest apart.

use std::fmt::Display;

use tegula_core::{Csr, Matrix, par};

use crate::rows::Rows;

/// Rows per block of a digest.
const BLOCK: usize = 256;
/// Values that count as a row.
const ROW: usize = 4096;
/// Stands behind every row.
const END: u64 = u64::MAX;

/// One word more. Each of both decides the result alone, so that a single change is never missed.
fn step(digest: u64, word: u64) -> u64 {
    (digest ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

/// The digest of `n` rows; `row` adds one to what it is given. The same for any number of threads.
fn digest(n: usize, row: impl Fn(usize, u64) -> u64 + Sync + Send) -> u64 {
    let blocks = par::map(n, BLOCK, |rows| rows.fold(0, |sum, i| step(row(i, sum), END)));
    blocks.into_iter().fold(n as u64, step)
}

fn text(counts: impl Display, digest: u64) -> String {
    format!("{counts}, {digest:016x}")
}

/// Of a matrix: its values and where they stand. Zeros do not count, stored or not.
pub(crate) fn matrix(m: &Matrix) -> String {
    let sum = digest(m.n_rows(), |i, mut sum| {
        m.for_row(i, |j, value| {
            if value != 0.0 {
                sum = step(sum, (j as u64) << 32 | u64::from(value.to_bits()));
            }
        });
        sum
    });
    let values = m.values().iter().filter(|v| **v != 0.0).count();
    text(format_args!("{} × {} with {values} values", m.n_rows(), m.n_cols()), sum)
}

/// Of a graph: who is whose neighbour.
pub(crate) fn graph(graph: &Csr) -> String {
    let sum = digest(graph.n_rows(), |i, sum| graph.row(i).0.iter().fold(sum, |sum, &j| step(sum, u64::from(j))));
    text(format_args!("{} edges", graph.nnz()), sum)
}

/// Of lists of observations, such as those of sections in the order they are worked on.
pub(crate) fn lists(lists: &[Vec<u32>]) -> String {
    let sum = digest(lists.len(), |i, sum| lists[i].iter().fold(sum, |sum, &j| step(sum, u64::from(j))));
    text(lists.len(), sum)
}

/// Of some numbers.
pub(crate) fn values(values: &[f32]) -> u64 {
    let chunks: Vec<&[f32]> = values.chunks(ROW).collect();
    digest(chunks.len(), |i, sum| chunks[i].iter().fold(sum, |sum, v| step(sum, u64::from(v.to_bits()))))
}

/// Of the weights that a training begins with; random ones where none are given.
pub(crate) fn weights<'a>(given: Option<impl IntoIterator<Item = &'a Rows<f32>>>) -> String {
    given.map_or_else(|| "random".to_owned(), |all| words(all.into_iter().map(|m| values(m.data()))))
}

/// Of words, such as other fingerprints.
pub(crate) fn words(words: impl Iterator<Item = u64>) -> String {
    format!("{:016x}", words.fold(0, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::Dense;

    #[test]
    fn every_value_and_its_place_count_and_zeros_do_not() {
        let dense = Dense::new(2, 3, vec![0.0, 1.0, 2.0, 0.0, 0.0, 3.0]).unwrap();
        let said = matrix(&dense.clone().into());
        assert!(said.starts_with("2 × 3 with 3 values, "), "{said}");
        assert_eq!(said, matrix(&Csr::from_dense(&dense).into()));
        let stored = Csr::new(2, 3, vec![0usize, 3, 4], vec![0u32, 1, 2, 2], vec![0f32, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(said, matrix(&stored.into()));
        for other in [[0.0, 2.0, 1.0, 0.0, 0.0, 3.0], [1.0, 0.0, 2.0, 0.0, 0.0, 3.0], [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]] {
            assert_ne!(said, matrix(&Dense::new(2, 3, other.to_vec()).unwrap().into()), "{other:?}");
        }
    }

    #[test]
    fn rows_do_not_run_into_each_other() {
        let of = |rows: &[Vec<(u32, f32)>]| graph(&Csr::from_rows(3, rows));
        let (two, one) = (vec![(1, 1.0), (2, 1.0)], vec![(2, 1.0)]);
        assert_ne!(of(&[two.clone(), vec![], vec![]]), of(&[vec![(1, 1.0)], one.clone(), vec![]]));
        assert_ne!(lists(&[vec![1, 2], vec![]]), lists(&[vec![1], vec![2]]));
        assert_eq!(of(&[two, one, vec![]]).split(',').next(), Some("3 edges"));
        let mut many = vec![1f32; 10_000];
        let before = values(&many);
        many[9_999] = 1.0 + f32::EPSILON;
        assert_ne!(before, values(&many));
    }
}
