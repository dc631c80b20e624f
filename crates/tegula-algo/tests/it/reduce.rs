//! Principal components against an exact dense decomposition, by property, on any number of threads.

use faer::Mat;
use proptest::prelude::*;
use rand::RngExt;
use tegula_algo::linalg::{spmm, spmm_t};
use tegula_algo::reduce::{Pca, PcaParams, Solver, pca};
use tegula_core::{AnnData, Column, Csr, Ctx, Dense, Error, Frame, Matrix, Value, run};

/// Sparse non-negative noise with `rank` gene programmes on top; `strength` 0 leaves a flat spectrum.
fn tissue(n: usize, g: usize, rank: usize, strength: f32, seed: u64) -> Dense {
    let mut rng = Ctx::new(seed).rng("test", 0);
    let mut draw = || rng.random::<f32>();
    let left: Vec<f32> = (0..n * rank).map(|_| draw()).collect();
    let right: Vec<f32> = (0..g * rank).map(|_| draw()).collect();
    let data: Vec<f32> = (0..n * g)
        .map(|at| {
            let (i, j) = (at / g, at % g);
            let signal: f32 =
                (0..rank).map(|r| left[i * rank + r] * right[j * rank + r] / (1 << r) as f32).sum::<f32>() * strength;
            let noise = if draw() < 0.8 { 0.0 } else { draw() * 3.0 };
            if draw() < 0.7 { 0.0 } else { signal + noise }
        })
        .collect();
    Dense::new(n, g, data).unwrap()
}

/// Singular values and right vectors of the centred matrix, by a dense decomposition in `f64`.
fn exact(m: &Dense) -> (Vec<f64>, Mat<f64>) {
    let (n, g) = (m.n_rows(), m.n_cols());
    let mean: Vec<f64> = (0..g).map(|j| (0..n).map(|i| f64::from(m.row(i)[j])).sum::<f64>() / n as f64).collect();
    let svd = Mat::from_fn(n, g, |i, j| f64::from(m.row(i)[j]) - mean[j]).thin_svd().unwrap();
    let s = svd.S().column_vector();
    ((0..n.min(g)).map(|i| s[i]).collect(), svd.V().to_owned())
}

fn of(m: &Dense, k: usize, solver: Solver) -> Pca {
    let params = PcaParams { n_comps: Some(k), solver, ..Default::default() };
    pca(&Csr::from_dense(m).into(), &params, &Ctx::default()).unwrap()
}

fn assert_exact(m: &Dense, k: usize, solver: Solver) {
    let p = of(m, k, solver);
    let (s, v) = exact(m);
    let g = m.n_cols();
    assert!(p.converged);
    let mut outside = 0f64;
    for c in 0..k {
        let error = (p.singular_values[c] - s[c]).abs() / s[c].max(1e-4 * s[0]);
        assert!(error < 1e-5, "component {c}: {} for {} ({error:.1e})", p.singular_values[c], s[c]);
        // How much of the vector lies outside the exact vectors of (nearly) equal singular values.
        let inside: f64 = (0..v.ncols())
            .filter(|&e| (s[e] - s[c]).abs() < 1e-3 * s[c])
            .map(|e| (0..g).map(|j| v[(j, e)] * p.loadings[j * k + c]).sum::<f64>().powi(2))
            .sum();
        if s[c] > 1e-5 * s[0] {
            outside = outside.max(1.0 - inside);
        }
    }
    assert!(outside < 1e-6, "{outside:.1e} of a direction is wrong");
}

#[test]
fn equals_the_exact_decomposition() {
    for solver in [Solver::Gram, Solver::Krylov] {
        assert_exact(&tissue(700, 900, 5, 3.0, 1), 30, solver);
        assert_exact(&tissue(900, 600, 5, 3.0, 2), 20, solver);
    }
    assert_exact(&tissue(60, 200, 3, 2.0, 3), 20, Solver::Auto);
    assert_exact(&tissue(300, 40, 3, 2.0, 4), 39, Solver::Auto);
}

#[test]
fn a_flat_spectrum_is_resolved() {
    assert_exact(&tissue(800, 700, 1, 0.0, 5), 30, Solver::Krylov);
}

#[test]
fn missing_rank_leaves_zeros() {
    // Rank 4 without noise: four programmes, and constant genes beside them.
    let (n, g) = (600, 620);
    let mut rng = Ctx::new(3).rng("test", 0);
    let left: Vec<f32> = (0..n * 4).map(|_| rng.random()).collect();
    let right: Vec<f32> = (0..g * 4).map(|_| rng.random()).collect();
    let data = (0..n * g)
        .map(|at| {
            let (i, j) = (at / g, at % g);
            if j % 5 == 0 { 1.0 } else { (0..4).map(|r| left[i * 4 + r] * right[j * 4 + r]).sum() }
        })
        .collect::<Vec<f32>>();
    let m = Dense::new(n, g, data).unwrap();
    for solver in [Solver::Gram, Solver::Krylov] {
        let p = of(&m, 10, solver);
        let (s, _) = exact(&m);
        for c in 0..4 {
            assert!((p.singular_values[c] / s[c] - 1.0).abs() < 1e-4);
        }
        assert!(p.singular_values[4..].iter().all(|&x| x < 1e-5 * s[0]), "{:?}", p.singular_values);
    }
}

#[test]
fn constant_data_has_components_of_zero() {
    let m = Dense::new(5, 4, vec![2.0; 20]).unwrap();
    let p = of(&m, 3, Solver::Auto);
    assert!(p.scores.iter().chain(&[0.0]).all(|&x| x == 0.0));
    assert_eq!(p.variance_ratio, [0.0; 3]);
}

#[test]
fn the_largest_loading_is_positive_and_columns_are_orthonormal() {
    let k = 12;
    for solver in [Solver::Gram, Solver::Krylov] {
        let p = of(&tissue(650, 700, 4, 2.0, 7), k, solver);
        for a in 0..k {
            let column: Vec<f64> = p.loadings.iter().skip(a).step_by(k).copied().collect();
            let most = column.iter().fold(0f64, |m, &x| if x.abs() > m.abs() { x } else { m });
            assert!(most > 0.0);
            for b in 0..=a {
                let dot: f64 = column.iter().zip(p.loadings.iter().skip(b).step_by(k)).map(|(x, y)| x * y).sum();
                assert!((dot - f64::from(u8::from(a == b))).abs() < 1e-9, "{a} {b} {dot}");
            }
        }
        assert!(p.variance.is_sorted_by(|a, b| a >= b));
    }
}

#[test]
fn dense_and_sparse_agree() {
    let m = tissue(600, 560, 3, 2.0, 8);
    let params = PcaParams { n_comps: Some(8), ..Default::default() };
    let dense = pca(&m.clone().into(), &params, &Ctx::default()).unwrap();
    let sparse = of(&m, 8, Solver::Auto);
    for (a, b) in dense.scores.iter().zip(&sparse.scores) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let m = tissue(1500, 700, 4, 2.0, 9);
    for solver in [Solver::Gram, Solver::Krylov] {
        let on = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| of(&m, 10, solver))
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(8));
    }
}

#[test]
fn the_step_uses_marked_genes_and_fills_the_slots() {
    let m = tissue(50, 20, 3, 2.0, 10);
    let marked: Vec<bool> = (0..20).map(|j| j % 2 == 0).collect();
    let mut a =
        AnnData::new(Some(Csr::from_dense(&m).into()), Frame::with_range_index(50), Frame::with_range_index(20))
            .unwrap();
    let all = PcaParams { use_highly_variable: Some(true), ..Default::default() };
    assert!(matches!(run(&all, &mut a, &Ctx::default()), Err(Error::Missing { .. })));
    a.set_var("highly_variable", Column::Bool(marked.clone())).unwrap();
    let outcome = run(&PcaParams::default(), &mut a, &Ctx::default()).unwrap();
    assert_eq!(outcome["n_comps"], Value::from(9usize), "10 genes have 9 components at most");
    let loadings = a.varm()["PCs"].to_dense().unwrap();
    assert_eq!((loadings.n_rows(), loadings.n_cols()), (20, 9));
    for (j, &used) in marked.iter().enumerate() {
        assert_eq!(loadings.row(j).iter().any(|&x| x != 0.0), used);
    }
    let pca = a.uns()["pca"].as_dict().unwrap();
    assert_eq!(pca["variance"].n_rows(), Some(9));
    run(
        &PcaParams { key_added: Some("other".into()), n_comps: Some(2), ..Default::default() },
        &mut a,
        &Ctx::default(),
    )
    .unwrap();
    assert!(a.obsm().contains_key("other") && a.varm().contains_key("other") && a.uns().contains_key("other"));
}

#[test]
fn impossible_sizes_are_refused() {
    let m: Matrix = tissue(5, 20, 1, 1.0, 11).into();
    let params = PcaParams { n_comps: Some(5), ..Default::default() };
    let message = pca(&m, &params, &Ctx::default()).unwrap_err().to_string();
    assert_eq!(
        message,
        "`n_comps` of `pp.pca` is 5; it must be below the smaller side of the matrix (5 observations × 20 genes)"
    );
    let one: Matrix = tissue(1, 20, 1, 1.0, 12).into();
    assert!(matches!(pca(&one, &PcaParams::default(), &Ctx::default()), Err(Error::Data { .. })));
    let none: Matrix = Dense::zeros(0, 0).into();
    assert!(matches!(pca(&none, &PcaParams::default(), &Ctx::default()), Err(Error::Data { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_agree_with_loops(
        (n, g, k) in (1usize..9, 1usize..9, 1usize..35), seed in 0u64..1000
    ) {
        let m = tissue(n, g, 1, 1.0, seed);
        let sparse: Matrix = Csr::from_dense(&m).into();
        let right: Vec<f64> = (0..g * k).map(|i| ((i * 7) % 11) as f64).collect();
        let left: Vec<f64> = (0..n * k).map(|i| ((i * 5) % 13) as f64).collect();
        for x in [sparse, m.clone().into()] {
            let (a, b) = (spmm(&x, &right, k), spmm_t(&x, &left, k));
            for c in 0..k {
                for i in 0..n {
                    let s: f64 = (0..g).map(|j| f64::from(m.row(i)[j]) * right[j * k + c]).sum();
                    prop_assert!((a[i * k + c] - s).abs() < 1e-9);
                }
                for j in 0..g {
                    let s: f64 = (0..n).map(|i| f64::from(m.row(i)[j]) * left[i * k + c]).sum();
                    prop_assert!((b[j * k + c] - s).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn permuting_observations_permutes_the_scores(seed in 0u64..1000, shift in 1usize..40) {
        let m = tissue(40, 30, 3, 3.0, seed);
        let order: Vec<usize> = (0..40).map(|i| (i + shift) % 40).collect();
        let (a, b) = (of(&m, 3, Solver::Auto), of(&m.select_rows(&order), 3, Solver::Auto));
        for (i, &o) in order.iter().enumerate() {
            for c in 0..3 {
                prop_assert!((b.scores[i * 3 + c] - a.scores[o * 3 + c]).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn scaling_the_data_scales_the_singular_values(seed in 0u64..1000, factor in 0.5f32..20.0) {
        let m = tissue(40, 30, 3, 3.0, seed);
        let scaled = Dense::new(40, 30, m.data().iter().map(|x| x * factor).collect::<Vec<_>>()).unwrap();
        let (a, b) = (of(&m, 4, Solver::Auto), of(&scaled, 4, Solver::Auto));
        for c in 0..4 {
            prop_assert!((b.singular_values[c] / a.singular_values[c] / f64::from(factor) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn turning_the_genes_keeps_the_singular_values(seed in 0u64..1000, angle in 0f64..3.0) {
        let m = tissue(40, 30, 3, 3.0, seed);
        let (sin, cos) = angle.sin_cos();
        let mut turned = m.clone();
        for row in turned.data_mut().chunks_exact_mut(30) {
            let (x, y) = (f64::from(row[3]), f64::from(row[8]));
            (row[3], row[8]) = ((cos * x - sin * y) as f32, (sin * x + cos * y) as f32);
        }
        let (a, b) = (of(&m, 4, Solver::Auto), of(&turned, 4, Solver::Auto));
        for c in 0..4 {
            prop_assert!((b.singular_values[c] / a.singular_values[c] - 1.0).abs() < 1e-5);
        }
    }
}
