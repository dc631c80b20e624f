//! Random numbers of the distributions that counts are made of.
//!
//! Our own beside `rand_distr`: it has no logarithmic distribution, its alias table takes two random numbers where one
//! is enough in the innermost loop, and what a seed gives would change with its versions.

use std::f64::consts::TAU;

use rand::Rng;

/// A number in the open interval from 0 to 1, so that its logarithm is finite.
pub(super) fn uniform(rng: &mut impl Rng) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 52) as f64;
    ((rng.next_u64() >> 12) as f64 + 0.5) * STEP
}

/// A standard normal number (Box & Muller).
///
/// ```
/// let mut rng = tegula_core::Ctx::new(0).rng("demo", 0);
/// let mean = (0..10_000).map(|_| tegula_algo::simulate::normal(&mut rng)).sum::<f64>() / 10_000.0;
/// assert!(mean.abs() < 0.05);
/// ```
pub fn normal(rng: &mut impl Rng) -> f64 {
    (-2.0 * uniform(rng).ln()).sqrt() * (TAU * uniform(rng)).cos()
}

/// Runs `event` as often as a Poisson number of mean `rate` says.
///
/// The waiting times of a Poisson process, summed as a product of uniform numbers; cut into parts whose limit is far
/// from underflow.
pub(super) fn poisson<R: Rng>(rate: f64, rng: &mut R, mut event: impl FnMut(&mut R)) {
    const PART: f64 = 500.0;
    let mut left = rate;
    while left > 0.0 {
        let limit = (-left.min(PART)).exp();
        left -= PART;
        let mut product = uniform(rng);
        while product > limit {
            event(rng);
            product *= uniform(rng);
        }
    }
}

/// A number of the logarithmic distribution, P(k) ∝ pᵏ / k, where p = `odds` / (1 + `odds`).
///
/// It is geometric with a random parameter q = 1 − (1 − p)ᵁ (Kemp 1981). `v` is uniform; `log` is ln(1 + `odds`).
pub(super) fn logarithmic(odds: f64, log: f64, v: f64, rng: &mut impl Rng) -> u32 {
    if v * (1.0 + odds) >= odds {
        return 1;
    }
    let rest = (-log * uniform(rng)).exp();
    // A division by −0 where q is 1 to the last bit ends in the largest number, not in a panic.
    if v >= 1.0 - rest { 1 } else { 1u32.saturating_add((v.ln() / (-rest).ln_1p()) as u32) }
}

/// Draws indices by weight in constant time (Walker 1977; Vose 1991).
pub(super) struct Alias {
    /// How much of each slot, of 2³², is its own, and whose the rest is.
    slots: Vec<(u32, u32)>,
}

impl Alias {
    /// A table of weights that are not negative, at least one of them positive.
    pub(super) fn new(weights: &[f64]) -> Self {
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        let mut share: Vec<f64> = weights.iter().map(|w| w * scale).collect();
        let mut slots: Vec<(u32, u32)> = (0..weights.len()).map(|i| (u32::MAX, i as u32)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(|&i| share[i] < 1.0);
        while let (Some(s), Some(&l)) = (small.pop(), large.last()) {
            slots[s] = ((share[s] * 4_294_967_296.0) as u32, l as u32);
            share[l] -= 1.0 - share[s];
            if share[l] < 1.0 {
                small.extend(large.pop());
            }
        }
        Self { slots }
    }

    /// An index; one random number gives the slot and the place in it.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> usize {
        let wide = u128::from(rng.next_u64()) * self.slots.len() as u128;
        let slot = (wide >> 64) as usize;
        let (own, other) = self.slots[slot];
        if ((wide as u64) >> 32) as u32 >= own { other as usize } else { slot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::Ctx;

    /// χ² of what was drawn against what was to be expected.
    fn chi2(seen: &[f64], expected: &[f64]) -> f64 {
        seen.iter().zip(expected).map(|(s, e)| (s - e).powi(2) / e).sum()
    }

    const N: usize = 200_000;

    #[test]
    fn an_alias_table_draws_by_weight() {
        let weights = [0.1, 3.0, 0.0, 1.0, 0.7, 5.2];
        let (table, mut rng) = (Alias::new(&weights), Ctx::new(1).rng("test", 0));
        let mut seen = [0.0; 6];
        (0..N).for_each(|_| seen[table.draw(&mut rng)] += 1.0);
        assert_eq!(seen[2], 0.0);
        let expected: Vec<f64> = weights.iter().map(|w| w * N as f64 / 10.0).collect();
        let keep = [0, 1, 3, 4, 5];
        let (s, e) = (keep.map(|i| seen[i]), keep.map(|i| expected[i]));
        assert!(chi2(&s, &e) < 18.5, "0.1 % of χ² with 4 degrees of freedom: {seen:?}");
        assert_eq!(Alias::new(&[2.0]).draw(&mut rng), 0);
    }

    #[test]
    fn poisson_and_logarithmic_numbers_have_their_probabilities() {
        let mut rng = Ctx::new(2).rng("test", 0);
        let mut seen = [0.0; 9];
        for _ in 0..N {
            let mut k = 0usize;
            poisson(2.5, &mut rng, |_| k += 1);
            seen[k.min(8)] += 1.0;
        }
        let mut expected = [0.0; 9];
        let mut p = (-2.5f64).exp();
        for (k, e) in expected.iter_mut().enumerate().take(8) {
            *e = p * N as f64;
            p *= 2.5 / (k + 1) as f64;
        }
        expected[8] = N as f64 - expected[..8].iter().sum::<f64>();
        assert!(chi2(&seen, &expected) < 26.1, "0.1 % of χ² with 8 degrees of freedom: {seen:?}");

        let (odds, mut seen) = (4.0f64, [0.0; 9]);
        for _ in 0..N {
            let v = uniform(&mut rng);
            seen[(logarithmic(odds, odds.ln_1p(), v, &mut rng) as usize - 1).min(8)] += 1.0;
        }
        let of = |k: i32| (odds / (1.0 + odds)).powi(k) / f64::from(k) / odds.ln_1p() * N as f64;
        let mut expected: Vec<f64> = (1..=8).map(of).collect();
        expected.push(N as f64 - expected.iter().sum::<f64>());
        assert!(chi2(&seen, &expected) < 26.1, "{seen:?} {expected:?}");
    }

    #[test]
    fn large_rates_neither_underflow_nor_drift() {
        let mut rng = Ctx::new(3).rng("test", 0);
        let mut k = 0u32;
        poisson(1e6, &mut rng, |_| k += 1);
        assert!((f64::from(k) - 1e6).abs() < 4e3, "{k}");
        assert!(logarithmic(1e300, 1e300f64.ln_1p(), 0.5, &mut rng) >= 1);
        let mean = (0..N).map(|_| normal(&mut rng)).sum::<f64>() / N as f64;
        assert!(mean.abs() < 0.01, "{mean}");
    }
}
