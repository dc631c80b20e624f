//! The triangulation and the cells it makes, on whatever arrangement, against exact arithmetic and brute force.

use proptest::prelude::*;
use tegula_algo::graph::{delaunay, spatial_radius, voronoi};
use tegula_core::{Coords, Csr, Error};

use crate::graph::numbers;
use crate::spatial_graphs::spots;

/// Neither lost nor cut off: every observation is reached from every other.
fn is_connected(graph: &Csr) -> bool {
    let mut seen = vec![false; graph.n_rows()];
    let mut open: Vec<usize> = (0..graph.n_rows().min(1)).collect();
    while let Some(i) = open.pop() {
        if !std::mem::replace(&mut seen[i], true) {
            open.extend(graph.row(i).0.iter().map(|&j| j as usize));
        }
    }
    seen.iter().all(|&s| s)
}

/// The edges of a triangulation of whole numbers, checked exactly: they are as many as a triangulation has, cross
/// nowhere by that, and each has a circle through its ends with nothing inside.
fn check_delaunay(coords: &Coords) {
    let graph = delaunay(coords).unwrap();
    assert_eq!(graph, graph.transpose());
    assert!(is_connected(&graph), "{coords:?}");
    let at = |i: usize| (coords.point(i)[0] as i128, coords.point(i)[1] as i128);
    for i in 0..coords.len() {
        for &j in graph.row(i).0 {
            let (a, b) = (at(i), at(j as usize));
            if a == b {
                continue;
            }
            // Each other point on the left bounds the circle's centre from one side, on the right from the other, in
            // units of cot(angle) = dot / cross; a point on the segment forbids the edge.
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for k in 0..coords.len() {
                let c = at(k);
                let (u, v) = ((a.0 - c.0, a.1 - c.1), (b.0 - c.0, b.1 - c.1));
                let (dot, cross) = (u.0 * v.0 + u.1 * v.1, u.0 * v.1 - u.1 * v.0);
                match cross.signum() {
                    1 => left.push((dot, cross)),
                    -1 => right.push((dot, -cross)),
                    _ => assert!(dot >= 0, "{i}–{j} runs over {k} in {coords:?}"),
                }
            }
            for l in &left {
                assert!(right.iter().all(|r| l.0 * r.1 + r.0 * l.1 >= 0), "{i}–{j} is not Delaunay in {coords:?}");
            }
        }
    }
    // Euler: distinct places n and h of them on the rim make 3 n - 3 - h edges; twins one each.
    let mut places: Vec<(i128, i128)> = (0..coords.len()).map(at).collect();
    places.sort_unstable();
    places.dedup();
    let rim = rim(&places);
    let n = places.len();
    let expected = if rim == n && flat(&places) { n.saturating_sub(1) } else { 3 * n - 3 - rim };
    assert_eq!(graph.nnz() / 2, expected + coords.len() - n, "{coords:?}");
}

fn turn(a: (i128, i128), b: (i128, i128), c: (i128, i128)) -> i128 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

fn flat(places: &[(i128, i128)]) -> bool {
    places.len() < 3 || places.iter().all(|&c| turn(places[0], places[1], c) == 0)
}

/// Sorted distinct places on the rim of their hull, those on its sides included.
fn rim(places: &[(i128, i128)]) -> usize {
    if flat(places) {
        return places.len();
    }
    let on_rim = |p: &&(i128, i128)| {
        places.iter().any(|q| {
            q != *p && {
                let turns: Vec<i128> = places.iter().map(|&c| turn(**p, *q, c)).collect();
                turns.iter().all(|&t| t >= 0) || turns.iter().all(|&t| t <= 0)
            }
        })
    };
    places.iter().filter(on_rim).count()
}

#[test]
fn triangulation_survives_lattices_lines_duplicates_and_distance() {
    let of = |f: &dyn Fn(i32) -> [i32; 2], n: i32| {
        Coords::new(2, (0..n).flat_map(|i| f(i).map(f64::from)).collect()).unwrap()
    };
    check_delaunay(&of(&|i| [i % 9, i / 9], 81));
    check_delaunay(&of(&|i| [2 * (i % 8) + i / 8 % 2, 2 * (i / 8)], 64));
    check_delaunay(&of(&|i| [i % 5, i % 5], 40));
    check_delaunay(&of(&|i| [i * i % 41, 0], 30));
    check_delaunay(&of(&|i| [3, i * 7 % 11], 30));
    check_delaunay(&of(&|i| if i == 0 { [17, 900] } else { [i, 0] }, 60));
    check_delaunay(&of(&|i| [i, i * i], 60));
    check_delaunay(&of(&|i| [1_000_000_000 + i % 6, i / 6 - 2_000_000_000], 36));
    for n in 0..5 {
        check_delaunay(&of(&|i| [i * i % 3, i], n));
        check_delaunay(&of(&|_| [5, 5], n));
    }
    let circle: Vec<f64> = [(5, 0), (3, 4), (4, 3)]
        .into_iter()
        .flat_map(|(x, y)| [(x, y), (-x, y), (x, -y), (-x, -y), (y, x), (-y, x), (y, -x), (-y, -x)])
        .flat_map(|(x, y)| [f64::from(x), f64::from(y)])
        .collect();
    check_delaunay(&Coords::new(2, circle).unwrap());
    for scale in [1e-300, 1e300, 5e-324] {
        let coords = Coords::new(2, numbers(60, 30, 3).into_iter().map(|v| v * scale).collect()).unwrap();
        assert!(is_connected(&delaunay(&coords).unwrap()), "{scale}");
    }
    let near: Vec<f64> =
        (0..50).flat_map(|i| [1.0 + f64::from(i % 7) * f64::EPSILON, f64::from(i / 7) * 1e-16]).collect();
    assert!(is_connected(&delaunay(&Coords::new(2, near).unwrap()).unwrap()));
    let deep = Coords::new(3, vec![0.0; 9]).unwrap();
    assert!(matches!(delaunay(&deep), Err(Error::Shape { .. })));
}

#[test]
fn twins_are_joined_to_the_first_of_their_place_alone() {
    let coords = Coords::new(2, vec![0.0, 0.0, 4.0, 0.0, 4.0, 0.0, 0.0, 4.0, -0.0, 0.0, 4.0, 0.0]).unwrap();
    for graph in [delaunay(&coords).unwrap(), voronoi(&coords).unwrap()] {
        assert_eq!((graph.row(2), graph.row(5)), ((&[1u32][..], &[0f32][..]), (&[1u32][..], &[0f32][..])));
        assert_eq!((graph.row(4).0, graph.row(0).0), (&[0u32][..], &[1u32, 3, 4][..]));
    }
}

/// Brute force: every cell is the hull, cut by the bisector with every other point; cells are neighbours where a piece
/// of the bisector is left.
fn clipped(points: &[[f64; 2]]) -> Vec<(usize, usize)> {
    let sign = |a: [f64; 2], b: [f64; 2], c: [f64; 2]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    // Half planes of the hull, then of the cells: n·x <= d.
    let mut hull = Vec::new();
    for &a in points {
        for &b in points {
            if a != b && points.iter().all(|&c| sign(a, b, c) >= 0.0) {
                hull.push(([b[1] - a[1], a[0] - b[0]], (b[1] - a[1]) * a[0] + (a[0] - b[0]) * a[1]));
            }
        }
    }
    let n = points.len();
    let half = |p: [f64; 2], q: [f64; 2]| {
        let normal = [q[0] - p[0], q[1] - p[1]];
        (normal, 0.5 * (normal[0] * (p[0] + q[0]) + normal[1] * (p[1] + q[1])))
    };
    let mut pairs = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            let (p, q) = (points[i], points[j]);
            let (middle, along) = ([0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])], [p[1] - q[1], q[0] - p[0]]);
            let (mut from, mut to) = (f64::NEG_INFINITY, f64::INFINITY);
            let others = (0..n).filter(|&k| k != i && k != j).map(|k| half(p, points[k]));
            for (normal, d) in hull.iter().copied().chain(others) {
                let slope = normal[0] * along[0] + normal[1] * along[1];
                let rest = d - normal[0] * middle[0] - normal[1] * middle[1];
                if slope > 0.0 {
                    to = to.min(rest / slope);
                } else if slope < 0.0 {
                    from = from.max(rest / slope);
                } else if rest < 0.0 {
                    to = f64::NEG_INFINITY;
                }
            }
            if to - from > 1e-9 {
                pairs.push((i, j));
            }
        }
    }
    pairs
}

pub(crate) fn pairs(graph: &Csr) -> Vec<(usize, usize)> {
    let of = |i: usize| graph.row(i).0.iter().map(move |&j| (i, j as usize));
    (0..graph.n_rows()).flat_map(of).filter(|(i, j)| i < j).collect()
}

#[test]
fn voronoi_cells_on_a_square_lattice_touch_four_others() {
    let coords = Coords::new(2, (0..64).flat_map(|i| [f64::from(i % 8), f64::from(i / 8)]).collect()).unwrap();
    assert_eq!(voronoi(&coords).unwrap(), spatial_radius(&coords, 1.0).unwrap());
    let turned = Coords::new(2, spots(9, 9, [50.0, 50.0], 0.0, 0.4, 5)).unwrap();
    assert!(is_connected(&voronoi(&turned).unwrap()));
}

proptest! {
    #[test]
    fn any_whole_numbers_are_triangulated_exactly(v in proptest::collection::vec(0i32..7, 2..60)) {
        check_delaunay(&Coords::new(2, v[..v.len() / 2 * 2].iter().map(|&x| f64::from(x)).collect()).unwrap());
    }

    #[test]
    fn any_large_numbers_are_triangulated_exactly(v in proptest::collection::vec(-1_000_000i32..1_000_000, 2..60)) {
        check_delaunay(&Coords::new(2, v[..v.len() / 2 * 2].iter().map(|&x| f64::from(x)).collect()).unwrap());
    }

    #[test]
    fn permuting_observations_permutes_the_triangulation(v in proptest::collection::vec(0i32..6, 60), shift in 1usize..30) {
        let to = |i: usize| (7 * i + shift) % 30;
        let mut moved = vec![0.0; 60];
        (0..60).for_each(|k| moved[2 * to(k / 2) + k % 2] = f64::from(v[k]));
        let of = |v: Vec<f64>| delaunay(&Coords::new(2, v).unwrap()).unwrap();
        let places: std::collections::BTreeSet<_> = v.chunks(2).map(<[i32]>::to_vec).collect();
        let (a, b) = (of(v.iter().map(|&x| f64::from(x)).collect()), of(moved));
        prop_assert_eq!(a.nnz(), b.nnz());
        // Which twin comes first is a matter of order; without twins all is.
        if places.len() == 30 {
            for i in 0..30 {
                let mut expected: Vec<u32> = a.row(i).0.iter().map(|&j| to(j as usize) as u32).collect();
                expected.sort_unstable();
                prop_assert_eq!(expected, b.row(to(i)).0);
            }
        }
    }

    #[test]
    fn cells_in_the_hull_are_those_of_brute_force(v in proptest::collection::vec(0.0f64..1.0, 8..50), flat in 0.01..1.0f64) {
        let points: Vec<[f64; 2]> = v.chunks_exact(2).map(|p| [p[0], flat * p[1]]).collect();
        let coords = Coords::new(2, points.concat()).unwrap();
        prop_assert_eq!(pairs(&voronoi(&coords).unwrap()), clipped(&points));
    }
}
