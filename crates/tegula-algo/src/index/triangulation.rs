//! The Delaunay triangulation of positions in the plane.

use delaunator::{EMPTY, Point};
use rayon::prelude::*;
use robust::{Coord, incircle, orient2d};
use tegula_core::Coords;

use super::KdTree;

/// Corners are brought to a size of about this power of two, so that nothing overflows and the triangulator's absolute
/// tolerance means nothing.
const SIZE: i32 = 20;

/// The Delaunay triangulation of positions in the plane: distinct places, and the triangles between them.
///
/// It is exact: no place lies inside the circle around a triangle. Which diagonals are taken where four or more places
/// lie on one circle depends on the places alone, not on their order.
pub(crate) struct Triangulation {
    /// The distinct places by x, then y, moved to the origin and scaled by a power of two.
    pub(crate) places: Vec<[f64; 2]>,
    /// The observation at each place, the lowest where there are several.
    pub(crate) observations: Vec<u32>,
    /// The further observations of a place, each with the lowest one there.
    pub(crate) twins: Vec<(u32, u32)>,
    /// Corners of the triangles, three after each other, counter-clockwise. Empty where all places are on one line.
    pub(crate) corners: Vec<usize>,
    /// For the edge from each corner to the next of its triangle, the same edge in the triangle beyond; [`EMPTY`] on
    /// the rim.
    pub(crate) beyond: Vec<usize>,
    /// The convex hull, counter-clockwise.
    pub(crate) hull: Vec<usize>,
    /// Pairs of neighbouring places that no triangle knows of: on one line, or too close together for the arithmetic.
    pub(crate) links: Vec<(usize, usize)>,
}

impl Triangulation {
    /// Triangulates positions in 2 dimensions, whatever they are. O(N log N).
    pub(crate) fn new(coords: &Coords) -> Self {
        let Distinct { places, observations, twins } = Distinct::new(coords);
        let points: Vec<Point> = places.iter().map(|p| Point { x: p[0], y: p[1] }).collect();
        let found = delaunator::triangulate(&points);
        let mut t = Self {
            places,
            observations,
            twins,
            corners: found.triangles,
            beyond: found.halfedges,
            hull: found.hull,
            links: Vec::new(),
        };
        if t.corners.is_empty() {
            t.hull.clear();
            t.links = (1..t.places.len()).map(|i| (i - 1, i)).collect();
            return t;
        }
        t.turn();
        t.repair();
        t.link_lost();
        t
    }

    /// The edge after `edge` in its triangle.
    pub(crate) fn next(edge: usize) -> usize {
        if edge % 3 == 2 { edge - 2 } else { edge + 1 }
    }

    /// The edge before `edge` in its triangle; it starts at the corner opposite to `edge`.
    pub(crate) fn previous(edge: usize) -> usize {
        if edge.is_multiple_of(3) { edge + 2 } else { edge - 1 }
    }

    /// All pairs of neighbouring places, each once.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let once = |&(e, &twin): &(usize, &usize)| twin == EMPTY || e < twin;
        let of_triangles = self.beyond.iter().enumerate().filter(once);
        of_triangles.map(|(e, _)| (self.corners[e], self.corners[Self::next(e)])).chain(self.links.iter().copied())
    }

    fn coord(&self, place: usize) -> Coord<f64> {
        Coord { x: self.places[place][0], y: self.places[place][1] }
    }

    /// Makes all triangles and the hull counter-clockwise.
    fn turn(&mut self) {
        let [a, b, c] = [0, 1, 2].map(|k| self.coord(self.corners[k]));
        if orient2d(a, b, c) >= 0.0 {
            return;
        }
        // Corners 0 1 2 become 0 2 1; the edge from corner k then ends where it started before.
        let moved = |e: usize| if e == EMPTY { EMPTY } else { e - e % 3 + 2 - e % 3 };
        for corners in self.corners.chunks_mut(3) {
            corners.swap(1, 2);
        }
        for edges in self.beyond.chunks_mut(3) {
            edges.swap(0, 2);
            for e in edges {
                *e = moved(*e);
            }
        }
        self.hull.reverse();
    }

    /// True where the far corner of the triangle beyond lies inside the circle of this one.
    fn is_wrong(&self, edge: usize) -> bool {
        let twin = self.beyond[edge];
        twin != EMPTY && {
            let corner = |e: usize| self.coord(self.corners[e]);
            let far = corner(Self::previous(twin));
            incircle(corner(edge), corner(Self::next(edge)), corner(Self::previous(edge)), far) > 0.0
        }
    }

    /// The triangulator tests circles in plain arithmetic: turns the edges it got wrong, by exact tests.
    fn repair(&mut self) {
        let once = |e: usize| self.beyond[e] == EMPTY || e < self.beyond[e];
        let mut wrong: Vec<usize> =
            (0..self.corners.len()).into_par_iter().filter(|&e| once(e) && self.is_wrong(e)).collect();
        while let Some(a) = wrong.pop() {
            if !self.is_wrong(a) {
                continue;
            }
            let b = self.beyond[a];
            let (a_prev, b_prev) = (Self::previous(a), Self::previous(b));
            self.corners[a] = self.corners[b_prev];
            self.corners[b] = self.corners[a_prev];
            let (outer_a, outer_b) = (self.beyond[a_prev], self.beyond[b_prev]);
            for (inner, outer) in [(a, outer_b), (b, outer_a), (a_prev, b_prev)] {
                self.beyond[inner] = outer;
                if outer != EMPTY {
                    self.beyond[outer] = inner;
                }
            }
            wrong.extend([a, Self::next(a), b, Self::next(b)]);
        }
    }

    /// Joins places that the triangulator passed over to the nearest one it kept.
    fn link_lost(&mut self) {
        let mut kept = vec![false; self.places.len()];
        self.corners.iter().for_each(|&v| kept[v] = true);
        if kept.iter().all(|&k| k) {
            return;
        }
        let all: Vec<usize> = (0..kept.len()).filter(|&v| kept[v]).collect();
        let Ok(coords) = Coords::new(2, all.iter().flat_map(|&v| self.places[v]).collect()) else { return };
        let tree = KdTree::new(&coords);
        for lost in (0..kept.len()).filter(|&v| !kept[v]) {
            self.links.extend(tree.nearest(&self.places[lost], 1).iter().map(|e| (lost, all[e.0 as usize])));
        }
    }
}

/// The distinct places in order, scaled; the observation at each; and the further observations of a place.
struct Distinct {
    places: Vec<[f64; 2]>,
    observations: Vec<u32>,
    twins: Vec<(u32, u32)>,
}

impl Distinct {
    fn new(coords: &Coords) -> Self {
        let to_size = |largest: f64| if largest > 0.0 { 2f64.powi((-largest.log2() as i32).min(1000)) } else { 1.0 };
        // Twice, since differences of huge numbers overflow, and small differences of large ones are small.
        let shrink = to_size(coords.data().iter().fold(0.0, |m: f64, v| m.max(v.abs())));
        let mut low = [f64::INFINITY; 2];
        let mut high = [f64::NEG_INFINITY; 2];
        for p in coords.data().chunks(2) {
            for a in 0..2 {
                low[a] = low[a].min(p[a] * shrink);
                high[a] = high[a].max(p[a] * shrink);
            }
        }
        let grow = to_size((high[0] - low[0]).max(high[1] - low[1])) * 2f64.powi(SIZE);
        let place = |i: usize| {
            let p = coords.point(i);
            // Adding 0 makes -0 the same place as 0.
            ([0, 1].map(|a| (p[a] * shrink - low[a]) * grow + 0.0), i as u32)
        };
        let mut all: Vec<([f64; 2], u32)> = (0..coords.len()).map(place).collect();
        all.par_sort_unstable_by(|(p, i), (q, j)| {
            p[0].total_cmp(&q[0]).then_with(|| p[1].total_cmp(&q[1])).then_with(|| i.cmp(j))
        });
        let (mut places, mut observations, mut twins) = (Vec::new(), Vec::new(), Vec::new());
        for (p, i) in all {
            if places.last() == Some(&p) {
                twins.push((i, observations[observations.len() - 1]));
            } else {
                places.push(p);
                observations.push(i);
            }
        }
        Self { places, observations, twins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The triangulator's own arithmetic gets hundreds of diagonals of these almost-squares wrong.
    #[test]
    fn a_turned_square_lattice_is_triangulated_exactly() {
        let (sin, cos) = 0.5f64.sin_cos();
        let spot = |i: u32| (f64::from(i % 100), f64::from(i / 100));
        let turned = (0..10_000).map(spot).flat_map(|(x, y)| [x * cos - y * sin, x * sin + y * cos]);
        let t = Triangulation::new(&Coords::new(2, turned.collect()).unwrap());
        assert_eq!(t.places.len(), 10_000);
        assert!((0..t.corners.len()).all(|e| !t.is_wrong(e)));
        for e in (0..t.corners.len()).filter(|&e| t.beyond[e] != EMPTY) {
            assert_eq!(t.beyond[t.beyond[e]], e);
            assert_eq!(t.corners[t.beyond[e]], t.corners[Triangulation::next(e)]);
        }
    }
}
