//! All eigenvectors of the inner products, where one side of the matrix is small.

use faer::Mat;
use rayon::prelude::*;
use tegula_core::{Matrix, Result, par};

use super::Directions;
use super::centered::Centered;
use crate::linalg::{self, eigh, spmm_t};

/// Eigenvalues below this share of the largest, times the size, are rounding.
const ROUNDING: f64 = 1e-14;

pub(super) fn directions(op: &Centered<'_>, k: usize) -> Result<Directions> {
    let vectors = if op.n_vars() <= op.n_obs() { by_genes(op, k)? } else { by_observations(op, k)? };
    Ok(Directions { vectors, n_iter: 0, converged: true })
}

/// All eigenvalues, falling.
pub(super) fn eigenvalues(op: &Centered<'_>) -> Result<Vec<f64>> {
    let products = if op.n_vars() <= op.n_obs() { of_genes(op) } else { of_observations(op) };
    linalg::eigenvalues(products.as_ref())
}

/// Eigenvectors of the inner products of the genes.
fn by_genes(op: &Centered<'_>, k: usize) -> Result<Vec<f64>> {
    let g = op.n_vars();
    let e = eigh(of_genes(op).as_ref())?;
    let kept = |j: usize| e.values[j] > e.values[0] * g as f64 * ROUNDING;
    Ok((0..k)
        .flat_map(|j| (0..g).map(move |i| (i, j)))
        .map(|(i, j)| if kept(j) { e.vectors[(i, j)] } else { 0.0 })
        .collect())
}

/// Xᵀ X − n·mean·meanᵀ, its lower triangle.
fn of_genes(op: &Centered<'_>) -> Mat<f64> {
    let (m, n, g) = (op.matrix(), op.n_obs(), op.n_vars());
    // Few blocks: each holds a genes × genes matrix.
    let parts = par::map(n, n.div_ceil(8).max(1), |rows| {
        let mut c = vec![0f64; g * g];
        let mut row: Vec<(usize, f64)> = Vec::new();
        for i in rows {
            row.clear();
            m.for_row(i, |j, v| row.push((j, f64::from(v))));
            row.retain(|e| e.1 != 0.0);
            for (a, &(ja, va)) in row.iter().enumerate() {
                let line = &mut c[ja * g..(ja + 1) * g];
                for &(jb, vb) in &row[..=a] {
                    line[jb] += va * vb;
                }
            }
        }
        c
    });
    let mean = op.mean();
    Mat::from_fn(g, g, |a, b| {
        if b > a { 0.0 } else { parts.iter().map(|p| p[a * g + b]).sum::<f64>() - n as f64 * mean[a] * mean[b] }
    })
}

/// X Xᵀ, centred on both sides, its lower triangle.
fn of_observations(op: &Centered<'_>) -> Mat<f64> {
    let (m, n) = (op.matrix(), op.n_obs());
    let rows: Vec<Vec<f64>> = (0..n).into_par_iter().map(|i| inner_products(m, i)).collect();
    let full = |a: usize, b: usize| if b <= a { rows[a][b] } else { rows[b][a] };
    let means: Vec<f64> = (0..n).map(|a| (0..n).map(|b| full(a, b)).sum::<f64>() / n as f64).collect();
    let grand = means.iter().sum::<f64>() / n as f64;
    let shift = |a: usize, b: usize| if op.is_centered() { grand - means[a] - means[b] } else { 0.0 };
    Mat::from_fn(n, n, |a, b| if b > a { 0.0 } else { full(a, b) + shift(a, b) })
}

/// Eigenvectors of the inner products of the observations, carried over to the genes.
fn by_observations(op: &Centered<'_>, k: usize) -> Result<Vec<f64>> {
    let (m, n, g) = (op.matrix(), op.n_obs(), op.n_vars());
    let e = eigh(of_observations(op).as_ref())?;
    let by_rows: Vec<f64> = (0..n).flat_map(|i| (0..k).map(move |j| (i, j))).map(|(i, j)| e.vectors[(i, j)]).collect();
    let sums: Vec<f64> = (0..k).map(|j| (0..n).map(|i| e.vectors[(i, j)]).sum()).collect();
    let loadings = spmm_t(m, &by_rows, k);
    let mut vectors = Vec::with_capacity(g * k);
    for (j, sum) in sums.iter().enumerate() {
        let column: Vec<f64> = (0..g).map(|i| loadings[i * k + j] - op.mean()[i] * sum).collect();
        let length = column.iter().map(|x| x * x).sum::<f64>().sqrt();
        let kept = e.values[j] > e.values[0] * n as f64 * ROUNDING && length > 0.0;
        vectors.extend(column.into_iter().map(|x| if kept { x / length } else { 0.0 }));
    }
    Ok(vectors)
}

/// Inner products of row `i` with the rows up to and including itself.
fn inner_products(m: &Matrix, i: usize) -> Vec<f64> {
    let mut row = vec![0f64; m.n_cols()];
    m.for_row(i, |j, v| row[j] = f64::from(v));
    (0..=i)
        .map(|b| {
            let mut sum = 0.0;
            m.for_row(b, |j, v| sum += row[j] * f64::from(v));
            sum
        })
        .collect()
}
