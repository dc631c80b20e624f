//! How many steps to diffuse: the number after which neighbours predict each observation best.

use rayon::prelude::*;
use tegula_core::{Ctx, Dense, Graph, Result, Step, par};

use super::{DiffuseParams, Walk, variance};
use crate::pp::subsample;

/// Observations whose prediction is looked at.
const SAMPLE: usize = 5_000;

/// How far above the smallest error an error is as good.
const MARGIN: f64 = 1.01;

/// The steps chosen, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// The number of steps.
    pub n_steps: usize,
    /// The error of the prediction after 1, 2, … steps, as a share of the variance of the embedding.
    pub error: Vec<f64>,
}

/// The number of steps, at most `most`, after which neighbours predict each observation best; see [`DiffuseParams`].
///
/// # Errors
/// [`tegula_core::Error::Shape`] where the graph has not one node for every row; [`tegula_core::Error::Cancelled`].
///
/// ```
/// use tegula_algo::pp::choose_steps;
/// use tegula_core::{Ctx, Dense, Graph};
/// // A ring of noise around one level: the more it is averaged, the better.
/// let ring: Vec<_> = (0..60u32).flat_map(|i| [(i, (i + 1) % 60, 1.0), ((i + 1) % 60, i, 1.0)]).collect();
/// let noise = Dense::new(60, 1, (0..60).map(|i| (i * 37 % 61) as f32).collect::<Vec<_>>())?;
/// let found = choose_steps(&noise, &Graph::from_edges(60, &ring)?, 4, 1.0, &Ctx::new(1))?;
/// assert_eq!(found.error.len(), 4);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn choose_steps(z: &Dense, graph: &Graph, most: usize, alpha: f64, ctx: &Ctx<'_>) -> Result<Steps> {
    let n = z.n_rows();
    let walk = Walk::new(graph, n, alpha)?;
    let seen = subsample(n, n.min(SAMPLE), None, ctx)?;
    let seen: Vec<usize> = seen.into_iter().filter(|&i| !graph.neighbors(i).is_empty()).collect();
    let returns: Vec<Vec<f64>> =
        seen.par_iter().map_init(|| vec![0.0; n], |at, &i| walk.returns(i, most, at)).collect();
    let scale = variance(z) * seen.len() as f64 / n.max(1) as f64;
    let mut error: Vec<f64> = Vec::with_capacity(most);
    let mut now = z.clone();
    ctx.begin(DiffuseParams::ID, most as u64);
    for t in 0..most {
        now = walk.step(&now);
        let of_one = |s: usize| {
            let (i, p) = (seen[s], returns[s][t]);
            let miss = |(&after, &own): (&f32, &f32)| {
                // (after − p own) / (1 − p) − own
                let d = (f64::from(after) - f64::from(own)) / (1.0 - p);
                d * d
            };
            now.row(i).iter().zip(z.row(i)).map(miss).sum::<f64>()
        };
        let total = par::sum(seen.len(), |range| range.map(of_one).sum());
        error.push(if scale > 0.0 { total / scale } else { 0.0 });
        ctx.tick(DiffuseParams::ID, 1)?;
    }
    ctx.end(DiffuseParams::ID);
    let best = error.iter().copied().fold(f64::INFINITY, f64::min);
    let n_steps = error.iter().position(|&e| e <= MARGIN * best).map_or(1, |t| t + 1);
    Ok(Steps { n_steps, error })
}

impl Walk<'_> {
    /// The probability to be back at `i` after 1, 2, …, `most` steps. `at` is scratch: zero before and after.
    fn returns(&self, i: usize, most: usize, at: &mut [f64]) -> Vec<f64> {
        let mut places = vec![(i, 1.0)];
        let mut back = Vec::with_capacity(most);
        for _ in 0..most {
            let mut reached = Vec::new();
            for (from, p) in places {
                for (to, q) in self.from(from) {
                    if at[to] == 0.0 {
                        reached.push(to);
                    }
                    at[to] += p * q;
                }
            }
            back.push(at[i]);
            places = reached.into_iter().map(|j| (j, std::mem::take(&mut at[j]))).collect();
        }
        back
    }
}
