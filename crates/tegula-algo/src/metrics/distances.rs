//! Whether far apart in one space is far apart in another.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::RngExt;
use tegula_core::{Coords, Ctx, Dense, Error, Result, par};

use super::moments::Moments;
use crate::graph::distance2;
use crate::linalg::centre;
use crate::linalg::panel::vectorised;

/// Up to so many observations all pairs are measured.
const EXACT: usize = 20_000;
/// Above, so many blocks of random pairs, whose spread is the error.
const SAMPLES: usize = 64;
/// Pairs in such a block: four millions in all.
const PAIRS: usize = 1 << 16;
/// Rows and columns of a block of distances.
const BLOCK: usize = 128;
/// Up to so many dimensions differences are squared one by one; above, products of blocks are faster.
const FEW: usize = 4;
/// The task as progress shows it.
const TASK: &str = "distance correlation";

/// A correlation and its standard error, which is 0 where all pairs were measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// Pearson's r; NaN where all distances are the same.
    pub r: f64,
    /// Its standard error.
    pub error: f64,
}

/// Pearson's correlation of the Euclidean distances between all pairs of observations in two spaces: `SpaSNE`'s r1 for
/// expression and embedding.
///
/// Up to 20,000 observations of all pairs: blocks of distances in `f32` (products of centred rows above 4 dimensions:
/// r is right to 1e-6), sums in `f64`, memory O(N d), time O(N² d). Above, of four million random pairs, with the
/// standard error of a jackknife. Zhou et al. 2023, <https://doi.org/10.1101/2023.08.13.553152>.
///
/// # Errors
/// [`Error::Shape`] where the numbers of observations differ; [`Error::Data`] for fewer than 3, or values that are not
/// finite; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::metrics::distance_correlation;
/// use tegula_core::{Ctx, Dense};
/// let line = Dense::new(3, 1, vec![0.0, 1.0, 2.0])?;
/// let bent = Dense::new(3, 2, vec![0.0, 0.0, 1.0, 0.0, 1.0, 1.0])?;
/// // Distances 1, 1, 2 and 1, 1, √2: two values each, so the correlation is complete.
/// assert!((distance_correlation(&line, &bent, &Ctx::default())?.r - 1.0).abs() < 1e-6);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn distance_correlation(a: &Dense, b: &Dense, ctx: &Ctx<'_>) -> Result<Correlation> {
    Ok(correlations([&Rows::of(a)?], &Rows::of(b)?, ctx)?[0])
}

/// The same for positions in the tissue and an embedding: `SpaSNE`'s r2; see [`distance_correlation`].
///
/// # Errors
/// As [`distance_correlation`].
///
/// ```
/// use tegula_algo::metrics::distance_correlation_coords;
/// use tegula_core::{Coords, Ctx, Dense};
/// let tissue = Coords::new(2, vec![0.0, 0.0, 3.0, 0.0, 0.0, 4.0])?;
/// let embedding = Dense::new(3, 2, vec![1.0, 1.0, 1.0, 7.0, 9.0, 1.0])?;
/// assert!((distance_correlation_coords(&tissue, &embedding, &Ctx::default())?.r - 1.0).abs() < 1e-6);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn distance_correlation_coords(a: &Coords, b: &Dense, ctx: &Ctx<'_>) -> Result<Correlation> {
    Ok(correlations([&Rows::of_coords(a)], &Rows::of(b)?, ctx)?[0])
}

/// Observations in a space, centred and scaled to at most 1.
pub(super) struct Rows {
    d: usize,
    data: Vec<f32>,
    /// ‖x‖².
    norms: Vec<f32>,
}

impl Rows {
    pub(super) fn of(data: &Dense) -> Result<Self> {
        if let Some(at) = data.data().iter().position(|v| !v.is_finite()) {
            let reason = format!("observation {} holds {}; clean the data first", at / data.n_cols(), data.data()[at]);
            return Err(Error::data("distances", reason));
        }
        Ok(Self::new(data.n_cols(), data.data().iter().map(|&v| f64::from(v)).collect()))
    }

    pub(super) fn of_coords(coords: &Coords) -> Self {
        Self::new(coords.dim(), coords.data().to_vec())
    }

    fn new(d: usize, mut data: Vec<f64>) -> Self {
        centre(&mut data, d);
        let reach = data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let scale = if reach > 0.0 { reach } else { 1.0 };
        let data: Vec<f32> = data.iter().map(|v| (v / scale) as f32).collect();
        let norm = |row: &[f32]| row.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() as f32;
        let norms = data.chunks(d.max(1)).map(norm).collect();
        Self { d, data, norms }
    }

    fn len(&self) -> usize {
        self.norms.len()
    }

    fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.d..(i + 1) * self.d]
    }

    /// Distances between a block of rows and a block of columns, row after row.
    fn distances(&self, rows: std::ops::Range<usize>, cols: std::ops::Range<usize>, out: &mut [f32]) {
        let (m, n, d) = (rows.len(), cols.len(), self.d);
        let out = &mut out[..m * n];
        let others = &self.data[cols.start * d..cols.end * d];
        if d <= FEW {
            let mut axes = [[0f32; BLOCK]; FEW];
            for (j, row) in others.chunks_exact(d).enumerate() {
                row.iter().zip(&mut axes).for_each(|(&v, axis)| axis[j] = v);
            }
            vectorised(
                #[inline(always)]
                || {
                    for (out, i) in out.chunks_exact_mut(n).zip(rows) {
                        out.fill(0.0);
                        for (axis, &x) in axes.iter().zip(self.row(i)) {
                            out.iter_mut().zip(axis).for_each(|(o, y)| *o += (x - y) * (x - y));
                        }
                        for o in out.iter_mut() {
                            *o = o.sqrt();
                        }
                    }
                },
            );
            return;
        }
        let asked = &self.data[rows.start * d..rows.end * d];
        matmul(
            MatMut::from_column_major_slice_mut(&mut *out, n, m),
            Accum::Replace,
            MatRef::from_row_major_slice(others, n, d),
            MatRef::from_column_major_slice(asked, d, m),
            -2.0,
            Par::Seq,
        );
        vectorised(
            #[inline(always)]
            || {
                for (out, i) in out.chunks_exact_mut(n).zip(rows) {
                    let own = self.norms[i];
                    out.iter_mut()
                        .zip(&self.norms[cols.clone()])
                        .for_each(|(o, v)| *o = (*o + v + own).max(0.0).sqrt());
                }
            },
        );
    }
}

/// The correlation of each of `sides` with `of`, whose distances are measured once for all.
pub(super) fn correlations<const K: usize>(sides: [&Rows; K], of: &Rows, ctx: &Ctx<'_>) -> Result<[Correlation; K]> {
    correlations_up_to(EXACT, sides, of, ctx)
}

fn correlations_up_to<const K: usize>(
    exact: usize,
    sides: [&Rows; K],
    of: &Rows,
    ctx: &Ctx<'_>,
) -> Result<[Correlation; K]> {
    let n = of.len();
    if let Some(side) = sides.iter().find(|s| s.len() != n) {
        return Err(Error::shape("distances", format!("{} observations", side.len()), format!("{n} observations")));
    }
    if n < 3 {
        return Err(Error::data("distances", format!("{n} observations; a correlation needs at least 3")));
    }
    if n > exact {
        return sampled(sides, of, ctx);
    }
    let blocks = n.div_ceil(BLOCK);
    let tiles: Vec<(usize, usize)> = (0..blocks).flat_map(|i| (i..blocks).map(move |j| (i, j))).collect();
    ctx.begin(TASK, tiles.len() as u64);
    let parts: Vec<Result<Moments<K>>> = par::map(tiles.len(), 1, |t| {
        let (i, j) = tiles[t.start];
        let block = |b: usize| b * BLOCK..((b + 1) * BLOCK).min(n);
        let (width, room) = (block(j).len(), || vec![0f32; BLOCK * BLOCK]);
        let (mut ours, mut theirs) = (room(), [(); K].map(|()| room()));
        of.distances(block(i), block(j), &mut ours);
        sides.iter().zip(&mut theirs).for_each(|(side, out)| side.distances(block(i), block(j), out));
        let mut sums = Moments::default();
        vectorised(
            #[inline(always)]
            || {
                for r in 0..block(i).len() {
                    // On the diagonal every pair once, none with itself.
                    let row = r * width + if i == j { r + 1 } else { 0 }..(r + 1) * width;
                    sums.add(std::array::from_fn(|k| &theirs[k][row.clone()]), &ours[row]);
                }
            },
        );
        ctx.tick(TASK, 1)?;
        Ok(sums)
    });
    ctx.end(TASK);
    let mut total = Moments::default();
    for part in parts {
        total.join(&part?);
    }
    Ok(total.correlations().map(|r| Correlation { r, error: 0.0 }))
}

/// Of random pairs; the error by leaving out one block of them after the other.
fn sampled<const K: usize>(sides: [&Rows; K], of: &Rows, ctx: &Ctx<'_>) -> Result<[Correlation; K]> {
    let n = of.len() as u64;
    ctx.begin(TASK, SAMPLES as u64);
    let parts: Vec<Result<Moments<K>>> = par::map(SAMPLES, 1, |block| {
        let mut rng = ctx.rng("distance_correlation", block.start as u64);
        let pairs: Vec<(usize, usize)> = (0..PAIRS)
            .map(|_| {
                let (i, j) = (rng.random_range(0..n), rng.random_range(1..n));
                (i as usize, ((i + j) % n) as usize)
            })
            .collect();
        let measured = |rows: &Rows| -> Vec<f32> {
            vectorised(
                #[inline(always)]
                || pairs.iter().map(|&(i, j)| distance2(rows.row(i), rows.row(j)).sqrt() as f32).collect(),
            )
        };
        let (ours, theirs) = (measured(of), sides.map(measured));
        let mut sums = Moments::default();
        sums.add(std::array::from_fn(|k| &theirs[k][..]), &ours);
        ctx.tick(TASK, 1)?;
        Ok(sums)
    });
    ctx.end(TASK);
    let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
    let total_without = |left_out: Option<usize>| {
        let mut total = Moments::default();
        parts.iter().enumerate().filter(|&(b, _)| Some(b) != left_out).for_each(|(_, part)| total.join(part));
        total.correlations()
    };
    let others: Vec<[f64; K]> = (0..SAMPLES).map(|b| total_without(Some(b))).collect();
    let all = total_without(None);
    Ok(std::array::from_fn(|k| {
        let mean = others.iter().map(|r| r[k]).sum::<f64>() / SAMPLES as f64;
        let spread = others.iter().map(|r| (r[k] - mean).powi(2)).sum::<f64>();
        Correlation { r: all[k], error: (spread * (SAMPLES - 1) as f64 / SAMPLES as f64).sqrt() }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in `f64`.
    fn by_hand(a: &Rows, b: &Rows) -> f64 {
        let d = |r: &Rows, i, j| distance2(r.row(i), r.row(j)).sqrt();
        let n = a.len();
        let pairs: Vec<(f64, f64)> =
            (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| (d(a, i, j), d(b, i, j))).collect();
        let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / pairs.len() as f64;
        let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
        let cov = mean(&|p| (p.0 - x) * (p.1 - y));
        cov / (mean(&|p| (p.0 - x).powi(2)) * mean(&|p| (p.1 - y).powi(2))).sqrt()
    }

    fn rows(n: usize, d: usize, seed: u64) -> Rows {
        let mut rng = Ctx::default().rng("rows", seed);
        Rows::new(d, (0..n * d).map(|i| rng.random_range(0.0..1.0) + 1e3 + (i / d % 7) as f64 * 0.2).collect())
    }

    #[test]
    fn blocks_of_both_kinds_sum_to_the_definition() {
        for n in [3, 128, 300] {
            let (wide, narrow, flat) = (rows(n, 40, 1), rows(n, 2, 2), rows(n, 3, 3));
            let [r1, r2] = correlations([&wide, &flat], &narrow, &Ctx::default()).unwrap();
            assert!((r1.r - by_hand(&wide, &narrow)).abs() < 1e-6 && r1.error == 0.0);
            assert!((r2.r - by_hand(&flat, &narrow)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_sample_is_as_near_as_its_error_says() {
        let (wide, narrow) = (rows(500, 20, 1), rows(500, 2, 2));
        let [exact] = correlations([&wide], &narrow, &Ctx::default()).unwrap();
        let [sample] = correlations_up_to(100, [&wide], &narrow, &Ctx::default()).unwrap();
        assert!(sample.error > 1e-5 && sample.error < 1e-3, "{sample:?}");
        assert!((sample.r - exact.r).abs() < 4.0 * sample.error, "{sample:?} for {exact:?}");
    }
}
