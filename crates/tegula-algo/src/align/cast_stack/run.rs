//! One section onto another, from a start.

use tegula_core::{Ctx, Result};

use super::{Alignment, CastStackParams, TASK, TransformKind};
use crate::align::clues::{Clue, Level};
use crate::align::cost::{Below, Ground};
use crate::align::follow::{Chosen, follow};
use crate::align::likeness::Likeness;
use crate::align::section::{Framed, Unit};
use crate::align::start::Begun;
use crate::align::warp::warp;
use crate::align::{Affine, Mesh, Point, Transform};

/// Observations of the reference on the first level; four times as many on each next one.
const FIRST: usize = 1024;
/// Of more observations than these, each speaks for its share: the nearest to it together, whose noise is less.
const PARTS: usize = 1024;
/// Above so many the windows get smaller than the bends that no affine map follows: left to the warp.
const LAST_AFFINE: usize = 16_384;
/// How much of its mesh's width a control point may leave its neighbours' line by: standard deviation.
const BEND: f64 = 0.3;
/// A mesh is at least this share as wide as it is long.
const NARROW: f64 = 0.05;

/// The parts of one alignment.
pub(super) struct Aligning<'a> {
    params: &'a CastStackParams,
    query: &'a Framed,
    ground: &'a Ground<'a>,
    trace: Vec<f64>,
}

impl<'a> Aligning<'a> {
    pub(super) fn new(params: &'a CastStackParams, query: &'a Framed, ground: &'a Ground<'a>) -> Self {
        Self { params, query, ground, trace: Vec::new() }
    }

    /// The affine part, the warp, and what there is to say about them.
    pub(super) fn run(mut self, begun: &Begun, ctx: &Ctx<'_>) -> Result<Alignment> {
        let (params, query, ground) = (self.params, self.query, self.ground);
        let most = params.subsample;
        let alike = Likeness::new(query, ground, most, ctx);
        let chosen = alike.chosen();
        let parts = PARTS.min(ground.section.len().min(most));
        let asking = chosen.rows(parts);
        let levels = levels(&asking, ground, (most, parts), ctx);
        let like_start = alike.of_map(&begun.map);
        let (mut map, mut like) = (begun.map, like_start);
        for &kind in params.transform.kinds() {
            let found = self.affine(kind, begun, &chosen, &levels, ctx)?;
            let now = alike.of_map(&found);
            if now >= like {
                (map, like) = (found, now);
                break;
            }
            self.trace.clear();
        }
        let all: Vec<u32> = (0..query.len() as u32).collect();
        let whole = Chosen { query, of: &all };
        let cost = |at: &[Point]| ground.cost(query, &all, &ground.below(query, &all, at), params.dist_penalty);
        let j_start = cost(&whole.places(&begun.map));
        let mut j_affine = cost(&whole.places(&map));
        if j_affine > j_start {
            (map, j_affine, like) = (begun.map, j_start, like_start);
        }
        let mut transform = Transform { affine: map, mesh: None };
        let mut j = j_affine;
        if params.ffd {
            let mesh = over(&whole.places(&map), params.mesh);
            let watch = |at: &[Point], clues: &mut [Clue]| self.watch(&chosen, at, clues, ctx);
            let mesh = warp(&chosen, &map, mesh, &levels, (BEND, params.n_iter_ffd), watch, ctx)?;
            let bent = Transform { affine: map, mesh: Some(mesh) };
            let j_bent = cost(&query.xy.iter().map(|&p| bent.place(p)).collect::<Vec<_>>());
            let at: Vec<Point> = chosen.places(&Affine::IDENTITY).into_iter().map(|p| bent.place(p)).collect();
            if j_bent <= j_affine && alike.at(&at) >= like {
                (transform, j) = (bent, j_bent);
            }
        }
        let at: Vec<Point> = query.xy.iter().map(|&p| transform.place(p)).collect();
        let below = ground.below(query, &all, &at);
        let last = &levels[levels.len() - 1];
        let (jacobian_min, folded) = jacobian(&transform, &query.xy);
        Ok(Alignment {
            start: begun.start,
            matched: begun.agreeing,
            chance: begun.chance,
            j_before: cost(&self.as_given()),
            j_start,
            j_affine,
            j,
            overlap: overlap(&below, last.beside()),
            match_error: match_error(&chosen, last, &at, ctx)? * ground.section.spread,
            jacobian_min,
            folded,
            trace: self.trace,
            transform: out_of_frames(query, ground.section, &transform),
        })
    }

    /// The affine map that the clues of ever more observations lead to.
    fn affine(
        &mut self,
        kind: TransformKind,
        begun: &Begun,
        chosen: &Chosen<'_>,
        levels: &[Level<'_>],
        ctx: &Ctx<'_>,
    ) -> Result<Affine> {
        let (mut map, mut left) = (begun.map, self.params.n_iter_affine);
        for level in levels.iter().filter(|l| l.len() <= LAST_AFFINE || l.len() == levels[0].len()) {
            let watch = |at: &[Point], clues: &mut [Clue]| self.watch(chosen, at, clues, ctx);
            let taken;
            (map, taken) = follow(chosen, level, (map, &begun.map), (kind, left), watch, ctx)?;
            left -= taken;
        }
        Ok(map)
    }

    /// Notes the cost, and adds to the clues what the penalty for distance pulls with.
    fn watch(&mut self, chosen: &Chosen<'_>, at: &[Point], clues: &mut [Clue], ctx: &Ctx<'_>) -> Result<bool> {
        let (ground, penalty) = (self.ground, self.params.dist_penalty);
        let below = ground.below(chosen.query, chosen.of, at);
        let j = ground.cost(chosen.query, chosen.of, &below, penalty);
        self.trace.push(j);
        ctx.metric(TASK, "J", j);
        if penalty > 0.0 {
            for ((b, clue), p) in below.iter().zip(clues).zip(at).filter(|e| e.0.0.distance > ground.near) {
                let there = ground.section.xy[b.at as usize];
                let strength = penalty * (1.0 - b.correlation) / (ground.near * b.distance);
                clue.add_spring(strength, [there[0] - p[0], there[1] - p[1]]);
            }
        }
        ctx.tick(TASK, 1)?;
        ctx.goes_on()
    }

    /// The query as it was given, centre on centre.
    fn as_given(&self) -> Vec<Point> {
        let times = self.query.spread / self.ground.section.spread;
        self.query.xy.iter().map(|p| [p[0] * times, p[1] * times]).collect()
    }
}

/// Ever more observations of the reference: [`FIRST`], four times as many, …, at last `most` of them or all.
fn levels<'a>(asking: &'a Unit, ground: &Ground<'_>, (most, parts): (usize, usize), ctx: &Ctx<'_>) -> Vec<Level<'a>> {
    let last = ground.section.len().min(most);
    let level = |n: usize| Level::new(asking, ground, (n, parts), ctx);
    let mut levels = Vec::new();
    let mut n = FIRST;
    while 2 * n < last {
        levels.push(level(n));
        n *= 4;
    }
    levels.push(level(last));
    levels
}

/// A mesh over all places, that is not without width.
fn over(at: &[Point], nodes: usize) -> Mesh {
    let bound = |a: usize, f: fn(f64, f64) -> f64| at.iter().map(|p| p[a]).reduce(f).unwrap_or(0.0);
    let (mut low, mut high) = ([bound(0, f64::min), bound(1, f64::min)], [bound(0, f64::max), bound(1, f64::max)]);
    let most = (high[0] - low[0]).max(high[1] - low[1]);
    for a in 0..2 {
        let lacking = 0.5 * (NARROW * most - (high[a] - low[a])).max(0.0);
        (low[a], high[a]) = (low[a] - lacking, high[a] + lacking);
    }
    Mesh::over(low, high, nodes)
}

/// The smallest growth of areas by the mesh, and the share of the places where it folds.
fn jacobian(transform: &Transform, xy: &[Point]) -> (f64, f64) {
    let Some(mesh) = &transform.mesh else { return (1.0, 0.0) };
    let (mut least, mut folded) = (mesh.least_jacobian(), 0usize);
    for &p in xy {
        let j = mesh.jacobian(transform.affine.apply(p));
        least = least.min(j);
        folded += usize::from(j <= 0.0);
    }
    (least, folded as f64 / xy.len() as f64)
}

/// The share of the observations with the reference next to them.
fn overlap(below: &[Below], beside: f64) -> f64 {
    below.iter().filter(|b| b.distance <= beside).count() as f64 / below.len() as f64
}

/// The median distance between observations and what they look like in the window around them.
fn match_error(chosen: &Chosen<'_>, level: &Level<'_>, at: &[Point], ctx: &Ctx<'_>) -> Result<f64> {
    let at: Vec<Point> = chosen.of.iter().map(|&i| at[i as usize]).collect();
    let mut far = level.best_in_window(&at, ctx)?;
    far.sort_unstable_by(f64::total_cmp);
    Ok(far.get(far.len() / 2).copied().unwrap_or(0.0))
}

/// The transform in the units of the data.
fn out_of_frames(query: &Framed, reference: &Framed, transform: &Transform) -> Transform {
    let out = reference.to_data();
    let affine: Affine = query.to_frame().then(&transform.affine).then(&out);
    let mesh = transform.mesh.as_ref().map(|m| m.rescaled(reference.spread, [out.0[0][2], out.0[1][2]]));
    Transform { affine, mesh }
}
