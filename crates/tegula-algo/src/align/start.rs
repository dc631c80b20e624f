//! Where to begin: the similarity that most of the best matches agree on.

use rand::RngExt;
use rayon::prelude::*;
use tegula_core::{Ctx, Result};

use super::cast_stack::TransformKind;
use super::clues::Level;
use super::cost::Ground;
use super::follow::follow;
use super::likeness::{COMPARED, Likeness};
use super::matches::Match;
use super::section::Framed;
use super::{Affine, Point};

/// Pairs of matches tried.
const TRIES: u64 = 2000;
/// Matches that vote on each.
const VOTERS: usize = 1000;
/// How near a match has to come to count, in spreads of the reference.
const NEAR: f64 = 0.15;
/// The same at the end of fitting to all matches.
const NEARER: f64 = 0.05;
/// How much larger or smaller than its spread says a section may be.
const SCALE: f64 = 2.5;
/// How far a scale may plausibly be from that of the spreads or of the coordinates as given: standard deviation of its
/// logarithm. Where cells say little, a shrunken section would meet more of them.
const PLAUSIBLE: f64 = 0.3;
/// Candidates of each kind that are followed.
const FOLLOWED: usize = 4;
/// Turns of the grid, mirrored or not.
const TURNS: usize = 24;
/// Rounds that a candidate is followed for.
const ROUNDS: usize = 5;
/// Shifts that tear the query apart, in its widths and heights, to see how well matches agree by chance.
const TORN: [Point; 4] = [[0.5, 0.5], [0.35, 0.6], [0.6, 0.35], [0.4, 0.45]];

/// What an alignment began from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The best matches of the embeddings.
    Matches,
    /// A grid of turns.
    Grid,
    /// The coordinates as given, or with one centre on the other.
    Given,
}

impl Start {
    /// `matches`, `grid` or `given`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::Grid => "grid",
            Self::Given => "given",
        }
    }
}

/// Where to begin, and how much the matches say for it.
pub(super) struct Begun {
    pub(super) map: Affine,
    pub(super) start: Start,
    /// Share of the matches that agree with the map.
    pub(super) agreeing: f64,
    /// The same, less where the scale is not what one would expect.
    pub(super) support: f64,
    /// The most support of any similarity when the query was torn apart.
    pub(super) chance: f64,
    /// How alike the sections are with this map; see [`Likeness`].
    pub(super) likeness: f64,
    /// The most of any turn when the query was torn apart.
    pub(super) torn: f64,
}

/// What maps may be.
#[derive(Clone, Copy)]
pub(super) struct Allowed {
    pub(super) mirror: bool,
    pub(super) rigid: bool,
    /// The scale of coordinates taken as they are.
    pub(super) given: f64,
}

impl Allowed {
    /// The votes for a map, fewer where its scale is not what one would expect.
    fn support(&self, map: &Affine, voters: &[Match]) -> f64 {
        let scale = map.scale();
        let off = scale.ln().abs().min((scale / self.given).ln().abs()) / PLAUSIBLE;
        votes(map, voters) * (-0.5 * off * off).exp()
    }
}

/// The best similarity (or turn) to begin with.
pub(super) fn begin(
    query: &Framed,
    ground: &Ground<'_>,
    matches: &[Match],
    allowed: Allowed,
    ctx: &Ctx<'_>,
) -> Result<Begun> {
    let voters: Vec<Match> = spread_out(matches);
    let mut candidates: Vec<(Affine, Start)> = Vec::new();
    for (_, map) in agreed(&voters, allowed, 0, ctx)? {
        let distinct = candidates.iter().all(|(other, _)| apart(&map, other) > NEAR);
        if distinct && candidates.len() < FOLLOWED {
            candidates.push((fitted(map, &voters, allowed.rigid), Start::Matches));
        }
    }
    let chance = chance(&voters, allowed, ctx)?;
    let alike = Likeness::new(query, ground, COMPARED, ctx);
    let asking = alike.chosen().rows(COMPARED);
    let level = Level::new(&asking, ground, (COMPARED, COMPARED), ctx);
    let mut grid: Vec<(f64, Affine)> = grid(allowed.mirror).into_iter().map(|map| (alike.of_map(&map), map)).collect();
    grid.sort_by(|a, b| b.0.total_cmp(&a.0));
    candidates.extend(grid.into_iter().take(FOLLOWED / 2).map(|e| (e.1, Start::Grid)));
    candidates.extend(given(query, ground.section, allowed.rigid).map(|map| (map, Start::Given)));
    let kind = if allowed.rigid { TransformKind::Rigid } else { TransformKind::Similarity };
    let mut best: Option<(f64, Affine, Start)> = None;
    for (map, start) in candidates {
        let (followed, _) = follow(&alike.chosen(), &level, (map, &map), (kind, ROUNDS), |_, _| Ok(true), ctx)?;
        for map in [followed, map] {
            let like = alike.of_map(&map);
            if best.is_none_or(|b| like > b.0) {
                best = Some((like, map, start));
            }
        }
    }
    let (likeness, map, start) = best.unwrap_or((f64::NEG_INFINITY, Affine::IDENTITY, Start::Grid));
    let torn = likeness_torn(&alike, allowed.mirror);
    Ok(Begun {
        map,
        start,
        agreeing: votes(&map, &voters),
        support: allowed.support(&map, &voters),
        chance,
        likeness,
        torn,
    })
}

/// Matches spread evenly over all of them.
fn spread_out(matches: &[Match]) -> Vec<Match> {
    let n = matches.len().min(VOTERS);
    (0..n).map(|k| matches[k * matches.len() / n]).collect()
}

/// Similarities through pairs of matches, most votes first.
fn agreed(voters: &[Match], allowed: Allowed, round: u64, ctx: &Ctx<'_>) -> Result<Vec<(f64, Affine)>> {
    // Matches of each other's best stand twice in the urn.
    let urn: Vec<usize> = (0..voters.len()).flat_map(|k| vec![k; voters[k].weight as usize]).collect();
    if voters.len() < 2 {
        return Ok(Vec::new());
    }
    let parts: Vec<Vec<(f64, Affine)>> = (0..TRIES)
        .into_par_iter()
        .map(|t| {
            ctx.tick(super::cast_stack::TASK, 0)?;
            let mut rng = ctx.rng("tl.cast_stack.start", round * TRIES + t);
            let (a, b) = (voters[urn[rng.random_range(0..urn.len())]], voters[urn[rng.random_range(0..urn.len())]]);
            let both = [false, true].into_iter().filter(|m| allowed.mirror || !m);
            let maps = both.filter_map(|mirror| through(&a, &b, mirror, allowed.rigid));
            Ok(maps.map(|map| (allowed.support(&map, voters), map)).collect())
        })
        .collect::<Result<_>>()?;
    let mut found = parts.concat();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(found)
}

/// The similarity (or turn) that takes two matches to their places; `None` where they lie too near or the scale is absurd.
fn through(a: &Match, b: &Match, mirror: bool, rigid: bool) -> Option<Affine> {
    let sign = if mirror { -1.0 } else { 1.0 };
    let u = [b.from[0] - a.from[0], sign * (b.from[1] - a.from[1])];
    let v = [b.to[0] - a.to[0], b.to[1] - a.to[1]];
    let length2 = u[0] * u[0] + u[1] * u[1];
    if length2 < 0.25 {
        return None;
    }
    let by = [(v[0] * u[0] + v[1] * u[1]) / length2, (v[1] * u[0] - v[0] * u[1]) / length2];
    let size = by[0].hypot(by[1]);
    if !(1.0 / SCALE..=SCALE).contains(&size) {
        return None;
    }
    let by = if rigid { by.map(|x| x / size) } else { by };
    let middle = |p: Point, q: Point| [0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])];
    Some(Affine::similarity(by, mirror, middle(a.from, b.from), middle(a.to, b.to)))
}

/// The share of the matches, softly counted, that a map brings together.
fn votes(map: &Affine, voters: &[Match]) -> f64 {
    let scale = -0.5 / (NEAR * NEAR);
    let (mut sum, mut total) = (0.0, 0.0);
    for m in voters {
        let p = map.apply(m.from);
        let d2 = (p[0] - m.to[0]).powi(2) + (p[1] - m.to[1]).powi(2);
        sum += m.weight * (scale * d2).exp();
        total += m.weight;
    }
    if total > 0.0 { sum / total } else { 0.0 }
}

/// The similarity that fits all matches near it, ever nearer ones.
fn fitted(map: Affine, voters: &[Match], rigid: bool) -> Affine {
    let (mut map, mirror) = (map, map.mirrors());
    let sign = if mirror { -1.0 } else { 1.0 };
    let mut near = NEAR;
    while near > NEARER {
        let weigh = |m: &Match| {
            let p = map.apply(m.from);
            m.weight * (-0.5 * ((p[0] - m.to[0]).powi(2) + (p[1] - m.to[1]).powi(2)) / (near * near)).exp()
        };
        let weights: Vec<f64> = voters.iter().map(weigh).collect();
        let total: f64 = weights.iter().sum();
        let mean = |at: fn(&Match) -> Point, a: usize| {
            voters.iter().zip(&weights).map(|(m, w)| w * at(m)[a]).sum::<f64>() / total
        };
        let (from, to) = ([mean(|m| m.from, 0), mean(|m| m.from, 1)], [mean(|m| m.to, 0), mean(|m| m.to, 1)]);
        let (mut by, mut uu, mut vv) = ([0.0; 2], 0.0, 0.0);
        for (m, w) in voters.iter().zip(&weights) {
            let u = [m.from[0] - from[0], sign * (m.from[1] - from[1])];
            let v = [m.to[0] - to[0], m.to[1] - to[1]];
            by[0] += w * (v[0] * u[0] + v[1] * u[1]);
            by[1] += w * (v[1] * u[0] - v[0] * u[1]);
            uu += w * (u[0] * u[0] + u[1] * u[1]);
            vv += w * (v[0] * v[0] + v[1] * v[1]);
        }
        let turn = by[0].hypot(by[1]);
        // Both sides are uncertain: the ratio of their sizes does not shrink, as a regression on one of them would.
        let size = if rigid { 1.0 } else { (vv / uu).sqrt() };
        if !(turn > 0.0 && size.is_finite() && size > 0.0) {
            return map;
        }
        map = Affine::similarity(by.map(|x| x / turn * size), mirror, from, to);
        near *= 0.9;
    }
    map
}

/// The most votes for any similarity when the query is torn apart: patches stay as they are, the whole is no more.
fn chance(voters: &[Match], allowed: Allowed, ctx: &Ctx<'_>) -> Result<f64> {
    let ranges = ranges(&voters.iter().map(|m| m.from).collect::<Vec<_>>());
    let mut most: f64 = 0.0;
    for (round, shift) in (1..).zip(TORN) {
        let tear = |m: &Match| Match { from: torn(m.from, ranges, shift), ..*m };
        let torn: Vec<Match> = voters.iter().map(tear).collect();
        most = agreed(&torn, allowed, round, ctx)?.first().map_or(most, |e| most.max(e.0));
    }
    Ok(most)
}

/// The lowest and the highest coordinates.
fn ranges(places: &[Point]) -> [[f64; 2]; 2] {
    std::array::from_fn(|a| {
        let all = places.iter().map(|p| p[a]);
        [all.clone().fold(f64::INFINITY, f64::min), all.fold(f64::NEG_INFINITY, f64::max)]
    })
}

/// A place after everything was moved by a share of its range, and what left it on one side came in on the other.
fn torn(place: Point, ranges: [[f64; 2]; 2], shift: Point) -> Point {
    std::array::from_fn(|a| {
        let [low, high] = ranges[a];
        let moved = place[a] + shift[a] * (high - low);
        if moved > high { moved - (high - low) } else { moved }
    })
}

/// Turns about the centre, mirrored or not.
fn grid(mirror: bool) -> Vec<Affine> {
    let turn = |k: usize, mirror: bool| {
        let (sin, cos) = (std::f64::consts::TAU * k as f64 / TURNS as f64).sin_cos();
        Affine::similarity([cos, sin], mirror, [0.0; 2], [0.0; 2])
    };
    [false, true].into_iter().filter(|m| mirror || !m).flat_map(|m| (0..TURNS).map(move |k| turn(k, m))).collect()
}

/// Coordinates taken as they are, and with one centre on the other; none where they differ in scale too much.
fn given(query: &Framed, reference: &Framed, rigid: bool) -> impl Iterator<Item = Affine> {
    let whole = query.to_data().then(&reference.to_frame());
    let size = whole.scale();
    let centred = Affine([[size, 0.0, 0.0], [0.0, size, 0.0]]);
    let near = (1.0 / SCALE..=SCALE).contains(&size) && (!rigid || (size - 1.0).abs() < 1e-9);
    [whole, centred].into_iter().filter(move |_| near)
}

/// How far two maps are apart at the corners of the section, on average.
fn apart(a: &Affine, b: &Affine) -> f64 {
    let corners = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
    let far = corners.map(|p| {
        let (p, q) = (a.apply(p), b.apply(p));
        (p[0] - q[0]).hypot(p[1] - q[1])
    });
    far.iter().sum::<f64>() / 4.0
}

/// The most likeness of any turn when the query is torn apart.
fn likeness_torn(alike: &Likeness<'_>, mirror: bool) -> f64 {
    let places = alike.chosen().places(&Affine::IDENTITY);
    let ranges = ranges(&places);
    let maps = grid(mirror);
    let tries: Vec<(Point, Affine)> =
        TORN.iter().flat_map(|&shift| maps.iter().map(move |map| (shift, *map))).collect();
    let like = |(shift, map): &(Point, Affine)| {
        let at: Vec<Point> = places.iter().map(|&p| map.apply(torn(p, ranges, *shift))).collect();
        alike.at(&at)
    };
    tries.par_iter().map(like).reduce(|| f64::NEG_INFINITY, f64::max)
}
