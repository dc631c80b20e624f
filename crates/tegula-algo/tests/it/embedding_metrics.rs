//! What an embedding keeps, against SciPy's and scikit-learn's numbers.

use tegula_algo::metrics::{distance_correlation, distance_correlation_coords, knn_recall, score_embedding};
use tegula_core::{Coords, Ctx, Dense, Error};

use crate::graph::same_for_any_threads;
use crate::metrics::reference_points;

/// SciPy 1.17.1 (`pearsonr(pdist(X), pdist(X[:, :2]))`) and scikit-learn 1.9.1 (`NearestNeighbors`, brute, k = 10).
#[test]
fn correlation_and_recall_are_those_of_scipy_and_scikit_learn() {
    let (points, truth, _) = reference_points();
    let (plane, ctx) = (points.first_cols(2), Ctx::default());
    let r1 = distance_correlation(&points, &plane, &ctx).unwrap();
    assert!((r1.r - 0.892_916_812_658_839_7).abs() < 1e-6 && r1.error == 0.0, "{r1:?}");
    let (recall, error) = knn_recall(&points, &plane, 10, &ctx).unwrap();
    assert!((recall - 0.3085).abs() < 1e-9 && error == 0.0, "{recall}");
    let tissue = Coords::new(2, plane.data().iter().map(|&v| 5e4 + 3.0 * f64::from(v)).collect()).unwrap();
    let score = score_embedding(&points, &plane, Some(&tissue), Some(&truth), &ctx).unwrap();
    assert!((score.r2.unwrap().r - 1.0).abs() < 1e-6);
    assert_eq!(score.to_dict().keys().collect::<Vec<_>>(), ["r1", "r2", "knn_recall", "silhouette"]);
}

#[test]
fn a_point_has_no_distances_to_correlate() {
    let (ctx, line) = (Ctx::default(), Dense::new(3, 1, vec![0.0, 1.0, 5.0]).unwrap());
    let same = Dense::new(3, 2, vec![4.0; 6]).unwrap();
    assert!(distance_correlation(&line, &same, &ctx).unwrap().r.is_nan());
    assert!(score_embedding(&line, &same, None, None, &ctx).unwrap().to_dict().is_empty());
    let two = Dense::new(2, 1, vec![0.0, 1.0]).unwrap();
    assert!(matches!(distance_correlation(&two, &two, &ctx), Err(Error::Data { .. })));
    assert!(matches!(distance_correlation(&line, &two, &ctx), Err(Error::Shape { .. })));
    let nan = Dense::new(3, 1, vec![0.0, f32::NAN, 5.0]).unwrap();
    assert!(matches!(distance_correlation(&line, &nan, &ctx), Err(Error::Data { .. })));
    assert!(matches!(knn_recall(&line, &two, 1, &ctx), Err(Error::Shape { .. })));
    assert!(matches!(knn_recall(&line, &line, 3, &ctx), Err(Error::Param { .. })));
    let tissue = Coords::new(2, vec![0.0; 4]).unwrap();
    assert!(matches!(distance_correlation_coords(&tissue, &line, &ctx), Err(Error::Shape { .. })));
}

#[test]
fn threads_do_not_change_a_bit() {
    let (points, _, _) = reference_points();
    // Above the size that is measured exactly: random pairs, and a sample of observations.
    let places: Vec<f32> = (0..41_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as f32).collect();
    let many = Dense::new(20_500, 2, places).unwrap();
    let line = many.first_cols(1);
    same_for_any_threads(|| {
        let ctx = Ctx::default();
        let (r, s) =
            (distance_correlation(&points, &points.first_cols(2), &ctx), distance_correlation(&line, &many, &ctx));
        let ((r, s), recall) = ((r.unwrap(), s.unwrap()), knn_recall(&line, &many, 10, &ctx).unwrap());
        [r.r, s.r, s.error, recall.0, recall.1].map(f64::to_bits)
    });
}
