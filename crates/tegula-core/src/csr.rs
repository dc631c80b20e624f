//! Compressed sparse rows, `f32` values and `u32` columns.

mod check;

use std::ops::Range;

use rayon::prelude::*;

use crate::{Buf, Dense, Error, Result, par};

/// A sparse matrix by rows.
///
/// Inside a row the columns ascend strictly: no duplicates. Explicit zeros are allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Csr {
    n_rows: usize,
    n_cols: usize,
    indptr: Buf<usize>,
    indices: Buf<u32>,
    values: Buf<f32>,
}

impl Csr {
    /// A matrix from its three arrays, checked.
    ///
    /// # Errors
    /// [`Error::Data`] where the arrays contradict each other, a column is out of range, or a row's columns do not
    /// ascend (then [`Csr::canonical`] sorts them first).
    pub fn new(
        n_rows: usize,
        n_cols: usize,
        indptr: impl Into<Buf<usize>>,
        indices: impl Into<Buf<u32>>,
        values: impl Into<Buf<f32>>,
    ) -> Result<Self> {
        let m = Self::seen_before(n_rows, n_cols, indptr, indices, values)?;
        if check::in_order(&m)? {
            Ok(m)
        } else {
            Err(Error::data("sparse matrix", "columns inside a row do not ascend; sort its indices first"))
        }
    }

    /// A matrix from arrays whose rows may be unsorted or hold a column twice: sorted, duplicates summed.
    ///
    /// Arrays that are already in order are kept as they are, without a copy.
    ///
    /// # Errors
    /// [`Error::Data`] where the arrays contradict each other or a column is out of range.
    pub fn canonical(
        n_rows: usize,
        n_cols: usize,
        indptr: impl Into<Buf<usize>>,
        indices: impl Into<Buf<u32>>,
        values: impl Into<Buf<f32>>,
    ) -> Result<Self> {
        let m = Self::seen_before(n_rows, n_cols, indptr, indices, values)?;
        if check::in_order(&m)? {
            return Ok(m);
        }
        let rows: Vec<Vec<(u32, f32)>> = (0..n_rows)
            .into_par_iter()
            .map(|i| {
                let (cols, vals) = m.row(i);
                let mut row: Vec<(u32, f32)> = cols.iter().copied().zip(vals.iter().copied()).collect();
                sum_duplicates(&mut row);
                row
            })
            .collect();
        Ok(Self::from_rows(n_cols, &rows))
    }

    /// A matrix from arrays whose columns were found in order before: only lengths are checked.
    ///
    /// What does not hold of the columns makes later work panic or its result wrong.
    ///
    /// # Errors
    /// [`Error::Data`] where the arrays contradict each other.
    pub fn seen_before(
        n_rows: usize,
        n_cols: usize,
        indptr: impl Into<Buf<usize>>,
        indices: impl Into<Buf<u32>>,
        values: impl Into<Buf<f32>>,
    ) -> Result<Self> {
        let m = Self { n_rows, n_cols, indptr: indptr.into(), indices: indices.into(), values: values.into() };
        check::lengths(&m)?;
        Ok(m)
    }

    /// A matrix from rows of `(column, value)`, already ascending.
    ///
    /// # Panics
    /// Where the columns of a row do not ascend or one is not below `n_cols`: a bug of the caller.
    ///
    /// ```
    /// let m = tegula_core::Csr::from_rows(3, &[vec![(0, 1.0), (2, 5.0)], vec![], vec![(1, 2.0)]]);
    /// assert_eq!((m.n_rows(), m.nnz(), m.get(0, 2)), (3, 3, 5.0));
    /// ```
    pub fn from_rows(n_cols: usize, rows: &[Vec<(u32, f32)>]) -> Self {
        let ascends = |row: &Vec<(u32, f32)>| {
            row.is_sorted_by(|a, b| a.0 < b.0) && row.last().is_none_or(|e| (e.0 as usize) < n_cols)
        };
        assert!(rows.par_iter().all(ascends), "columns of a row ascend and stay below n_cols");
        let nnz = rows.iter().map(Vec::len).sum();
        let mut indptr = Vec::with_capacity(rows.len() + 1);
        let (mut indices, mut values) = (Vec::with_capacity(nnz), Vec::with_capacity(nnz));
        indptr.push(0);
        for row in rows {
            indices.extend(row.iter().map(|e| e.0));
            values.extend(row.iter().map(|e| e.1));
            indptr.push(indices.len());
        }
        Self { n_rows: rows.len(), n_cols, indptr: indptr.into(), indices: indices.into(), values: values.into() }
    }

    /// A matrix whose row `i` has `len(i)` entries, which `write(i, columns, values)` writes, ascending; rows in parallel.
    ///
    /// # Panics
    /// Where the columns of a row do not ascend or one is not below `n_cols`: a bug of the caller.
    ///
    /// ```
    /// let m = tegula_core::Csr::build(3, 3, |i| i, |_, columns, values| {
    ///     columns.iter_mut().zip(0..).for_each(|(to, j)| *to = j);
    ///     values.fill(2.0);
    /// });
    /// assert_eq!((m.nnz(), m.row(2)), (3, (&[0u32, 1][..], &[2.0f32, 2.0][..])));
    /// ```
    pub fn build(
        n_rows: usize,
        n_cols: usize,
        len: impl Fn(usize) -> usize + Sync,
        write: impl Fn(usize, &mut [u32], &mut [f32]) + Sync,
    ) -> Self {
        let counts = par::map(n_rows, par::BLOCK, |rows| rows.map(&len).collect());
        let (indptr, indices, values) = fill(&counts, |b, _, mut indices, mut values| {
            for (i, &len) in (b * par::BLOCK..).zip(&counts[b]) {
                let ((cols, cols_left), (vals, vals_left)) = (indices.split_at_mut(len), values.split_at_mut(len));
                write(i, cols, vals);
                (indices, values) = (cols_left, vals_left);
            }
        });
        let m = Self { n_rows, n_cols, indptr: indptr.into(), indices: indices.into(), values: values.into() };
        let checked = check::lengths(&m).and_then(|()| check::in_order(&m));
        assert!(matches!(checked, Ok(true)), "columns of a row ascend and stay below n_cols");
        m
    }

    /// The non-zero entries of a dense matrix.
    pub fn from_dense(dense: &Dense) -> Self {
        let rows: Vec<Vec<(u32, f32)>> = (0..dense.n_rows())
            .into_par_iter()
            .map(|i| dense.row(i).iter().enumerate().filter(|e| *e.1 != 0.0).map(|(j, v)| (j as u32, *v)).collect())
            .collect();
        Self::from_rows(dense.n_cols(), &rows)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Number of stored entries.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// Where each row starts, `n_rows + 1` long.
    pub fn indptr(&self) -> &Buf<usize> {
        &self.indptr
    }

    /// Column of each stored entry.
    pub fn indices(&self) -> &Buf<u32> {
        &self.indices
    }

    /// Value of each stored entry.
    pub fn values(&self) -> &Buf<f32> {
        &self.values
    }

    /// The ends of the rows, the columns and the values.
    pub fn into_parts(self) -> (Buf<usize>, Buf<u32>, Buf<f32>) {
        (self.indptr, self.indices, self.values)
    }

    /// Values to be changed in place; the structure stays.
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.values.make_mut()
    }

    /// Values to be changed in pieces; see [`Buf::update`].
    pub fn update_values(&mut self, ends: &[usize], f: impl Fn(usize, &mut [f32]) + Sync) {
        self.values.update(ends, f);
    }

    /// Columns and values of row `i`.
    pub fn row(&self, i: usize) -> (&[u32], &[f32]) {
        let r = self.indptr[i]..self.indptr[i + 1];
        (&self.indices[r.clone()], &self.values[r])
    }

    /// The entry at row `i`, column `j`; 0 where none is stored.
    pub fn get(&self, i: usize, j: usize) -> f32 {
        let (cols, vals) = self.row(i);
        cols.binary_search(&(j as u32)).map_or(0.0, |k| vals[k])
    }

    /// The same structure with other values.
    ///
    /// # Panics
    /// Where `values` is not `nnz` long: a bug of the caller.
    #[must_use]
    pub fn with_values(&self, values: impl Into<Buf<f32>>) -> Self {
        let values = values.into();
        assert_eq!(values.len(), self.nnz(), "one value per stored entry");
        Self { values, ..self.clone() }
    }

    /// Rows and columns exchanged; linear time, rows in order, so columns ascend by themselves.
    #[must_use]
    pub fn transpose(&self) -> Self {
        // A range of columns per thread: each reads all rows, and in longer stretches the fewer there are.
        let size = self.n_cols.div_ceil(rayon::current_num_threads().min(MAX_PARTS)).max(1);
        // What row `i` holds of a range of columns lies together.
        let piece = |i: usize, range: &Range<usize>| {
            let (cols, vals) = self.row(i);
            let from = cols.partition_point(|&j| (j as usize) < range.start);
            let len = cols[from..].partition_point(|&j| (j as usize) < range.end);
            (&cols[from..from + len], &vals[from..from + len])
        };
        let counts = par::map(self.n_cols, size, |range| {
            let mut counts = vec![0usize; range.len()];
            for i in 0..self.n_rows {
                for &j in piece(i, &range).0 {
                    counts[j as usize - range.start] += 1;
                }
            }
            counts
        });
        let (indptr, indices, values) = fill(&counts, |b, starts, indices, values| {
            let range = b * size..((b + 1) * size).min(self.n_cols);
            let base = starts[0];
            let mut next = starts.to_vec();
            for i in 0..self.n_rows {
                let (cols, vals) = piece(i, &range);
                for (&j, &v) in cols.iter().zip(vals) {
                    let at = &mut next[j as usize - range.start];
                    indices[*at - base] = i as u32;
                    values[*at - base] = v;
                    *at += 1;
                }
            }
        });
        Self {
            n_rows: self.n_cols,
            n_cols: self.n_rows,
            indptr: indptr.into(),
            indices: indices.into(),
            values: values.into(),
        }
    }

    /// The given rows, in the given order.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let mut indptr = Vec::with_capacity(rows.len() + 1);
        indptr.push(0);
        let nnz = rows.iter().map(|&i| self.indptr[i + 1] - self.indptr[i]).sum();
        let (mut indices, mut values) = (Vec::with_capacity(nnz), Vec::with_capacity(nnz));
        for &i in rows {
            let (cols, vals) = self.row(i);
            indices.extend_from_slice(cols);
            values.extend_from_slice(vals);
            indptr.push(indices.len());
        }
        Self {
            n_rows: rows.len(),
            n_cols: self.n_cols,
            indptr: indptr.into(),
            indices: indices.into(),
            values: values.into(),
        }
    }

    /// The given columns, which must ascend.
    #[must_use]
    pub fn select_cols(&self, cols: &[usize]) -> Self {
        let mut to = vec![u32::MAX; self.n_cols];
        for (k, &j) in cols.iter().enumerate() {
            to[j] = k as u32;
        }
        let count = |i: usize| self.row(i).0.iter().filter(|&&j| to[j as usize] != u32::MAX).count();
        Self::build(self.n_rows, cols.len(), count, |i, columns, values| {
            let ((cols, vals), mut at) = (self.row(i), 0);
            for (&j, &v) in cols.iter().zip(vals) {
                let (Some(column), Some(value)) = (columns.get_mut(at), values.get_mut(at)) else { break };
                // Written before it is known whether it stays, so that the processor guesses nothing.
                (*column, *value) = (to[j as usize], v);
                at += usize::from(*column != u32::MAX);
            }
        })
    }

    /// Every entry, zeros included. Memory is `n_rows × n_cols × 4` bytes: a named act, not a habit.
    pub fn to_dense(&self) -> Dense {
        let mut data = vec![0f32; self.n_rows * self.n_cols];
        for i in 0..self.n_rows {
            let (cols, vals) = self.row(i);
            for (&j, &v) in cols.iter().zip(vals) {
                data[i * self.n_cols + j as usize] = v;
            }
        }
        Dense::from_parts(self.n_rows, self.n_cols, data.into())
    }
}

/// Sorts the entries of a row by column and sums those of one column, in the order they came in.
///
/// ```
/// let mut row = vec![(3, 1.0), (1, 2.0), (3, 4.0)];
/// tegula_core::sum_duplicates(&mut row);
/// assert_eq!(row, [(1, 2.0), (3, 5.0)]);
/// ```
pub fn sum_duplicates(row: &mut Vec<(u32, f32)>) {
    row.sort_by_key(|e| e.0);
    row.dedup_by(|b, a| {
        let same = a.0 == b.0;
        if same {
            a.1 += b.1;
        }
        same
    });
}

/// Most ranges of columns that a transpose is cut into; how many does not change the result.
const MAX_PARTS: usize = 16;

/// Three arrays of a matrix from the number of entries in each row, the rows in blocks: `f` gets a block's number,
/// where its rows start in the whole, and its own stretch of columns and values.
fn fill(
    counts: &[Vec<usize>],
    f: impl Fn(usize, &[usize], &mut [u32], &mut [f32]) + Sync,
) -> (Vec<usize>, Vec<u32>, Vec<f32>) {
    let mut indptr = Vec::with_capacity(counts.iter().map(Vec::len).sum::<usize>() + 1);
    indptr.push(0);
    let mut nnz = 0;
    for count in counts.iter().flatten() {
        nnz += count;
        indptr.push(nnz);
    }
    let (mut indices, mut values) = (vec![0u32; nnz], vec![0f32; nnz]);
    let (mut cols_left, mut vals_left, mut row) = (&mut indices[..], &mut values[..], 0);
    let mut blocks = Vec::with_capacity(counts.len());
    for count in counts {
        let (cols, c) = cols_left.split_at_mut(count.iter().sum());
        let (vals, v) = vals_left.split_at_mut(cols.len());
        (cols_left, vals_left) = (c, v);
        blocks.push((row, count.len(), cols, vals));
        row += count.len();
    }
    blocks.into_par_iter().enumerate().for_each(|(b, (row, len, cols, vals))| {
        f(b, &indptr[row..row + len], cols, vals);
    });
    (indptr, indices, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn contradicting_arrays_are_refused() {
        assert!(Csr::new(2, 3, vec![0, 1], vec![0], vec![1.0]).is_err(), "short indptr");
        assert!(Csr::new(1, 3, vec![0, 1], vec![3], vec![1.0]).is_err(), "column out of range");
        assert!(Csr::new(1, 3, vec![0, 2], vec![1, 1], vec![1.0, 2.0]).is_err(), "duplicate column");
        assert!(Csr::new(2, 3, vec![0, 2, 1], vec![1, 2], vec![1.0, 2.0]).is_err(), "indptr falls");
    }

    #[test]
    fn canonical_sorts_and_sums_duplicates() {
        let m = Csr::canonical(1, 4, vec![0, 3], vec![3, 1, 3], vec![1.0, 2.0, 4.0]).unwrap();
        assert_eq!(m.row(0), (&[1u32, 3][..], &[2.0f32, 5.0][..]));
    }

    fn dense() -> impl Strategy<Value = Dense> {
        (1usize..8, 1usize..8).prop_flat_map(|(n, m)| {
            proptest::collection::vec(prop_oneof![Just(0f32), 1f32..9f32], n * m)
                .prop_map(move |v| Dense::new(n, m, v).unwrap())
        })
    }

    proptest! {
        #[test]
        fn dense_sparse_dense_is_the_identity(d in dense()) {
            prop_assert_eq!(&Csr::from_dense(&d).to_dense(), &d);
        }

        #[test]
        fn transposing_twice_is_the_identity(d in dense()) {
            let m = Csr::from_dense(&d);
            prop_assert_eq!(&m.transpose().transpose(), &m);
            for i in 0..m.n_rows() { for j in 0..m.n_cols() {
                prop_assert_eq!(m.get(i, j), m.transpose().get(j, i));
            }}
        }

        #[test]
        fn selecting_agrees_with_the_dense_matrix(d in dense(), pick in proptest::collection::vec(any::<bool>(), 8)) {
            let m = Csr::from_dense(&d);
            let cols: Vec<usize> = (0..m.n_cols()).filter(|&j| pick[j]).collect();
            let rows: Vec<usize> = (0..m.n_rows()).rev().filter(|&i| pick[i]).collect();
            let s = m.select_rows(&rows).select_cols(&cols);
            for (a, &i) in rows.iter().enumerate() { for (b, &j) in cols.iter().enumerate() {
                prop_assert_eq!(s.get(a, b), d.row(i)[j]);
            }}
        }
    }
}
