//! What the embedding is to keep: nearness in expression, and distances in expression and in the tissue.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use tegula_core::{Csr, Ctx, Dense, Error, Result, par};

use super::pairs::{Pairs, STRIP};
use crate::graph::{MIN_RECALL, exp, nearest, sum};
use crate::linalg::centre;
use crate::linalg::panel::{Real, vectorised};

/// How near the entropy of a row has to come to that of the perplexity, and the steps it may take: the reference's.
const TOLERANCE: f64 = 1e-5;
const STEPS: usize = 200;
/// Nearness below this is none: processors are slow with numbers that have left the normal range.
const NOTHING: f64 = 1e-30;
/// Numbers reckoned together.
const LANES: usize = 8;

/// Points of any number of dimensions, centred, whose distances are asked for in blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    dim: usize,
    rows: Vec<f64>,
    /// ‖x‖² of each.
    squares: Vec<f64>,
}

impl Points {
    /// Points from their rows, centred and divided by the largest absolute value, as SpaSNE does before all else.
    ///
    /// # Errors
    /// [`Error::Data`] where a value is not finite or all points are the same; [`Error::Shape`] where `dim` does not
    /// divide the values.
    ///
    /// ```
    /// use tegula_algo::embed::Points;
    /// let points = Points::scaled(1, vec![1.0, 2.0, 6.0])?;
    /// assert_eq!(points.rows(), [-2.0 / 3.0, -1.0 / 3.0, 1.0]);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn scaled(dim: usize, rows: Vec<f64>) -> Result<Self> {
        let mut points = Self::centred(dim, rows, "the input of the embedding")?;
        let most = points.rows.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        points.rows.iter_mut().for_each(|x| *x /= most);
        points.squares.iter_mut().for_each(|x| *x /= most * most);
        Ok(points)
    }

    /// Points from their rows, centred; `what` names them in an error.
    ///
    /// # Errors
    /// As [`Points::scaled`].
    pub fn centred(dim: usize, mut rows: Vec<f64>, what: &str) -> Result<Self> {
        if dim == 0 || rows.is_empty() || !rows.len().is_multiple_of(dim) {
            return Err(Error::shape(what, format!("({}, {dim})", rows.len() / dim.max(1)), "(n_obs, 1 or more)"));
        }
        if !rows.iter().all(|x| x.is_finite()) {
            return Err(Error::data(what, "holds NaN or infinite values; clean it first"));
        }
        centre(&mut rows, dim);
        let squares: Vec<f64> = rows.chunks(dim).map(|row| row.iter().map(|x| x * x).sum()).collect();
        if rows.chunks(dim).all(|row| row == &rows[..dim]) {
            return Err(Error::data(what, "all observations are at one point; there is nothing to embed"));
        }
        Ok(Self { dim, rows, squares })
    }

    /// Number of points.
    pub fn n_obs(&self) -> usize {
        self.squares.len()
    }

    /// Number of dimensions.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All values, point after point.
    pub fn rows(&self) -> &[f64] {
        &self.rows
    }

    /// `Σ (1 + ‖x_i − x_j‖²)` over all ordered pairs of two points.
    pub fn total(&self) -> f64 {
        let n = self.n_obs() as f64;
        n * (n - 1.0) + 2.0 * n * self.squares.iter().sum::<f64>()
    }

    /// All values in single precision.
    pub(super) fn to_dense(&self) -> Result<Dense> {
        Dense::new(self.n_obs(), self.dim, self.rows.iter().map(|&x| x as f32).collect::<Vec<_>>())
    }

    /// The points in another order.
    pub(super) fn ordered(&self, order: &[u32]) -> Self {
        let squares = order.iter().map(|&i| self.squares[i as usize]).collect();
        Self { dim: self.dim, rows: ordered(&self.rows, self.dim, order), squares }
    }

    /// The squared distance of two points.
    pub(super) fn distance2(&self, i: usize, j: usize) -> f64 {
        let row = |i: usize| &self.rows[i * self.dim..(i + 1) * self.dim];
        row(i).iter().zip(row(j)).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    /// Squared distances of some points to all from `first` on, one row after the other.
    pub(super) fn distances2(&self, rows: Range<usize>, first: usize, out: &mut [f64]) {
        let (d, h, w) = (self.dim, rows.len(), self.n_obs() - first);
        matmul(
            MatMut::from_column_major_slice_mut(out, w, h),
            Accum::Replace,
            MatRef::from_row_major_slice(&self.rows[first * d..], w, d),
            MatRef::from_column_major_slice(&self.rows[rows.start * d..rows.end * d], d, h),
            -2.0,
            Par::Seq,
        );
        vectorised(
            #[inline(always)]
            || {
                for (row, x) in out.chunks_mut(w).zip(&self.squares[rows]) {
                    row.iter_mut().zip(&self.squares[first..]).for_each(|(v, y)| *v = (*v + x + y).max(0.0));
                }
            },
        );
    }

    /// `(1 + ‖x_i − x_j‖²) / Z` of all pairs, which sum to 1.
    pub fn spread<T: Real>(&self) -> Pairs<T> {
        let scale = 1.0 / self.total();
        Pairs::build(self.n_obs(), |r, first, out| self.distances2(r, first, out), |_, _, d| (1.0 + d) * scale)
    }

    /// Nearness of all pairs: Gaussians of the given perplexity around each point, made symmetric, which sum to 1.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn nearness<T: Real>(&self, perplexity: f64, ctx: &Ctx<'_>) -> Result<Pairs<T>> {
        let n = self.n_obs();
        ctx.begin(TASK, n as u64);
        let bells: Vec<Vec<Bell>> = par::map(n, STRIP, |rows| {
            let mut d2 = vec![0.0; rows.len() * n];
            self.distances2(rows.clone(), 0, &mut d2);
            let bells = rows.clone().zip(d2.chunks_mut(n)).map(|(i, row)| {
                // The point itself does not count.
                row.swap(i, n - 1);
                Bell::of(&row[..n - 1], perplexity)
            });
            let bells: Vec<Bell> = bells.collect();
            ctx.tick(TASK, rows.len() as u64).map(|()| bells)
        })
        .into_iter()
        .collect::<Result<_>>()?;
        ctx.end(TASK);
        let bells = bells.concat();
        // Each row of conditionals sums to 1, so all together to 2n.
        let half = 0.5 / n as f64;
        let both = |i: usize, j: usize, d: f64| {
            let p = half * (bells[i].at(d) + bells[j].at(d));
            if p < NOTHING { 0.0 } else { p }
        };
        Ok(Pairs::build(n, |r, first, out| self.distances2(r, first, out), both))
    }

    /// Nearness of each point and its 3 × perplexity nearest others, made symmetric, which sums to 1; and the share of
    /// the true nearest that was found.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn nearness_sparse(&self, perplexity: f64, ctx: &Ctx<'_>) -> Result<(Csr, f64)> {
        let n = self.n_obs();
        let found = nearest(&self.to_dense()?, (3.0 * perplexity) as usize, None, MIN_RECALL, ctx)?;
        let half = 0.5 / n as f64;
        let p = found.knn.csr(|distances, values| {
            let d2: Vec<f64> = distances.iter().map(|d| d * d).collect();
            let bell = Bell::of(&d2, perplexity);
            values.iter_mut().zip(d2).for_each(|(to, d)| *to = (half * bell.at(d)) as f32);
        });
        // Of a million observations they take more room than what is made of them.
        drop(found.knn);
        Ok((sum(&p, &p.transpose()), found.recall))
    }
}

/// Rows of `dim` numbers in another order.
pub(super) fn ordered(rows: &[f64], dim: usize, order: &[u32]) -> Vec<f64> {
    order.iter().flat_map(|&i| &rows[i as usize * dim..(i as usize + 1) * dim]).copied().collect()
}

/// The task as progress shows it.
const TASK: &str = "affinities";

/// A Gaussian around one point, counted from its nearest other: scale × exp(−rate (d² − nearest)).
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bell {
    rate: f64,
    scale: f64,
    nearest: f64,
}

impl Bell {
    /// The one of the given perplexity over these squared distances, by the reference's bisection.
    fn of(d2: &[f64], perplexity: f64) -> Self {
        let target = perplexity.ln();
        let nearest = d2.iter().copied().fold(f64::INFINITY, f64::min);
        let (mut rate, mut low, mut high) = (1.0f64, 0.0, f64::INFINITY);
        let mut total = 1.0;
        for _ in 0..STEPS {
            let weighted;
            (total, weighted) = vectorised(
                #[inline(always)]
                || moments(d2, rate, nearest),
            );
            let excess = total.ln() + rate * weighted / total - target;
            if excess.abs() < TOLERANCE {
                break;
            }
            if excess > 0.0 {
                low = rate;
                rate = if high.is_finite() { f64::midpoint(rate, high) } else { 2.0 * rate };
            } else {
                high = rate;
                rate = if low > 0.0 { f64::midpoint(rate, low) } else { 0.5 * rate };
            }
        }
        Self { rate, scale: 1.0 / total, nearest }
    }

    fn at(self, d2: f64) -> f64 {
        exp(-self.rate * (d2 - self.nearest)) * self.scale
    }
}

/// Σ e and Σ d e with d = d² − nearest and e = exp(−rate d), in fixed lanes.
#[inline(always)]
fn moments(d2: &[f64], rate: f64, nearest: f64) -> (f64, f64) {
    let (mut sums, mut weighted) = ([0.0; LANES], [0.0; LANES]);
    let chunks = d2.chunks_exact(LANES);
    for (l, &d) in chunks.remainder().iter().enumerate() {
        let e = exp(-rate * (d - nearest));
        sums[l] = e;
        weighted[l] = (d - nearest) * e;
    }
    for chunk in chunks {
        for l in 0..LANES {
            let d = chunk[l] - nearest;
            let e = exp(-rate * d);
            sums[l] += e;
            weighted[l] += d * e;
        }
    }
    (sums.iter().sum(), weighted.iter().sum())
}
