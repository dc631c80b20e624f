//! How unlike a section is to what it lies on.

use tegula_core::{Coords, Result, par};

use super::section::Framed;
use super::{Point, Section};
use crate::index::KdTree;

/// The reference, ready to be asked what lies next to a place.
pub(super) struct Ground<'a> {
    pub(super) section: &'a Framed,
    pub(super) tree: KdTree,
    /// What the distance penalty takes for near.
    pub(super) near: f64,
}

/// What a place of the query lies on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Below {
    pub(super) at: u32,
    pub(super) distance: f64,
    pub(super) correlation: f64,
}

impl<'a> Ground<'a> {
    pub(super) fn new(section: &'a Framed) -> Self {
        let range = |a: usize| {
            let all = section.xy.iter().map(|p| p[a]);
            all.clone().fold(f64::NEG_INFINITY, f64::max) - all.fold(f64::INFINITY, f64::min)
        };
        let tree = KdTree::new(&coords(&section.xy));
        Self { section, tree, near: (range(0) * range(1) / section.len() as f64).sqrt() }
    }

    /// What each of some places lies on; `of[k]` is the observation of `query` at the place `at[k]`.
    pub(super) fn below(&self, query: &Framed, of: &[u32], at: &[Point]) -> Vec<Below> {
        let parts = par::map(at.len(), par::BLOCK, |range| {
            let mut correlation = Vec::new();
            let one = |k: usize| {
                let (j, distance) = self.tree.nearest(&at[k], 1).first().copied().unwrap_or((0, f64::INFINITY));
                let others = std::iter::once(j as usize);
                query.rows.correlations(of[k] as usize, &self.section.rows, others, &mut correlation);
                Below { at: j, distance, correlation: correlation[0] }
            };
            range.map(one).collect::<Vec<_>>()
        });
        parts.concat()
    }

    /// The cost J per observation: 1 − correlation, more where the penalty for distance says so, weighted.
    pub(super) fn cost(&self, query: &Framed, of: &[u32], below: &[Below], penalty: f64) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for (&i, b) in of.iter().zip(below) {
            let weight = query.weights[i as usize];
            let far = b.distance > self.near && penalty > 0.0;
            let times = if far { (penalty * b.distance / self.near).max(1.0) } else { 1.0 };
            sum += weight * (1.0 - b.correlation) * times;
            total += weight;
        }
        sum / total
    }
}

/// The correlation of every observation of a section that is in its place with the one of the reference next to it.
pub(super) fn correlations(section: &Section<'_>, reference: &Section<'_>) -> Result<Vec<f64>> {
    let (query, framed) = (Framed::new(section, None)?, Framed::new(reference, None)?);
    // The frame of the reference, told from its first observation.
    let (given, first) = (reference.coords.point(0), framed.xy[0]);
    let place = |i: usize| [0, 1].map(|a| first[a] + (section.coords.point(i)[a] - given[a]) / framed.spread);
    let at: Vec<Point> = (0..query.len()).map(place).collect();
    let all: Vec<u32> = (0..query.len() as u32).collect();
    Ok(Ground::new(&framed).below(&query, &all, &at).into_iter().map(|b| b.correlation).collect())
}

/// Positions for the search.
pub(super) fn coords(xy: &[Point]) -> Coords {
    Coords::new(2, xy.iter().flatten().copied().collect()).unwrap_or_else(|_| unreachable!("finite places"))
}
