//! A section as alignment sees it: positions about their centre, embeddings ready for correlations.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use rayon::prelude::*;
use tegula_core::{Coords, Dense, Error, Result};

use super::{Affine, Point};
use crate::index::KdTree;
use crate::linalg::panel::vectorised;

/// Observations below which nothing can be aligned.
const LEAST: usize = 4;
/// Lanes of a dot product.
const LANES: usize = 16;

/// One section: positions, and an embedding that all sections share.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Positions; only x and y are looked at.
    pub coords: &'a Coords,
    /// A row of at least three numbers for each observation.
    pub embedding: &'a Dense,
    /// How much each observation counts; all the same if not given.
    pub weights: Option<&'a [f64]>,
}

/// Positions about their centre in units of their spread, and rows whose products are correlations.
pub(super) struct Framed {
    pub(super) xy: Vec<Point>,
    pub(super) rows: Unit,
    pub(super) weights: Vec<f64>,
    /// Root mean squared distance from the centre.
    pub(super) spread: f64,
    centre: Point,
}

impl Framed {
    /// Checks a section; `spread` is the unit of length if it is not the section's own.
    pub(super) fn new(section: &Section<'_>, spread: Option<f64>) -> Result<Self> {
        let (n, name) = (section.coords.len(), section.name);
        let wrong = |reason: String| Err(Error::data(format!("section `{name}`"), reason));
        if section.embedding.n_rows() != n || section.weights.is_some_and(|w| w.len() != n) {
            return Err(Error::shape(format!("section `{name}`"), section.embedding.n_rows(), format!("{n} rows")));
        }
        if n < LEAST {
            return wrong(format!("has {n} observations; at least {LEAST} are needed"));
        }
        if section.embedding.n_cols() < 3 {
            return wrong(
                "has an embedding of fewer than 3 columns, whose correlations say nothing; name another".into(),
            );
        }
        let own: Vec<Point> = (0..n).map(|i| [section.coords.point(i)[0], section.coords.point(i)[1]]).collect();
        let mean = |a: usize| own.iter().map(|p| p[a]).sum::<f64>() / n as f64;
        let centre = [mean(0), mean(1)];
        let squares = own.iter().map(|p| (p[0] - centre[0]).powi(2) + (p[1] - centre[1]).powi(2));
        let own_spread = (squares.sum::<f64>() / n as f64).sqrt();
        if !(own_spread > 0.0 && own_spread.is_finite()) {
            return wrong("has all observations at one place; there is nothing to align".into());
        }
        let spread = spread.unwrap_or(own_spread);
        let xy = own.iter().map(|p| [(p[0] - centre[0]) / spread, (p[1] - centre[1]) / spread]).collect();
        let weights = section.weights.map_or_else(|| vec![1.0; n], <[f64]>::to_vec);
        Ok(Self { xy, rows: Unit::new(section.embedding), weights, spread, centre })
    }

    pub(super) fn len(&self) -> usize {
        self.xy.len()
    }

    /// From the data's units to those of this frame.
    pub(super) fn to_frame(&self) -> Affine {
        let s = 1.0 / self.spread;
        Affine([[s, 0.0, -s * self.centre[0]], [0.0, s, -s * self.centre[1]]])
    }

    /// From the units of this frame to the data's.
    pub(super) fn to_data(&self) -> Affine {
        Affine([[self.spread, 0.0, self.centre[0]], [0.0, self.spread, self.centre[1]]])
    }
}

/// Rows about their mean, of length one: the product of two is their correlation. A constant row is all zeros.
pub(super) struct Unit {
    pub(super) dim: usize,
    data: Vec<f32>,
}

impl Unit {
    fn new(embedding: &Dense) -> Self {
        let dim = embedding.n_cols();
        let mut data = embedding.data().to_vec();
        data.par_chunks_mut(dim).for_each(|row| {
            let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / dim as f64;
            let squares = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
            // What is left of a constant is rounding.
            let some = squares.sqrt() > 1e-6 * mean.abs() * (dim as f64).sqrt();
            let scale = if some { squares.sqrt().recip() } else { 0.0 };
            for x in row {
                *x = ((f64::from(*x) - mean) * scale) as f32;
            }
        });
        Self { dim, data }
    }

    /// Of some observations, the mean row of the nearest ones each, by the tree of all: where there are more than `parts`,
    /// of that part of all; else its own row.
    pub(super) fn averaged(&self, tree: &KdTree, xy: &[Point], of: &[u32], parts: usize) -> Self {
        let (dim, among) = (self.dim, (xy.len() + parts / 2) / parts);
        let mut data = vec![0f32; of.len() * dim];
        data.par_chunks_mut(dim).zip(of).for_each(|(mean, &i)| {
            if among <= 1 {
                mean.copy_from_slice(self.row(i as usize));
                return;
            }
            for (j, _) in tree.nearest(&xy[i as usize], among) {
                mean.iter_mut().zip(self.row(j as usize)).for_each(|(m, x)| *m += x);
            }
            let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
            if length > 0.0 {
                for m in mean {
                    *m /= length;
                }
            }
        });
        Self { dim, data }
    }

    pub(super) fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.dim..(i + 1) * self.dim]
    }

    /// Whether a row is not constant.
    pub(super) fn varies(&self, i: usize) -> bool {
        self.row(i).iter().any(|&x| x != 0.0)
    }

    /// Correlations of a row with some rows of another set.
    pub(super) fn correlations(&self, i: usize, other: &Self, of: impl Iterator<Item = usize>, out: &mut Vec<f64>) {
        out.clear();
        vectorised(
            #[inline(always)]
            || out.extend(of.map(|j| f64::from(dot(self.row(i), other.row(j))))),
        );
    }
}

/// The product of two rows, summed in fixed lanes.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let (a16, b16) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (s, (x, y)) in sums.iter_mut().zip(a16.remainder().iter().zip(b16.remainder())) {
        *s = x * y;
    }
    for (x, y) in a16.zip(b16) {
        for l in 0..LANES {
            sums[l] += x[l] * y[l];
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for l in 0..half {
            sums[l] += sums[l + half];
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_rows_are_correlations() {
        let rows = vec![1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 3.0, 2.0, 1.0, 5.0, 5.0, 5.0];
        let unit = Unit::new(&Dense::new(4, 3, rows).unwrap());
        let mut found = Vec::new();
        unit.correlations(0, &unit, 0..4, &mut found);
        for (c, expected) in found.iter().zip([1.0, 1.0, -1.0, 0.0]) {
            assert!((c - expected).abs() < 1e-6, "{c}");
        }
        let long: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert!((dot(&long, &long) - 16206.0).abs() < 1e-9);
    }

    #[test]
    fn rows_of_neighbours_are_averaged() {
        let unit = Unit::new(&Dense::new(3, 3, vec![2.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 1.0, 5.0]).unwrap());
        let xy = [[0.0, 0.0], [1.0, 0.0], [9.0, 0.0]];
        let tree = KdTree::new(&Coords::new(2, xy.concat()).unwrap());
        let mean = unit.averaged(&tree, &xy, &[1, 2], 2); // Three in two parts: two each.
        let expected = [0.5f32, 0.5, -1.0].map(|x| x / 1.5f32.sqrt());
        assert!(mean.row(0).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", mean.row(0));
        assert_eq!(unit.averaged(&tree, &xy, &[2], 3).row(0), unit.row(2));
    }

    #[test]
    fn a_frame_goes_there_and_back() {
        let coords = Coords::new(2, vec![10.0, 0.0, 14.0, 0.0, 10.0, 4.0, 14.0, 4.0]).unwrap();
        let embedding = Dense::new(4, 3, (0..12).map(|i| (i * i) as f32).collect::<Vec<_>>()).unwrap();
        let section = Section { name: "a", coords: &coords, embedding: &embedding, weights: None };
        let framed = Framed::new(&section, None).unwrap();
        assert!((framed.spread - 8f64.sqrt()).abs() < 1e-12);
        let there = framed.to_frame().apply([14.0, 4.0]);
        assert!(there.iter().zip(framed.xy[3]).all(|(a, b)| (a - b).abs() < 1e-12));
        let back = framed.to_data().apply(there);
        assert!((back[0] - 14.0).abs() + (back[1] - 4.0).abs() < 1e-12);
    }
}
