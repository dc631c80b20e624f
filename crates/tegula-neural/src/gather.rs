//! Weighted sums of rows that lie anywhere: the kernel under sparse products and attention.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::Simd;
use tegula_algo::linalg::panel::Real;

use crate::scalar::Scalar;

/// Columns that are summed at a time, in registers.
pub const PANEL: usize = 64;
/// What is left of a row after its panels comes in pieces of so many columns.
const PIECE: usize = 16;

/// Which rows are summed, and by which factors. Functions, not closures, which cannot be told to be inlined.
pub trait Terms<T: Scalar>: Copy {
    /// How many rows.
    fn count(self) -> usize;
    /// Where row `k` begins.
    fn at(self, k: usize) -> usize;
    /// The factor of row `k`, in every lane.
    fn by<S: Simd>(self, simd: S, k: usize) -> T::Lanes<S>;
}

/// `out = Σ by(k) · row k`, or `out += …` with `ADD`, of rows of `data`.
///
/// `out` is a multiple of 16 columns long. Every sum runs in the same order whatever is summed beside it.
#[inline(always)]
pub fn gather<const ADD: bool, S: Simd, T: Scalar, M: Terms<T>>(simd: S, terms: M, data: &[T], out: &mut [T]) {
    let whole = out.len() - out.len() % PANEL;
    for from in (0..whole).step_by(PANEL) {
        let out = &mut out[from..from + PANEL];
        // Sums side by side where registers are wide, since one alone waits for each addition to end.
        match T::lanes_of::<S>(out).len() {
            4 => summed::<ADD, S, T, M, 4, 2>(simd, terms, from, data, out),
            8 => summed::<ADD, S, T, M, 8, 1>(simd, terms, from, data, out),
            16 => summed::<ADD, S, T, M, 16, 1>(simd, terms, from, data, out),
            32 => summed::<ADD, S, T, M, 32, 1>(simd, terms, from, data, out),
            _ => summed::<ADD, S, T, M, 64, 1>(simd, terms, from, data, out),
        }
    }
    for from in (whole..out.len()).step_by(PIECE) {
        let out = &mut out[from..from + PIECE];
        match T::lanes_of::<S>(out).len() {
            1 => summed::<ADD, S, T, M, 1, 4>(simd, terms, from, data, out),
            2 => summed::<ADD, S, T, M, 2, 4>(simd, terms, from, data, out),
            4 => summed::<ADD, S, T, M, 4, 2>(simd, terms, from, data, out),
            8 => summed::<ADD, S, T, M, 8, 1>(simd, terms, from, data, out),
            _ => summed::<ADD, S, T, M, 16, 1>(simd, terms, from, data, out),
        }
    }
}

/// One piece of the columns in `R` registers, `C` sums side by side.
#[inline(always)]
fn summed<const ADD: bool, S: Simd, T: Scalar, M: Terms<T>, const R: usize, const C: usize>(
    simd: S,
    terms: M,
    from: usize,
    data: &[T],
    out: &mut [T],
) {
    let mut parts = [[T::splat(simd, T::default()); R]; C];
    let (n, width) = (terms.count(), out.len());
    let whole = n - n % C;
    for k in (0..whole).step_by(C) {
        for (c, part) in parts.iter_mut().enumerate() {
            add::<S, T, R>(simd, part, terms.by(simd, k + c), &data[terms.at(k + c) + from..][..width]);
        }
    }
    for k in whole..n {
        add::<S, T, R>(simd, &mut parts[0], terms.by(simd, k), &data[terms.at(k) + from..][..width]);
    }
    let mut total = parts[0];
    for part in &parts[1..] {
        for r in 0..R {
            total[r] = plus::<S, T>(simd, total[r], part[r]);
        }
    }
    for (o, t) in T::lanes_of_mut::<S>(out).iter_mut().zip(&total) {
        *o = if ADD { plus::<S, T>(simd, *o, *t) } else { *t };
    }
}

#[inline(always)]
fn add<S: Simd, T: Scalar, const R: usize>(simd: S, part: &mut [T::Lanes<S>; R], by: T::Lanes<S>, row: &[T]) {
    let row = T::lanes_of::<S>(row);
    for r in 0..R {
        part[r] = T::mul_add(simd, by, row[r], part[r]);
    }
}

#[inline(always)]
fn plus<S: Simd, T: Real>(simd: S, a: T::Lanes<S>, b: T::Lanes<S>) -> T::Lanes<S> {
    T::add(simd, a, b)
}

/// The product of two rows, four sums side by side.
#[inline(always)]
pub fn dot<S: Simd, T: Scalar>(simd: S, a: &[T], b: &[T]) -> T {
    let (a, b) = (T::lanes_of::<S>(a), T::lanes_of::<S>(b));
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [T::splat(simd, T::default()); 4];
    let whole = n - n % 4;
    for k in (0..whole).step_by(4) {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum = T::mul_add(simd, a[k + c], b[k + c], *sum);
        }
    }
    for k in whole..n {
        sums[0] = T::mul_add(simd, a[k], b[k], sums[0]);
    }
    T::total(simd, plus::<S, T>(simd, plus::<S, T>(simd, sums[0], sums[1]), plus::<S, T>(simd, sums[2], sums[3])))
}

/// `to += by · row`.
#[inline(always)]
pub fn add_multiple<S: Simd, T: Scalar>(simd: S, by: T, row: &[T], to: &mut [T]) {
    let by = T::splat(simd, by);
    for (t, r) in T::lanes_of_mut::<S>(to).iter_mut().zip(T::lanes_of::<S>(row)) {
        *t = T::mul_add(simd, by, *r, *t);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::WithSimd;
    use tegula_algo::linalg::panel::with_lanes;

    #[derive(Clone, Copy)]
    struct Backwards;

    impl<T: Scalar> Terms<T> for Backwards {
        #[inline(always)]
        fn count(self) -> usize {
            7
        }

        #[inline(always)]
        fn at(self, k: usize) -> usize {
            (6 - k) * 128
        }

        #[inline(always)]
        fn by<S: Simd>(self, simd: S, k: usize) -> T::Lanes<S> {
            T::splat(simd, T::from_f64(k as f64 - 2.0))
        }
    }

    struct All<'a, T>(&'a [T]);

    impl<T: Scalar> WithSimd for All<'_, T> {
        type Output = (Vec<T>, Vec<T>, T, Vec<T>);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let mut once = vec![T::from_f64(1.0); 112];
            gather::<false, S, T, _>(simd, Backwards, self.0, &mut once);
            let mut twice = once.clone();
            gather::<true, S, T, _>(simd, Backwards, self.0, &mut twice);
            let mut added = once.clone();
            add_multiple(simd, T::from_f64(2.0), &self.0[..112], &mut added);
            let d = dot(simd, &self.0[..112], &self.0[128..240]);
            (once, twice, d, added)
        }
    }

    /// Whole numbers, so that every order and every width of registers sums to the same.
    fn check<T: Scalar>() {
        let data: Vec<T> = (0..7 * 128).map(|i| T::from_f64(f64::from(i * 7 % 11) - 5.0)).collect();
        let expected: Vec<f64> =
            (0..112).map(|c| (0..7).map(|k| (k as f64 - 2.0) * data[(6 - k) * 128 + c].to_f64()).sum()).collect();
        let d: f64 = (0..112).map(|c| data[c].to_f64() * data[128 + c].to_f64()).sum();
        for (once, twice, product, added) in [with_lanes(All(&data)), All(&data).with_simd(pulp::Scalar)] {
            for c in 0..112 {
                assert_eq!(once[c].to_f64(), expected[c]);
                assert_eq!(twice[c].to_f64(), 2.0 * expected[c]);
                assert_eq!(added[c].to_f64(), expected[c] + 2.0 * data[c].to_f64());
            }
            assert_eq!(product.to_f64(), d);
        }
    }

    #[test]
    fn every_width_of_registers_gives_the_sums() {
        check::<f32>();
        check::<f64>();
    }
}
