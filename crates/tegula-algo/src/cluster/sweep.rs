//! `tl.sweep`: which neighbourhoods and resolution to give `tl.scc`.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Coords, Ctx, Dense, Dict, Error, Graph, Labels, Outcome, Result, Slot, Step, Value, keys};

mod table;

pub use table::{Sweep, SweepRow};

use super::multilevel::Settings;
use super::objective::Objective;
use super::options::{check_iterations, check_runs};
use super::partition::Partition;
use super::runs::{Agreements, many};
use super::scc::{ClusterMethod, alike, beside, found_or_stored, joint, near_slots};
use crate::graph::Knn;
use crate::graph::neighbors::embedding;
use crate::metrics::{ari, chaos, modularity, pas, silhouette};

/// Tries neighbourhoods and resolutions for domains, and recommends one.
///
/// # What it does
/// Runs `tl.scc` for every combination of `s_neigh`, `e_neigh` and `resolution`, several times with different seeds, and
/// writes one line for each: how many domains, how stable they are, how compact in the tissue. No labels are needed.
///
/// # When to use it
/// Before `tl.scc`, where nobody has told you its numbers. Where the number of domains is known, pass `n_clusters`: then
/// all cells have as many, and what is compared is comparable. CHAOS and PAS favour fewer, larger domains.
///
/// # How it works
/// The neighbours are found once, at the largest numbers; smaller ones are the first of these. The runs of a cell are
/// compared with each other (`stability`: mean adjusted Rand index over pairs); the run that agrees best with the
/// others stands for the cell in the other columns.
///
/// The rule of the recommendation: cells of at least two domains; among these the cells whose stability is within 0.05
/// of the best; of those the one with the smallest sum of ranks by CHAOS and by PAS; then the more stable, the earlier.
///
/// # Reads and writes
/// Reads `obsm[pca_key]`, `obsm[spatial_key]`, and `obs[labels_key]` where given. Writes `uns[key_added]`: `table` with
/// `s_neigh`, `e_neigh`, `resolution`, `n_clusters`, `stability`, `quality` (mean of the runs, the objective at that
/// resolution), `modularity` (at γ = 1), `chaos`, `pas` and, where asked for, `silhouette`, `ari`; `recommended`: the
/// numbers of one line.
///
/// # Determinism
/// Seeded; the same bits for any number of threads.
///
/// # Cost
/// One search for neighbours, then `n_runs` clusterings per cell, side by side; memory is that of one graph.
///
/// # Differences from the reference
/// There is none: spateo leaves the choice to the reader. CHAOS and PAS are those of `SDMBench`.
///
/// # Example
/// `tegula tl sweep in.h5ad -o out.h5ad --s-neigh 6,12 --resolution 0.5,1,1.5`
///
/// # References
/// Chen et al. 2022, <https://doi.org/10.1016/j.cell.2022.04.003>; Shang & Zhou 2022,
/// <https://doi.org/10.1038/s41467-022-34879-1>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SweepParams {
    /// Numbers of nearest others in the tissue to try.
    pub s_neigh: Vec<usize>,
    /// Numbers of nearest others in expression to try.
    pub e_neigh: Vec<usize>,
    /// Resolutions to try; with `n_clusters` only the first is used, as the start of the search.
    pub resolution: Vec<f64>,
    /// Runs of each combination: their agreement is its stability.
    pub n_runs: usize,
    /// Number of domains wanted: the resolution is searched for every run. Default: whatever `resolution` gives.
    pub n_clusters: Option<usize>,
    /// How communities are found.
    pub cluster_method: ClusterMethod,
    /// Rounds of each run at most; -1 goes on until two in a row gain nothing.
    pub n_iterations: i64,
    /// Add the silhouette in the embedding; takes O(N²) time.
    pub silhouette: bool,
    /// Column of `obs` with known labels: adds the adjusted Rand index to them, which the recommendation does not use.
    pub labels_key: Option<String>,
    /// Name of the table in `uns`.
    pub key_added: String,
    /// The embedding of expression in `obsm`.
    pub pca_key: String,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Use only the first so many columns of the embedding; all if not given.
    pub n_pcs: Option<usize>,
    /// Take the neighbours in expression that `pp.neighbors` stored (`uns[neighbors_key]` says where) instead of searching
    /// them; it must have found as many as the largest of `e_neigh`.
    pub neighbors_key: Option<String>,
}

impl Default for SweepParams {
    fn default() -> Self {
        Self {
            s_neigh: vec![6, 12, 18],
            e_neigh: vec![15, 30],
            resolution: vec![0.5, 1.0, 1.5],
            n_runs: 5,
            n_clusters: None,
            cluster_method: ClusterMethod::Leiden,
            n_iterations: -1,
            silhouette: false,
            labels_key: None,
            key_added: "sweep".into(),
            pca_key: keys::X_PCA.into(),
            spatial_key: keys::SPATIAL.into(),
            n_pcs: None,
            neighbors_key: None,
        }
    }
}

/// Tries all combinations; see [`SweepParams`]. `labels` are known labels to compare with.
///
/// # Errors
/// [`Error::Param`] for a parameter out of range, also where there are not more observations than neighbours wanted;
/// [`Error::Shape`] where features, positions and labels differ in number; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::cluster::{SweepParams, sweep};
/// use tegula_core::{Coords, Ctx, Dense};
/// // A strip of two tissues.
/// let features = Dense::new(40, 1, (0..40).map(|i| if i < 20 { 0.0 } else { 9.0 } + (i % 7) as f32 / 9.0).collect::<Vec<_>>())?;
/// let coords = Coords::new(2, (0..40).flat_map(|i| [(i / 2) as f64, (i % 2) as f64]).collect())?;
/// let params = SweepParams { s_neigh: vec![3, 6], e_neigh: vec![8], resolution: vec![0.4], ..SweepParams::default() };
/// let found = sweep(&features, &coords, None, &params, &Ctx::default())?;
/// assert_eq!(found.rows.len(), 2);
/// assert_eq!(found.rows[found.recommended].n_clusters, 2);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn sweep(
    features: &Dense,
    coords: &Coords,
    labels: Option<&Labels>,
    params: &SweepParams,
    ctx: &Ctx<'_>,
) -> Result<Sweep> {
    params.validate()?;
    let near_e = alike(features, most(&params.e_neigh), SweepParams::ID, ctx)?;
    compare(&near_e, coords, (labels, Some(features)), params, ctx)
}

fn most(k: &[usize]) -> usize {
    k.iter().copied().max().unwrap_or(0)
}

/// Tries all combinations, the neighbours in expression given. `features` are for the silhouette.
fn compare(
    near_e: &Knn,
    coords: &Coords,
    (labels, features): (Option<&Labels>, Option<&Dense>),
    params: &SweepParams,
    ctx: &Ctx<'_>,
) -> Result<Sweep> {
    let n = near_e.n_obs();
    if let Some(l) = labels.filter(|l| l.len() != n) {
        return Err(Error::shape("labels", format!("({})", l.len()), format!("({n})")));
    }
    let near_s = beside(coords, most(&params.s_neigh), n, SweepParams::ID)?;
    let settings = Settings {
        task: SweepParams::ID,
        refine: params.cluster_method == ClusterMethod::Leiden,
        objective: Objective::Modularity,
        resolution: params.resolution[0],
        n_iterations: params.n_iterations,
        n_clusters: params.n_clusters,
        use_weights: true,
    };
    let resolutions = if params.n_clusters.is_some() { &params.resolution[..1] } else { &params.resolution[..] };
    let mut rows = Vec::new();
    ctx.begin(SweepParams::ID, 0);
    for &s_neigh in &params.s_neigh {
        for &e_neigh in &params.e_neigh {
            let graph = joint(near_e, &near_s, e_neigh, s_neigh)?;
            let runs = many(&graph, &settings, resolutions, params.n_runs, ctx)?;
            let row = |runs: &[Partition]| {
                let (mut row, labelling) = stand_in(&graph, runs);
                row.s_neigh = s_neigh;
                row.e_neigh = e_neigh;
                row.chaos = chaos(coords, &labelling)?;
                row.pas = pas(coords, &labelling)?;
                row.ari = labels.map(|l| ari(l, &labelling)).transpose()?;
                if let Some(features) = features.filter(|_| params.silhouette) {
                    let one = row.n_clusters < 2;
                    row.silhouette = Some(if one { f64::NAN } else { silhouette(features, &labelling, ctx)? });
                }
                Ok(row)
            };
            rows.extend(runs.par_chunks(params.n_runs).map(row).collect::<Result<Vec<_>>>()?);
        }
    }
    ctx.end(SweepParams::ID);
    Ok(Sweep::of(rows))
}

/// What the runs of one cell tell by themselves, and the labelling that stands for them.
fn stand_in(graph: &Graph, runs: &[Partition]) -> (SweepRow, Labels) {
    let agreements = Agreements::of(runs);
    let best = &runs[agreements.medoid()];
    let row = SweepRow {
        s_neigh: 0,
        e_neigh: 0,
        resolution: best.resolution,
        n_clusters: best.n_clusters,
        stability: agreements.mean,
        quality: runs.iter().map(|r| r.quality).sum::<f64>() / runs.len() as f64,
        modularity: modularity(graph, &best.membership, 1.0),
        chaos: 0.0,
        pas: 0.0,
        silhouette: None,
        ari: None,
    };
    (row, best.labels())
}

impl Step for SweepParams {
    const ID: &'static str = "tl.sweep";
    const SUMMARY: &'static str = "Tries neighbourhoods and resolutions for domains and recommends one.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = near_slots(self.neighbors_key.as_deref(), &self.pca_key);
        slots.push(Slot::obsm(&self.spatial_key));
        slots.extend(self.silhouette.then(|| Slot::rep(&self.pca_key)));
        slots.extend(self.labels_key.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::uns(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        check_runs(Self::ID, &self.resolution, self.n_runs)?;
        check_iterations(Self::ID, self.n_iterations)?;
        for (name, list) in [("s_neigh", &self.s_neigh), ("e_neigh", &self.e_neigh)] {
            if list.is_empty() || list.contains(&0) {
                return Err(Self::refuse(name, format!("{list:?}"), "numbers from 1 up, at least one"));
            }
        }
        for (name, value) in [("n_clusters", self.n_clusters), ("n_pcs", self.n_pcs)] {
            if value == Some(0) {
                return Err(Self::refuse(name, 0, "at least 1"));
            }
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "a name"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let coords = adata.coords(&self.spatial_key)?;
        let labels = self.labels_key.as_deref().map(|key| adata.labels(key)).transpose()?;
        let embedding = || embedding(adata, &self.pca_key, self.n_pcs, Self::ID);
        let (key, e_neigh) = (self.neighbors_key.as_deref(), most(&self.e_neigh));
        let near_e = found_or_stored(adata, key, e_neigh, Self::ID, embedding, ctx)?;
        let features = self.silhouette.then(embedding).transpose()?;
        let found = compare(&near_e, &coords, (labels.as_ref(), features.as_ref()), self, ctx)?;
        let row = &found.rows[found.recommended];
        let recommended = Dict::from([
            ("row".to_owned(), Value::from(found.recommended)),
            ("s_neigh".to_owned(), Value::from(row.s_neigh)),
            ("e_neigh".to_owned(), Value::from(row.e_neigh)),
            ("resolution".to_owned(), Value::from(row.resolution)),
            ("n_clusters".to_owned(), Value::from(row.n_clusters)),
            ("stability".to_owned(), Value::from(row.stability)),
        ]);
        let entry = Dict::from([
            ("table".to_owned(), Value::from(found.table()?)),
            ("recommended".to_owned(), Value::from(recommended.clone())),
        ]);
        adata.set_uns(&self.key_added, entry);
        let mut outcome = recommended;
        outcome.insert("n_cells".to_owned(), Value::from(found.rows.len()));
        Ok(outcome)
    }
}
