//! Small dense matrices, row after row.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Mat, MatRef, Par, Spec};

use crate::linalg::eigh;
pub(super) use crate::linalg::factor;

/// The squared length, summed in eight lanes.
#[inline(always)]
#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]
pub(super) fn length2(x: &[f64]) -> f64 {
    let mut acc = [0.0; 8];
    let chunks = x.chunks_exact(8);
    let tail: f64 = chunks.remainder().iter().map(|x| x * x).sum();
    for x in chunks {
        for l in 0..8 {
            acc[l] += x[l] * x[l];
        }
    }
    acc.iter().sum::<f64>() + tail
}

/// The squared distance, summed in eight lanes.
#[inline(always)]
#[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]
pub(super) fn distance2(a: &[f64], b: &[f64]) -> f64 {
    let mut acc = [0.0; 8];
    let (ca, cb) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| (x - y) * (x - y)).sum();
    for (x, y) in ca.zip(cb) {
        for l in 0..8 {
            acc[l] += (x[l] - y[l]) * (x[l] - y[l]);
        }
    }
    acc.iter().sum::<f64>() + tail
}

/// Adds `weight · x xᵀ`.
#[inline]
pub(super) fn add_outer(sum: &mut [f64], weight: f64, x: &[f64]) {
    for (row, &a) in sum.chunks_exact_mut(x.len()).zip(x) {
        let a = weight * a;
        row.iter_mut().zip(x).for_each(|(s, b)| *s += a * b);
    }
}

/// The lower Cholesky factor; `None` where the matrix is singular, or so near to it that R gives up.
pub(super) fn cholesky(a: &[f64], d: usize) -> Option<Vec<f64>> {
    let l = factor(a, d)?;
    let diagonal = || (0..d).map(|j| l[j * d + j]);
    let (least, most) = (diagonal().fold(f64::INFINITY, f64::min), diagonal().fold(0.0, f64::max));
    (least / most > f64::EPSILON.sqrt()).then_some(l)
}

/// The logarithm of the determinant of L Lᵀ.
pub(super) fn log_determinant(l: &[f64], d: usize) -> f64 {
    2.0 * (0..d).map(|j| l[j * d + j].ln()).sum::<f64>()
}

/// The inverse of a lower triangle.
pub(super) fn inverse_lower(l: &[f64], d: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; d * d];
    for i in 0..d {
        let (done, rest) = inverse.split_at_mut(i * d);
        let row = &mut rest[..d];
        row[i] = 1.0;
        for k in 0..i {
            let x = l[i * d + k];
            row[..=k].iter_mut().zip(&done[k * d..]).for_each(|(r, y)| *r -= x * y);
        }
        for r in &mut row[..=i] {
            *r /= l[i * d + i];
        }
    }
    inverse
}

/// The trace of A · (L Lᵀ)⁻¹, given the inverse of L.
pub(super) fn trace_with(a: &[f64], inverse: &[f64], d: usize) -> f64 {
    inverse.chunks_exact(d).map(|row| form(a, row, row)).sum()
}

/// xᵀ A y.
pub(super) fn form(a: &[f64], x: &[f64], y: &[f64]) -> f64 {
    let dot = |row: &[f64]| row.iter().zip(y).map(|(a, y)| a * y).sum::<f64>();
    a.chunks_exact(y.len()).zip(x).map(|(row, x)| x * dot(row)).sum()
}

/// Eigenvalues, falling, and the eigenvectors as rows.
pub(super) fn eigen(a: &[f64], d: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let e = eigh(MatRef::from_row_major_slice(a, d, d)).ok()?;
    Some((e.values, (0..d * d).map(|k| e.vectors[(k % d, k / d)]).collect()))
}

/// Vᵀ diag(values) V, of eigenvectors as rows.
pub(super) fn compose(values: &[f64], vectors: &[f64]) -> Vec<f64> {
    let d = values.len();
    let mut a = vec![0.0; d * d];
    for (row, &value) in vectors.chunks_exact(d).zip(values) {
        add_outer(&mut a, value, row);
    }
    a
}

/// The orthogonal matrix nearest to `a`: P Qᵀ of its singular value decomposition P S Qᵀ.
pub(super) fn nearest_orthogonal(a: &[f64], d: usize) -> Option<Vec<f64>> {
    let (mut u, mut v, mut s) = (Mat::<f64>::zeros(d, d), Mat::<f64>::zeros(d, d), Mat::<f64>::zeros(d, 1));
    let want = ComputeSvdVectors::Full;
    let mut memory = MemBuffer::new(svd_scratch::<f64>(d, d, want, want, Par::Seq, Spec::default()));
    svd(
        MatRef::from_row_major_slice(a, d, d),
        s.col_mut(0).as_diagonal_mut(),
        Some(u.as_mut()),
        Some(v.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Spec::default(),
    )
    .ok()?;
    Some((0..d * d).map(|e| (0..d).map(|k| u[(e / d, k)] * v[(e % d, k)]).sum()).collect())
}

/// Divides by the geometric mean; returns that mean.
pub(super) fn normalise(values: &mut [f64]) -> f64 {
    let mean = geometric_mean(values);
    for v in values {
        *v /= mean;
    }
    mean
}

/// The geometric mean.
pub(super) fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|v| v.ln()).sum::<f64>() / values.len() as f64).exp()
}
