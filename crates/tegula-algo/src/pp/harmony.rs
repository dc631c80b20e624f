//! `pp.harmony`: batches moved onto each other in an embedding.

mod batches;
mod rounds;

use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Array, Ctx, Dense, Dict, Error, Outcome, Result, Slot, Step, Value, keys};

pub use batches::Batches;
use rounds::{Mixing, cosines};

use crate::cluster::{KmeansParams, kmeans};
use crate::graph::neighbors::embedding;

/// Rounds whose mean is compared to see whether the clustering still moves.
const WINDOW: usize = 3;

/// Starts of the first clustering, and its rounds: as the reference's.
const STARTS: usize = 10;
const START_ROUNDS: usize = 25;

/// Moves batches onto each other in an embedding.
///
/// # What it does
/// Corrects an embedding (principal components) so that observations of different batches (sections, animals, technologies)
/// that are alike lie together, and writes the corrected embedding beside the old one.
///
/// # When to use it
/// Before neighbours, clusters or projections of several sections together, where batches lie apart in the embedding.
/// Where a batch holds what no other holds, look whether it is still apart afterwards. For corrected expression see
/// `pp.combat`.
///
/// # How it works
/// Observations, at length one, are clustered softly: the share of cluster k is `exp(−dist / sigma)` times a factor,
/// ((E + 1) / (O + 1))^`theta`, that favours clusters in which the observation's batch is rarer (O) than expected (E).
/// Shares are updated for a twentieth of the observations at a time, in random order. Then within every cluster a ridge
/// regression of the embedding on the batches is subtracted, weighted by the shares. Both repeat until the objective
/// falls no more.
///
/// # Reads and writes
/// Reads `obsm[use_rep]` and the columns `key` of `obs`. Writes `obsm["X_pca_harmony"]` (`key_added`) and
/// `uns["harmony"]` (the last part of `key_added`): `objective` after each round, `rounds` of clustering in each.
///
/// # Determinism
/// Seeded; the same bits for any number of threads.
///
/// # Cost
/// O(N K d) per round of clustering, K clusters and d columns, some fifty rounds in all; memory: N × K shares and the
/// embedding three times, all in single precision.
///
/// # Differences from the reference
/// The result of `harmonypy` 0.0.10 given the same start and order of updates; they draw other random numbers.
/// An observation whose components are all negative keeps its direction (harmonypy turns it round at the start).
///
/// # Example
/// `tegula pp harmony in.h5ad -o out.h5ad --key section`
///
/// # References
/// Korsunsky et al. 2019, <https://doi.org/10.1038/s41592-019-0619-0>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HarmonyParams {
    /// Columns of `obs` that tell the batches; required.
    pub key: Vec<String>,
    /// The embedding in `obsm`.
    pub use_rep: String,
    /// Use only the first so many columns of the embedding; all if not given.
    pub n_pcs: Option<usize>,
    /// Name of the corrected embedding in `obsm`.
    pub key_added: String,
    /// How strongly mixed clusters are favoured; 0 not at all. One number, or one for each of the columns.
    pub theta: Vec<f64>,
    /// Ridge penalty of the correction: larger moves less.
    pub lamb: f64,
    /// Softness of the clusters: larger gives observations to more clusters.
    pub sigma: f64,
    /// Number of clusters; observations / 30, at most 100, if not given.
    pub n_clusters: Option<usize>,
    /// Observations expected in a cluster: protects batches smaller than that; 0 for none.
    pub tau: f64,
    /// Rounds of correction at most.
    pub max_iter: usize,
    /// Rounds of clustering at most in each.
    pub max_iter_kmeans: usize,
    /// Share of the observations whose clusters are updated at once.
    pub block_size: f64,
    /// Relative change of the objective below which a clustering ends.
    pub tol_kmeans: f64,
    /// Relative fall of the objective below which all ends.
    pub tol: f64,
}

impl Default for HarmonyParams {
    fn default() -> Self {
        Self {
            key: Vec::new(),
            use_rep: keys::X_PCA.into(),
            n_pcs: None,
            key_added: "X_pca_harmony".into(),
            theta: vec![2.0],
            lamb: 1.0,
            sigma: 0.1,
            n_clusters: None,
            tau: 0.0,
            max_iter: 10,
            max_iter_kmeans: 20,
            block_size: 0.05,
            tol_kmeans: 1e-5,
            tol: 1e-4,
        }
    }
}

/// The result of [`harmony`].
#[derive(Debug, Clone, PartialEq)]
pub struct Harmonised {
    /// The corrected embedding.
    pub z: Dense,
    /// The objective at the start and after each round.
    pub objective: Vec<f64>,
    /// Rounds of clustering in each round.
    pub rounds: Vec<usize>,
    /// Whether it ended by itself.
    pub converged: bool,
}

/// Moves batches onto each other; see [`HarmonyParams`].
///
/// # Errors
/// [`Error::Param`] for parameters out of range; [`Error::Data`] for values that are not finite; [`Error::Shape`] where
/// rows and batches differ in number; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::pp::{Batches, HarmonyParams, harmony};
/// use tegula_core::{Ctx, Dense, Labels};
/// // Two groups of ten, seen twice: the second time shifted.
/// let row = |i: usize| [if i % 20 < 10 { 3.0 } else { -3.0 }, (i % 10) as f32 / 9.0, if i < 20 { 1.0 } else { -1.0 }];
/// let z = Dense::new(40, 3, (0..40).flat_map(row).collect::<Vec<_>>())?;
/// let batch = Labels::from_clusters(&(0..40).map(|i| i / 20).collect::<Vec<u32>>());
/// let params = HarmonyParams { n_clusters: Some(2), ..HarmonyParams::default() };
/// let found = harmony(&z, &Batches::new(&[batch])?, &params, &Ctx::default())?;
/// let apart = |z: &Dense| (z.row(0)[2] - z.row(20)[2]).abs();
/// assert!(apart(&found.z) < 0.2 * apart(&z));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn harmony(z: &Dense, batches: &Batches, params: &HarmonyParams, ctx: &Ctx<'_>) -> Result<Harmonised> {
    let (n, d) = (z.n_rows(), z.n_cols());
    params.check()?;
    if batches.n_obs() != n {
        return Err(Error::shape("batches", format!("({})", batches.n_obs()), format!("({n})")));
    }
    if d == 0 || n == 0 {
        return Err(Error::data("embedding", "is empty; name another"));
    }
    if let Some(at) = z.data().iter().position(|x| !x.is_finite()) {
        return Err(Error::data("embedding", format!("observation {} holds {}; drop it first", at / d, z.data()[at])));
    }
    let k = params.n_clusters.unwrap_or_else(|| ((n as f64 / 30.0).round() as usize).clamp(1, 100));
    if k > n {
        return Err(HarmonyParams::refuse("n_clusters", k, &format!("at most {n}, the number of observations")));
    }
    let start = KmeansParams { n_clusters: k, n_init: STARTS, max_iter: START_ROUNDS, ..KmeansParams::default() };
    let centres = kmeans(&Dense::new(n, d, cosines(z.data(), d))?, &start, ctx)?.centres;
    let order = |round: u64| {
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.shuffle(&mut ctx.rng("pp.harmony.order", round));
        order
    };
    from_centres(z, batches, &centres, params, order, ctx)
}

/// Harmony from given centres of clusters; `order` gives the order of the updates in each round of clustering.
fn from_centres(
    z: &Dense,
    batches: &Batches,
    centres: &[f64],
    params: &HarmonyParams,
    order: impl Fn(u64) -> Vec<u32>,
    ctx: &Ctx<'_>,
) -> Result<Harmonised> {
    let theta = params.thetas(batches, centres.len() / z.n_cols())?;
    let mut mixing = Mixing::new(z, batches, centres, params.sigma, theta);
    let mut inner = vec![mixing.start()];
    let mut objective = inner.clone();
    let (mut rounds, mut converged, mut round) = (Vec::new(), false, 0);
    ctx.begin(HarmonyParams::ID, params.max_iter as u64);
    while !converged && rounds.len() < params.max_iter && ctx.goes_on()? {
        let mut done = 0;
        while done < params.max_iter_kmeans {
            inner.push(mixing.cluster(&order(round), params.block_size));
            (round, done) = (round + 1, done + 1);
            ctx.tick(HarmonyParams::ID, 0)?;
            if done > WINDOW + 1 && settled(&inner, params.tol_kmeans) {
                break;
            }
        }
        rounds.push(done);
        mixing.correct(params.lamb);
        let (before, after) = (objective[objective.len() - 1], inner[inner.len() - 1]);
        objective.push(after);
        converged = (before - after) / before.abs() < params.tol;
        ctx.metric(HarmonyParams::ID, "objective", after);
        ctx.tick(HarmonyParams::ID, 1)?;
    }
    ctx.end(HarmonyParams::ID);
    Ok(Harmonised { z: mixing.into_corrected()?, objective, rounds, converged })
}

/// Whether the mean objective of the last rounds is that of the rounds one before.
fn settled(objective: &[f64], tol: f64) -> bool {
    let sum = |end: usize| objective[end - WINDOW..end].iter().sum::<f64>();
    let (old, new) = (sum(objective.len() - 1), sum(objective.len()));
    (old - new).abs() / old.abs() < tol
}

impl HarmonyParams {
    /// What can be said of the numbers alone.
    fn check(&self) -> Result<()> {
        let above = [("sigma", self.sigma), ("block_size", self.block_size)];
        if let Some((name, x)) = above.into_iter().find(|(_, x)| !(*x > 0.0 && x.is_finite())) {
            return Err(Self::refuse(name, x, "a number above 0"));
        }
        if self.block_size > 1.0 {
            return Err(Self::refuse("block_size", self.block_size, "a share, at most 1"));
        }
        let least = [("lamb", self.lamb), ("tau", self.tau), ("tol", self.tol), ("tol_kmeans", self.tol_kmeans)];
        let thetas = self.theta.iter().map(|&x| ("theta", x));
        if let Some((name, x)) = least.into_iter().chain(thetas).find(|(_, x)| !(*x >= 0.0 && x.is_finite())) {
            return Err(Self::refuse(name, x, "0 or more"));
        }
        let counts = [
            ("n_clusters", self.n_clusters),
            ("max_iter", Some(self.max_iter)),
            ("max_iter_kmeans", Some(self.max_iter_kmeans)),
            ("n_pcs", self.n_pcs),
        ];
        match counts.into_iter().find(|c| c.1 == Some(0)) {
            Some((name, _)) => Err(Self::refuse(name, 0, "at least 1")),
            None => Ok(()),
        }
    }

    /// The strength of each batch of each column.
    fn thetas(&self, batches: &Batches, n_clusters: usize) -> Result<Vec<f64>> {
        let columns = batches.n_columns();
        if self.theta.len() != 1 && self.theta.len() != columns {
            let must = format!("one number, or one for each of the {columns} columns");
            return Err(Self::refuse("theta", format!("{:?}", self.theta), &must));
        }
        let of_level = |b: usize| {
            let theta = self.theta[if self.theta.len() == 1 { 0 } else { batches.column_of(b) }];
            if self.tau == 0.0 {
                return theta;
            }
            let expected = n_clusters as f64 * self.tau;
            theta * (1.0 - (-(batches.size(b) / expected).powi(2)).exp())
        };
        Ok((0..batches.n_levels()).map(of_level).collect())
    }
}

impl Step for HarmonyParams {
    const ID: &'static str = "pp.harmony";
    const SUMMARY: &'static str = "Moves batches onto each other in an embedding.";
    const ALIASES: &'static [&'static str] = &["pp.harmony_integrate"];

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::rep(&self.use_rep)];
        slots.extend(self.key.iter().map(|key| Slot::obs(key)));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obsm(&self.key_added), Slot::uns("harmony")]
    }

    fn validate(&self) -> Result<()> {
        if self.key.is_empty() || self.key.iter().any(String::is_empty) {
            return Err(Self::refuse("key", "not given", "the column of obs with the batches, or several"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "a name"));
        }
        self.check()
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let z = embedding(adata, &self.use_rep, self.n_pcs, Self::ID)?;
        let batches = Batches::stored(adata, &self.key)?;
        let found = harmony(&z, &batches, self, ctx)?;
        let rounds = found.rounds.len();
        let entry = Dict::from([
            ("objective".to_owned(), Value::from(Array::vector(found.objective.clone()))),
            ("rounds".to_owned(), Value::from(Array::vector(found.rounds.iter().map(|&r| r as f64).collect()))),
            ("converged".to_owned(), Value::from(found.converged)),
        ]);
        adata.set_obsm(&self.key_added, found.z)?;
        adata.set_uns("harmony", entry);
        Ok(Dict::from([
            ("n_batches".to_owned(), Value::from(batches.n_levels())),
            ("n_iter".to_owned(), Value::from(rounds)),
            ("converged".to_owned(), Value::from(found.converged)),
            ("objective".to_owned(), Value::from(found.objective.last().copied().unwrap_or(f64::NAN))),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::Labels;

    const N: usize = 240;
    const D: usize = 6;
    const K: usize = 8;

    /// The embedding and the columns of `tests/golden/harmony/make.py`.
    fn tissue() -> (Dense, [Labels; 2]) {
        let mut s: u64 = 5;
        let mut noise = || {
            s = s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((s >> 33) % 1000) as f64 / 1000.0 - 0.5
        };
        let mut rows = Vec::new();
        for i in 0..N {
            let mut row: [f64; D] = std::array::from_fn(|_| noise());
            row[i / 60] += 3.0;
            row[4] += 1.5 * (i % 3) as f64 - 1.5;
            row[5] += (i / 7 % 2) as f64;
            rows.extend(row.map(|x| x as f32));
        }
        let batch = Labels::from_clusters(&(0..N as u32).map(|i| i % 3).collect::<Vec<_>>());
        let donor = Labels::from_clusters(&(0..N as u32).map(|i| i / 7 % 2).collect::<Vec<_>>());
        (Dense::new(N, D, rows).unwrap(), [batch, donor])
    }

    #[test]
    fn results_are_those_of_harmonypy_from_the_same_start() {
        let text = include_str!("../../tests/golden/harmony/harmonypy.csv");
        let (z, labels) = tissue();
        let centres: Vec<f64> = (0..K).flat_map(|c| z.row(c * 30 + 1)).map(|&x| f64::from(x)).collect();
        for (columns, theta) in [(1, vec![2.0]), (2, vec![1.0, 3.0])] {
            let batches = Batches::new(&labels[..columns]).unwrap();
            let rounds = HarmonyParams {
                max_iter: 3,
                max_iter_kmeans: 12,
                tol_kmeans: 0.0,
                tol: 0.0,
                ..HarmonyParams::default()
            };
            let params = HarmonyParams { theta, ..rounds };
            let order = |_| (0..N as u32).collect();
            let found = from_centres(&z, &batches, &centres, &params, order, &Ctx::default()).unwrap();
            let lines = text.lines().map(|l| l.split(',').collect::<Vec<_>>());
            let mut seen = 0;
            for line in lines.filter(|l| l[0] == columns.to_string()) {
                let numbers: Vec<f64> = line[2..].iter().map(|x| x.parse().unwrap()).collect();
                match line[1] {
                    "rounds" => assert_eq!(found.rounds.iter().map(|&r| r as f64).collect::<Vec<_>>(), numbers),
                    "objective" => {
                        for (a, b) in found.objective.iter().zip(&numbers) {
                            assert!((a - b).abs() < 1e-4 * (1.0 + b.abs()), "objective {a}, {b} expected");
                        }
                    }
                    row => {
                        seen += 1;
                        for (a, b) in found.z.row(row.parse().unwrap()).iter().zip(&numbers) {
                            assert!((f64::from(*a) - b).abs() < 1e-4, "row {row}: {a}, {b} expected");
                        }
                    }
                }
            }
            assert_eq!(seen, N.div_ceil(7));
        }
    }
}
