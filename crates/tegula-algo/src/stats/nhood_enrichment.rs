//! `tl.nhood_enrichment`: which groups lie next to each other more often than by chance.

use rand::Rng;
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{
    AnnData, Array, ArrayData, Ctx, Dict, Error, Graph, Labels, Outcome, Result, Slot, Step, Value, keys, par,
};

/// Tells which groups of observations are neighbours more often, or less often, than by chance.
///
/// # What it does
/// Counts the edges of a graph between every two groups and compares each count with what it is after the labels are
/// dealt out anew at random: z = (count − mean) / standard deviation.
///
/// # When to use it
/// After `pp.spatial_neighbors`, to see which cell types or domains attract or avoid each other.
///
/// # How it works
/// Every permutation deals all labels anew, with `library_key` within each library only.
///
/// # Reads and writes
/// Reads `obs[cluster_key]`, `obsp[connectivity_key]` and `obs[library_key]`. Writes
/// `uns["<cluster_key>_nhood_enrichment"]` with the matrices `zscore` and `count`, groups in the order of their
/// categories.
///
/// # Determinism
/// The same bits for any number of threads; each permutation has its own random stream.
///
/// # Cost
/// O(`n_perms` × edges) time.
///
/// # Differences from the reference
/// Counts are squidpy's; z-scores agree within the error of sampling. Observations without a label are left out, where
/// squidpy fails. Self-loops are not counted.
///
/// # Example
/// `tegula tl nhood_enrichment in.h5ad -o out.h5ad --cluster-key scc`
///
/// # References
/// Palla et al. 2022, <https://doi.org/10.1038/s41592-021-01358-2>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NhoodEnrichmentParams {
    /// Column of `obs` with the groups.
    pub cluster_key: String,
    /// Column of `obs` with the libraries (sections) that labels must not leave.
    pub library_key: Option<String>,
    /// The graph in `obsp`.
    pub connectivity_key: String,
    /// Permutations.
    pub n_perms: usize,
}

impl Default for NhoodEnrichmentParams {
    fn default() -> Self {
        Self {
            cluster_key: "leiden".into(),
            library_key: None,
            connectivity_key: keys::SPATIAL_CONNECTIVITIES.into(),
            n_perms: 1000,
        }
    }
}

/// Edges between groups, row by row: from the group of the row to that of the column.
#[derive(Debug, Clone, PartialEq)]
pub struct NhoodEnrichment {
    /// How many edges.
    pub count: Vec<u32>,
    /// How many standard deviations more than by chance; NaN for groups without observations.
    pub zscore: Vec<f64>,
}

/// Permutations per piece of work.
const PERMUTATIONS: usize = 4;
const TASK: &str = "nhood_enrichment";

/// Edges between the groups in `labels`, and how far their numbers are from chance; `libraries` are what a label never
/// leaves when labels are dealt anew.
///
/// # Errors
/// [`Error::Shape`]; [`Error::Data`] for fewer than 2 groups; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::stats::nhood_enrichment;
/// use tegula_core::{Ctx, Graph, Labels};
/// let line = Graph::from_edges(4, &[(0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0), (2, 1, 1.0), (2, 3, 1.0), (3, 2, 1.0)])?;
/// let found = nhood_enrichment(&line, &Labels::from_clusters(&[0, 0, 1, 1]), None, 100, &Ctx::default())?;
/// assert_eq!(found.count, [2, 1, 1, 2]);
/// assert!(found.zscore[0] > 0.0 && found.zscore[1] < 0.0);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn nhood_enrichment(
    graph: &Graph,
    labels: &Labels,
    libraries: Option<&Labels>,
    n_perms: usize,
    ctx: &Ctx<'_>,
) -> Result<NhoodEnrichment> {
    let n = graph.n_nodes();
    if let Some(of) = [Some(labels), libraries].into_iter().flatten().find(|l| l.len() != n) {
        return Err(Error::shape("labels", format!("({})", of.len()), format!("({n})")));
    }
    let k = labels.categories().len();
    if k < 2 {
        return Err(Error::data("labels", format!("{k} groups; enrichment needs 2: name another column")));
    }
    let count = edges_between(graph, labels.codes(), k);
    // Observations with a label, library by library: labels are dealt within each.
    let mut decks: Vec<Vec<usize>> = vec![Vec::new(); libraries.map_or(0, |l| l.categories().len()) + 1];
    for i in (0..n).filter(|&i| labels.codes()[i] >= 0) {
        decks[libraries.map_or(0, |l| (l.codes()[i] + 1) as usize)].push(i);
    }
    ctx.begin(TASK, n_perms as u64);
    let parts: Vec<Result<Vec<Vec<u32>>>> = par::map(n_perms, PERMUTATIONS, |perms| {
        ctx.tick(TASK, perms.len() as u64)?;
        let mut dealt = labels.codes().to_vec();
        let deal = |p: usize| {
            let mut rng = ctx.rng("tl.nhood_enrichment", p as u64);
            for deck in &decks {
                for (&to, from) in deck.iter().zip(shuffled(deck.len(), &mut rng)) {
                    dealt[to] = labels.codes()[deck[from as usize]];
                }
            }
            edges_between(graph, &dealt, k)
        };
        Ok(perms.map(deal).collect())
    });
    ctx.end(TASK);
    let perms: Vec<Vec<u32>> = parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    let m = n_perms as f64;
    let zscore = (0..k * k)
        .map(|e| {
            let mean = perms.iter().map(|p| f64::from(p[e])).sum::<f64>() / m;
            let variance = perms.iter().map(|p| (f64::from(p[e]) - mean).powi(2)).sum::<f64>() / m;
            (f64::from(count[e]) - mean) / variance.sqrt()
        })
        .collect();
    Ok(NhoodEnrichment { count, zscore })
}

fn edges_between(graph: &Graph, codes: &[i32], k: usize) -> Vec<u32> {
    let mut count = vec![0u32; k * k];
    for i in (0..codes.len()).filter(|&i| codes[i] >= 0) {
        let row = &mut count[codes[i] as usize * k..][..k];
        for &j in graph.neighbors(i) {
            if let Ok(c) = usize::try_from(codes[j as usize]) {
                row[c] += 1;
            }
        }
    }
    count
}

/// The numbers below `n` in random order.
pub(crate) fn shuffled(n: usize, rng: &mut impl Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.shuffle(rng);
    order
}

impl Step for NhoodEnrichmentParams {
    const ID: &'static str = "tl.nhood_enrichment";
    const SUMMARY: &'static str = "Tells which groups are neighbours more often, or less often, than by chance.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obs(&self.cluster_key), Slot::obsp(&self.connectivity_key)];
        slots.extend(self.library_key.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::uns(&format!("{}_nhood_enrichment", self.cluster_key))]
    }

    fn validate(&self) -> Result<()> {
        if self.n_perms == 0 { Err(Self::refuse("n_perms", 0, "at least 1")) } else { Ok(()) }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let graph = adata.graph(&self.connectivity_key, "run pp.spatial_neighbors first, or pass connectivity_key")?;
        let labels = adata.labels(&self.cluster_key)?;
        let libraries = self.library_key.as_deref().map(|key| adata.labels(key)).transpose()?;
        let found = nhood_enrichment(&graph, &labels, libraries.as_ref(), self.n_perms, ctx)?;
        let k = labels.categories().len();
        let entry = Dict::from([
            ("zscore".to_owned(), Value::from(Array::new(vec![k, k], ArrayData::F64(found.zscore.into()))?)),
            ("count".to_owned(), Value::from(Array::new(vec![k, k], ArrayData::U32(found.count.into()))?)),
        ]);
        adata.set_uns(&format!("{}_nhood_enrichment", self.cluster_key), entry);
        Ok(Dict::from([
            ("n_clusters".to_owned(), Value::from(k)),
            ("n_edges".to_owned(), Value::from(graph.n_edges())),
        ]))
    }
}
