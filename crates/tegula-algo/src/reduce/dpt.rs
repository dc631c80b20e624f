//! `tl.dpt`: how far along the data an observation is from a root.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Ctx, Dense, Dict, Error, Outcome, Result, Slot, Step, Value, keys};

use crate::cluster::connected;
use crate::graph::Source;

/// From this eigenvalue on a component tells parts of the graph apart and is not weighted: scanpy's bound.
const AT_REST: f64 = 0.9994;

/// Diffusion pseudotime: the distance of every observation from a root.
///
/// # What it does
/// Orders the observations by how far a random walk on the neighbour graph has to go from the observation `iroot`: 0 at the
/// root, 1 at the farthest.
///
/// # When to use it
/// After `tl.diffmap`, for data that change continuously from a known beginning. Without one: `tl.psm`.
///
/// # How it works
/// The distance in the first `n_dcs` diffusion components, each multiplied by λ / (1 − λ), which sums over walks of all
/// lengths; components with λ ≥ 0.9994 count as they are. Divided by the largest.
///
/// # Reads and writes
/// Reads `obsm["X_diffmap"]`, `uns["diffmap_evals"]`, the graph (`obsp["connectivities"]`, or what `neighbors_key` or
/// `obsp` name) and, where `iroot` is not given, `uns["iroot"]`. Writes `obs[key_added]` and `uns["iroot"]`. Observations
/// that the graph does not connect with the root get infinity.
///
/// # Determinism
/// No randomness; the same bits for any number of threads.
///
/// # Cost
/// O(N · `n_dcs` + edges).
///
/// # Differences from the reference
/// scanpy's `dpt` without branchings, to 1e-4; `obsm["X_diffmap"]` has to be there, where scanpy makes it on the way.
///
/// # Example
/// ```
/// use tegula_algo::reduce::{diffmap, dpt};
/// use tegula_core::{Ctx, Graph};
/// let edges: Vec<(u32, u32, f32)> = (0..5).flat_map(|i| [(i, i + 1, 1.0), (i + 1, i, 1.0)]).collect();
/// let map = diffmap(&Graph::from_edges(6, &edges)?, 5, &Ctx::default())?;
/// let time = dpt(&map.coordinates, &map.eigenvalues, &[0; 6], 0)?;
/// assert!(time[0] == 0.0 && time[1] < time[2] && time[2] < time[3] && time[3] < time[4]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Haghverdi et al. 2016, <https://doi.org/10.1038/nmeth.3971>; Wolf et al. 2019,
/// <https://doi.org/10.1186/s13059-019-1663-x> (graphs of several parts)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DptParams {
    /// Diffusion components to use.
    pub n_dcs: usize,
    /// Number of the observation to start from, counted from 0; by default `uns["iroot"]`.
    pub iroot: Option<usize>,
    /// Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default: `obsp["connectivities"]`.
    pub neighbors_key: Option<String>,
    /// Key of the graph in `obsp`, instead of `neighbors_key`.
    pub obsp: Option<String>,
    /// Name of the result in `obs`.
    pub key_added: String,
}

impl Default for DptParams {
    fn default() -> Self {
        Self { n_dcs: 10, iroot: None, neighbors_key: None, obsp: None, key_added: "dpt_pseudotime".into() }
    }
}

/// The pseudotime from the observation `root`, of diffusion components and their eigenvalues; `parts` says which
/// observations are connected. See [`DptParams`].
///
/// # Errors
/// [`Error::Shape`] where the three do not fit together; [`Error::Param`] where there is no such root.
pub fn dpt(coordinates: &Dense, eigenvalues: &[f64], parts: &[u32], root: usize) -> Result<Vec<f64>> {
    let (n, k) = (coordinates.n_rows(), coordinates.n_cols());
    if eigenvalues.len() != k || parts.len() != n {
        let got = format!("{} eigenvalues, {} observations", eigenvalues.len(), parts.len());
        return Err(Error::shape("diffusion map", got, format!("{k}, {n}")));
    }
    if root >= n {
        return Err(DptParams::refuse("iroot", root, &format!("below {n}, the number of observations")));
    }
    let weights: Vec<f64> = eigenvalues.iter().map(|&l| if l < AT_REST { l / (1.0 - l) } else { 1.0 }).collect();
    let from = coordinates.row(root);
    let distance = |i: usize| {
        if parts[i] != parts[root] {
            return f64::INFINITY;
        }
        let parts = weights.iter().zip(coordinates.row(i).iter().zip(from));
        parts.map(|(w, (&x, &r))| (w * (f64::from(x) - f64::from(r))).powi(2)).sum::<f64>().sqrt()
    };
    let mut time: Vec<f64> = (0..n).map(distance).collect();
    let most = time.iter().copied().filter(|t| t.is_finite()).fold(0.0, f64::max);
    if most > 0.0 {
        for t in &mut time {
            *t /= most;
        }
    }
    Ok(time)
}

impl DptParams {
    fn source(&self) -> Source<'_> {
        Source { neighbors_key: self.neighbors_key.as_deref(), obsp: self.obsp.as_deref() }
    }

    /// The root given or noted.
    fn root(&self, adata: &AnnData) -> Result<usize> {
        if let Some(root) = self.iroot {
            return Ok(root);
        }
        let slot = Slot::uns(keys::IROOT);
        let noted = adata.uns().get(keys::IROOT).ok_or_else(|| adata.missing(&slot, "pass iroot, or use tl.psm"))?;
        match noted.as_f64() {
            Some(x) if x >= 0.0 && x.fract() == 0.0 => Ok(x as usize),
            _ => Err(Error::data(slot, "is not the number of an observation; pass iroot")),
        }
    }
}

impl Step for DptParams {
    const ID: &'static str = "tl.dpt";
    const SUMMARY: &'static str = "Diffusion pseudotime: the distance of every observation from a root.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obsm(keys::X_DIFFMAP), Slot::uns(keys::DIFFMAP_EVALS)];
        if self.iroot.is_none() {
            slots.push(Slot::uns(keys::IROOT));
        }
        slots.extend(self.source().reads());
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key_added), Slot::uns(keys::IROOT)]
    }

    fn validate(&self) -> Result<()> {
        if self.n_dcs == 0 {
            return Err(Self::refuse("n_dcs", 0, "at least 1"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "the name of a column"));
        }
        self.source().validate(Self::ID)
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        let root = self.root(adata)?;
        let coordinates = adata.embedding(keys::X_DIFFMAP, "run tl.diffmap first")?;
        let slot = Slot::uns(keys::DIFFMAP_EVALS);
        let eigenvalues = match adata.uns().get(keys::DIFFMAP_EVALS) {
            None => return Err(adata.missing(&slot, "run tl.diffmap first")),
            Some(Value::Array(a)) => a.data().to_f64(),
            Some(_) => None,
        };
        let eigenvalues =
            eigenvalues.ok_or_else(|| Error::data(slot, "is not a list of numbers; run tl.diffmap again"))?;
        let most = coordinates.n_cols().min(eigenvalues.len());
        if self.n_dcs > most {
            let must = format!("at most {most}; run tl.diffmap with more n_comps for more");
            return Err(Self::refuse("n_dcs", self.n_dcs, &must));
        }
        let graph = self.source().graph(adata)?;
        let parts = connected(&graph, &vec![0; graph.n_nodes()]);
        let time = dpt(&coordinates.first_cols(self.n_dcs), &eigenvalues[..self.n_dcs], &parts, root)?;
        let unreachable = time.iter().filter(|t| t.is_infinite()).count();
        adata.set_obs(&self.key_added, Column::Float(time))?;
        adata.set_uns(keys::IROOT, Value::from(root));
        Ok(Dict::from([
            ("iroot".to_owned(), Value::from(root)),
            ("n_unreachable".to_owned(), Value::from(unreachable)),
        ]))
    }
}
