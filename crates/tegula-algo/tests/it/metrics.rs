//! Measures against scikit-learn's numbers.

use tegula_algo::metrics::{Agreement, ScoreOptions, ari, chaos, nmi, pas, score, silhouette, silhouette_coords};
use tegula_core::{AnnData, Coords, Ctx, Dense, Error, Frame, Labels};

use crate::graph::same_for_any_threads;

/// 200 points and two labellings from a fixed recurrence, so that any language can make them again:
/// s ← (1103515245 s + 12345) mod 2³¹ from 12345, each number s / 2¹⁶; numbers 0–199 mod 5 are the truth, it is kept where
/// number 200+i mod 10 is below 6, else 400+i mod 7; coordinates are numbers 600+5i+j mod 1000 over 500, the first
/// plus 0.7 times the truth.
pub(crate) fn reference_points() -> (Dense, Labels, Labels) {
    let mut s = 12_345u64;
    let numbers: Vec<u64> = (0..1600)
        .map(|_| {
            s = (s * 1_103_515_245 + 12_345) % (1 << 31);
            s >> 16
        })
        .collect();
    let truth: Vec<u32> = (0..200).map(|i| (numbers[i] % 5) as u32).collect();
    let found: Vec<u32> =
        (0..200).map(|i| if numbers[200 + i] % 10 < 6 { truth[i] } else { (numbers[400 + i] % 7) as u32 }).collect();
    let at = |i: usize, j: usize| {
        let shift = if j == 0 { 0.7 * f64::from(truth[i]) } else { 0.0 };
        ((numbers[600 + 5 * i + j] % 1000) as f64 / 500.0 + shift) as f32
    };
    let data: Vec<f32> = (0..200).flat_map(|i| (0..5).map(move |j| (i, j))).map(|(i, j)| at(i, j)).collect();
    (Dense::new(200, 5, data).unwrap(), Labels::from_clusters(&truth), Labels::from_clusters(&found))
}

fn places(points: &Dense) -> Coords {
    Coords::new(2, points.first_cols(2).data().iter().map(|&v| f64::from(v)).collect()).unwrap()
}

fn near(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{got} for {expected}");
}

/// scikit-learn 1.9.1.
#[test]
fn agreement_and_silhouette_are_those_of_scikit_learn() {
    let (points, truth, found) = reference_points();
    let a = Agreement::of(&truth, &found).unwrap();
    near(a.ari(), 0.401_523_493_875_595_5, 1e-9);
    near(a.nmi(), 0.411_828_642_619_001, 1e-9);
    near(a.ami(), 0.389_347_063_526_876_7, 1e-9);
    near(a.homogeneity(), 0.446_172_033_572_110_55, 1e-9);
    near(a.completeness(), 0.382_394_432_274_707_54, 1e-9);
    near(a.v_measure(), 0.411_828_642_619_000_93, 1e-9);
    near(silhouette(&points, &truth, &Ctx::default()).unwrap(), -0.006_858_728_398_203_121, 1e-9);
}

/// `SDMBench`'s definitions written out with NumPy.
#[test]
fn compactness_is_that_of_sdmbench() {
    let (points, truth, _) = reference_points();
    near(chaos(&places(&points), &truth).unwrap(), 0.204_533_119_295_158_7, 1e-9);
    near(pas(&places(&points), &truth).unwrap(), 0.545, 1e-12);
}

#[test]
fn observations_without_a_label_are_left_out_and_counted() {
    let some = Labels::new(vec![0, 0, 1, -1, 1], vec!["a".into(), "b".into()], false).unwrap();
    let all = Labels::from_clusters(&[2, 2, 0, 1, 0]);
    let a = Agreement::of(&some, &all).unwrap();
    assert_eq!((a.n_compared(), a.n_left_out(), a.ari(), a.nmi()), (4, 1, 1.0, 1.0));
    near(a.ami(), 1.0, 1e-12);
}

#[test]
fn trivial_labellings_have_the_values_of_scikit_learn() {
    let one = Labels::from_clusters(&[0, 0, 0, 0]);
    let each = Labels::from_clusters(&[0, 1, 2, 3]);
    assert_eq!((ari(&one, &one).unwrap(), nmi(&one, &one).unwrap()), (1.0, 1.0));
    assert_eq!((ari(&one, &each).unwrap(), nmi(&one, &each).unwrap()), (0.0, 0.0));
    assert_eq!(Agreement::of(&one, &each).unwrap().ami(), 0.0);
    assert_eq!(ari(&Labels::from_clusters(&[0, 0, 1, 1]), &Labels::from_clusters(&[0, 1, 0, 1])).unwrap(), -0.5);
    assert!(matches!(ari(&one, &Labels::from_clusters(&[0])), Err(Error::Shape { .. })));
}

#[test]
fn silhouette_refuses_one_cluster_and_counts_singletons_as_zero() {
    let line = Dense::new(4, 1, vec![0.0, 1.0, 10.0, 11.0]).unwrap();
    let s = |clusters: &[u32]| silhouette(&line, &Labels::from_clusters(clusters), &Ctx::default());
    assert!(matches!(s(&[0, 0, 0, 0]), Err(Error::Data { .. })));
    assert!(matches!(s(&[0, 1, 2, 3]), Err(Error::Data { .. })));
    // By hand: 0, 1 together, 10 and 11 alone: (10 - 1)/10 and (9 - 1)/9, over 4.
    near(s(&[0, 0, 1, 2]).unwrap(), (0.9 + 8.0 / 9.0) / 4.0, 1e-12);
}

#[test]
fn threads_do_not_change_a_bit() {
    let (points, truth, found) = reference_points();
    same_for_any_threads(|| {
        let coords = places(&points);
        let a = Agreement::of(&truth, &found).unwrap();
        let s = silhouette(&points, &truth, &Ctx::default()).unwrap();
        let t = silhouette_coords(&coords, &truth, &Ctx::default()).unwrap();
        [a.ari(), a.ami(), s, t, chaos(&coords, &truth).unwrap(), pas(&coords, &truth).unwrap()].map(f64::to_bits)
    });
}

#[test]
fn a_table_of_scores_holds_what_the_data_allow() {
    let (points, truth, found) = reference_points();
    let mut adata = AnnData::new(None, Frame::with_range_index(200), Frame::default()).unwrap();
    adata.set_obs("layer", truth).unwrap();
    adata.set_obs("scc", found).unwrap();
    let keys = |adata: &AnnData, truth, options: &ScoreOptions| {
        score(adata, truth, "scc", options, &Ctx::default()).map(|t| t.keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(keys(&adata, None, &ScoreOptions::default()).unwrap(), ["n_clusters"]);
    adata.set_obsm("spatial", &places(&points)).unwrap();
    adata.set_obsm("X_pca", points).unwrap();
    let options = ScoreOptions { use_rep: Some("X_pca".into()), ..ScoreOptions::default() };
    let all = keys(&adata, Some("layer"), &options).unwrap();
    assert_eq!(all[3..6], ["ari", "nmi", "ami"]);
    assert_eq!(all[9..], ["chaos", "pas", "lisi", "silhouette", "asw"]);
    assert!(keys(&adata, Some("absent"), &options).is_err());
}
