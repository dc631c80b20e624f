//! The kernels under every product of an expression matrix with a dense one: a panel of a few columns at a time.
//!
//! A row of the dense matrix is one `[T; L]`, which stays in registers; sparse and dense rows share one body.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::{Add, Mul, Sub};

use tegula_core::Matrix;

/// Columns of a panel where nobody says: two AVX2 registers of `f32`, four of `f64`.
pub const W: usize = 16;

/// A number that a panel may be made of.
pub trait Real: Copy + Default + Send + Sync + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// From `f32`.
    fn from_f32(x: f32) -> Self;
    /// From `f64`, rounded.
    fn from_f64(x: f64) -> Self;
    /// To `f64`.
    fn to_f64(self) -> f64;
}

impl Real for f32 {
    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        f64::from(x)
    }

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}

/// Row `i` of `m` times the panel `d`.
#[inline(always)]
pub fn row_times<T: Real, const L: usize>(m: &Matrix, i: usize, d: &[[T; L]]) -> [T; L] {
    match m {
        Matrix::Csr(s) => {
            let (cols, vals) = s.row(i);
            sparse_times(cols, vals, d)
        }
        Matrix::Dense(r) => entries_times(r.row(i).iter().copied().enumerate(), d),
    }
}

#[inline(always)]
pub(crate) fn sparse_times<T: Real, const L: usize>(cols: &[u32], vals: &[f32], d: &[[T; L]]) -> [T; L] {
    // Four sums side by side: one alone waits for each addition to end.
    let mut acc = [[T::default(); L]; 4];
    let (cols4, vals4) = (cols.chunks_exact(4), vals.chunks_exact(4));
    let rest = cols4.remainder().iter().zip(vals4.remainder());
    for (&j, &v) in rest {
        add_multiple(&mut acc[0], v, &d[j as usize]);
    }
    for (c, v) in cols4.zip(vals4) {
        add_multiple(&mut acc[0], v[0], &d[c[0] as usize]);
        add_multiple(&mut acc[1], v[1], &d[c[1] as usize]);
        add_multiple(&mut acc[2], v[2], &d[c[2] as usize]);
        add_multiple(&mut acc[3], v[3], &d[c[3] as usize]);
    }
    std::array::from_fn(|l| (acc[0][l] + acc[1][l]) + (acc[2][l] + acc[3][l]))
}

#[inline(always)]
fn add_multiple<T: Real, const L: usize>(acc: &mut [T; L], v: f32, row: &[T; L]) {
    let v = T::from_f32(v);
    for l in 0..L {
        acc[l] = acc[l] + v * row[l];
    }
}

#[inline(always)]
fn entries_times<T: Real, const L: usize>(entries: impl Iterator<Item = (usize, f32)>, d: &[[T; L]]) -> [T; L] {
    let mut acc = [T::default(); L];
    for (j, v) in entries {
        let (v, row) = (T::from_f32(v), &d[j]);
        for l in 0..L {
            acc[l] = acc[l] + v * row[l];
        }
    }
    acc
}

/// Adds the outer product of row `i` of `m` and `y` to the panel `t`.
#[inline(always)]
pub fn add_row_outer<T: Real, const L: usize>(m: &Matrix, i: usize, y: &[T; L], t: &mut [[T; L]]) {
    match m {
        Matrix::Csr(s) => {
            let (cols, vals) = s.row(i);
            add_entries_outer(cols.iter().map(|&j| j as usize).zip(vals.iter().copied()), y, t);
        }
        Matrix::Dense(r) => add_entries_outer(r.row(i).iter().copied().enumerate(), y, t),
    }
}

#[inline(always)]
fn add_entries_outer<T: Real, const L: usize>(
    entries: impl Iterator<Item = (usize, f32)>,
    y: &[T; L],
    t: &mut [[T; L]],
) {
    for (j, v) in entries {
        let (v, row) = (T::from_f32(v), &mut t[j]);
        for l in 0..L {
            row[l] = row[l] + v * y[l];
        }
    }
}

/// Runs `f` compiled for the widest instructions that this machine has.
#[inline(always)]
pub fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// As [`vectorised`], for work too large to be inlined by itself: the body of `call` has to be `inline(always)`.
#[inline(always)]
pub fn vectorised_op<O: pulp::NullaryFnOnce>(op: O) -> O::Output {
    pulp::Arch::new().dispatch(op)
}

/// What one row adds to a sum over rows; `add` has to be `inline(always)` to get the wider instructions.
pub trait AddRow<T, const L: usize>: Sync {
    /// Adds what row `i` gives to the panel `t`.
    fn add(&self, i: usize, t: &mut [[T; L]]);
}

/// Rows per block of a sum over rows, by the number of rows alone: at most 64 blocks, at least 8 for small data.
pub fn rows_per_block(n_rows: usize) -> usize {
    n_rows.div_ceil((n_rows / 1024).clamp(8, 64)).max(1)
}
