//! `tl.psm`: pseudotime over the tissue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dense, Dict, Outcome, Result, Slot, Step, Value, par};

use super::{diffmap, dpt};
use crate::cluster::connected;
use crate::graph::neighbors::embedding;
use crate::graph::{MIN_RECALL, check_k, distance2, fuzzy_union, nearest};
use crate::linalg::panel::vectorised;
use crate::stats::shuffled;

/// Up to so many observations all distances are summed up, above those to a sample of so many.
const SAMPLE: usize = 5000;

/// Observations whose distances are summed up by one task.
const ROWS: usize = 256;

/// Pseudo-spatial map: pseudotime in an embedding that knows the tissue.
///
/// # What it does
/// Gives every observation its diffusion pseudotime in `obsm[use_rep]`, from the observation that lies farthest from all
/// others. Drawn over the tissue it shows the main gradient: cortical layers in their order, say.
///
/// # When to use it
/// After `tl.stagate`, to see continuous structure where domains would cut. With a known beginning, or on another graph:
/// `pp.neighbors`, `tl.diffmap`, `tl.dpt`.
///
/// # How it works
/// A graph of the `n_neighbors` nearest, weighted as `pp.neighbors` does; its diffusion map (`tl.diffmap`); pseudotime
/// (`tl.dpt`) from the observation with the largest sum of distances to all others, above 5,000 observations to a random
/// 5,000. Nothing else is stored, so that the graph of `pp.neighbors` stays what it is.
///
/// # Reads and writes
/// Reads `obsm[use_rep]`. Writes `obs[key_added]`, 0 to 1; infinity where the graph does not lead.
///
/// # Determinism
/// Seeded where it draws a sample; the same bits for any number of threads.
///
/// # Cost
/// Those of `pp.neighbors` and `tl.diffmap`, and O(N · 5,000 · d) for the root; memory linear in N.
///
/// # Differences from the reference
/// The map of `SpaceFlow`, here on STAGATE's embedding; from the same root to 1e-4 what its scanpy calls give. It counts
/// the observation itself among its 20 neighbours. Above 5,000 observations it takes the number of the root in its sample
/// for one in the whole; ours is the farthest of all.
///
/// # Example
/// `tegula tl psm in.h5ad -o out.h5ad --use-rep STAGATE`
///
/// # References
/// Dong & Zhang 2022, <https://doi.org/10.1038/s41467-022-29439-6>; Ren et al. 2022,
/// <https://doi.org/10.1038/s41467-022-31739-w>; Haghverdi et al. 2016, <https://doi.org/10.1038/nmeth.3971>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PsmParams {
    /// The embedding in `obsm`.
    pub use_rep: String,
    /// Nearest others per observation, itself not counted.
    pub n_neighbors: usize,
    /// Diffusion components to make.
    pub n_comps: usize,
    /// Diffusion components to use.
    pub n_dcs: usize,
    /// Number of the observation to start from, counted from 0; by default the one farthest from all others.
    pub iroot: Option<usize>,
    /// Name of the result in `obs`.
    pub key_added: String,
}

impl Default for PsmParams {
    fn default() -> Self {
        Self {
            use_rep: "STAGATE".into(),
            n_neighbors: 19,
            n_comps: 15,
            n_dcs: 10,
            iroot: None,
            key_added: "pSM".into(),
        }
    }
}

/// What [`psm`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Psm {
    /// Pseudotime of each observation, 0 to 1, or infinity.
    pub time: Vec<f64>,
    /// The observation it starts from.
    pub root: usize,
    /// Connected parts of the graph.
    pub n_parts: usize,
}

/// The pseudo-spatial map of the rows of an embedding; see [`PsmParams`].
///
/// # Errors
/// As [`crate::graph::knn()`], [`diffmap()`] and [`dpt()`].
///
/// ```
/// use tegula_algo::reduce::{PsmParams, psm};
/// use tegula_core::{Ctx, Dense};
/// let line = Dense::new(40, 1, (0..40).map(|i| i as f32).collect::<Vec<_>>())?;
/// let found = psm(&line, &PsmParams { n_neighbors: 4, ..PsmParams::default() }, &Ctx::default())?;
/// assert!(found.root == 0 && found.time[0] == 0.0 && found.time[10] < found.time[20] && found.time[20] < found.time[30]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn psm(data: &Dense, params: &PsmParams, ctx: &Ctx<'_>) -> Result<Psm> {
    params.validate()?;
    check_k(PsmParams::ID, "n_neighbors", params.n_neighbors, data.n_rows())?;
    let graph = fuzzy_union(&nearest(data, params.n_neighbors, None, MIN_RECALL, ctx)?.knn)?;
    let map = diffmap(&graph, params.n_comps, ctx)?;
    let root = params.iroot.map_or_else(|| farthest(data, ctx), Ok)?;
    let parts = connected(&graph, &vec![0; graph.n_nodes()]);
    let k = params.n_dcs.min(map.eigenvalues.len());
    let time = dpt(&map.coordinates.first_cols(k), &map.eigenvalues[..k], &parts, root)?;
    Ok(Psm { time, root, n_parts: map.n_parts })
}

/// The row with the largest sum of distances to all others, or to a sample of them.
fn farthest(data: &Dense, ctx: &Ctx<'_>) -> Result<usize> {
    let n = data.n_rows();
    let mut to: Vec<u32> = (0..n as u32).collect();
    if n > SAMPLE {
        to = shuffled(n, &mut ctx.rng("tl.psm.sample", 0));
        to.truncate(SAMPLE);
    }
    let others: Vec<f32> = to.iter().flat_map(|&j| data.row(j as usize)).copied().collect();
    let d = data.n_cols();
    let sums: Vec<Vec<f64>> = par::map(n, ROWS, |rows| {
        vectorised(|| rows.map(|i| others.chunks_exact(d).map(|y| distance2(data.row(i), y).sqrt()).sum()).collect())
    });
    ctx.tick(PsmParams::ID, 0)?;
    let mut most = (0, f64::NEG_INFINITY);
    for (i, sum) in sums.into_iter().flatten().enumerate() {
        if sum > most.1 {
            most = (i, sum);
        }
    }
    Ok(most.0)
}

impl Step for PsmParams {
    const ID: &'static str = "tl.psm";
    const SUMMARY: &'static str = "Pseudo-spatial map: pseudotime in an embedding that knows the tissue.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::rep(&self.use_rep)]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        for (name, value, least) in
            [("n_neighbors", self.n_neighbors, 1), ("n_comps", self.n_comps, 2), ("n_dcs", self.n_dcs, 1)]
        {
            if value < least {
                return Err(Self::refuse(name, value, &format!("at least {least}")));
            }
        }
        if self.n_dcs > self.n_comps {
            return Err(Self::refuse("n_dcs", self.n_dcs, &format!("at most n_comps, {}", self.n_comps)));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "the name of a column"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let data = embedding(adata, &self.use_rep, None, Self::ID)?;
        let found = psm(&data, self, ctx)?;
        let unreachable = found.time.iter().filter(|t| t.is_infinite()).count();
        adata.set_obs(&self.key_added, Column::Float(found.time))?;
        Ok(Dict::from([
            ("iroot".to_owned(), Value::from(found.root)),
            ("n_parts".to_owned(), Value::from(found.n_parts)),
            ("n_unreachable".to_owned(), Value::from(unreachable)),
        ]))
    }
}
