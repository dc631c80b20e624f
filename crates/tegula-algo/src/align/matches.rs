//! Which observations of two sections are most alike, wherever they lie.

use rayon::prelude::*;
use tegula_core::{Ctx, Result};

use super::Point;
use super::section::{Framed, Unit};
use crate::index::panels::{Panels, Queries, scan};
use crate::linalg::panel::W;
use crate::pp::subsample;

/// Observations of each section among which the most alike are sought.
const MOST: usize = 4096;
/// What the seed of the query's samples differs by.
const QUERY: u64 = 1 << 63;
/// Queries per block.
const QUERIES: usize = 96;

/// Two places that look alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    pub(super) from: Point,
    pub(super) to: Point,
    /// 2 where each is the other's best.
    pub(super) weight: f64,
}

/// At most `most` of `n`, ascending: a larger sample holds the smaller ones.
pub(super) fn sampled(n: usize, most: usize, ctx: &Ctx<'_>) -> Vec<u32> {
    let chosen = subsample(n, most.min(n), None, ctx).unwrap_or_else(|_| unreachable!("no more than there are"));
    chosen.into_iter().map(|i| i as u32).collect()
}

/// The same for the query, whose sample is another: where both sections are of one size, too.
pub(super) fn sampled_query(n: usize, most: usize, ctx: &Ctx<'_>) -> Vec<u32> {
    sampled(n, most, &ctx.with_seed(ctx.seed() ^ QUERY))
}

/// The best match of each observation of a sample, in both directions.
pub(super) fn matches(query: &Framed, reference: &Framed, ctx: &Ctx<'_>) -> Result<Vec<Match>> {
    let mut q = sampled_query(query.len(), MOST, ctx);
    let mut r = sampled(reference.len(), MOST, ctx);
    // A constant row is like nothing.
    q.retain(|&i| query.rows.varies(i as usize));
    r.retain(|&j| reference.rows.varies(j as usize));
    let there = best(&query.rows, &q, &reference.rows, &r, ctx)?;
    let back = best(&reference.rows, &r, &query.rows, &q, ctx)?;
    let pair = |i: u32, j: u32, weight: f64| Match {
        from: query.xy[q[i as usize] as usize],
        to: reference.xy[r[j as usize] as usize],
        weight,
    };
    let mut found = Vec::with_capacity(there.len() + back.len());
    for (i, j) in (0u32..).zip(&there) {
        if let Some(j) = *j {
            found.push(pair(i, j, if back[j as usize] == Some(i) { 2.0 } else { 1.0 }));
        }
    }
    for (j, i) in (0u32..).zip(&back) {
        if let Some(i) = i.filter(|&i| there[i as usize] != Some(j)) {
            found.push(pair(i, j, 1.0));
        }
    }
    Ok(found)
}

/// For each of some rows the most correlated of some others, ties to the lower.
fn best(rows: &Unit, of: &[u32], others: &Unit, among: &[u32], ctx: &Ctx<'_>) -> Result<Vec<Option<u32>>> {
    let panels = Panels::new(among.len(), others.dim, |k, row| row.copy_from_slice(others.row(among[k] as usize)));
    let parts: Vec<Vec<Option<u32>>> = of
        .par_chunks(QUERIES)
        .map(|block| {
            ctx.tick(super::cast_stack::TASK, 0)?;
            let mut queries = Queries::new(rows.dim);
            for &i in block {
                queries.push(rows.row(i as usize));
            }
            let mut found: Vec<Option<u32>> = vec![None; block.len()];
            let mut limits = vec![f32::INFINITY; block.len()];
            let near = |q: usize, first: usize, scores: &[f32; W], mut limit: f32| {
                for (l, &s) in scores.iter().enumerate() {
                    if s < limit {
                        (limit, found[q]) = (s, Some((first + l) as u32));
                    }
                }
                limit
            };
            scan(&panels, 0..panels.n_groups(), &queries, &mut limits, near);
            Ok(found)
        })
        .collect::<Result<_>>()?;
    Ok(parts.concat())
}
