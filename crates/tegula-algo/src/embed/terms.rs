//! The three terms of the objective, and how far an embedding is from them.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::f64::consts::{LN_2, SQRT_2};

use rayon::prelude::*;
use tegula_core::{Ctx, Result};

use super::affinity::Points;
use super::pairs::{FAR, Pairs, STRIP, columns, rows, width};
use crate::linalg::panel::{Real, Row, W, vectorised};

/// How much the distances in expression (α) and in the tissue (β) count beside the nearness in expression.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Balance {
    /// The weight of the distances in expression.
    pub alpha: f64,
    /// The weight of the distances in the tissue.
    pub beta: f64,
}

/// What an embedding is to keep, over all pairs of observations. Each term sums to 1 over ordered pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms<T> {
    /// P: nearness in expression.
    pub local: Pairs<T>,
    /// Pg: distances in expression; `None` where they never count.
    pub global: Option<Pairs<T>>,
    /// Ps: distances in the tissue; `None` where they never count.
    pub spatial: Option<Pairs<T>>,
    /// Σ p ln p of the three.
    entropies: [f64; 3],
}

/// The Kullback-Leibler divergences of an embedding from what it is to keep; NaN for a term that does not count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divergences {
    /// KL(P‖Q): nearness in expression.
    pub local: f64,
    /// KL(Pg‖Qg): distances in expression.
    pub global: f64,
    /// KL(Ps‖Qg): distances in the tissue.
    pub spatial: f64,
}

impl Divergences {
    /// The objective: the terms by their weights.
    pub fn total(&self, balance: Balance) -> f64 {
        let weighted = |weight: f64, kl: f64| if weight > 0.0 { weight * kl } else { 0.0 };
        self.local + weighted(balance.alpha, self.global) + weighted(balance.beta, self.spatial)
    }
}

/// `(α + β) Σ_j Qg_ij q_ij (y_i − y_j) = factor (y_i − mean)`, and `total = Σ (1 + ‖y_i − y_j‖²)`.
pub(super) struct Spreading {
    pub(super) factor: f64,
    pub(super) mean: Vec<f64>,
    pub(super) total: f64,
}

impl Spreading {
    /// That of points in `dim` dimensions.
    pub(super) fn of(y: &[f64], dim: usize, balance: Balance) -> Self {
        let n = (y.len() / dim) as f64;
        let mean: Vec<f64> = (0..dim).map(|d| y.iter().skip(d).step_by(dim).sum::<f64>() / n).collect();
        let squares: f64 = y.chunks(dim).map(|p| p.iter().zip(&mean).map(|(x, m)| (x - m).powi(2)).sum::<f64>()).sum();
        let total = n * (n - 1.0) + 2.0 * n * squares;
        Self { factor: (balance.alpha + balance.beta) * n / total, mean, total }
    }
}

impl<T: Real> Terms<T> {
    /// The terms of points in expression and, where given, in the tissue; `balance` says which will ever count.
    ///
    /// # Errors
    /// [`tegula_core::Error::Cancelled`].
    pub fn new(
        expression: &Points,
        tissue: Option<&Points>,
        perplexity: f64,
        balance: Balance,
        ctx: &Ctx<'_>,
    ) -> Result<Self> {
        let local = expression.nearness::<T>(perplexity, ctx)?;
        let global = (balance.alpha > 0.0).then(|| expression.spread());
        let spatial = tissue.filter(|_| balance.beta > 0.0).map(Points::spread);
        let entropies = [Some(&local), global.as_ref(), spatial.as_ref()].map(|p| p.map_or(0.0, entropy));
        Ok(Self { local, global, spatial, entropies })
    }

    /// Number of observations.
    pub fn n_obs(&self) -> usize {
        self.local.n_obs()
    }

    /// w = e P − α Pg − β Ps; `None` where it is a multiple of P.
    pub(super) fn weights(&self, exaggeration: f64, balance: Balance) -> Option<Pairs<T>> {
        let parts: Vec<(f64, &Pairs<T>)> = std::iter::once((exaggeration, &self.local))
            .chain(self.global.iter().map(|p| (-balance.alpha, p)))
            .chain(self.spatial.iter().map(|p| (-balance.beta, p)))
            .filter(|part| part.0 != 0.0)
            .collect();
        (parts.len() > 1).then(|| Pairs::combined(&parts))
    }

    /// The divergences of points in `dim` dimensions.
    pub fn divergences(&self, y: &[f64], dim: usize) -> Divergences {
        let n = self.n_obs();
        let terms = [Some(&self.local), self.global.as_ref(), self.spatial.as_ref()];
        let columns = columns::<f64>(y, dim, FAR);
        let parts: Vec<[f64; 4]> = (0..self.local.n_strips())
            .into_par_iter()
            .map(|s| {
                let of: [Option<_>; 3] = terms.map(|t| t.map(|p| p.strip(s)));
                vectorised(
                    #[inline(always)]
                    || strip_sums(n, s, &columns, of),
                )
            })
            .collect();
        let total = |k: usize| 2.0 * parts.iter().map(|p| p[k]).sum::<f64>();
        let nearness = total(3) - n as f64;
        let spread = Spreading::of(y, dim, Balance::default()).total;
        let wide = |k: usize| if terms[k].is_some() { self.entropies[k] - total(k) + spread.ln() } else { f64::NAN };
        Divergences { local: self.entropies[0] + total(0) + nearness.ln(), global: wide(1), spatial: wide(2) }
    }
}

/// `Σ p ln(1 + ‖y_i − y_j‖²)` of the three terms and Σ q, for one strip; pairs that stand twice count half.
#[inline(always)]
fn strip_sums<T: Real>(n: usize, s: usize, columns: &[Vec<Row<f64>>], terms: [Option<&[Row<T>]>; 3]) -> [f64; 4] {
    let (wide, head) = (width(n, s), s * (STRIP / W));
    let mut sums = [0.0; 4];
    for (r, i) in rows(n, s).enumerate() {
        let mut lanes = [[0.0; W]; 4];
        for c in 0..wide {
            let half = if c < STRIP / W { 0.5 } else { 1.0 };
            let mut d2 = [0.0; W];
            for column in columns {
                let (x, others) = (column[i / W].0[i % W], &column[head + c].0);
                for l in 0..W {
                    d2[l] += (x - others[l]) * (x - others[l]);
                }
            }
            let mut logs = [0.0; W];
            for l in 0..W {
                lanes[3][l] += half / (1.0 + d2[l]);
                logs[l] = half * ln_1p(d2[l]);
            }
            for (k, term) in terms.iter().enumerate() {
                if let Some(p) = term {
                    let p = &p[r * wide + c].0;
                    for l in 0..W {
                        lanes[k][l] += p[l].to_f64() * logs[l];
                    }
                }
            }
        }
        for (sum, lanes) in sums.iter_mut().zip(lanes) {
            *sum += lanes.iter().sum::<f64>();
        }
    }
    sums
}

/// Σ p ln p over all ordered pairs.
fn entropy<T: Real>(p: &Pairs<T>) -> f64 {
    let parts: Vec<f64> = (0..p.n_strips())
        .into_par_iter()
        .map(|s| {
            let (wide, strip) = (width(p.n_obs(), s), p.strip(s));
            vectorised(
                #[inline(always)]
                || {
                    let mut lanes = [0.0; W];
                    for (e, row) in strip.iter().enumerate() {
                        let half = if e % wide < STRIP / W { 0.5 } else { 1.0 };
                        for l in 0..W {
                            // Zeros and what is next to nothing give nothing.
                            let p = row.0[l].to_f64().max(1e-300);
                            lanes[l] -= half * p * ln_1p(1.0 / p - 1.0);
                        }
                    }
                    lanes.iter().sum::<f64>()
                },
            )
        })
        .collect();
    2.0 * parts.into_iter().sum::<f64>()
}

/// ln(1 + x) for finite x ≥ 0, within 2e-9 relative: a short series that the compiler turns into vector instructions.
#[inline(always)]
fn ln_1p(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let u = 1.0 + x;
    let bits = u.to_bits();
    // The exponent as a float without an integer conversion, which AVX2 lacks: put it below 2^52 and subtract.
    let exponent = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - 4_503_599_627_371_519.0;
    let mantissa = f64::from_bits((bits & MANTISSA) | 0x3ff0_0000_0000_0000);
    let high = mantissa > SQRT_2;
    let m = if high { 0.5 * mantissa } else { mantissa };
    let k = if high { exponent + 1.0 } else { exponent };
    // ln m = 2 artanh s.
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    let small = x * (1.0 - x * (0.5 - x * (1.0 / 3.0)));
    if x < 1e-5 { small } else { k * LN_2 + 2.0 * s * series }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_agrees_with_the_standard_library() {
        for step in 0..60_000 {
            let x = 1e-12 * (f64::from(step) * 1e-3).exp();
            assert!((ln_1p(x) / x.ln_1p() - 1.0).abs() < 1e-8, "{x}");
        }
        assert_eq!(ln_1p(0.0), 0.0);
    }
}
