//! k-means: by its definition, and against scikit-learn.

use proptest::prelude::*;
use tegula_algo::cluster::{Kmeans, KmeansParams, kmeans};
use tegula_core::{AnnData, Ctx, Dense, Error, Frame, Step, Value};

use crate::graph::same_for_any_threads;

/// Numbers that look random: blobs around `k` centres, `noise` wide.
pub(crate) fn blobs(n: usize, d: usize, k: usize, noise: f32) -> Dense {
    let hash = |a: usize, b: usize| {
        let x = (a as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (b as u64 + 7).wrapping_mul(0xD1B5_4A32_D192_ED03);
        let x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x ^ (x >> 32)) & 0xFFFF) as f32 / 32_768.0 - 1.0
    };
    let value = |i: usize, j: usize| {
        let spread: f32 = (0..4).map(|s| hash(i * 4 + s + 1000, j)).sum();
        10.0 * hash(i % k, j + 500) + noise * spread
    };
    Dense::new(n, d, (0..n * d).map(|e| value(e / d, e % d)).collect::<Vec<_>>()).unwrap()
}

fn with(n_clusters: usize) -> KmeansParams {
    KmeansParams { n_clusters, tol: 0.0, ..KmeansParams::default() }
}

fn distance2(x: &[f32], c: &[f64]) -> f64 {
    x.iter().zip(c).map(|(&x, c)| (f64::from(x) - c).powi(2)).sum()
}

/// Every row is with its nearest centre, every centre is the mean of its rows, the inertia is their sum.
fn check(data: &Dense, found: &Kmeans) {
    let (n, d) = (data.n_rows(), data.n_cols());
    let k = found.centres.len() / d;
    let (mut sum, mut means, mut counts) = (0.0, vec![0.0; k * d], vec![0.0; k]);
    for i in 0..n {
        let own = found.membership[i] as usize;
        let to = |c: usize| distance2(data.row(i), &found.centres[c * d..(c + 1) * d]);
        let least = (0..k).map(to).fold(f64::INFINITY, f64::min);
        assert!(to(own) <= least * (1.0 + 1e-4) + 1e-4, "row {i}: {} {least}", to(own));
        sum += to(own);
        counts[own] += 1.0;
        data.row(i).iter().enumerate().for_each(|(j, &x)| means[own * d + j] += f64::from(x));
    }
    assert!((sum - found.inertia).abs() <= 1e-4 * sum + 1e-4, "{sum} {}", found.inertia);
    assert!(counts.windows(2).all(|w| w[0] >= w[1]), "numbered by size");
    for e in (0..k * d).filter(|e| counts[e / d] > 0.0) {
        assert!((means[e] / counts[e / d] - found.centres[e]).abs() < 1e-3, "centre {}", e / d);
    }
}

#[test]
fn every_row_is_with_its_nearest_centre_and_every_centre_a_mean() {
    // More than one group of panels, rows and columns that divide by nothing.
    for (n, d, k) in [(3001, 7, 5), (2000, 33, 70), (50, 1, 3)] {
        let data = blobs(n, d, 9, 4.0);
        let found = kmeans(&data, &with(k), &Ctx::new(1)).unwrap();
        assert!(found.converged);
        check(&data, &found);
    }
}

#[test]
fn blobs_far_apart_are_found() {
    let data = blobs(600, 5, 6, 0.1);
    for batch_size in [None, Some(100)] {
        let found = kmeans(&data, &KmeansParams { batch_size, ..with(6) }, &Ctx::new(3)).unwrap();
        assert!((0..600).all(|i| found.membership[i] == found.membership[i % 6]));
        assert_eq!(found.membership.iter().max(), Some(&5));
    }
}

/// scikit-learn 1.9, `KMeans(4, n_init=50).fit(x).inertia_` on the square root of 1, 2, …, 40 as 20 × 2: 5.700687.
#[test]
fn the_best_of_many_runs_is_the_optimum() {
    let data = Dense::new(20, 2, (1..=40).map(|i| (i as f32).sqrt()).collect::<Vec<_>>()).unwrap();
    let found = kmeans(&data, &KmeansParams { n_init: 30, ..with(4) }, &Ctx::new(0)).unwrap();
    check(&data, &found);
    assert!((found.inertia - OPTIMUM).abs() < 1e-4, "{}", found.inertia);
}

const OPTIMUM: f64 = 5.700_687;

#[test]
fn the_number_of_threads_changes_no_bit() {
    let data = blobs(20_000, 10, 7, 6.0);
    for batch_size in [None, Some(500)] {
        same_for_any_threads(|| {
            kmeans(&data, &KmeansParams { batch_size, n_init: 1, ..with(12) }, &Ctx::new(5)).unwrap()
        });
    }
}

#[test]
fn equal_rows_and_as_many_clusters_as_rows_are_no_trouble() {
    let same = Dense::new(6, 2, vec![1.0; 12]).unwrap();
    let found = kmeans(&same, &with(3), &Ctx::default()).unwrap();
    assert!(found.inertia == 0.0 && found.membership == [0; 6]);
    let line = Dense::new(5, 1, vec![4.0, 1.0, 9.0, 2.0, 7.0]).unwrap();
    let found = kmeans(&line, &with(5), &Ctx::default()).unwrap();
    assert!(found.inertia < 1e-9 && found.membership == [0, 1, 2, 3, 4]);
    let large = Dense::new(4, 1, vec![1e30, -1e30, 2e30, 0.0]).unwrap();
    let _ = kmeans(&large, &with(2), &Ctx::default());
}

#[test]
fn what_cannot_be_is_refused() {
    let line = Dense::new(3, 1, vec![0.0, 1.0, 2.0]).unwrap();
    let e = kmeans(&line, &with(4), &Ctx::default()).unwrap_err();
    assert_eq!(e.to_string(), "`n_clusters` of `tl.kmeans` is 4; it must be at most 3, the number of observations");
    assert!(matches!(kmeans(&line, &with(0), &Ctx::default()), Err(Error::Param { .. })));
    let nan = Dense::new(3, 1, vec![0.0, f32::NAN, 2.0]).unwrap();
    let e = kmeans(&nan, &with(2), &Ctx::default()).unwrap_err();
    assert_eq!(e.to_string(), "embedding: observation 1 holds NaN; drop it first");
}

#[test]
fn the_step_stores_clusters_and_centres() {
    let mut adata = AnnData::new(None, Frame::with_range_index(60), Frame::default()).unwrap();
    adata.set_obsm("X_pca", blobs(60, 4, 3, 0.1)).unwrap();
    let step = KmeansParams { n_clusters: 3, n_pcs: Some(2), ..KmeansParams::default() };
    let outcome = step.apply(&mut adata, &Ctx::default()).unwrap();
    assert_eq!(outcome["n_clusters"], Value::Int(3));
    assert_eq!(adata.labels("kmeans").unwrap().categories(), ["0", "1", "2"]);
    let uns = adata.uns()["kmeans"].as_dict().unwrap();
    assert_eq!(uns["cluster_centers"].shape_text(), "(3, 2)");
}

proptest! {
    #[test]
    fn any_rows_end_at_a_fixed_point(n in 1usize..60, d in 1usize..4, k in 1usize..8, noise in 0.0f32..20.0) {
        prop_assume!(k <= n);
        let data = blobs(n, d, 3, noise);
        check(&data, &kmeans(&data, &with(k), &Ctx::new(n as u64)).unwrap());
    }
}
