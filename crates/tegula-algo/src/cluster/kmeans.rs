//! `tl.kmeans`: k-means in an embedding.

mod batches;
mod lloyd;
mod nearest;
mod start;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{
    AnnData, Array, ArrayData, Ctx, Dense, Dict, Error, Labels, Outcome, Result, Slot, Step, Value, keys, par,
};

use super::partition::by_size;
use crate::graph::neighbors::embedding;
use crate::linalg::panel::{rows_per_block, vectorised};

const TASK: &str = "k-means";
/// Rounds over all observations after those over batches.
const WHOLE_ROUNDS: usize = 10;
/// So few observations cannot keep all threads busy …
const FEW: usize = 1 << 16;
/// … so that this many runs go side by side.
const TOGETHER: usize = 16;

/// Puts observations into a given number of groups around centres.
///
/// # What it does
/// Finds `n_clusters` centres in an embedding so that the observations lie near them: the sum of the squared distances
/// to the nearest centre, the inertia, is small.
///
/// # When to use it
/// Where the number of groups is known and they are about round and of one size; as a start for others; for very many
/// observations with `batch_size`. Groups of other shapes: `tl.mclust`; an unknown number: `tl.leiden`.
///
/// # How it works
/// Greedy k-means++ draws the start, among 131,072 random observations where there are more: of 2 + ln k candidates the one
/// that leaves the least inertia becomes the next centre. Then each observation goes to its nearest centre and each centre to the mean of its observations, until
/// nothing moves or the centres move less than `tol`; bounds tell which observations need not be looked at. A centre that
/// loses all its observations gets the one farthest from its own. With `batch_size` centres follow random batches
/// instead, and to the means of all their observations in a few rounds at the end. The best of `n_init` runs is kept.
///
/// # Reads and writes
/// Reads `obsm[use_rep]`. Writes `obs[key_added]` (categories from `"0"`, the largest) and `uns[key_added]`: `params`,
/// `inertia`, `n_iter`, `cluster_centers`.
///
/// # Determinism
/// Seeded; the same bits for any number of threads.
///
/// # Cost
/// O(N k d) per round at first, far less once the centres settle; memory a copy of the embedding.
///
/// # Differences from the reference
/// scikit-learn's start, stopping rule and refilling of empty clusters; mini-batches do not move rarely used centres,
/// but end with ten rounds over all observations. Clusters are numbered by size.
///
/// # Example
/// `tegula tl kmeans in.h5ad -o out.h5ad --n-clusters 7`
///
/// # References
/// Arthur & Vassilvitskii 2007, <https://dl.acm.org/doi/10.5555/1283383.1283494>; Hamerly 2010,
/// <https://doi.org/10.1137/1.9781611972801.12>; Sculley 2010, <https://doi.org/10.1145/1772690.1772862>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KmeansParams {
    /// Number of clusters.
    pub n_clusters: usize,
    /// The embedding in `obsm`, or `X` itself.
    pub use_rep: String,
    /// Use only the first so many columns of the embedding; all if not given.
    pub n_pcs: Option<usize>,
    /// Runs from different starts, of which the best is kept.
    pub n_init: usize,
    /// Rounds over all observations at most.
    pub max_iter: usize,
    /// Ends a run once the squared moves of the centres sum up to this part of the mean variance of the columns.
    pub tol: f64,
    /// Observations per random batch (mini-batch k-means); if not given every round takes all.
    pub batch_size: Option<usize>,
    /// Name of the result in `obs` and `uns`.
    pub key_added: String,
}

impl Default for KmeansParams {
    fn default() -> Self {
        Self {
            n_clusters: 8,
            use_rep: keys::X_PCA.into(),
            n_pcs: None,
            n_init: 3,
            max_iter: 300,
            tol: 1e-4,
            batch_size: None,
            key_added: "kmeans".into(),
        }
    }
}

/// The result of [`kmeans`].
#[derive(Debug, Clone, PartialEq)]
pub struct Kmeans {
    /// Cluster of each observation, numbered by falling size from 0.
    pub membership: Vec<u32>,
    /// The centres, one after the other.
    pub centres: Vec<f64>,
    /// Sum of the squared distances to the nearest centre.
    pub inertia: f64,
    /// Rounds (with batches: batches) of the run that was kept.
    pub n_iter: usize,
    /// Whether that run ended by itself.
    pub converged: bool,
}

/// Groups the rows of `data`; see [`KmeansParams`].
///
/// # Errors
/// [`Error::Param`] for parameters that cannot be, as more clusters than rows; [`Error::Data`] for values that are not
/// finite; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::cluster::{KmeansParams, kmeans};
/// use tegula_core::{Ctx, Dense};
/// let line = Dense::new(5, 1, vec![0.0, 1.0, 10.0, 11.0, 12.0])?;
/// let found = kmeans(&line, &KmeansParams { n_clusters: 2, ..Default::default() }, &Ctx::default())?;
/// assert_eq!(found.membership, [1, 1, 0, 0, 0]);
/// assert!((found.centres[0] - 11.0).abs() < 1e-6 && (found.inertia - 2.5).abs() < 1e-5);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn kmeans(data: &Dense, params: &KmeansParams, ctx: &Ctx<'_>) -> Result<Kmeans> {
    params.validate()?;
    let (n, d, k) = (data.n_rows(), data.n_cols(), params.n_clusters);
    if k > n {
        return Err(KmeansParams::refuse("n_clusters", k, &format!("at most {n}, the number of observations")));
    }
    if d == 0 {
        return Err(Error::data("embedding", "has no columns; name another"));
    }
    if let Some(i) = data.data().iter().position(|x| !x.is_finite()) {
        let reason = format!("observation {} holds {}; drop it first", i / d, data.data()[i]);
        return Err(Error::data("embedding", reason));
    }
    let (rows, mean) = nearest::centred(data);
    let lengths: Vec<f32> = rows.data().chunks_exact(d).map(|x| x.iter().map(|x| x * x).sum()).collect();
    let variance = par::sum(n, |r| lengths[r].iter().map(|&x| f64::from(x)).sum()) / (n * d) as f64;
    ctx.begin(TASK, params.n_init as u64);
    let one = |run: u64| {
        let mut rng = ctx.rng("tl.kmeans.start", run);
        let start = start::plus_plus(&rows, k, &mut rng, TASK, ctx)?;
        let ended = match params.batch_size {
            Some(size) => {
                let ended = batches::batches(&rows, &lengths, start, (size, params.max_iter), run, TASK, ctx)?;
                // Means of batches are not quite those of the clusters.
                let moved = lloyd::lloyd(&rows, &lengths, ended.centres, (WHOLE_ROUNDS, 0.0), TASK, ctx)?;
                lloyd::Ended { centres: moved.centres, ..ended }
            }
            None => lloyd::lloyd(&rows, &lengths, start, (params.max_iter, params.tol * variance), TASK, ctx)?,
        };
        let (membership, inertia) = closest(&rows, &ended.centres);
        ctx.tick(TASK, 1)?;
        Ok((inertia, membership, ended))
    };
    let runs: Vec<u64> = (0..params.n_init as u64).collect();
    let mut best: Option<(f64, Vec<u32>, lloyd::Ended)> = None;
    for runs in runs.chunks(if n <= FEW { TOGETHER } else { 1 }) {
        for found in runs.par_iter().map(|&run| one(run)).collect::<Result<Vec<_>>>()? {
            if best.as_ref().is_none_or(|b| found.0 < b.0) {
                best = Some(found);
            }
        }
        if ctx.stopping() {
            break;
        }
    }
    ctx.end(TASK);
    let (inertia, mut membership, ended) =
        best.ok_or_else(|| Error::data("embedding", "its values are too large; scale it first"))?;
    let old = membership.clone();
    by_size(&mut membership);
    Ok(Kmeans {
        centres: renumbered(&ended.centres, &mean, &old, &membership),
        membership,
        inertia,
        n_iter: ended.n_iter,
        converged: ended.converged,
    })
}

/// The nearest centre of each row, and the sum of the squared distances.
fn closest(rows: &Dense, centres: &[f32]) -> (Vec<u32>, f64) {
    let (n, d) = (rows.n_rows(), rows.n_cols());
    let panels = nearest::panels(centres, d);
    let parts = par::map(n, rows_per_block(n), |block| {
        let which: Vec<usize> = block.collect();
        let near: Vec<u32> = batches::closest(rows, &which, &panels).iter().map(|f| f.index).collect();
        let sum: f64 = vectorised(|| {
            let centre = |c: u32| &centres[c as usize * d..(c as usize + 1) * d];
            let distances = which.iter().zip(&near).map(|(&i, &c)| nearest::distance2(rows.row(i), centre(c)));
            distances.map(f64::from).sum()
        });
        (near, sum)
    });
    let inertia = parts.iter().map(|p| p.1).sum();
    (parts.into_iter().flat_map(|p| p.0).collect(), inertia)
}

/// The centres in their new order, with the mean added again; those without rows at the end.
fn renumbered(centres: &[f32], mean: &[f64], old: &[u32], new: &[u32]) -> Vec<f64> {
    let d = mean.len();
    let mut order: Vec<(u32, usize)> = (0..centres.len() / d).map(|c| (u32::MAX, c)).collect();
    for (&from, &to) in old.iter().zip(new) {
        order[from as usize].0 = to;
    }
    order.sort_unstable();
    let row = |c: usize| centres[c * d..(c + 1) * d].iter().zip(mean).map(|(&x, m)| f64::from(x) + m);
    order.into_iter().flat_map(|(_, c)| row(c)).collect()
}

impl Step for KmeansParams {
    const ID: &'static str = "tl.kmeans";
    const SUMMARY: &'static str = "Puts observations into a given number of groups around centres (k-means).";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::rep(&self.use_rep)]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key_added), Slot::uns(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        let numbers = [
            ("n_clusters", Some(self.n_clusters)),
            ("n_init", Some(self.n_init)),
            ("max_iter", Some(self.max_iter)),
            ("batch_size", self.batch_size),
            ("n_pcs", self.n_pcs),
        ];
        for (name, value) in numbers {
            if value == Some(0) {
                return Err(Self::refuse(name, 0, "at least 1"));
            }
        }
        if !self.tol.is_finite() || self.tol < 0.0 {
            return Err(Self::refuse("tol", self.tol, "0 or more"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "the name of a column"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let data = embedding(adata, &self.use_rep, self.n_pcs, Self::ID)?;
        let found = kmeans(&data, self, ctx)?;
        let n_clusters = found.membership.iter().max().map_or(0, |m| m + 1) as usize;
        let params = Dict::from([
            ("n_clusters".to_owned(), Value::from(self.n_clusters)),
            ("use_rep".to_owned(), Value::from(self.use_rep.as_str())),
            ("n_init".to_owned(), Value::from(self.n_init)),
            ("max_iter".to_owned(), Value::from(self.max_iter)),
            ("tol".to_owned(), Value::from(self.tol)),
            ("random_state".to_owned(), Value::Int(ctx.seed() as i64)),
        ]);
        let shape = vec![self.n_clusters, data.n_cols()];
        let centres = Array::new(shape, ArrayData::F64(found.centres.into()))?;
        adata.set_obs(&self.key_added, Labels::from_clusters(&found.membership))?;
        adata.set_uns(
            &self.key_added,
            Dict::from([
                ("params".to_owned(), Value::Dict(params)),
                ("inertia".to_owned(), Value::from(found.inertia)),
                ("n_iter".to_owned(), Value::from(found.n_iter)),
                ("cluster_centers".to_owned(), Value::from(centres)),
            ]),
        );
        Ok(Dict::from([
            ("n_clusters".to_owned(), Value::from(n_clusters)),
            ("inertia".to_owned(), Value::from(found.inertia)),
            ("n_iter".to_owned(), Value::from(found.n_iter)),
            ("converged".to_owned(), Value::from(found.converged)),
        ]))
    }
}
