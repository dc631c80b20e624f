//! Flavour `pearson_residuals`: variance of the residuals of a negative binomial model without free parameters.
//!
//! A zero's residual depends on its gene's and its observation's total alone, so the sums over the zeros are smooth
//! functions of the gene's total: evaluated at a few totals, interpolated for the others. The work is O(non-zeros).

use std::f64::consts::PI;

use tegula_core::{Matrix, par};

use crate::pp::columns::{Rows, column_sums};
use crate::pp::pearson::Model;

/// Nodes per unit of ln total. The sums are analytic within π of the real line, so 16 reach rounding.
const NODES: usize = 16;

/// Variance of each gene's Pearson residuals in some rows; `clip` is √n where `None`, `obs` the total of every row.
pub(super) fn residual_variances(
    m: &Matrix,
    rows: Rows<'_>,
    obs: &[f64],
    (theta, clip): (f64, Option<f64>),
) -> Vec<f64> {
    let genes: Vec<f64> = column_sums(m, rows, |_, _, v| (v, 0.0)).into_iter().map(|s| s.0).collect();
    let n = rows.map_or(m.n_rows(), <[usize]>::len);
    let of_row = |k: usize| obs[rows.map_or(k, |r| r[k])];
    let model = Model { theta, clip: clip.unwrap_or((n as f64).sqrt()), total: genes.iter().sum() };
    let stored = column_sums(m, rows, |i, j, v| {
        let mu = model.mean(genes[j], obs[i]);
        if mu == 0.0 {
            return (0.0, 0.0);
        }
        let (here, zero) = (model.residual(v, mu), model.residual(0.0, mu));
        (here - zero, here * here - zero * zero)
    });
    let mut totals: Vec<f64> = (0..n).map(of_row).filter(|&t| t > 0.0).collect();
    totals.sort_unstable_by(f64::total_cmp);
    // Equal totals are evaluated once.
    let totals: Vec<(f64, f64)> = totals.chunk_by(|a, b| a == b).map(|c| (c[0], c.len() as f64)).collect();
    let zeros = ZeroSums::new(&model, &totals, &genes);
    let one = |(j, (sum, squares)): (usize, (f64, f64))| {
        if genes[j] == 0.0 {
            return 0.0;
        }
        let zero = zeros.at(genes[j]);
        let mean = (zero.0 + sum) / n as f64;
        ((zero.1 + squares) / n as f64 - mean * mean).max(0.0)
    };
    stored.into_iter().enumerate().map(one).collect()
}

/// Both sums at the nodes of one unit of ln total.
type Piece = Vec<(f64, f64)>;

/// Sum of the residuals, and of their squares, that a gene of a given total would have were all its counts zero.
struct ZeroSums<'a> {
    model: Model,
    totals: &'a [(f64, f64)],
    /// Whole part of ln total of the first piece, and the sums at each piece's nodes; `None` where clipping breaks
    /// the smoothness.
    pieces: Option<(i64, Vec<Piece>)>,
}

impl<'a> ZeroSums<'a> {
    fn new(model: &Model, totals: &'a [(f64, f64)], genes: &[f64]) -> Self {
        let present = || genes.iter().copied().filter(|&g| g > 0.0);
        let (lo, hi) = present().fold((f64::INFINITY, 0f64), |(lo, hi), g| (lo.min(g), hi.max(g)));
        let most = totals.last().map_or(0.0, |t| t.0);
        let unclipped = Model { clip: f64::INFINITY, ..*model };
        let smooth = hi > 0.0 && unclipped.residual(0.0, model.mean(hi, most)).abs() <= model.clip;
        // Nodes lie beyond the largest gene, where clipping could begin: no bend there either.
        let mut sums = Self { model: if smooth { unclipped } else { *model }, totals, pieces: None };
        // Fewer genes than nodes are cheaper one by one.
        if smooth && present().count() > NODES {
            let (first, last) = (lo.ln().floor() as i64, hi.ln().floor() as i64);
            let n_nodes = (last - first + 1) as usize * NODES;
            let at = |k: usize| {
                let x = f64::midpoint(1.0, node(k % NODES));
                sums.directly((first as f64 + (k / NODES) as f64 + x).exp())
            };
            let values: Vec<(f64, f64)> = par::map(n_nodes, 1, |k| at(k.start));
            sums.pieces = Some((first, values.chunks(NODES).map(<[_]>::to_vec).collect()));
        }
        sums
    }

    /// The sums for a gene of this total.
    fn at(&self, gene: f64) -> (f64, f64) {
        let Some((first, pieces)) = &self.pieces else { return self.directly(gene) };
        let s = gene.ln();
        let piece = (s.floor() as i64 - first) as usize;
        let x = 2.0 * (s - s.floor()) - 1.0;
        // Barycentric interpolation in Chebyshev points.
        let (mut top, mut bottom) = ((0.0, 0.0), 0.0);
        for (k, value) in pieces[piece].iter().enumerate() {
            let away = x - node(k);
            if away == 0.0 {
                return *value;
            }
            let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
            let weight = sign * angle(k).sin() / away;
            top = (top.0 + weight * value.0, top.1 + weight * value.1);
            bottom += weight;
        }
        (top.0 / bottom, top.1 / bottom)
    }

    fn directly(&self, gene: f64) -> (f64, f64) {
        self.totals.iter().fold((0.0, 0.0), |(sum, squares), &(total, times)| {
            let r = self.model.residual(0.0, self.model.mean(gene, total));
            (sum + times * r, squares + times * r * r)
        })
    }
}

/// Angle of the Chebyshev point `k`.
fn angle(k: usize) -> f64 {
    (2 * k + 1) as f64 * PI / (2 * NODES) as f64
}

/// The Chebyshev point `k` in −1…1.
fn node(k: usize) -> f64 {
    angle(k).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_zeros_are_interpolated_to_rounding() {
        let totals: Vec<(f64, f64)> = (1..60).map(|k| (f64::from(k * k), f64::from(k % 4 + 1))).collect();
        let genes: Vec<f64> = (1..90).map(|k| f64::from(k * k * k)).collect();
        let total = genes.iter().sum();
        let model = Model { theta: 100.0, clip: 50.0, total };
        let sums = ZeroSums::new(&model, &totals, &genes);
        assert!(sums.pieces.is_some());
        for &g in &genes {
            let (a, b) = (sums.at(g), sums.directly(g));
            assert!((a.0 / b.0 - 1.0).abs() < 1e-12 && (a.1 / b.1 - 1.0).abs() < 1e-12, "{g}: {a:?} {b:?}");
        }
        let clipped = Model { theta: 100.0, clip: 0.5, total };
        assert!(ZeroSums::new(&clipped, &totals, &genes).pieces.is_none(), "a kink cannot be interpolated");
    }

    #[test]
    fn a_clip_just_above_the_largest_residual_bends_nothing() {
        let totals = [(10.0, 3.0), (40.0, 2.0), (90.0, 1.0)];
        let genes: Vec<f64> = (1..70).map(|k| f64::from(k * 7)).collect();
        let total: f64 = genes.iter().sum();
        let most: f64 = 90.0 * genes[68] / total;
        let model = Model { theta: 100.0, clip: (most / (1.0 + most / 100.0)).sqrt() + 1e-9, total };
        let sums = ZeroSums::new(&model, &totals, &genes);
        for &g in &genes {
            let (a, r) = (sums.at(g), |t: f64| model.residual(0.0, model.mean(g, t)));
            let b = 3.0 * r(10.0) + 2.0 * r(40.0) + r(90.0);
            assert!((a.0 / b - 1.0).abs() < 1e-12, "{g}: {} {b}", a.0);
        }
    }
}
