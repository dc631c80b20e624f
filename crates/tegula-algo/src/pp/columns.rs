//! Sums over rows and columns of a matrix, in `f64`, the same bits for any number of threads.

use tegula_core::{Matrix, par};

use crate::linalg::panel::vectorised;

/// At most this many blocks of rows, so that few column-long partial sums live at once.
const MAX_BLOCKS: usize = 16;

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
        let parts = par::map(m.n_rows(), 256, |rows| {
            rows.map(|i| {
                let v = m.row_values(i);
                (v.iter().filter(|&&x| x > 0.0).count(), v.iter().map(|&x| f64::from(x)).sum::<f64>())
            })
            .collect::<Vec<_>>()
        });
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

/// Mean and variance (`ddof` 1) of every column after `f` of each stored value; `f(0)` must be 0.
///
/// One row has no variance: 0 is returned.
///
/// ```
/// use tegula_core::{Dense, Matrix};
/// let m: Matrix = Dense::new(2, 1, vec![1.0, 3.0])?.into();
/// assert_eq!(tegula_algo::pp::moments(&m, |x| x), (vec![2.0], vec![2.0]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn moments(m: &Matrix, f: impl Fn(f64) -> f64 + Sync) -> (Vec<f64>, Vec<f64>) {
    moments_of_rows(m, None, f)
}

/// As [`moments`], of some rows alone.
pub(super) fn moments_of_rows(m: &Matrix, rows: Rows<'_>, f: impl Fn(f64) -> f64 + Sync) -> (Vec<f64>, Vec<f64>) {
    let n_rows = rows.map_or(m.n_rows(), <[usize]>::len);
    let parts = par::map(n_rows, block(n_rows), |block| {
        let mut part = vec![(0f64, 0f64); m.n_cols()];
        let mut changed = vec![0f64; m.n_cols()];
        for k in block {
            let i = rows.map_or(k, |r| r[k]);
            // First `f` over the row, which vectorises, then the sums, which cannot.
            let values = m.row_values(i);
            vectorised(|| {
                for (c, &v) in changed.iter_mut().zip(values) {
                    *c = f(f64::from(v));
                }
            });
            let mut next = changed.iter();
            m.for_row(i, |j, _| {
                let x = next.next().copied().unwrap_or_default();
                part[j].0 += x;
                part[j].1 += x * x;
            });
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
            m.for_row(i, |j, v| {
                let (a, b) = f(i, j, f64::from(v));
                part[j].0 += a;
                part[j].1 += b;
            });
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
