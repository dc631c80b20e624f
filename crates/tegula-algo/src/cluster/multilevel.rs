//! The rounds that Louvain and Leiden share: move, (refine,) merge, and again on the coarser graph.

use rand::Rng;
use tegula_core::{Ctx, Error, Graph, Result};

use super::level::{Level, compact, numbered};
use super::moving::move_nodes;
use super::objective::Objective;
use super::partition::{Partition, by_size, connected};
use super::refine::refine;
use super::resolution::search;
use crate::graph::undirected;

/// Smallest gain in quality that is worth another round.
const GAIN: f64 = 1e-9;
/// Rounds in a row that may gain nothing: the next draws another order and another refinement.
const IDLE: usize = 2;

/// What Louvain and Leiden are told.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    /// Name of the task, of the random stream and of the method.
    pub task: &'a str,
    /// With Leiden's refinement or without.
    pub refine: bool,
    pub objective: Objective,
    /// γ, or where the search for it starts.
    pub resolution: f64,
    /// Rounds; negative: until nothing is gained.
    pub n_iterations: i64,
    /// Number of clusters to search the resolution for.
    pub n_clusters: Option<usize>,
    pub use_weights: bool,
}

/// Clusters a graph at the resolution asked for, or at the one that gives the number of clusters asked for. Starts from
/// `start`, any label for each node, or from single nodes.
pub(super) fn run(graph: &Graph, start: Option<&[u32]>, s: &Settings<'_>, ctx: &Ctx<'_>) -> Result<Partition> {
    let n = graph.n_nodes();
    if let Some(k) = s.n_clusters.filter(|&k| k > n) {
        return Err(Error::param(s.task, "n_clusters", k, format!("at most {n}, the number of nodes")));
    }
    if let Some(found) = start.map(<[u32]>::len).filter(|&found| found != n) {
        return Err(Error::shape("starting partition", format!("({found})"), format!("({n})")));
    }
    let graph = undirected(graph, s.use_weights)?;
    let start = start.map_or_else(|| (0..n as u32).collect(), numbered);
    ctx.begin(s.task, 0);
    let found = match s.n_clusters {
        None => cluster(&graph, start, s, 0, ctx),
        Some(k) => search((s.task, k), s.resolution, ctx, |resolution, item| {
            cluster(&graph, start.clone(), &Settings { resolution, ..*s }, item, ctx)
        }),
    };
    ctx.end(s.task);
    found
}

/// Clusters a symmetric graph from a partition with labels below the number of nodes; `item` chooses the random stream.
pub(super) fn cluster(
    graph: &Graph,
    mut membership: Vec<u32>,
    s: &Settings<'_>,
    item: u64,
    ctx: &Ctx<'_>,
) -> Result<Partition> {
    let base = Level::of(graph, s.objective, s.resolution);
    let mut rng = ctx.rng(s.task, item);
    let mut quality = base.quality(&membership);
    let (mut rounds, mut idle) = (0, 0);
    if base.total > 0.0 {
        let limit = usize::try_from(s.n_iterations).unwrap_or(usize::MAX);
        while rounds < limit && (rounds == 0 || !ctx.stopping()) {
            let next = round(&base, membership.clone(), s, &mut rng, ctx)?;
            rounds += 1;
            let q = base.quality(&next);
            ctx.metric(s.task, "quality", q);
            ctx.tick(s.task, 1)?;
            let gain = q - quality;
            if gain > 0.0 {
                (membership, quality) = (next, q);
            }
            idle = if gain >= GAIN { 0 } else { idle + 1 };
            if idle == IDLE {
                break;
            }
        }
    }
    if s.refine {
        membership = connected(graph, &membership);
    }
    let n_clusters = by_size(&mut membership);
    let quality = base.quality(&membership);
    Ok(Partition { membership, n_clusters, quality, resolution: s.resolution, n_iterations: rounds })
}

/// One round from a partition: through all levels, until every community is one node.
fn round(
    base: &Level<'_>,
    mut membership: Vec<u32>,
    s: &Settings<'_>,
    rng: &mut impl Rng,
    ctx: &Ctx<'_>,
) -> Result<Vec<u32>> {
    let unit = base.total / base.n_edges() as f64;
    move_nodes(base, &mut membership, rng, (ctx, s.task))?;
    let Some((mut level, mut of_node, mut community)) = coarser(base, membership.clone(), s, unit, rng) else {
        return Ok(membership);
    };
    loop {
        move_nodes(&level, &mut community, rng, (ctx, s.task))?;
        let Some((next, group, above)) = coarser(&level, community.clone(), s, unit, rng) else {
            break;
        };
        for g in &mut of_node {
            *g = group[*g as usize];
        }
        (level, community) = (next, above);
    }
    Ok(of_node.into_iter().map(|g| community[g as usize]).collect())
}

/// The coarser graph, the group of every node in it, and the community of every group; `None` where nothing merges.
fn coarser(
    level: &Level<'_>,
    mut community: Vec<u32>,
    s: &Settings<'_>,
    unit: f64,
    rng: &mut impl Rng,
) -> Option<(Level<'static>, Vec<u32>, Vec<u32>)> {
    let n = level.len();
    let n_communities = compact(&mut community);
    if n_communities == n {
        return None;
    }
    let (mut group, mut k) = (community.clone(), n_communities);
    if s.refine {
        let mut parts = refine(level, &community, unit, rng);
        let n_parts = compact(&mut parts);
        // Where nothing could be rebuilt, the communities themselves are merged, or no level would ever be coarser.
        if n_parts < n {
            (group, k) = (parts, n_parts);
        }
    }
    let mut above = vec![0u32; k];
    for (&g, &c) in group.iter().zip(&community) {
        above[g as usize] = c;
    }
    Some((level.merged(&group, k), group, above))
}
