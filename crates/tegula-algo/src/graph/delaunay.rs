//! Neighbours without a number or a distance: the Delaunay triangulation, and Voronoi cells inside the hull.

use delaunator::EMPTY;
use tegula_core::{Coords, Csr, Error, Result};

use crate::index::Triangulation;

/// Below this part of the distance of two points, the border between their cells counts as a point.
const TOUCH: f64 = 1e-9;

/// The distances between neighbours in the Delaunay triangulation: symmetric, every point but a lone one has some.
///
/// Any arrangement is welcome. Where several points share a place, the one with the lowest index takes part and each
/// other is joined to it alone, at distance 0. Points on one line are joined one after the other. Where four or more
/// lie on one circle one of the possible triangulations is taken, whatever the order of the points. O(N log N).
///
/// # Errors
/// [`Error::Shape`] where the positions are not in 2 dimensions.
///
/// ```
/// use tegula_algo::graph::delaunay;
/// use tegula_core::Coords;
/// let near = delaunay(&Coords::new(2, vec![0.0, 0.0, 4.0, 0.0, 0.0, 4.0, 1.0, 1.0, 1.0, 1.0])?)?;
/// assert_eq!(near.row(0).0, &[1, 2, 3]);
/// assert_eq!(near.row(4), (&[3u32][..], &[0.0f32][..])); // a twin of 3
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn delaunay(coords: &Coords) -> Result<Csr> {
    let t = triangulation(coords)?;
    Ok(lengths(coords, &t, t.pairs()))
}

/// The distances between points whose Voronoi cells, cut off at the convex hull, share a border: CAST's graph.
///
/// These are the edges of [`delaunay`] without those whose cells meet outside the hull only, which join points far
/// apart along the rim, and without those whose cells meet in a corner: a square lattice has 4 neighbours.
/// Points at one place or on one line are treated as there. O(N log N). Tang et al. 2024,
/// <https://doi.org/10.1038/s41592-024-02410-7>.
///
/// # Errors
/// [`Error::Shape`] where the positions are not in 2 dimensions.
///
/// ```
/// use tegula_algo::graph::voronoi;
/// use tegula_core::Coords;
/// // The cells of the flat triangle's far ends meet below it, outside the hull.
/// let near = voronoi(&Coords::new(2, vec![0.0, 0.0, 9.0, 0.0, 4.0, 1.0])?)?;
/// assert_eq!((near.row(0).0, near.row(2).0), (&[2u32][..], &[0u32, 1][..]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn voronoi(coords: &Coords) -> Result<Csr> {
    let t = triangulation(coords)?;
    let hull = Hull(t.hull.iter().map(|&v| t.places[v]).collect());
    let bordering = (0..t.corners.len())
        .filter(|&e| t.beyond[e] == EMPTY || e < t.beyond[e])
        .filter(|&e| meets(&t, &hull, e))
        .map(|e| (t.corners[e], t.corners[Triangulation::next(e)]))
        .chain(t.links.iter().copied());
    Ok(lengths(coords, &t, bordering))
}

fn triangulation(coords: &Coords) -> Result<Triangulation> {
    if coords.dim() == 2 {
        Ok(Triangulation::new(coords))
    } else {
        Err(Error::shape("positions", format!("({}, {})", coords.len(), coords.dim()), "(n_obs, 2) to triangulate"))
    }
}

/// The symmetric matrix of distances of pairs of places, twins joined.
fn lengths(coords: &Coords, t: &Triangulation, pairs: impl Iterator<Item = (usize, usize)>) -> Csr {
    let of_places = pairs.map(|(a, b)| (t.observations[a], t.observations[b]));
    let pairs: Vec<(u32, u32)> = of_places.chain(t.twins.iter().copied()).collect();
    super::spatial::symmetric(coords, &pairs)
}

/// True where the border between the cells of the ends of edge `e` has a length inside the hull.
fn meets(t: &Triangulation, hull: &Hull, e: usize) -> bool {
    let twin = t.beyond[e];
    let (p, q) = (t.places[t.corners[e]], t.places[t.corners[Triangulation::next(e)]]);
    let here = cotangent(t, e);
    if twin == EMPTY {
        return here > TOUCH;
    }
    // Along the line between both cells, away from the middle of p and q and in units of half their distance, the
    // border reaches from -here (in this triangle) to there (in the one beyond).
    let there = cotangent(t, twin);
    if here + there <= TOUCH * (1.0 + here.abs() + there.abs()) {
        return false;
    }
    if here >= 0.0 && there >= 0.0 {
        return true;
    }
    // The middle is inside the hull, so the border is where its nearer end is.
    let near = if here < 0.0 { -here } else { there };
    hull.contains([0.5 * (p[0] + q[0]) + 0.5 * near * (q[1] - p[1]), 0.5 * (p[1] + q[1]) - 0.5 * near * (q[0] - p[0])])
}

/// The cotangent of the angle opposite to an edge.
fn cotangent(t: &Triangulation, edge: usize) -> f64 {
    let [a, b, apex] = [edge, Triangulation::next(edge), Triangulation::previous(edge)].map(|e| t.places[t.corners[e]]);
    let (u, v) = ([a[0] - apex[0], a[1] - apex[1]], [b[0] - apex[0], b[1] - apex[1]]);
    let (dot, cross) = (u[0] * v[0] + u[1] * v[1], u[0] * v[1] - u[1] * v[0]);
    if cross > 0.0 { dot / cross } else { f64::NEG_INFINITY }
}

/// A convex hull, counter-clockwise.
struct Hull(Vec<[f64; 2]>);

impl Hull {
    /// True strictly inside; O(log n) by the fan of triangles around the first corner.
    fn contains(&self, p: [f64; 2]) -> bool {
        let first = self.0[0];
        let fan = self.0[1..].partition_point(|&q| cross(first, q, p) > 0.0);
        if fan == 0 || fan == self.0.len() - 1 {
            return false;
        }
        let (a, b) = (self.0[fan], self.0[fan + 1]);
        let side = (b[0] - a[0]).powi(2) + (b[1] - a[1]).powi(2);
        cross(a, b, p) > TOUCH * side
    }
}

/// Twice the area of the triangle abc; positive where it turns to the left.
fn cross(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}
