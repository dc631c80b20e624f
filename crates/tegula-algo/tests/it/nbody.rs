//! Sums of the Cauchy kernel against all pairs, one by one.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tegula_algo::index::{Field, LowRank};
use tegula_core::Error;

use crate::graph::same_for_any_threads;

/// `SpaSNE`'s weights for some z: rank, targets, sources.
struct Weights(usize, Vec<f32>, Vec<f32>);

impl Weights {
    fn random(n: usize, k: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut targets, mut sources) = (Vec::new(), Vec::new());
        for i in 0..n {
            let z: Vec<f32> = (0..k).map(|a| rng.random_range(-1.0..1.0) + (i % (a + 2)) as f32 * 0.3).collect();
            let norm = z.iter().map(|v| v * v).sum::<f32>();
            targets.extend([0.5 + norm, 1.0]);
            targets.extend(z.iter().map(|v| -2.0 * v));
            sources.extend([1.0, norm]);
            sources.extend(z);
        }
        Self(k + 2, targets, sources)
    }

    fn low_rank(&self) -> LowRank<'_> {
        LowRank::new(self.0, &self.1, &self.2).unwrap()
    }
}

/// Z, repulsion and forces by the definition.
fn direct(dim: usize, y: &[f64], w: &Weights) -> (f64, Vec<f64>, Vec<f64>) {
    let n = y.len() / dim;
    let (mut z, mut repulsion, mut forces) = (0.0, vec![0.0; y.len()], vec![0.0; y.len()]);
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i) {
            let d: Vec<f64> = (0..dim).map(|a| y[i * dim + a] - y[j * dim + a]).collect();
            let q = 1.0 / (1.0 + d.iter().map(|v| v * v).sum::<f64>());
            let weight: f64 = (0..w.0).map(|c| f64::from(w.1[i * w.0 + c]) * f64::from(w.2[j * w.0 + c])).sum();
            z += q;
            for a in 0..dim {
                repulsion[i * dim + a] += q * q * d[a];
                forces[i * dim + a] += weight * q * d[a];
            }
        }
    }
    (z, repulsion, forces)
}

fn error(got: &[f64], expected: &[f64]) -> f64 {
    let off = got.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let size = expected.iter().map(|v| v * v).sum::<f64>().sqrt();
    if size == 0.0 { off } else { off / size }
}

fn solved(field: &mut Field, y: &[f64], w: &Weights) -> (f64, Vec<f64>, Vec<f64>) {
    let (mut repulsion, mut forces) = (vec![7.0; y.len()], vec![7.0; y.len()]);
    let z = field.repulsion(y, &mut repulsion).unwrap();
    field.forces(y, &w.low_rank(), &mut forces).unwrap();
    (z, repulsion, forces)
}

/// Point sets that an embedding may pass through, and some that it should not.
fn sets(dim: usize, n: usize) -> Vec<(String, Vec<f64>)> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut uniform =
        |extent: f64| -> Vec<f64> { (0..n * dim).map(|_| extent * rng.random_range(-0.5..0.5)).collect() };
    let mut sets: Vec<(String, Vec<f64>)> =
        [1e-9, 1e-4, 1.0, 30.0, 100.0].map(|e| (format!("extent {e}"), uniform(e))).into();
    let clusters = |p: usize| [0.3, 3.0][p / dim % 2] / 30.0;
    let spread = uniform(60.0).iter().enumerate().map(|(p, v)| v * clusters(p)).collect::<Vec<_>>();
    let centres = uniform(50.0);
    let clustered = (0..n * dim).map(|p| centres[p / dim % 9 * dim + p % dim] + spread[p]).collect();
    sets.push(("clustered".into(), clustered));
    let twice = uniform(20.0);
    sets.push(("duplicates".into(), (0..n * dim).map(|p| twice[p / dim % 90 * dim + p % dim]).collect()));
    let along = uniform(50.0);
    sets.push(("collinear".into(), (0..n * dim).map(|p| if p % dim == 0 { along[p] } else { 3.0 }).collect()));
    let mut outlier = uniform(30.0);
    outlier[0] = 1e9;
    sets.push(("outlier".into(), outlier));
    sets
}

/// The largest errors of repulsion and forces allowed.
fn check(dim: usize, n: usize, make: impl Fn() -> Field, repulsion: f64, forces: f64) {
    let mut field = make();
    for (name, y) in sets(dim, n) {
        let w = Weights::random(y.len() / dim, 8);
        let (z, r, f) = solved(&mut field, &y, &w);
        let (z0, r0, f0) = direct(dim, &y, &w);
        assert!((z - z0).abs() <= 2e-4 * z0, "{name}: Z {z} for {z0}");
        assert!(error(&r, &r0) <= repulsion, "{name}: repulsion off by {:e}", error(&r, &r0));
        assert!(error(&f, &f0) <= forces, "{name}: forces off by {:e}", error(&f, &f0));
        // What was left of the set before has no influence.
        assert_eq!(solved(&mut make(), &y, &w), (z, r, f), "{name}");
    }
}

#[test]
fn the_mesh_sums_as_all_pairs_do() {
    check(2, 2000, || Field::new(2).unwrap(), 1e-3, 5e-4);
}

#[test]
fn the_tree_sums_as_all_pairs_do_in_two_and_three_dimensions() {
    check(3, 700, || Field::new(3).unwrap(), 1e-3, 5e-4);
    check(2, 700, || Field::by_tree(2, 0.5).unwrap(), 1e-3, 5e-4);
}

#[test]
fn a_tree_with_theta_0_sums_all_pairs() {
    check(3, 200, || Field::by_tree(3, 0.0).unwrap(), 1e-12, 1e-12);
}

#[test]
fn few_points_and_equal_points_are_summed_too() {
    for dim in [2, 3] {
        let mut field = Field::new(dim).unwrap();
        assert_eq!(solved(&mut field, &[], &Weights::random(0, 1)), (0.0, vec![], vec![]));
        let (z, r, f) = solved(&mut field, &vec![4.0; dim], &Weights::random(1, 1));
        assert!(z.abs() < 1e-12 && r.iter().chain(&f).all(|v| v.abs() < 1e-12), "{z} {r:?} {f:?}");
        let pair: Vec<f64> = (0..2 * dim).map(|p| p as f64).collect();
        let w = Weights::random(2, 1);
        let ((z, r, f), (z0, r0, f0)) = (solved(&mut field, &pair, &w), direct(dim, &pair, &w));
        assert!((z - z0).abs() < 1e-4 && error(&r, &r0) < 2e-3 && error(&f, &f0) < 2e-4);
        let (z, r, f) = solved(&mut field, &vec![-2.5; 500 * dim], &Weights::random(500, 1));
        assert!((z - 500.0 * 499.0).abs() < 1e-6);
        assert!(r.iter().chain(&f).all(|v| v.abs() < 1e-9), "{:?} {:?}", &r[..4], &f[..4]);
    }
}

#[test]
fn the_order_of_points_does_not_matter() {
    for (dim, (name, y)) in sets(2, 700).into_iter().map(|s| (2, s)).chain(sets(3, 700).into_iter().map(|s| (3, s))) {
        let n = y.len() / dim;
        let w = Weights::random(n, 1);
        let moved = |v: &[f64]| -> Vec<f64> { (0..n).flat_map(|i| v[i * 37 % n * dim..][..dim].to_vec()).collect() };
        let rows = |v: &[f32]| -> Vec<f32> { (0..n).flat_map(|i| v[i * 37 % n * w.0..][..w.0].to_vec()).collect() };
        let mut field = Field::new(dim).unwrap();
        let (z, r, f) = solved(&mut field, &y, &w);
        let (z1, r1, f1) = solved(&mut field, &moved(&y), &Weights(w.0, rows(&w.1), rows(&w.2)));
        assert!((z - z1).abs() <= 1e-9 * z, "{name}");
        assert!(error(&r1, &moved(&r)) < 1e-7 && error(&f1, &moved(&f)) < 1e-7, "{name} in {dim}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let bits = |v: Vec<f64>| v.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    for dim in [2, 3] {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let y: Vec<f64> = (0..5000 * dim).map(|_| 40.0 * rng.random_range(0.0..1.0f64).powi(2)).collect();
        let w = Weights::random(5000, 9);
        same_for_any_threads(|| {
            let (z, r, f) = solved(&mut Field::new(dim).unwrap(), &y, &w);
            (z.to_bits(), bits(r), bits(f))
        });
    }
}

#[test]
fn what_cannot_be_summed_is_refused() {
    assert!(matches!(Field::new(4), Err(Error::Param { .. })));
    assert!(matches!(Field::by_tree(2, f64::NAN), Err(Error::Param { .. })));
    assert!(matches!(LowRank::new(2, &[1.0; 3], &[1.0; 3]), Err(Error::Shape { .. })));
    let mut field = Field::new(2).unwrap();
    for bad in [f64::NAN, f64::INFINITY, -1e60] {
        let refused = field.repulsion(&[0.0, 1.0, bad, 0.0], &mut [0.0; 4]);
        assert!(matches!(refused, Err(Error::Data { .. })), "{refused:?}");
    }
    let one = LowRank::new(1, &[1.0], &[1.0]).unwrap();
    assert!(matches!(field.forces(&[0.0; 4], &one, &mut [0.0; 4]), Err(Error::Shape { .. })));
    assert!(matches!(field.forces(&[0.0; 3], &one, &mut [0.0; 4]), Err(Error::Shape { .. })));
}
