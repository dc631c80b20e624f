//! The two halves of a round: soft clusters in which batches mix, and the correction inside them.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_core::{Dense, Result, par};

use super::Batches;
use crate::linalg::inverse;
use crate::linalg::panel::with_lanes;
use crate::pp::fast_math::exp_negative;

/// Observations per parallel block.
const ROWS: usize = 64;

/// Observations per block of sums that are as large as all centres.
const MANY: usize = 4096;

/// The state of the iteration. Matrices lie by rows, one row per observation or cluster.
pub(super) struct Mixing<'a> {
    batches: &'a Batches,
    sigma: f32,
    theta: Vec<f64>,
    z: &'a Dense,
    corrected: Vec<f32>,
    /// The corrected embedding, every row of length one.
    cosines: Vec<f32>,
    centres: Vec<f32>,
    n_clusters: usize,
    /// Share of each cluster in each observation.
    shares: Vec<f32>,
    /// Observations in each cluster and of each of its levels (O).
    total: Vec<f64>,
    observed: Vec<f64>,
}

/// Rows of length one.
pub(super) fn cosines(rows: &[f32], d: usize) -> Vec<f32> {
    let mut unit = rows.to_vec();
    unit.par_chunks_exact_mut(d).for_each(to_unit);
    unit
}

fn to_unit(row: &mut [f32]) {
    let length = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if length > 0.0 {
        for x in row {
            *x = (f64::from(*x) / length) as f32;
        }
    }
}

impl<'a> Mixing<'a> {
    pub(super) fn new(z: &'a Dense, batches: &'a Batches, centres: &[f64], sigma: f64, theta: Vec<f64>) -> Self {
        let d = z.n_cols();
        let n_clusters = centres.len() / d;
        Self {
            batches,
            sigma: sigma as f32,
            theta,
            z,
            corrected: z.data().to_vec(),
            cosines: cosines(z.data(), d),
            centres: cosines(&centres.iter().map(|&x| x as f32).collect::<Vec<_>>(), d),
            n_clusters,
            shares: vec![0.0; z.n_rows() * n_clusters],
            total: vec![0.0; n_clusters],
            observed: vec![0.0; n_clusters * batches.n_levels()],
        }
    }

    pub(super) fn into_corrected(self) -> Result<Dense> {
        Dense::new(self.z.n_rows(), self.z.n_cols(), self.corrected)
    }

    /// The shares by distance alone; returns the objective.
    pub(super) fn start(&mut self) -> f64 {
        let everyone: Vec<u32> = (0..self.z.n_rows() as u32).collect();
        let even = vec![1.0; self.observed.len()];
        let within = self.replace(&everyone, &self.favours(&even));
        within + self.mixing()
    }

    /// One round of clustering: the centres, then the shares, block by block in this order; returns the objective.
    pub(super) fn cluster(&mut self, order: &[u32], block_size: f64) -> f64 {
        self.move_centres();
        let n_blocks = (1.0 / block_size).ceil() as usize;
        let (size, longer) = (order.len() / n_blocks, order.len() % n_blocks);
        let (mut from, mut within) = (0, 0.0);
        for b in 0..n_blocks {
            let block = &order[from..from + size + usize::from(b < longer)];
            from += block.len();
            if !block.is_empty() {
                self.count(block, -1.0);
                within += self.replace(block, &self.favours(&self.penalty()));
            }
        }
        within + self.mixing()
    }

    /// The centres: sums of observations by their shares, at length one.
    fn move_centres(&mut self) {
        let (k, d) = (self.n_clusters, self.z.n_cols());
        let sums = par::sum_vectors(self.z.n_rows(), MANY, k * d, |rows| {
            let mut sums = vec![0f32; k * d];
            let shares = &self.shares[rows.start * k..rows.end * k];
            let cosines = &self.cosines[rows.start * d..rows.end * d];
            matmul(
                MatMut::from_row_major_slice_mut(&mut sums, k, d),
                Accum::Replace,
                MatRef::from_row_major_slice(shares, rows.len(), k).transpose(),
                MatRef::from_row_major_slice(cosines, rows.len(), d),
                1.0,
                Par::Seq,
            );
            sums.into_iter().map(f64::from).collect()
        });
        self.centres = cosines(&sums.into_iter().map(|x| x as f32).collect::<Vec<_>>(), d);
    }

    /// Adds the shares of these observations, `sign` times, to the counts of clusters and levels.
    fn count(&mut self, which: &[u32], sign: f64) {
        let (k, levels) = (self.n_clusters, self.batches.n_levels());
        let parts = par::sum_vectors(which.len(), ROWS, k * (levels + 1), |rows| {
            let mut part = vec![0.0; k * (levels + 1)];
            for &i in &which[rows] {
                let shares = &self.shares[i as usize * k..(i as usize + 1) * k];
                let own = self.batches.of_obs(i as usize).iter().map(|&b| b as usize + 1);
                for at in std::iter::once(0).chain(own) {
                    part[at * k..(at + 1) * k].iter_mut().zip(shares).for_each(|(t, &r)| *t += f64::from(r));
                }
            }
            part
        });
        let (total, observed) = parts.split_at(k);
        self.total.iter_mut().zip(total).for_each(|(t, p)| *t += sign * p);
        self.observed.iter_mut().zip(observed).for_each(|(t, p)| *t += sign * p);
    }

    /// Expected and observed number of each level in each cluster, both with one added: level after level.
    fn expected_and_observed(&self, level: usize) -> impl Iterator<Item = (f64, f64)> {
        let share = self.batches.size(level) / self.z.n_rows() as f64;
        let observed = &self.observed[level * self.n_clusters..(level + 1) * self.n_clusters];
        self.total.iter().zip(observed).map(move |(t, o)| (t * share + 1.0, o + 1.0))
    }

    /// How much each cluster is favoured by each level: `((E + 1) / (O + 1))^theta`.
    fn penalty(&self) -> Vec<f64> {
        // Blocks are small, so that this is a part of their time; the usual power is 2.
        let power = |x: f64, theta: f64| if theta.fract() == 0.0 { x.powi(theta as i32) } else { x.powf(theta) };
        let of_level = |b: usize| self.expected_and_observed(b).map(move |(e, o)| power(e / o, self.theta[b]));
        (0..self.batches.n_levels()).flat_map(of_level).collect()
    }

    /// The penalties of all of its levels, for each group of observations alike and each cluster; and their logarithms.
    fn favours(&self, penalty: &[f64]) -> Favours {
        let k = self.n_clusters;
        let of_group = |levels: &[u32], c: usize| levels.iter().map(|&b| penalty[b as usize * k + c]).sum::<f64>();
        let groups = self.batches.alike().iter();
        let sums = groups.flat_map(|(levels, _)| (0..k).map(|c| of_group(levels, c)));
        sums.map(|f| (f as f32, f.ln() as f32)).unzip()
    }

    /// The part of the objective that mixing makes: `sigma Σ theta O ln((O + 1) / (E + 1))`.
    fn mixing(&self) -> f64 {
        let of_level = |b: usize| {
            self.expected_and_observed(b).map(|(e, o)| (o - 1.0) * (o / e).ln()).sum::<f64>() * self.theta[b]
        };
        f64::from(self.sigma) * (0..self.batches.n_levels()).map(of_level).sum::<f64>()
    }

    /// New shares for these observations, which are counted; returns their part of the objective, mixing left out.
    fn replace(&mut self, which: &[u32], (favours, logs): &Favours) -> f64 {
        let (k, d) = (self.n_clusters, self.z.n_cols());
        let of_block = |rows: std::ops::Range<usize>| {
            let which = &which[rows];
            let near: Vec<f32> =
                which.iter().flat_map(|&i| &self.cosines[i as usize * d..(i as usize + 1) * d]).copied().collect();
            let mut shares = vec![0f32; which.len() * k];
            matmul(
                MatMut::from_row_major_slice_mut(&mut shares, which.len(), k),
                Accum::Replace,
                MatRef::from_row_major_slice(&near, which.len(), d),
                MatRef::from_row_major_slice(&self.centres, k, d).transpose(),
                1.0,
                Par::Seq,
            );
            let mut within = 0.0;
            for (&i, row) in which.iter().zip(shares.chunks_exact_mut(k)) {
                let group = self.batches.group(i as usize) * k;
                let (favours, logs) = (&favours[group..group + k], &logs[group..group + k]);
                within += f64::from(with_lanes(Soften { row, favours, logs, sigma: self.sigma }));
            }
            (shares, within)
        };
        let parts = par::map(which.len(), ROWS, of_block);
        let mut within = 0.0;
        for (block, (shares, part)) in which.chunks(ROWS).zip(parts) {
            within += part;
            for (&i, row) in block.iter().zip(shares.chunks_exact(k)) {
                self.shares[i as usize * k..(i as usize + 1) * k].copy_from_slice(row);
            }
        }
        self.count(which, 1.0);
        within
    }

    /// Subtracts from every observation what its clusters' ridge regressions on the batches say.
    pub(super) fn correct(&mut self, lambda: f64) {
        let (k, d, levels) = (self.n_clusters, self.z.n_cols(), self.batches.n_levels());
        let sums: Vec<(Vec<f64>, Vec<f64>)> = self.batches.alike().iter().map(|(_, who)| self.sums(who)).collect();
        // Coefficients of each cluster, level after level.
        let solved = par::map(k, 1, |cluster| {
            let c = cluster.start;
            let width = levels + 1;
            let (mut products, mut right) = (vec![0.0; width * width], vec![0.0; width * d]);
            for ((own, _), (counts, moments)) in self.batches.alike().iter().zip(&sums) {
                let at = || std::iter::once(0).chain(own.iter().map(|&b| b as usize + 1));
                for a in at() {
                    at().for_each(|b| products[a * width + b] += counts[c]);
                    let row = &mut right[a * d..(a + 1) * d];
                    row.iter_mut().zip(&moments[c * d..(c + 1) * d]).for_each(|(t, m)| *t += m);
                }
            }
            (1..width).for_each(|b| products[b * width + b] += lambda);
            let mut coefficients = vec![0.0; levels * d];
            // A cluster without observations says nothing.
            if let Some(inverse) = inverse(products, width) {
                for (b, row) in coefficients.chunks_exact_mut(d).enumerate() {
                    for a in 0..width {
                        let w = inverse[(b + 1) * width + a];
                        row.iter_mut().zip(&right[a * d..(a + 1) * d]).for_each(|(t, r)| *t += w * r);
                    }
                }
            }
            coefficients
        });
        for (own, who) in self.batches.alike() {
            let shift: Vec<f32> = solved
                .iter()
                .flat_map(|of| (0..d).map(move |j| own.iter().map(|&b| of[b as usize * d + j]).sum::<f64>() as f32))
                .collect();
            let moved = par::map(who.len(), ROWS, |rows| self.moved(&who[rows], &shift));
            for (block, rows) in who.chunks(ROWS).zip(moved) {
                for (&i, row) in block.iter().zip(rows.chunks_exact(d)) {
                    self.corrected[i as usize * d..(i as usize + 1) * d].copy_from_slice(row);
                }
            }
        }
        self.cosines = cosines(&self.corrected, d);
    }

    /// Shares of these observations: their sums by cluster, and the sums of the embedding they weigh.
    fn sums(&self, who: &[u32]) -> (Vec<f64>, Vec<f64>) {
        let (k, d) = (self.n_clusters, self.z.n_cols());
        let mut all = par::sum_vectors(who.len(), MANY, k + k * d, |rows| {
            let who = &who[rows];
            let (shares, z) = (self.gathered(who), self.originals(who));
            let mut moments = vec![0f32; k * d];
            matmul(
                MatMut::from_row_major_slice_mut(&mut moments, k, d),
                Accum::Replace,
                MatRef::from_row_major_slice(&shares, who.len(), k).transpose(),
                MatRef::from_row_major_slice(&z, who.len(), d),
                1.0,
                Par::Seq,
            );
            let mut part = vec![0.0; k];
            for row in shares.chunks_exact(k) {
                part.iter_mut().zip(row).for_each(|(t, &r)| *t += f64::from(r));
            }
            part.extend(moments.into_iter().map(f64::from));
            part
        });
        let moments = all.split_off(k);
        (all, moments)
    }

    /// These observations of the embedding less their shares of `shift`.
    fn moved(&self, who: &[u32], shift: &[f32]) -> Vec<f32> {
        let (k, d) = (self.n_clusters, self.z.n_cols());
        let mut rows = self.originals(who);
        matmul(
            MatMut::from_row_major_slice_mut(&mut rows, who.len(), d),
            Accum::Add,
            MatRef::from_row_major_slice(&self.gathered(who), who.len(), k),
            MatRef::from_row_major_slice(shift, k, d),
            -1.0,
            Par::Seq,
        );
        rows
    }

    fn gathered(&self, who: &[u32]) -> Vec<f32> {
        let k = self.n_clusters;
        who.iter().flat_map(|&i| &self.shares[i as usize * k..(i as usize + 1) * k]).copied().collect()
    }

    fn originals(&self, who: &[u32]) -> Vec<f32> {
        who.iter().flat_map(|&i| self.z.row(i as usize)).copied().collect()
    }
}

/// How much clusters are favoured, and the logarithms of that; group after group.
type Favours = (Vec<f32>, Vec<f32>);

/// Clusters looked at together.
const LANES: usize = 16;

/// Turns the cosines with all centres into shares; returns the observation's part of the objective.
struct Soften<'a> {
    row: &'a mut [f32],
    favours: &'a [f32],
    logs: &'a [f32],
    sigma: f32,
}

impl WithSimd for Soften<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let Self { row, favours, logs, sigma } = self;
        let scale = 2.0 / sigma;
        let (rows, last) = row.as_chunks_mut::<LANES>();
        let (favours, last_favours) = favours.as_chunks::<LANES>();
        let (logs, last_logs) = logs.as_chunks::<LANES>();
        let mut top = padded(last, f32::NEG_INFINITY);
        for row in rows.iter() {
            top.iter_mut().zip(row).for_each(|(top, x)| *top = top.max(*x));
        }
        let top = top.into_iter().fold(f32::NEG_INFINITY, f32::max);

        // Sums of the shares before they are divided by their sum: alone, with the cosines, with the logarithms.
        let mut sums = [[0f32; LANES]; 3];
        let mut soften = |row: &mut [f32; LANES], favours: &[f32; LANES], logs: &[f32; LANES]| {
            for l in 0..LANES {
                let cosine = row[l];
                row[l] = exp_negative((cosine - top) * scale) * favours[l];
                sums[0][l] += row[l];
                sums[1][l] += row[l] * cosine;
                sums[2][l] += row[l] * logs[l];
            }
        };
        rows.iter_mut().zip(favours).zip(logs).for_each(|((row, favours), logs)| soften(row, favours, logs));
        // What fills the last lanes is not favoured at all.
        let mut end = padded(last, top);
        soften(&mut end, &padded(last_favours, 0.0), &padded(last_logs, 0.0));
        last.copy_from_slice(&end[..last.len()]);

        let [sum, cosine, log] = sums.map(|lanes| lanes.iter().sum::<f32>());
        for x in row.iter_mut() {
            *x /= sum;
        }
        let (cosine, log) = (cosine / sum, log / sum);
        // Σ r ln r, from r = e^(scale (cosine − top)) favour / sum.
        let entropy = scale * (cosine - top) + log - sum.ln();
        2.0 * (1.0 - cosine) + sigma * entropy
    }
}

/// A few values and what fills the lanes.
#[inline(always)]
fn padded(few: &[f32], with: f32) -> [f32; LANES] {
    let mut all = [with; LANES];
    all[..few.len()].copy_from_slice(few);
    all
}
