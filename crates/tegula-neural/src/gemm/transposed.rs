//! Products of a matrix turned and another: sums of outer products of their rows.
//!
//! Tiles of 6 × 64 as in the other products, over 128 rows at a time: copied in the order in which they lie, since
//! memory gives those fastest, 64 columns of the right factor stay in the first cache (32 KiB). A result of 256 × 512 for
//! 4,584 rows takes 1.2 GFLOP and reads 14 MB; from the third cache that ran at 77 GFLOP/s beside 67 of faer.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::{Simd, WithSimd};
use tegula_algo::linalg::panel::{W, with_lanes};

use super::{Panels, TALL, Tiles, WIDE, add_term, through};
use crate::rows::Rows;
use crate::scalar::Scalar;

/// Rows whose products are summed in registers before they are added to the result.
const DEEP: usize = 128;

/// `to += factor · aᵀ · b` of some rows of both: as many columns of `a`, from one on, as there are rows of `to`, which
/// begin so far apart, and the first columns of `b`, a multiple of 16. Every number is summed in the same order whatever
/// is beside it.
pub fn add_transposed<T: Scalar>(
    (to, to_apart): (&mut [T], usize),
    (a, column): (&Rows<T>, usize),
    (b, width): (&Rows<T>, usize),
    rows: Range<usize>,
    factor: f64,
) {
    let (mut left, mut right) = (Vec::new(), Panels::default());
    // At least a tile beyond the last one: what is read there is not written.
    let count = to.len() / to_apart;
    let apart = count.next_multiple_of(W) + W;
    for from in rows.clone().step_by(DEEP) {
        let n = DEEP.min(rows.end - from);
        left.resize(n * apart, T::default());
        for (k, own) in left.chunks_exact_mut(apart).enumerate() {
            own[..count].copy_from_slice(&a.row(from + k)[column..][..count]);
        }
        right.pack_rows(n, &b.data()[from * b.apart()..], b.apart(), width);
        let to = (&mut *to, to_apart);
        with_lanes(Turned { to, a: (&left, apart), b: &right, factor: T::from_f64(factor) });
    }
}

struct Turned<'a, T> {
    to: (&'a mut [T], usize),
    a: (&'a [T], usize),
    b: &'a Panels<T>,
    factor: T,
}

impl<T: Scalar> WithSimd for Turned<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        through::<S, T, Self>(simd, &mut self);
    }
}

impl<T: Scalar> Tiles for Turned<'_, T> {
    #[inline(always)]
    fn panels(&self) -> usize {
        self.b.n
    }

    #[inline(always)]
    fn tiles<S: Simd, const P: usize, const R: usize, const C: usize>(&mut self, simd: S, p: usize) {
        let (depth, factor) = (self.b.depth, T::splat(simd, self.factor));
        let group = &self.b.lines[p / WIDE * depth..][..depth];
        let count = self.to.0.len() / self.to.1;
        let (a, apart) = self.a;
        for first in (0..count).step_by(TALL) {
            let mut sums = [[T::splat(simd, T::default()); C]; TALL];
            let mut rest = &a[first..];
            for line in group {
                let Some(x) = rest.first_chunk::<TALL>() else { break };
                add_term::<S, T, P, R, C>(simd, &mut sums, *x, line, p);
                rest = rest.get(apart..).unwrap_or_default();
            }
            for i in 0..TALL {
                let sums = sums[i];
                if first + i < count {
                    let row = &mut self.to.0[(first + i) * self.to.1..][p * W..][..P * W];
                    for (t, s) in T::lanes_of_mut::<S>(row).iter_mut().zip(sums) {
                        *t = T::mul_add(simd, factor, s, *t);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{uneven, whole};
    use super::*;

    fn sum<T: Scalar>(a: &Rows<T>, b: &Rows<T>, (i, j): (usize, usize), rows: Range<usize>) -> f64 {
        rows.map(|k| a.row(k)[i].to_f64() * b.row(k)[j].to_f64()).sum()
    }

    fn check<T: Scalar>(n: usize, (from, count): (usize, usize), width: usize) {
        let (a, b) = (whole::<T>(n + 3, from + count, 3), whole::<T>(n + 3, width + 16, 7));
        let mut c = whole::<T>(count + 1, width + 16, 5);
        let (before, apart) = (c.clone(), c.apart());
        for rows in [1..n / 2, n / 2..n + 1] {
            let to = (&mut c.data_mut()[..count * apart], apart);
            add_transposed(to, (&a, from), (&b, width), rows, 2.0);
        }
        for (i, j) in (0..=count).flat_map(|i| (0..width + 16).map(move |j| (i, j))) {
            let inside = i < count && j < width;
            let added = if inside { 2.0 * sum(&a, &b, (from + i, j), 1..n + 1) } else { 0.0 };
            assert_eq!(c.row(i)[j].to_f64(), before.row(i)[j].to_f64() + added, "{n} {from} {count} {width}: {i} {j}");
        }
    }

    #[test]
    fn products_are_those_of_three_loops() {
        for (n, columns, width) in [(2, (0, 16), 16), (131, (5, 59), 80), (300, (16, 16), 64), (700, (3, 1), 112)] {
            check::<f32>(n, columns, width);
            check::<f64>(n, columns, width);
        }
    }

    #[test]
    fn every_width_of_registers_gives_the_sums() {
        let (a, b) = (whole::<f32>(9, 20, 3), whole::<f32>(9, 96, 7));
        let mut panels = Panels::default();
        panels.pack_rows(9, b.data(), b.apart(), 80);
        let mut c = Rows::<f32>::zeros(13, 80);
        let apart = c.apart();
        let to = (c.data_mut(), apart);
        Turned { to, a: (a.data(), a.apart()), b: &panels, factor: 0.5 }.with_simd(pulp::Scalar);
        for (i, j) in (0..13).flat_map(|i| (0..80).map(move |j| (i, j))) {
            assert_eq!(f64::from(c.row(i)[j]), 0.5 * sum(&a, &b, (i, j), 0..9));
        }
    }

    #[test]
    fn a_sum_has_the_same_bits_however_the_result_is_split() {
        let (a, b) = (uneven(400, 48, 3), uneven(400, 80, 5));
        let (mut all, mut parts) = (Rows::<f32>::zeros(48, 80), Rows::<f32>::zeros(48, 80));
        let apart = all.apart();
        add_transposed((all.data_mut(), apart), (&a, 0), (&b, 80), 0..400, 0.7);
        for (from, count) in [(0, 1), (1, 20), (21, 27)] {
            let to = &mut parts.data_mut()[from * apart..][..count * apart];
            add_transposed((to, apart), (&a, from), (&b, 80), 0..400, 0.7);
        }
        assert!(all.data() == parts.data() && all.row(47).iter().any(|v| v.fract() != 0.0));
        for (i, j) in (0..48).flat_map(|i| (0..80).map(move |j| (i, j))) {
            let exact = 0.7 * sum(&a, &b, (i, j), 0..400);
            assert!((f64::from(all.row(i)[j]) - exact).abs() < 1e-3, "{i} {j}: {exact}");
        }
    }

    #[test]
    fn what_is_no_number_passes_through() {
        let (mut a, b) = (whole::<f32>(140, 16, 3), whole::<f32>(140, 16, 7));
        a.row_mut(139)[2] = f32::NAN;
        let mut c = Rows::<f32>::zeros(16, 16);
        let apart = c.apart();
        add_transposed((c.data_mut(), apart), (&a, 0), (&b, 16), 0..140, 1.0);
        assert!((0..16).all(|i| c.row(i).iter().all(|v| v.is_nan() == (i == 2))));
    }
}
