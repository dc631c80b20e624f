//! Where observations lie, and which domain they lie in.

use std::f64::consts::TAU;

use rayon::prelude::*;
use tegula_core::Ctx;

use super::draw::{normal, uniform};
use super::{DomainShape, Placement};
use crate::stats::shuffled;

/// A point of the tissue.
pub(super) type Point = [f64; 2];

/// `n` points, neighbours at distance 1 (for random ones: one point per unit of area), in a square or nearly so.
/// `first` is the number of the first observation.
pub(super) fn points(placement: Placement, n: usize, first: usize, ctx: &Ctx<'_>) -> Vec<Point> {
    let side = (n as f64).sqrt();
    let row = 0.75f64.sqrt();
    let columns = match placement {
        Placement::Hex => (side * row.sqrt()).ceil(),
        Placement::Grid | Placement::Random => side.ceil(),
    } as usize;
    let point = |i: usize| match placement {
        Placement::Grid => [(i % columns) as f64, (i / columns) as f64],
        Placement::Hex => {
            let (x, y) = (i % columns, i / columns);
            [x as f64 + if y % 2 == 1 { 0.5 } else { 0.0 }, y as f64 * row]
        }
        Placement::Random => {
            let mut rng = ctx.rng("simulate.place", (first + i) as u64);
            [side * uniform(&mut rng), side * uniform(&mut rng)]
        }
    };
    (0..n).into_par_iter().map(point).collect()
}

/// The domain of each of a section's points; `sites` are the middles of Voronoi patches, `noise` how far (standard
/// deviation) a point may be from where its domain is looked up.
pub(super) fn domains(
    points: &[Point],
    sites: Option<&[Point]>,
    n_domains: usize,
    noise: f64,
    first: usize,
    ctx: &Ctx<'_>,
) -> Vec<u32> {
    let seen = |i: usize| {
        let [x, y] = points[i];
        if noise == 0.0 {
            return [x, y];
        }
        let mut rng = ctx.rng("simulate.border", (first + i) as u64);
        [x + noise * normal(&mut rng), y + noise * normal(&mut rng)]
    };
    let n = points.len();
    if let Some(sites) = sites {
        let nearest = |p: Point| {
            let d2 = |s: &Point| (s[0] - p[0]).powi(2) + (s[1] - p[1]).powi(2);
            let best = (0..sites.len()).min_by(|&a, &b| d2(&sites[a]).total_cmp(&d2(&sites[b])));
            best.unwrap_or_default() as u32
        };
        return (0..n).into_par_iter().map(|i| nearest(seen(i))).collect();
    }
    // Bands of the same number of points along a depth that rises and falls gently from left to right.
    let side = (n as f64).sqrt();
    let depth = |[x, y]: Point| y + 0.06 * side * (0.75 * TAU * x / side).sin();
    let mut order: Vec<(f64, u32)> = (0..n).into_par_iter().map(|i| (depth(seen(i)), i as u32)).collect();
    order.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut domain = vec![0; n];
    for (rank, &(_, i)) in order.iter().enumerate() {
        domain[i as usize] = (rank * n_domains / n) as u32;
    }
    domain
}

/// The middles of Voronoi patches, among the points and far from each other: of ten candidates, the one farthest from
/// the sites there are (Mitchell 1991). None for layers.
pub(super) fn sites(shape: DomainShape, points: &[Point], n_domains: usize, ctx: &Ctx<'_>) -> Option<Vec<Point>> {
    if shape == DomainShape::Layered {
        return None;
    }
    let order = shuffled(points.len(), &mut ctx.rng("simulate.sites", 0));
    let mut sites: Vec<Point> = Vec::with_capacity(n_domains);
    for candidates in order.chunks((points.len() / n_domains).min(10)).take(n_domains) {
        let room = |&i: &u32| {
            let [x, y] = points[i as usize];
            sites.iter().map(|s| (s[0] - x).powi(2) + (s[1] - y).powi(2)).fold(f64::INFINITY, f64::min)
        };
        let best = candidates.iter().max_by(|a, b| room(a).total_cmp(&room(b)).then(b.cmp(a)))?;
        sites.push(points[*best as usize]);
    }
    Some(sites)
}
