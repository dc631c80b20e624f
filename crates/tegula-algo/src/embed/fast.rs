//! The gradient in O(N log N): nearness from the nearest neighbours, all else from a field.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use rand::RngExt;
use rayon::prelude::*;
use tegula_core::{Csr, Ctx, Dense, Result, par};

use super::affinity::Points;
use super::descent::Slope;
use super::terms::{Balance, Divergences, Spreading};
use crate::index::{Field, LowRank};
use crate::linalg::panel::vectorised;
use crate::reduce::{PcaParams, pca};

/// Principal axes that carry the products of distances; the norms stay whole. With the two norms a rank of 16.
const AXES: usize = 14;
/// Observations per block of attractions.
const BLOCK: usize = 256;
/// Neighbours reckoned together.
const LANES: usize = 8;
/// Pairs that stand for all where divergences of distances are measured.
const SAMPLE: usize = 200_000;

/// The gradient of sparse nearness and of distances as weights of low rank.
pub(super) struct Fast {
    dim: usize,
    balance: Balance,
    nearness: Csr,
    exaggeration: f64,
    /// α Pg + β Ps.
    weights: Option<Narrow>,
    field: Field,
    push: Vec<f64>,
    spread: Vec<f64>,
    /// The points in single precision.
    places: Vec<f32>,
    sample: Sample,
}

impl Fast {
    /// The gradient for points in `dim` dimensions, and the share of the true neighbours that it knows.
    pub(super) fn new(
        expression: &Points,
        tissue: Option<&Points>,
        dim: usize,
        perplexity: f64,
        balance: Balance,
        theta: f64,
        ctx: &Ctx<'_>,
    ) -> Result<(Self, f64)> {
        let n = expression.n_obs();
        let (nearness, recall) = expression.nearness_sparse(perplexity, ctx)?;
        let sides = [(balance.alpha, Some(expression)), (balance.beta, tissue)];
        let sides: Vec<(f64, &Points)> = sides.into_iter().filter_map(|(w, p)| Some((w, p?))).collect();
        let fast = Self {
            dim,
            balance,
            nearness,
            exaggeration: 1.0,
            weights: weights(&sides, ctx)?,
            field: if dim == 2 { Field::new(dim)? } else { Field::by_tree(dim, theta)? },
            push: vec![0.0; n * dim],
            spread: vec![0.0; n * dim],
            places: Vec::new(),
            sample: Sample::of(expression, tissue.filter(|_| balance.beta > 0.0), balance, ctx),
        };
        Ok((fast, recall))
    }
}

impl Slope for Fast {
    fn exaggerate(&mut self, factor: f64) {
        self.exaggeration = factor;
    }

    fn gradient(&mut self, y: &[f64], gradient: &mut [f64]) -> Result<()> {
        if let Some(Narrow { rank, targets, sources }) = &self.weights {
            self.field.forces(y, &LowRank::new(*rank, targets, sources)?, &mut self.spread)?;
        }
        let z = self.field.repulsion(y, &mut self.push)?;
        if self.dim == 2 {
            self.join::<2>(y, z, gradient);
        } else {
            self.join::<3>(y, z, gradient);
        }
        Ok(())
    }

    fn divergences(&mut self, y: &[f64]) -> Result<Divergences> {
        let z = self.field.repulsion(y, &mut self.push)?;
        let p = &self.nearness;
        let dim = self.dim;
        let distance2 = |i: usize, j: usize| (0..dim).map(|d| (y[i * dim + d] - y[j * dim + d]).powi(2)).sum::<f64>();
        let local = par::sum(p.n_rows(), |rows| {
            rows.flat_map(|i| {
                let (cols, vals) = p.row(i);
                cols.iter().zip(vals).filter(|e| *e.1 > 0.0).map(move |(&j, &p)| (i, j as usize, f64::from(p)))
            })
            .map(|(i, j, p)| p * (p.ln() + distance2(i, j).ln_1p()))
            .sum()
        });
        // Terms p ln (p / g) − p + g, none negative: what is added sums to 0 over all pairs, and the sample errs less.
        let total = Spreading::of(y, dim, self.balance).total;
        let wide = |p: &Option<Vec<f64>>| {
            let Some(p) = p else { return f64::NAN };
            let (n, pairs) = (self.nearness.n_rows() as f64, &self.sample.pairs);
            let term = |(&(i, j), &p): (&(u32, u32), &f64)| {
                let g = (1.0 + distance2(i as usize, j as usize)) / total;
                p * (p / g).ln() - p + g
            };
            n * (n - 1.0) / pairs.len() as f64 * pairs.iter().zip(p).map(term).sum::<f64>()
        };
        let (global, spatial) = (wide(&self.sample.global), wide(&self.sample.spatial));
        Ok(Divergences { local: local + z.ln(), global, spatial })
    }
}

impl Fast {
    /// The gradient from what the fields say and the attraction of neighbours.
    fn join<const D: usize>(&mut self, y: &[f64], z: f64, gradient: &mut [f64]) {
        let spreading = Spreading::of(y, D, self.balance);
        y.par_iter().map(|&v| v as f32).collect_into_vec(&mut self.places);
        let places = self.places.as_chunks::<D>().0;
        let [y, push, spread] = [y, &self.push[..], &self.spread[..]].map(|v| v.as_chunks::<D>().0);
        gradient.as_chunks_mut::<D>().0.par_chunks_mut(BLOCK).enumerate().for_each(|(b, gradient)| {
            vectorised(
                #[inline(always)]
                || {
                    for (i, g) in (b * BLOCK..).zip(gradient) {
                        let pull = attraction(self.nearness.row(i), i, places);
                        for d in 0..D {
                            g[d] = self.exaggeration * pull[d] - spread[i][d] - push[i][d] / z
                                + spreading.factor * (y[i][d] - spreading.mean[d]);
                        }
                    }
                },
            );
        });
    }
}

/// `Σ_j p_ij q_ij (y_i − y_j)`. Single precision errs by far less than the fields do, and places take half the memory.
#[inline(always)]
fn attraction<const D: usize>((cols, vals): (&[u32], &[f32]), i: usize, y: &[[f32; D]]) -> [f64; D] {
    let mut pull = [[0.0f32; LANES]; D];
    let (cols, last_cols) = cols.as_chunks::<LANES>();
    let (vals, last_vals) = vals.as_chunks::<LANES>();
    for (cols, vals) in cols.iter().zip(vals) {
        attract(cols, vals, y[i], y, &mut pull);
    }
    // What fills the last lanes is the point itself, which has no nearness.
    let (mut cols, mut vals) = ([i as u32; LANES], [0.0; LANES]);
    cols[..last_cols.len()].copy_from_slice(last_cols);
    vals[..last_vals.len()].copy_from_slice(last_vals);
    attract(&cols, &vals, y[i], y, &mut pull);
    pull.map(|lanes| lanes.iter().map(|&v| f64::from(v)).sum())
}

/// Adds the pull of some neighbours on the point at `at`.
#[inline(always)]
fn attract<const D: usize>(
    cols: &[u32; LANES],
    vals: &[f32; LANES],
    at: [f32; D],
    y: &[[f32; D]],
    pull: &mut [[f32; LANES]; D],
) {
    let others = cols.map(|j| y[j as usize]);
    let by: [[f32; LANES]; D] = std::array::from_fn(|d| std::array::from_fn(|l| at[d] - others[l][d]));
    let mut weights = [0.0; LANES];
    for l in 0..LANES {
        let mut wide = 1.0;
        (0..D).for_each(|d| wide += by[d][l] * by[d][l]);
        weights[l] = vals[l] / wide;
    }
    for d in 0..D {
        for l in 0..LANES {
            pull[d][l] += weights[l] * by[d][l];
        }
    }
}

/// Weights of all pairs as products of the rows of two narrow matrices, `rank` wide.
struct Narrow {
    rank: usize,
    targets: Vec<f32>,
    sources: Vec<f32>,
}

/// `Σ w (1 + ‖x_i − x_j‖²) / Z` of several sets of points, as `t_i · c_j`; `None` where no weight counts.
///
/// With z = √(w / Z) x side by side that is `c₀ + ‖z_i‖² + ‖z_j‖² − 2 z_i·z_j`. The norms stay whole, the products run
/// over the principal axes of z: truncating the norms as well would ruin the result.
fn weights(sides: &[(f64, &Points)], ctx: &Ctx<'_>) -> Result<Option<Narrow>> {
    let sides: Vec<(f64, &Points)> =
        sides.iter().filter(|s| s.0 > 0.0).map(|&(w, points)| (w / points.total(), points)).collect();
    let Some(&(_, first)) = sides.first() else { return Ok(None) };
    let (n, width) = (first.n_obs(), sides.iter().map(|s| s.1.dim()).sum::<usize>());
    let constant: f64 = sides.iter().map(|s| s.0).sum();
    let mut z = Vec::with_capacity(n * width);
    for i in 0..n {
        for (w, points) in &sides {
            let d = points.dim();
            z.extend(points.rows()[i * d..(i + 1) * d].iter().map(|x| w.sqrt() * x));
        }
    }
    let norms: Vec<f64> = z.chunks(width).map(|z| z.iter().map(|x| x * x).sum()).collect();
    // Far below 1, where single precision would lose what is near 0.
    let unit = norms.iter().sum::<f64>() / n as f64;
    let scaled: Vec<f32> = z.iter().map(|x| (x / unit.sqrt()) as f32).collect();
    let (axes, z) = if width > AXES && n > AXES {
        let dense = Dense::new(n, width, scaled)?;
        (AXES, pca(&dense.into(), &PcaParams { n_comps: Some(AXES), ..PcaParams::default() }, ctx)?.scores)
    } else {
        (width, scaled)
    };
    let rank = axes + 2;
    let (mut targets, mut sources) = (Vec::with_capacity(n * rank), Vec::with_capacity(n * rank));
    for (z, norm) in z.chunks(axes).zip(norms) {
        targets.extend([(constant + norm) as f32, unit as f32]);
        targets.extend(z.iter().map(|x| (-2.0 * unit * f64::from(*x)) as f32));
        sources.extend([1.0, (norm / unit) as f32]);
        sources.extend(z);
    }
    Ok(Some(Narrow { rank, targets, sources }))
}

/// Some pairs of observations and what they are to keep of their distances.
struct Sample {
    pairs: Vec<(u32, u32)>,
    global: Option<Vec<f64>>,
    spatial: Option<Vec<f64>>,
}

impl Sample {
    fn of(expression: &Points, tissue: Option<&Points>, balance: Balance, ctx: &Ctx<'_>) -> Self {
        let n = expression.n_obs() as u32;
        let mut rng = ctx.rng("embed.sample", 0);
        let pairs: Vec<(u32, u32)> = (0..SAMPLE)
            .map(|_| {
                let (i, j) = (rng.random_range(0..n), rng.random_range(0..n - 1));
                (i, if j < i { j } else { j + 1 })
            })
            .collect();
        let shares = |points: &Points| {
            let total = points.total();
            let share = |&(i, j): &(u32, u32)| (1.0 + points.distance2(i as usize, j as usize)) / total;
            pairs.par_iter().map(share).collect()
        };
        let global = (balance.alpha > 0.0).then(|| shares(expression));
        let spatial = tissue.map(shares);
        Self { pairs, global, spatial }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cloud of `n` points in `d` dimensions, wider along the first.
    fn cloud(n: usize, d: usize, name: &str) -> Points {
        let mut rng = Ctx::new(1).rng(name, 0);
        let x = (0..n * d).map(|k| rng.random_range(-1.0..1.0) / (1.0 + (k % d) as f64)).collect();
        Points::centred(d, x, name).unwrap()
    }

    #[test]
    fn the_gradient_is_that_of_all_pairs() {
        let balance = Balance { alpha: 9.0, beta: 4.0 };
        for (n, dim, reach) in [(600, 2, 0.5), (5000, 2, 20.0), (600, 3, 5.0)] {
            let (x, s) = (cloud(n, 10, "expression"), cloud(n, 2, "tissue"));
            let y: Vec<f64> = cloud(n, dim, "embedding").rows().iter().map(|v| reach * v).collect();
            let (mut fast, recall) = Fast::new(&x, Some(&s), dim, 30.0, balance, 0.3, &Ctx::new(0)).unwrap();
            assert!(recall > 0.98);
            fast.exaggerate(4.0);
            let mut found = vec![0.0; n * dim];
            fast.gradient(&y, &mut found).unwrap();
            let (zx, zs) = (x.total(), s.total());
            let distance2 =
                |i: usize, j: usize| (0..dim).map(|d| (y[i * dim + d] - y[j * dim + d]).powi(2)).sum::<f64>();
            let pairs = || (0..n).flat_map(|i| (0..n).filter(move |&j| j != i).map(move |j| (i, j)));
            let z: f64 = pairs().map(|(i, j)| 1.0 / (1.0 + distance2(i, j))).sum();
            let g: f64 = pairs().map(|(i, j)| 1.0 + distance2(i, j)).sum();
            let mut expected = vec![0.0; n * dim];
            for (i, j) in pairs() {
                let q = 1.0 / (1.0 + distance2(i, j));
                let global = 9.0 * ((1.0 + x.distance2(i, j)) / zx - 1.0 / q / g);
                let spatial = 4.0 * ((1.0 + s.distance2(i, j)) / zs - 1.0 / q / g);
                let w = 4.0 * f64::from(fast.nearness.get(i, j)) - q / z - global - spatial;
                (0..dim).for_each(|d| expected[i * dim + d] += w * q * (y[i * dim + d] - y[j * dim + d]));
            }
            let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
            let off = norm(&mut found.iter().zip(&expected).map(|(a, b)| a - b)) / norm(&mut expected.iter().copied());
            assert!(off < 1e-3, "{n} points in {dim} dimensions, reach {reach}: {off}");
        }
    }

    #[test]
    fn divergences_of_a_sample_are_near_those_of_all_pairs() {
        let balance = Balance { alpha: 1.0, beta: 1.0 };
        let (x, s) = (cloud(300, 20, "expression"), cloud(300, 2, "tissue"));
        let y: Vec<f64> = x.rows().chunks(20).flat_map(|r| [3.0 * r[0], 3.0 * r[1]]).collect();
        let terms = super::super::Terms::<f64>::new(&x, Some(&s), 20.0, balance, &Ctx::new(0)).unwrap();
        let expected = terms.divergences(&y, 2);
        let (mut fast, _) = Fast::new(&x, Some(&s), 2, 20.0, balance, 0.5, &Ctx::new(0)).unwrap();
        let found = fast.divergences(&y).unwrap();
        // Nearness differs by what lies beyond 60 neighbours.
        assert!((found.local - expected.local).abs() < 0.05 * expected.local, "{found:?} {expected:?}");
        assert!((found.global - expected.global).abs() < 0.02 * expected.global, "{found:?} {expected:?}");
        assert!((found.spatial - expected.spatial).abs() < 0.02 * expected.spatial, "{found:?} {expected:?}");
    }
}
