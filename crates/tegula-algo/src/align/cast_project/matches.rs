//! The observations of one section that match those of another.

use rayon::prelude::*;
use tegula_core::{Coords, Csr, Ctx, Dense, Error, Result, Step, par};

use super::CastProjectParams;
use crate::graph::{delaunay, part};
use crate::index::KdTree;
use crate::linalg::dot;
use crate::stats::quantile::quantile;

/// Candidates where too few lie within the radius.
const NEAREST: usize = 20;
/// Edges longer than this quantile join what is apart and are left out of the mean.
const LONGEST: f64 = 0.99;
/// Added to cosine distances before they are inverted.
const SOFTENING: f64 = 1e-6;
/// Observations per block of parallel work: some milliseconds.
const BLOCK: usize = 256;

/// One of the two sections: where its observations lie, what they are like, and of what type they are.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Positions, those of both sections in one plane.
    pub coords: &'a Coords,
    /// A row for every observation, those of both sections in one space.
    pub embedding: &'a Dense,
    /// The type of each, −1 for none; matches are sought within a type where both sections have them.
    pub types: Option<&'a [i32]>,
}

/// An observation of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Which.
    pub source: u32,
    /// Cosine distance in the joint space.
    pub cosine: f64,
    /// Distance in the tissue.
    pub distance: f64,
}

/// What [`cast_project`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// For each observation of the target its best matches, best first; none where the source lacks its type.
    pub matches: Vec<Vec<Match>>,
    /// How many observations of the source lie within the radius of each.
    pub candidates: Vec<u32>,
    /// Mean length of the target's Delaunay edges; of each type where there are types, NaN for those it does not hold.
    pub mean_edge: Vec<f64>,
    /// Radius of the search; likewise.
    pub radius: Vec<f64>,
    /// Number of observations of the source.
    pub n_source: usize,
}

/// The observations of `source` that match those of `target`: near in the tissue and alike; see [`CastProjectParams`].
///
/// The better of `n_neighbors` and `n_votes` are kept for each. O(N log N + candidates × columns of the embedding).
///
/// # Errors
/// [`Error::Shape`] where sizes differ, [`Error::Param`] where the source holds fewer than `n_neighbors`,
/// [`Error::Data`] where the sections share no type or nothing of the target lies near the source.
///
/// ```
/// use tegula_algo::align::{CastProjectParams, Side, cast_project};
/// use tegula_core::{Coords, Ctx, Dense};
/// let coords = Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0])?;
/// let [here, there] = [[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], [0.0, 2.0, 3.0, 0.1, 5.0, 5.0]]
///     .map(|rows| Dense::new(3, 2, rows.to_vec()).unwrap());
/// let target = Side { coords: &coords, embedding: &here, types: None };
/// let source = Side { coords: &coords, embedding: &there, types: None };
/// let found = cast_project(&source, &target, &CastProjectParams::default(), &Ctx::default())?;
/// let best: Vec<u32> = found.matches.iter().map(|m| m[0].source).collect();
/// assert_eq!(best, [1, 0, 2]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn cast_project(
    source: &Side<'_>,
    target: &Side<'_>,
    params: &CastProjectParams,
    ctx: &Ctx<'_>,
) -> Result<Projection> {
    params.check()?;
    for side in [source, target] {
        side.check()?;
    }
    let (n, k) = (source.coords.len(), params.n_neighbors);
    if k > n {
        return Err(CastProjectParams::refuse("n_neighbors", k, &format!("at most {n}, the size of the source")));
    }
    let (a, b) = (source.embedding.n_cols(), target.embedding.n_cols());
    if a != b {
        return Err(Error::shape("embedding of the target", format!("(…, {b})"), format!("(…, {a})")));
    }
    let groups = groups(source, target)?;
    let (from, to) = (units(source.embedding), units(target.embedding));
    let keep = k.max(params.n_votes);
    let whole = mean_edge(target.coords)?;
    let n_target = target.coords.len();
    let mut found = Projection {
        matches: vec![Vec::new(); n_target],
        candidates: vec![0; n_target],
        mean_edge: Vec::new(),
        radius: Vec::new(),
        n_source: n,
    };
    ctx.begin(CastProjectParams::ID, n_target as u64);
    for [sources, targets] in &groups {
        if targets.is_empty() {
            found.mean_edge.push(f64::NAN);
            found.radius.push(f64::NAN);
            continue;
        }
        let edge = if groups.len() == 1 { whole } else { mean_edge(&part(target.coords, targets, 2)?)?.or(whole) };
        // All at one place: they have no distance of their own.
        let edge = edge.unwrap_or(0.0);
        let radius = params.distance_fold * edge + params.distance_shift;
        found.mean_edge.push(edge);
        found.radius.push(radius);
        if sources.is_empty() {
            continue;
        }
        let tree = KdTree::new(&part(source.coords, sources, 2)?);
        let of = |t: u32| {
            let place = target.coords.point(t as usize);
            let mut near = tree.within(place, radius);
            let n_near = near.len() as u32;
            if near.len() < k {
                near = tree.nearest(place, NEAREST.max(k));
            }
            let row = &to[t as usize * a..][..a];
            let measured = |(s, distance): (u32, f64)| {
                let source = sources[s as usize];
                let cosine = (1.0 - dot(row, &from[source as usize * a..][..a])).max(0.0);
                Match { source, cosine, distance }
            };
            (best(near.into_iter().map(measured).collect(), keep), n_near)
        };
        let blocks = par::blocks(targets.len(), BLOCK).map(|range| {
            ctx.tick(CastProjectParams::ID, range.len() as u64)?;
            Ok(targets[range].iter().map(|&t| (t, of(t))).collect::<Vec<_>>())
        });
        for (t, (matches, n_near)) in blocks.collect::<Result<Vec<_>>>()?.into_iter().flatten() {
            found.matches[t as usize] = matches;
            found.candidates[t as usize] = n_near;
        }
    }
    ctx.end(CastProjectParams::ID);
    if found.candidates.iter().all(|&c| c == 0) {
        return Err(apart(source.coords, target.coords, &found.radius));
    }
    Ok(found)
}

impl Side<'_> {
    fn check(&self) -> Result<()> {
        let n = self.coords.len();
        if n == 0 {
            return Err(Error::data("section", "holds no observations; name another"));
        }
        if self.embedding.n_rows() != n || self.types.is_some_and(|t| t.len() != n) {
            let got = self.types.map_or(self.embedding.n_rows(), <[i32]>::len);
            return Err(Error::shape("section", format!("({got})"), format!("({n}), the number of positions")));
        }
        Ok(())
    }
}

impl Projection {
    /// Observations of the target without any match.
    pub fn n_alone(&self) -> usize {
        self.matches.iter().filter(|m| m.is_empty()).count()
    }

    /// Share of the matched observations that have fewer than `k` candidates within the radius.
    pub fn share_far(&self, k: usize) -> f64 {
        let matched = self.matches.iter().zip(&self.candidates).filter(|e| !e.0.is_empty());
        let far = matched.filter(|e| (*e.1 as usize) < k).count();
        far as f64 / (self.matches.len() - self.n_alone()).max(1) as f64
    }

    /// What share each of the `k` best matches has, by inverse cosine distance: a row for every observation of the target,
    /// adding up to 1 where there is a match.
    pub fn shares(&self, k: usize) -> Csr {
        let row = |matches: &Vec<Match>| {
            let mut row: Vec<(u32, f32)> = weighted(matches, k).map(|(m, w)| (m.source, w as f32)).collect();
            row.sort_unstable_by_key(|e| e.0);
            row
        };
        Csr::from_rows(self.n_source, &self.matches.par_iter().map(row).collect::<Vec<_>>())
    }

    /// Mean distance in the tissue and mean cosine distance of the `k` best matches, weighted; NaN without a match.
    pub(super) fn means(&self, k: usize) -> [Vec<f64>; 2] {
        let mean = |of: fn(&Match) -> f64| {
            let one = |matches: &Vec<Match>| {
                if matches.is_empty() { f64::NAN } else { weighted(matches, k).map(|(m, w)| w * of(m)).sum() }
            };
            self.matches.iter().map(one).collect()
        };
        [mean(|m| m.distance), mean(|m| m.cosine)]
    }
}

/// The `k` best matches with their weights.
fn weighted(matches: &[Match], k: usize) -> impl Iterator<Item = (&Match, f64)> {
    let best = &matches[..k.min(matches.len())];
    let weight = |m: &Match| 1.0 / (m.cosine + SOFTENING);
    let total: f64 = best.iter().map(weight).sum();
    best.iter().map(move |m| (m, weight(m) / total))
}

/// The `k` nearest by cosine, nearest first, ties by the lower index.
fn best(mut all: Vec<Match>, k: usize) -> Vec<Match> {
    let order = |a: &Match, b: &Match| a.cosine.total_cmp(&b.cosine).then(a.source.cmp(&b.source));
    if all.len() > k {
        all.select_nth_unstable_by(k, order);
        all.truncate(k);
    }
    all.sort_unstable_by(order);
    all.shrink_to_fit();
    all
}

/// The observations of both sections that are matched with each other: of each type, or all.
fn groups(source: &Side<'_>, target: &Side<'_>) -> Result<Vec<[Vec<u32>; 2]>> {
    let (Some(from), Some(to)) = (source.types, target.types) else {
        return Ok(vec![[source, target].map(|s| (0..s.coords.len() as u32).collect())]);
    };
    let n_types = from.iter().chain(to).max().map_or(0, |&m| (m + 1).max(0) as usize);
    let mut groups = vec![[Vec::new(), Vec::new()]; n_types];
    for (side, types) in [from, to].into_iter().enumerate() {
        for (i, &c) in types.iter().enumerate().filter(|e| *e.1 >= 0) {
            groups[c as usize][side].push(i as u32);
        }
    }
    if groups.iter().any(|g| !g[0].is_empty() && !g[1].is_empty()) {
        Ok(groups)
    } else {
        Err(Error::data("groupby", "the source and the target share no type; name another column, or leave it out"))
    }
}

/// The rows at length one, in `f64`; zeros stay zeros.
fn units(rows: &Dense) -> Vec<f64> {
    let mut out: Vec<f64> = rows.data().iter().map(|&x| f64::from(x)).collect();
    out.par_chunks_mut(rows.n_cols().max(1)).with_min_len(64).for_each(|row| {
        let length = dot(row, row).sqrt();
        if length > 0.0 {
            for x in row {
                *x /= length;
            }
        }
    });
    out
}

/// Mean length of the Delaunay edges without those of length 0 and the longest; `None` where there are none.
fn mean_edge(coords: &Coords) -> Result<Option<f64>> {
    let graph = delaunay(coords)?;
    let of = |i: usize| {
        let (to, lengths) = graph.row(i);
        to.iter().zip(lengths).filter(move |e| *e.0 as usize > i && *e.1 > 0.0).map(|e| f64::from(*e.1))
    };
    let lengths: Vec<f64> = (0..coords.len()).flat_map(of).collect();
    let Some(longest) = quantile(&mut lengths.clone(), LONGEST) else { return Ok(None) };
    let kept = || lengths.iter().filter(|&&l| l <= longest);
    Ok(Some(kept().sum::<f64>() / kept().count() as f64))
}

/// The [`Error`] for sections that do not lie over each other.
fn apart(source: &Coords, target: &Coords, radius: &[f64]) -> Error {
    let span = |coords: &Coords| {
        [0, 1].map(|a| {
            let values = || coords.data().chunks(coords.dim()).map(|p| p[a]);
            let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
            format!("{low:.4} to {high:.4}")
        })
    };
    let ([x, y], [u, v]) = (span(source), span(target));
    let radius = radius.iter().copied().fold(0.0, f64::max);
    let reason = format!(
        "nothing of the target (x {u}, y {v}) has anything of the source (x {x}, y {y}) within {radius:.4}; align them \
         first (tl.cast_stack), or raise distance_fold or distance_shift"
    );
    Error::data("positions", reason)
}
