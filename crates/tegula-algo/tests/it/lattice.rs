//! Lattices: recognised, and followed ring by ring.

use tegula_algo::graph::{LatticeKind, grid, lattice, rings, spatial_radius};
use tegula_core::Coords;

use crate::delaunay::pairs;
use crate::graph::numbers;
use crate::spatial_graphs::spots;

#[test]
fn lattices_are_recognised_and_tell_their_rings() {
    for (turn, seed) in [(0.0, 1), (0.3, 2), (1.2, 3)] {
        let found = lattice(&Coords::new(2, spots(20, 18, [50.0, 50.0], 0.0, turn, seed)).unwrap()).unwrap();
        assert_eq!(found.kind, LatticeKind::Square);
        assert!((found.spacing - 50.0).abs() < 0.5 && found.stretch == 1.0 && found.jitter < 0.05, "{found:?}");
        let hexagonal = spots(20, 18, [137.0, 137.0 * 0.75f64.sqrt()], 0.5, turn, seed);
        let found = lattice(&Coords::new(2, hexagonal).unwrap()).unwrap();
        assert_eq!((found.kind, found.kind.s_neigh()), (LatticeKind::Hex, &[6, 18][..]));
        assert!((found.spacing - 137.0).abs() < 1.4 && found.stretch == 1.0, "{found:?}");
    }
    let bins = lattice(&Coords::new(2, spots(30, 20, [2.0, 7.0], 0.0, 0.0, 4)).unwrap()).unwrap();
    assert_eq!((bins.kind, (bins.stretch - 3.5).abs() < 0.05), (LatticeKind::Square, true), "{bins:?}");
    let drawn = lattice(&Coords::new(2, spots(30, 20, [10.0, 7.0], 0.5, 0.0, 4)).unwrap()).unwrap();
    assert_eq!(drawn.kind, LatticeKind::Hex);
    assert!((drawn.stretch - 0.7 / 0.75f64.sqrt()).abs() < 0.01, "{drawn:?}");
    // Large: only the middle is looked at.
    let large = Coords::new(2, (0..90_000).flat_map(|i| [f64::from(i % 300), f64::from(i / 300)]).collect()).unwrap();
    assert_eq!(lattice(&large).unwrap().kind, LatticeKind::Square);
}

#[test]
fn what_is_no_lattice_is_not_taken_for_one() {
    for seed in 1..20 {
        assert_eq!(lattice(&Coords::new(2, numbers(800, 1_000_000, seed)).unwrap()), None);
        assert_eq!(lattice(&Coords::new(2, numbers(800, 40, seed)).unwrap()), None, "pixels");
    }
    for few in [vec![], vec![1.0, 2.0], vec![3.0; 200], (0..200).map(f64::from).collect()] {
        assert_eq!(lattice(&Coords::new(2, few).unwrap()), None);
    }
    // Beads packed at random: none nearer than 0.9.
    let mut beads: Vec<f64> = Vec::new();
    for p in numbers(40_000, 100_000, 3).chunks(2) {
        let p = [p[0] / 4000.0, p[1] / 4000.0];
        if beads.chunks(2).all(|q| (p[0] - q[0]).hypot(p[1] - q[1]) > 0.9) {
            beads.extend(p);
        }
    }
    assert_eq!(lattice(&Coords::new(2, beads).unwrap()), None);
    assert_eq!(lattice(&Coords::new(3, numbers(300, 9, 1)).unwrap()), None);
}

#[test]
fn rows_and_columns_of_visium_make_the_graph_of_its_pixels() {
    let spot = |i: u32| (2 * (i % 20) + i / 20 % 2, i / 20);
    let array = (0..400).map(spot).flat_map(|(c, r)| [f64::from(c), f64::from(r)]).collect();
    let pixels = (0..400).map(spot).flat_map(|(c, r)| [f64::from(c) * 68.5, f64::from(r) * 137.0 * 0.75f64.sqrt()]);
    let pixels = Coords::new(2, pixels.collect()).unwrap();
    let graph = grid(&Coords::new(2, array).unwrap(), 6).unwrap();
    assert_eq!(graph, grid(&pixels, 6).unwrap());
    assert_eq!(rings(&graph, 2).row(210).0.len(), 18);
    // squidpy's rule by itself needs nothing else on pixels.
    assert_eq!(pairs(&graph), pairs(&spatial_radius(&pixels, 140.0).unwrap()));
}

#[test]
fn a_hexagonal_lattice_without_any_jitter_is_recognised() {
    let row = 0.75f64.sqrt();
    let exact = (0..120).flat_map(|i| [f64::from(i % 12) + 0.5 * f64::from(i / 12 % 2), f64::from(i / 12) * row]);
    let found = lattice(&Coords::new(2, exact.collect()).unwrap()).unwrap();
    assert_eq!((found.kind, found.kind.s_neigh()), (LatticeKind::Hex, &[6, 18][..]));
    assert!((found.spacing - 1.0).abs() < 1e-9, "{found:?}");
}
