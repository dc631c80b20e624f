//! The kernels under every product of an expression matrix with a dense one: a panel of 16 columns at a time.
//!
//! A row of the dense matrix is one [`Row`], which stays in registers; sparse and dense rows share one body.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::{Simd, WithSimd};
use tegula_core::Matrix;

/// Columns of a panel: one cache line of `f32`, two of `f64`.
pub const W: usize = 16;

/// One row of a panel, on a cache line of its own: a row read at random costs one line, not two.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C, align(64))]
pub struct Row<T>(pub [T; W]);

/// A number that a panel may be made of, and the registers that hold it.
pub trait Real: Copy + Default + Send + Sync + 'static {
    /// A register of these numbers.
    type Lanes<S: Simd>: Copy;
    /// From `f64`, rounded.
    fn from_f64(x: f64) -> Self;
    /// To `f64`.
    fn to_f64(self) -> f64;
    /// The same number in every lane.
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Lanes<S>;
    /// From `f32`, the same number in every lane.
    fn splat_f32<S: Simd>(simd: S, x: f32) -> Self::Lanes<S>;
    /// a + b.
    fn add<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// a − b.
    fn sub<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// a · b + c, rounded once where the machine can.
    fn mul_add<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>, c: Self::Lanes<S>) -> Self::Lanes<S>;
    /// a · b.
    fn mul<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// a / b.
    fn div<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// The sum of all lanes.
    fn total<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self;
    /// A row as registers.
    fn lanes<S: Simd>(row: &Row<Self>) -> &[Self::Lanes<S>];
    /// A row as registers, to be changed.
    fn lanes_mut<S: Simd>(row: &mut Row<Self>) -> &mut [Self::Lanes<S>];
}

impl Real for f32 {
    type Lanes<S: Simd> = S::f32s;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn splat<S: Simd>(simd: S, x: Self) -> S::f32s {
        simd.splat_f32s(x)
    }

    #[inline(always)]
    fn splat_f32<S: Simd>(simd: S, x: f32) -> S::f32s {
        simd.splat_f32s(x)
    }

    #[inline(always)]
    fn add<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.add_f32s(a, b)
    }

    #[inline(always)]
    fn sub<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.sub_f32s(a, b)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(a, b, c)
    }

    #[inline(always)]
    fn mul<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.mul_f32s(a, b)
    }

    #[inline(always)]
    fn div<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.div_f32s(a, b)
    }

    #[inline(always)]
    fn total<S: Simd>(simd: S, a: S::f32s) -> Self {
        simd.reduce_sum_f32s(a)
    }

    #[inline(always)]
    fn lanes<S: Simd>(row: &Row<Self>) -> &[S::f32s] {
        S::as_simd_f32s(&row.0).0
    }

    #[inline(always)]
    fn lanes_mut<S: Simd>(row: &mut Row<Self>) -> &mut [S::f32s] {
        S::as_mut_simd_f32s(&mut row.0).0
    }
}

impl Real for f64 {
    type Lanes<S: Simd> = S::f64s;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn splat<S: Simd>(simd: S, x: Self) -> S::f64s {
        simd.splat_f64s(x)
    }

    #[inline(always)]
    fn splat_f32<S: Simd>(simd: S, x: f32) -> S::f64s {
        simd.splat_f64s(f64::from(x))
    }

    #[inline(always)]
    fn add<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.add_f64s(a, b)
    }

    #[inline(always)]
    fn sub<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.sub_f64s(a, b)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
        simd.mul_add_e_f64s(a, b, c)
    }

    #[inline(always)]
    fn mul<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.mul_f64s(a, b)
    }

    #[inline(always)]
    fn div<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.div_f64s(a, b)
    }

    #[inline(always)]
    fn total<S: Simd>(simd: S, a: S::f64s) -> Self {
        simd.reduce_sum_f64s(a)
    }

    #[inline(always)]
    fn lanes<S: Simd>(row: &Row<Self>) -> &[S::f64s] {
        S::as_simd_f64s(&row.0).0
    }

    #[inline(always)]
    fn lanes_mut<S: Simd>(row: &mut Row<Self>) -> &mut [S::f64s] {
        S::as_mut_simd_f64s(&mut row.0).0
    }
}

/// Row `i` of `m` times the panel `d`.
#[inline(always)]
pub fn row_times<S: Simd, T: Real>(simd: S, m: &Matrix, i: usize, d: &[Row<T>]) -> Row<T> {
    match m {
        Matrix::Csr(s) => {
            let (cols, vals) = s.row(i);
            sparse_times(simd, cols, vals, d)
        }
        Matrix::Dense(r) => {
            let row = r.row(i);
            entries_times(simd, row.len(), |e| (e, row[e]), d)
        }
    }
}

/// The sum of `vals[e]` times row `cols[e]` of the panel.
#[inline(always)]
pub(crate) fn sparse_times<S: Simd, T: Real>(simd: S, cols: &[u32], vals: &[f32], d: &[Row<T>]) -> Row<T> {
    let n = cols.len().min(vals.len());
    let (cols, vals) = (&cols[..n], &vals[..n]);
    entries_times(simd, n, |e| (cols[e] as usize, vals[e]), d)
}

#[inline(always)]
fn entries_times<S: Simd, T: Real>(simd: S, n: usize, at: impl Fn(usize) -> (usize, f32), d: &[Row<T>]) -> Row<T> {
    // Sums side by side, since one alone waits for each addition to end; no more than the registers hold.
    match T::lanes::<S>(&Row::default()).len() {
        1 => summed::<S, T, 1, 4>(simd, n, at, d),
        2 => summed::<S, T, 2, 4>(simd, n, at, d),
        4 => summed::<S, T, 4, 2>(simd, n, at, d),
        8 => summed::<S, T, 8, 1>(simd, n, at, d),
        _ => summed::<S, T, 16, 1>(simd, n, at, d),
    }
}

/// A row in `R` registers, `C` sums side by side.
#[inline(always)]
fn summed<S: Simd, T: Real, const R: usize, const C: usize>(
    simd: S,
    n: usize,
    at: impl Fn(usize) -> (usize, f32),
    d: &[Row<T>],
) -> Row<T> {
    let mut acc = [[T::splat(simd, T::default()); R]; C];
    let whole = n - n % C;
    for from in (0..whole).step_by(C) {
        for (c, sum) in acc.iter_mut().enumerate() {
            add_multiple(simd, sum, at(from + c), d);
        }
    }
    for e in whole..n {
        add_multiple(simd, &mut acc[0], at(e), d);
    }
    let mut total = acc[0];
    for sum in &acc[1..] {
        for r in 0..R {
            total[r] = T::add(simd, total[r], sum[r]);
        }
    }
    let mut out = Row::default();
    T::lanes_mut::<S>(&mut out)[..R].copy_from_slice(&total);
    out
}

#[inline(always)]
fn add_multiple<S: Simd, T: Real, const R: usize>(
    simd: S,
    sum: &mut [T::Lanes<S>; R],
    (j, v): (usize, f32),
    d: &[Row<T>],
) {
    let (v, row) = (T::splat_f32(simd, v), T::lanes::<S>(&d[j]));
    for r in 0..R {
        sum[r] = T::mul_add(simd, v, row[r], sum[r]);
    }
}

/// Adds the outer product of row `i` of `m` and `y` to the panel `t`.
#[inline(always)]
pub fn add_row_outer<S: Simd, T: Real>(simd: S, m: &Matrix, i: usize, y: &Row<T>, t: &mut [Row<T>]) {
    let y = T::lanes::<S>(y);
    let mut add = |j: usize, v: f32| {
        let (v, row) = (T::splat_f32(simd, v), T::lanes_mut::<S>(&mut t[j]));
        for (x, &y) in row.iter_mut().zip(y) {
            *x = T::mul_add(simd, v, y, *x);
        }
    };
    match m {
        Matrix::Csr(s) => {
            let (cols, vals) = s.row(i);
            cols.iter().zip(vals).for_each(|(&j, &v)| add(j as usize, v));
        }
        Matrix::Dense(r) => r.row(i).iter().enumerate().for_each(|(j, &v)| add(j, v)),
    }
}

/// Runs `f` compiled for the widest instructions that this machine has.
#[inline(always)]
pub fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// Runs `op` with the widest registers that this machine has: its body has to be `inline(always)`.
#[inline(always)]
pub fn with_lanes<O: WithSimd>(op: O) -> O::Output {
    pulp::Arch::new().dispatch(op)
}

/// What one row adds to a sum over rows; `add` has to be `inline(always)` to get the wider instructions.
pub trait AddRow<T>: Sync {
    /// Adds what row `i` gives to the panel `t`.
    fn add<S: Simd>(&self, simd: S, i: usize, t: &mut [Row<T>]);
}

/// Rows per block of a sum over rows, by the number of rows alone: at most 64 blocks, at least 8 for small data.
pub fn rows_per_block(n_rows: usize) -> usize {
    n_rows.div_ceil((n_rows / 1024).clamp(8, 64)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Csr, Dense};

    struct Both<'a, T>(&'a Matrix, &'a [Row<T>]);

    impl<T: Real> WithSimd for Both<'_, T> {
        type Output = (Row<T>, Vec<Row<T>>);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let y = row_times(simd, self.0, 0, self.1);
            let mut t = vec![Row::default(); self.1.len()];
            add_row_outer(simd, self.0, 0, &y, &mut t);
            (y, t)
        }
    }

    fn check<T: Real + PartialEq + std::fmt::Debug>() {
        // Eleven entries: neither two nor four divide them; whole numbers: every order sums to the same.
        let x: Vec<f32> = (0..13).map(|j| if j == 4 || j == 7 { 0.0 } else { j as f32 - 5.5 }).collect();
        let panel: Vec<Row<T>> =
            (0..13).map(|j| Row(std::array::from_fn(|l| T::from_f64(((j * l) % 7) as f64 - 2.0)))).collect();
        let y: Vec<f64> =
            (0..W).map(|l| (0..13).map(|j| f64::from(x[j]) * panel[j].0[l].to_f64()).sum::<f64>()).collect();
        let (cols, vals): (Vec<u32>, Vec<f32>) = (0..).zip(&x).filter(|(_, v)| **v != 0.0).unzip();
        let sparse = Csr::new(1, 13, vec![0, cols.len()], cols, vals).unwrap();
        for m in [Matrix::from(sparse), Dense::new(1, 13, x.clone()).unwrap().into()] {
            let both = [with_lanes(Both(&m, &panel)), Both(&m, &panel).with_simd(pulp::Scalar)];
            for (got, outer) in both {
                assert_eq!(got.0.map(T::to_f64)[..], y);
                for (row, v) in outer.iter().zip(&x) {
                    let expected: Vec<f64> = y.iter().map(|y| y * f64::from(*v)).collect();
                    assert_eq!(row.0.map(T::to_f64)[..], expected);
                }
            }
        }
    }

    #[test]
    fn every_width_of_registers_gives_the_products() {
        check::<f32>();
        check::<f64>();
    }
}
