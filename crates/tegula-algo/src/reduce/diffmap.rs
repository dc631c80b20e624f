//! `tl.diffmap`: the slow directions of a walk on the neighbour graph.

mod transitions;

use faer::Mat;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Array, Ctx, Dense, Dict, Error, Graph, Outcome, Result, Slot, Step, Value, keys};

use super::pca::sign_of;
use crate::graph::{Source, undirected};
use crate::linalg::{Symmetric, Wanted, eigh, lanczos};
use transitions::{BLOCK, Transitions};

const TASK: &str = "diffusion map";

/// Up to so many observations the matrix is made and solved whole.
const SMALL: usize = 512;

/// A component is found when its residual is this small against the distance to the nearest other eigenvalue …
const AGAINST_GAP: f64 = 1e-6;
/// … or as small as double precision carries.
const LEAST: f64 = 1e-11;

/// Diffusion map of the neighbour graph.
///
/// # What it does
/// Lays the observations out along the `n_comps` slowest directions of a random walk on the neighbour graph: near in them
/// means that many short ways through the data lead from one to the other.
///
/// # When to use it
/// For continuous change (layers, gradients, development) where `pp.pca` is too straight; before `tl.dpt`. The first
/// column is the resting state, 1 in effect: plot from the second on.
///
/// # How it works
/// The weights are divided by the densities (sums of weights) at both ends, so that how densely the data are sampled does
/// not count, then by the roots of their new sums. Of this symmetric transition matrix the eigenvectors of largest
/// absolute eigenvalue are the components. Those of eigenvalue 1, one per connected part of the graph, are known
/// beforehand; the others come from block Lanczos with restarts, in `f64`.
///
/// # Reads and writes
/// Reads `obsp["connectivities"]`, or what `neighbors_key` or `obsp` name. Writes `obsm["X_diffmap"]` (by falling
/// eigenvalue) and `uns["diffmap_evals"]`.
///
/// # Determinism
/// The same bits for any number of threads; the start of Lanczos depends on the seed, the result only in its last
/// digits. The entry of largest absolute value of each component is positive.
///
/// # Cost
/// O(edges × products), some hundred products; memory O(edges + 80 N).
///
/// # Differences from the reference
/// scanpy's components to 1e-4 but for their signs. In a graph of several parts scanpy's first components mix
/// the parts; ours are one part each, the largest first. An observation without neighbours is a part of its own, where
/// scanpy fails. A graph that is not symmetric is replaced by `(W + Wᵀ) / 2`. Eigenvalues are kept in `f64`.
///
/// # Example
/// ```
/// use tegula_algo::reduce::diffmap;
/// use tegula_core::{Ctx, Graph};
/// let edges: Vec<(u32, u32, f32)> = (0..5).flat_map(|i| [(i, i + 1, 1.0), (i + 1, i, 1.0)]).collect();
/// let map = diffmap(&Graph::from_edges(6, &edges)?, 3, &Ctx::default())?;
/// let second: Vec<f32> = (0..6).map(|i| map.coordinates.row(i)[1]).collect();
/// assert!(second[..3].iter().all(|&x| x * second[0] > 0.0) && second[3..].iter().all(|&x| x * second[0] < 0.0));
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Coifman & Lafon 2006, <https://doi.org/10.1016/j.acha.2006.04.006>; Haghverdi, Buettner & Theis 2015,
/// <https://doi.org/10.1093/bioinformatics/btv325>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiffmapParams {
    /// Number of components, the first one included; at most one less than there are observations are made.
    pub n_comps: usize,
    /// Which neighbours to use: `uns[neighbors_key]` says where their graph is. Default: `obsp["connectivities"]`.
    pub neighbors_key: Option<String>,
    /// Key of the graph in `obsp`, instead of `neighbors_key`.
    pub obsp: Option<String>,
}

impl Default for DiffmapParams {
    fn default() -> Self {
        Self { n_comps: 15, neighbors_key: None, obsp: None }
    }
}

/// What [`diffmap`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Diffmap {
    /// Observations × components, each component of length 1.
    pub coordinates: Dense,
    /// The eigenvalue of each component, falling.
    pub eigenvalues: Vec<f64>,
    /// Connected parts of the graph.
    pub n_parts: usize,
    /// Blocks of products; 0 where the matrix was solved whole.
    pub n_iter: usize,
    /// False where it was stopped early.
    pub converged: bool,
}

/// The diffusion map of a graph with `n_comps` components; see [`DiffmapParams`].
///
/// # Errors
/// [`Error::Data`] for fewer than 3 observations; [`Error::Param`] for fewer than 2 components; [`Error::Cancelled`].
pub fn diffmap(graph: &Graph, n_comps: usize, ctx: &Ctx<'_>) -> Result<Diffmap> {
    check(n_comps)?;
    let n = graph.n_nodes();
    if n < 3 {
        return Err(Error::data("graph", format!("{n} observations have no diffusion map; at least 3 are needed")));
    }
    let graph = undirected(graph, true)?;
    let matrix = Transitions::new(&graph);
    let k = n_comps.min(n - 1);
    let known = matrix.n_parts().min(k);
    if matrix.n_parts() > k / 2 {
        let message = format!(
            "the graph has {} parts, which take as many of the {k} components; use more neighbours, or one part",
            matrix.n_parts()
        );
        ctx.warn(&message);
    }
    let mut map = others(&matrix, k - known, ctx)?;
    map.pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut vectors: Vec<Vec<f64>> = (0..known).map(|part| matrix.stationary(part)).collect();
    let mut eigenvalues = vec![1.0; known];
    for (value, vector) in map.pairs {
        let sign = sign_of(&vector);
        vectors.push(vector.into_iter().map(|x| sign * x).collect());
        eigenvalues.push(value);
    }
    let rows = (0..n).flat_map(|i| vectors.iter().map(move |v| v[i] as f32)).collect::<Vec<f32>>();
    Ok(Diffmap {
        coordinates: Dense::new(n, k, rows)?,
        eigenvalues,
        n_parts: matrix.n_parts(),
        n_iter: map.n_iter,
        converged: map.converged,
    })
}

/// Some components.
struct Components {
    pairs: Vec<(f64, Vec<f64>)>,
    n_iter: usize,
    converged: bool,
}

/// `k` eigenvectors of largest absolute eigenvalue beside those of eigenvalue 1 that are known.
fn others(matrix: &Transitions, k: usize, ctx: &Ctx<'_>) -> Result<Components> {
    if k == 0 {
        return Ok(Components { pairs: Vec::new(), n_iter: 0, converged: true });
    }
    let n = matrix.dim();
    let room = (4 * k).max(64) + 4 * BLOCK;
    let (values, vectors, n_iter, converged) = if n <= SMALL.max(room) {
        let mut whole = Mat::<f64>::zeros(n, n);
        for from in (0..n).step_by(BLOCK) {
            let width = BLOCK.min(n - from);
            let mut unit = vec![0.0; width * n];
            (0..width).for_each(|l| unit[l * n + from + l] = 1.0);
            let columns = matrix.times(&unit);
            for l in 0..width {
                (0..n).for_each(|i| whole[(i, from + l)] = columns[l * n + i]);
            }
        }
        // What is known goes where nothing else can be.
        for part in 0..matrix.n_parts() {
            let s = matrix.stationary(part);
            let on: Vec<usize> = (0..n).filter(|&i| s[i] != 0.0).collect();
            for (&i, &j) in on.iter().flat_map(|i| on.iter().map(move |j| (i, j))) {
                whole[(i, j)] -= 2.0 * s[i] * s[j];
            }
        }
        let e = eigh(whole.as_ref())?;
        let kept = n - matrix.n_parts();
        let mut order: Vec<usize> = (0..kept).collect();
        order.sort_by(|&a, &b| e.values[b].abs().total_cmp(&e.values[a].abs()));
        order.truncate(k);
        let vectors = order.iter().flat_map(|&o| (0..n).map(move |i| (i, o))).map(|(i, o)| e.vectors[(i, o)]).collect();
        (order.iter().map(|&o| e.values[o]).collect::<Vec<f64>>(), vectors, 0, true)
    } else {
        let mut rng = ctx.rng("tl.diffmap.start", 0);
        let random = || {
            let mut q: Vec<f64> = (0..n).map(|_| rng.random::<f64>() - 0.5).collect();
            matrix.deflate(&mut q);
            q
        };
        let allowed = |_, gap: f64, _| (AGAINST_GAP * gap).max(LEAST);
        let found = lanczos(matrix, &Wanted { k, block: BLOCK, room, by_size: true, allowed }, random, TASK, ctx)?;
        (found.values, found.vectors, found.n_iter, found.converged)
    };
    let vectors = vectors.chunks_exact(n).map(<[f64]>::to_vec);
    Ok(Components { pairs: values.into_iter().zip(vectors).collect(), n_iter, converged })
}

fn check(n_comps: usize) -> Result<()> {
    if n_comps < 2 {
        return Err(DiffmapParams::refuse("n_comps", n_comps, "at least 2: the first says nothing"));
    }
    Ok(())
}

impl Step for DiffmapParams {
    const ID: &'static str = "tl.diffmap";
    const SUMMARY: &'static str = "Diffusion map of the neighbour graph.";

    fn reads(&self) -> Vec<Slot> {
        self.source().reads()
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obsm(keys::X_DIFFMAP), Slot::uns(keys::DIFFMAP_EVALS)]
    }

    fn validate(&self) -> Result<()> {
        check(self.n_comps)?;
        self.source().validate(Self::ID)
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let map = diffmap(&self.source().graph(adata)?, self.n_comps, ctx)?;
        if !map.converged {
            ctx.warn("tl.diffmap ended before all components were found to full precision");
        }
        let outcome = Dict::from([
            ("n_comps".to_owned(), Value::from(map.eigenvalues.len())),
            ("n_parts".to_owned(), Value::from(map.n_parts)),
            ("n_iter".to_owned(), Value::from(map.n_iter)),
        ]);
        adata.set_obsm(keys::X_DIFFMAP, map.coordinates)?;
        adata.set_uns(keys::DIFFMAP_EVALS, Array::vector(map.eigenvalues));
        Ok(outcome)
    }
}

impl DiffmapParams {
    fn source(&self) -> Source<'_> {
        Source { neighbors_key: self.neighbors_key.as_deref(), obsp: self.obsp.as_deref() }
    }
}
