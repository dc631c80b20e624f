//! A symmetric matrix over pairs of observations, of which the upper half is stored.

use std::ops::Range;

use rayon::prelude::*;

use crate::linalg::panel::{Real, Row, W};

/// Observations per strip of a [`Pairs`]: two cache lines of `f32`.
pub(super) const STRIP: usize = 2 * W;

/// Where the places beyond the last observation lie: nothing reaches them, and no power of it leaves the normal range.
pub(super) const FAR: f64 = 1e9;

/// A symmetric matrix with zeros on its diagonal, in strips of `STRIP` rows that begin at their own first column.
///
/// The square at the head of a strip is stored whole. Every row is filled up with zeros to whole cache lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs<T> {
    n: usize,
    strips: Vec<Vec<Row<T>>>,
}

impl<T: Real> Pairs<T> {
    /// The matrix of `value(i, j, d)`, where `d` is what `fill` wrote for the pair; `fill` gets some rows and a first
    /// column, and writes a value for each row and each column from there on.
    pub(super) fn build(
        n: usize,
        fill: impl Fn(Range<usize>, usize, &mut [f64]) + Sync,
        value: impl Fn(usize, usize, f64) -> f64 + Sync,
    ) -> Self {
        let strips = (0..n.div_ceil(STRIP))
            .into_par_iter()
            .with_max_len(1)
            .map(|s| {
                let rows = rows(n, s);
                let (first, wide) = (rows.start, width(n, s));
                let mut raw = vec![0.0; rows.len() * (n - first)];
                fill(rows.clone(), first, &mut raw);
                let mut strip = vec![Row::default(); rows.len() * wide];
                for ((i, to), from) in rows.zip(strip.chunks_mut(wide)).zip(raw.chunks(n - first)) {
                    for (c, &d) in from.iter().enumerate().filter(|&(c, _)| first + c != i) {
                        to[c / W].0[c % W] = T::from_f64(value(i, first + c, d));
                    }
                }
                strip
            })
            .collect();
        Self { n, strips }
    }

    /// Number of observations.
    pub fn n_obs(&self) -> usize {
        self.n
    }

    /// The entry of two observations.
    pub fn get(&self, i: usize, j: usize) -> T {
        let (i, j) = (i.min(j), i.max(j));
        let s = i / STRIP;
        let c = j - s * STRIP;
        self.strips[s][(i - s * STRIP) * width(self.n, s) + c / W].0[c % W]
    }

    /// The weighted sum of several matrices of one size.
    pub(super) fn combined(terms: &[(f64, &Self)]) -> Self {
        let n = terms.first().map_or(0, |t| t.1.n);
        let strips = (0..n.div_ceil(STRIP))
            .into_par_iter()
            .map(|s| {
                let entry = |e: usize, l: usize| terms.iter().map(|t| t.0 * t.1.strips[s][e].0[l].to_f64()).sum();
                let len = terms.first().map_or(0, |t| t.1.strips[s].len());
                (0..len).map(|e| Row(std::array::from_fn(|l| T::from_f64(entry(e, l))))).collect()
            })
            .collect();
        Self { n, strips }
    }

    /// The matrix of `f` of every entry, zeros on the diagonal and in the filling left as they are.
    pub(super) fn map(mut self, f: impl Fn(f64) -> f64 + Sync) -> Self {
        let n = self.n;
        self.strips.par_iter_mut().enumerate().for_each(|(s, strip)| {
            for (i, row) in rows(n, s).zip(strip.chunks_mut(width(n, s))) {
                for j in (s * STRIP..n).filter(|&j| j != i) {
                    let x = &mut row[j / W - s * (STRIP / W)].0[j % W];
                    *x = T::from_f64(f(x.to_f64()));
                }
            }
        });
        self
    }

    /// The sum of `f` of the entries of all pairs i < j, added up in order.
    pub(super) fn sum(&self, f: impl Fn(f64) -> f64 + Sync) -> f64 {
        let n = self.n;
        let parts: Vec<f64> = (self.strips.par_iter().enumerate())
            .map(|(s, strip)| {
                let rows = rows(n, s).zip(strip.chunks(width(n, s)));
                rows.map(|(i, row)| (i + 1..n).map(|j| f(row[j / W - s * (STRIP / W)].0[j % W].to_f64())).sum::<f64>())
                    .sum()
            })
            .collect();
        parts.into_iter().sum()
    }

    /// Number of strips.
    pub(super) fn n_strips(&self) -> usize {
        self.strips.len()
    }

    /// The rows of strip `s`, one after the other, each [`width`] cache lines from column `s` × [`STRIP`] on.
    pub(super) fn strip(&self, s: usize) -> &[Row<T>] {
        &self.strips[s]
    }
}

/// Points of `dim` coordinates, coordinate after coordinate in whole cache lines; places beyond the last are at `beyond`.
pub(super) fn columns<T: Real>(y: &[f64], dim: usize, beyond: f64) -> Vec<Vec<Row<T>>> {
    let n = y.len() / dim;
    let at = |d: usize, j: usize| T::from_f64(if j < n { y[j * dim + d] } else { beyond });
    (0..dim).map(|d| (0..n.div_ceil(W)).map(|r| Row(std::array::from_fn(|l| at(d, r * W + l)))).collect()).collect()
}

/// The rows of strip `s`.
pub(super) fn rows(n: usize, s: usize) -> Range<usize> {
    s * STRIP..((s + 1) * STRIP).min(n)
}

/// Cache lines per row of strip `s`.
pub(super) fn width(n: usize, s: usize) -> usize {
    n.div_ceil(W) - s * (STRIP / W)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_again_from_both_sides() {
        let n = 71;
        let fill = |rows: Range<usize>, first: usize, out: &mut [f64]| {
            for (i, row) in rows.zip(out.chunks_mut(n - first)) {
                row.iter_mut().enumerate().for_each(|(c, v)| *v = (i * (first + c)) as f64);
            }
        };
        let a = Pairs::<f64>::build(n, fill, |_, _, d| d);
        let twice = Pairs::combined(&[(3.0, &a), (-1.0, &a)]);
        for i in 0..n {
            for j in 0..n {
                assert_eq!(a.get(i, j), if i == j { 0.0 } else { (i * j) as f64 });
                assert_eq!(twice.get(i, j), 2.0 * a.get(i, j));
            }
        }
        let by_hand: f64 = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i * j) as f64)).sum();
        assert_eq!(a.sum(|v| v), by_hand);
        let more = a.map(|v| v + 1.0);
        assert_eq!((more.get(3, 3), more.get(3, 70)), (0.0, 211.0));
    }
}
