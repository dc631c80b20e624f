//! Rows of numbers on cache lines of their own.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::Simd;
use rayon::prelude::*;
use tegula_core::Dense;

use super::super::knn::mean;
use crate::linalg::panel::{Real, Row, W};

/// Centred rows, padded with zeros to whole cache lines.
pub(super) struct Points {
    lines: Vec<Row<f32>>,
    /// Cache lines of a row.
    per_row: usize,
    dim: usize,
}

impl Points {
    pub(super) fn new(data: &Dense) -> Self {
        let (n, dim) = (data.n_rows(), data.n_cols());
        let mean = mean(data);
        let per_row = dim.div_ceil(W);
        let mut lines = vec![Row::default(); n * per_row];
        lines.par_chunks_mut(per_row).enumerate().for_each(|(i, lines)| {
            for (line, (x, m)) in lines.iter_mut().zip(data.row(i).chunks(W).zip(mean.chunks(W))) {
                for (to, (&x, m)) in line.0.iter_mut().zip(x.iter().zip(m)) {
                    *to = (f64::from(x) - m) as f32;
                }
            }
        });
        Self { lines, per_row, dim }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len() / self.per_row
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// The same rows, the one at place `p` being that of number `order[p]`.
    pub(super) fn ordered(self, order: &[u32]) -> Self {
        let mut lines = vec![Row::default(); self.lines.len()];
        lines.par_chunks_mut(self.per_row).zip(order).for_each(|(to, &i)| to.copy_from_slice(self.row(i)));
        Self { lines, ..self }
    }

    #[inline(always)]
    pub(super) fn row(&self, i: u32) -> &[Row<f32>] {
        &self.lines[i as usize * self.per_row..][..self.per_row]
    }

    /// Copies the numbers of row `i`.
    pub(super) fn copy(&self, i: u32, to: &mut [f32]) {
        for (to, line) in to[..self.dim].chunks_mut(W).zip(self.row(i)) {
            to.copy_from_slice(&line.0[..to.len()]);
        }
    }
}

/// A row along a direction.
#[inline(always)]
pub(super) fn along(row: &[Row<f32>], direction: &[Row<f32>]) -> f32 {
    let mut sum = [0f32; W];
    for (x, d) in row.iter().zip(direction) {
        for l in 0..W {
            sum[l] += x.0[l] * d.0[l];
        }
    }
    sum.iter().sum()
}

/// Squared distance of two rows: one sum per place in a cache line, so that the width of registers changes no bit.
#[inline(always)]
pub(super) fn distance2<S: Simd>(simd: S, a: &[Row<f32>], b: &[Row<f32>]) -> f32 {
    let mut sum = Row::<f32>::default();
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f32::lanes::<S>(a), f32::lanes::<S>(b));
        for (s, (&a, &b)) in f32::lanes_mut::<S>(&mut sum).iter_mut().zip(a.iter().zip(b)) {
            let d = f32::sub(simd, a, b);
            *s = <f32 as Real>::mul_add(simd, d, d, *s);
        }
    }
    let s = sum.0;
    let eight: [f32; 8] = std::array::from_fn(|l| s[l] + s[l + 8]);
    let four: [f32; 4] = std::array::from_fn(|l| eight[l] + eight[l + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_padded_rows() {
        for dim in [1, 15, 16, 17, 40] {
            let data: Vec<f32> = (0..2 * dim).map(|i| (i * i % 7) as f32).collect();
            let expected: f32 = (0..dim).map(|j| (data[j] - data[dim + j]).powi(2)).sum();
            let points = Points::new(&Dense::new(2, dim, data).unwrap());
            let d2 = distance2(pulp::Scalar, points.row(0), points.row(1));
            assert!((d2 - expected).abs() < 1e-4 * expected.max(1.0), "{dim}: {d2} {expected}");
            let mut row = vec![0.0; dim];
            points.copy(0, &mut row);
            let length: f32 = row.iter().map(|x| x * x).sum();
            assert!((along(points.row(0), points.row(0)) - length).abs() < 1e-4 * length.max(1.0));
        }
    }
}
