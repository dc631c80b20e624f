//! How alike two sections are where they lie on each other, asked from both sides.

use tegula_core::Ctx;

use super::cost::{Ground, coords};
use super::follow::Chosen;
use super::matches::{sampled, sampled_query};
use super::section::Framed;
use super::{Affine, Point};
use crate::index::KdTree;

/// Observations of each section that are asked where many maps are compared.
pub(super) const COMPARED: usize = 1000;
/// What an observation with the other section next to it counts beside its correlation: where nothing else tells, along
/// layers, sections lie on each other rather than beside.
const BESIDE: f64 = 0.1;
/// So many spacings are next to.
const NEXT: f64 = 2.0;

/// The mean correlation of neighbours, looked for from both sections, and a little for having any: a map that shrinks the
/// one into a patch of the other gains nothing, though its cost falls.
pub(super) struct Likeness<'a> {
    query: &'a Framed,
    ground: &'a Ground<'a>,
    of: Vec<u32>,
    back: Vec<u32>,
}

impl<'a> Likeness<'a> {
    /// Asks at most so many observations of each section.
    pub(super) fn new(query: &'a Framed, ground: &'a Ground<'a>, most: usize, ctx: &Ctx<'_>) -> Self {
        let (of, back) = (sampled_query(query.len(), most, ctx), sampled(ground.section.len(), most, ctx));
        Self { query, ground, of, back }
    }

    /// The observations of the query that are asked.
    pub(super) fn chosen(&self) -> Chosen<'_> {
        Chosen { query: self.query, of: &self.of }
    }

    /// With the query moved by a map.
    pub(super) fn of_map(&self, map: &Affine) -> f64 {
        self.at(&self.chosen().places(map))
    }

    /// With the observations that are asked at these places.
    pub(super) fn at(&self, at: &[Point]) -> f64 {
        let (query, section) = (self.query, self.ground.section);
        let below = self.ground.below(query, &self.of, at);
        let next = NEXT * self.ground.near;
        let worth = |correlation: f64, far: f64| correlation + if far <= next { BESIDE } else { 0.0 };
        let there = below.iter().map(|b| worth(b.correlation, b.distance)).sum::<f64>() / at.len() as f64;
        let tree = KdTree::new(&coords(at));
        let (mut correlation, mut sum) = (Vec::new(), 0.0);
        for &j in &self.back {
            let (near, far) = tree.nearest(&section.xy[j as usize], 1)[0];
            let other = std::iter::once(self.of[near as usize] as usize);
            section.rows.correlations(j as usize, &query.rows, other, &mut correlation);
            sum += worth(correlation[0], far);
        }
        0.5 * (there + sum / self.back.len() as f64)
    }
}
