//! Sums over rows and columns of a matrix, in `f64`, the same bits for any number of threads.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use tegula_core::{Matrix, par};

use crate::linalg::panel::vectorised;

/// At most this many blocks of rows, so that few column-long partial sums live at once.
const MAX_BLOCKS: usize = 16;

/// Rows per piece of work that goes row by row.
pub(super) const ROWS: usize = 32;
/// Sums run in so many lanes, whatever the width of the machine's registers.
const LANES: usize = 16;

/// The sum of some values, and the highest of their bits: at or above those of infinity where one is negative, NaN or
/// infinite.
#[inline(always)]
pub(super) fn sum_and_highest(values: &[f32]) -> (f64, u32) {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (mut sums, mut highest) = ([0f64; LANES], [0u32; LANES]);
    for chunk in chunks {
        for k in 0..LANES {
            sums[k] += f64::from(chunk[k]);
            highest[k] = highest[k].max((chunk[k] + 0.0).to_bits());
        }
    }
    for (k, &v) in rest.iter().enumerate() {
        sums[k] += f64::from(v);
        highest[k] = highest[k].max((v + 0.0).to_bits());
    }
    (sums.into_iter().sum(), highest.into_iter().fold(0, u32::max))
}

/// Rows per block for column sums: fixed by the number of rows alone.
fn block(n_rows: usize) -> usize {
    n_rows.div_ceil(MAX_BLOCKS).max(256)
}

/// How many entries are above zero and what they sum to, per row or per column.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// Number of entries above zero.
    pub positive: Vec<usize>,
    /// Sum of all entries.
    pub sum: Vec<f64>,
}

impl Totals {
    /// Totals of every row.
    ///
    /// ```
    /// use tegula_algo::pp::Totals;
    /// use tegula_core::{Dense, Matrix};
    /// let m: Matrix = Dense::new(2, 2, vec![1.0, 0.0, 2.0, 3.0])?.into();
    /// assert_eq!(Totals::of_rows(&m).sum, [1.0, 5.0]);
    /// assert_eq!(Totals::of_columns(&m).positive, [2, 1]);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn of_rows(m: &Matrix) -> Self {
        let one = |values: &[f32]| (values.iter().filter(|&&v| v > 0.0).count(), sum_and_highest(values).0);
        let parts =
            par::map(m.n_rows(), ROWS, |rows| vectorised(|| rows.map(|i| one(m.row_values(i))).collect::<Vec<_>>()));
        let (positive, sum) = parts.into_iter().flatten().unzip();
        Self { positive, sum }
    }

    /// Totals of every column.
    pub fn of_columns(m: &Matrix) -> Self {
        let parts = par::map(m.n_rows(), block(m.n_rows()), |rows| {
            let mut part = vec![(0u32, 0f64); m.n_cols()];
            for i in rows {
                m.for_row(i, |j, v| {
                    part[j].0 += u32::from(v > 0.0);
                    part[j].1 += f64::from(v);
                });
            }
            part
        });
        let mut totals = Self { positive: vec![0; m.n_cols()], sum: vec![0.0; m.n_cols()] };
        for part in parts {
            for (j, (n, s)) in part.into_iter().enumerate() {
                totals.positive[j] += n as usize;
                totals.sum[j] += s;
            }
        }
        totals
    }
}

/// The rows to look at: all of them (`None`), or these.
pub(super) type Rows<'a> = Option<&'a [usize]>;

/// Mean and variance (`ddof` 1) of every column. One row has no variance: 0 is returned.
///
/// ```
/// use tegula_core::{Dense, Matrix};
/// let m: Matrix = Dense::new(2, 1, vec![1.0, 3.0])?.into();
/// assert_eq!(tegula_algo::pp::moments(&m), (vec![2.0], vec![2.0]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn moments(m: &Matrix) -> (Vec<f64>, Vec<f64>) {
    moments_of_rows(m, None, widen)
}

/// The values as they are, in `f64`.
pub(super) fn widen(from: &[f32], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(t, &v)| *t = f64::from(v));
}

/// As [`moments`], of some rows alone and after `change` of the stored values, which leaves 0 as it is.
pub(super) fn moments_of_rows(
    m: &Matrix,
    rows: Rows<'_>,
    change: impl Fn(&[f32], &mut [f64]) + Sync,
) -> (Vec<f64>, Vec<f64>) {
    let n_rows = rows.map_or(m.n_rows(), <[usize]>::len);
    let parts = par::map(n_rows, block(n_rows), |block| {
        let mut part = vec![(0f64, 0f64); m.n_cols()];
        let mut changed = vec![0f64; m.n_cols()];
        for k in block {
            let i = rows.map_or(k, |r| r[k]);
            // First the change of a row, which vectorises, then the sums, which cannot.
            let values = m.row_values(i);
            let changed = &mut changed[..values.len()];
            change(values, changed);
            let add = |p: &mut (f64, f64), x: f64| *p = (p.0 + x, p.1 + x * x);
            match m {
                Matrix::Csr(s) => {
                    for (&j, &x) in s.row(i).0.iter().zip(&*changed) {
                        add(&mut part[j as usize], x);
                    }
                }
                Matrix::Dense(_) => part.iter_mut().zip(&*changed).for_each(|(p, &x)| add(p, x)),
            }
        }
        part
    });
    let n = n_rows as f64;
    let variance = |s: f64, sq: f64| if n > 1.0 { ((sq - s * (s / n)) / (n - 1.0)).max(0.0) } else { 0.0 };
    add_up(parts, m.n_cols()).into_iter().map(|(s, sq)| (s / n.max(1.0), variance(s, sq))).unzip()
}

/// Two sums over each column: of both things `f(row, column, value)` makes of every stored value.
pub(super) fn column_sums(
    m: &Matrix,
    rows: Rows<'_>,
    f: impl Fn(usize, usize, f64) -> (f64, f64) + Sync,
) -> Vec<(f64, f64)> {
    let n_rows = rows.map_or(m.n_rows(), <[usize]>::len);
    let parts = par::map(n_rows, block(n_rows), |block| {
        let mut part = vec![(0f64, 0f64); m.n_cols()];
        for k in block {
            let i = rows.map_or(k, |r| r[k]);
            match m {
                Matrix::Csr(s) => {
                    let (cols, values) = s.row(i);
                    for (&j, &v) in cols.iter().zip(values) {
                        let (a, b) = f(i, j as usize, f64::from(v));
                        let p = &mut part[j as usize];
                        *p = (p.0 + a, p.1 + b);
                    }
                }
                Matrix::Dense(d) => {
                    for ((j, &v), p) in d.row(i).iter().enumerate().zip(&mut part) {
                        let (a, b) = f(i, j, f64::from(v));
                        *p = (p.0 + a, p.1 + b);
                    }
                }
            }
        }
        part
    });
    add_up(parts, m.n_cols())
}

/// The sum of the parts, in their order.
fn add_up(parts: Vec<Vec<(f64, f64)>>, width: usize) -> Vec<(f64, f64)> {
    let mut total = vec![(0f64, 0f64); width];
    for part in parts {
        for (t, p) in total.iter_mut().zip(part) {
            t.0 += p.0;
            t.1 += p.1;
        }
    }
    total
}
