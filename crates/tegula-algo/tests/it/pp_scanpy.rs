//! Preprocessing beside scanpy's numbers on a small matrix of counts (`golden/pp`, made by `make.py` there).

use serde_json::{Value as Json, json};
use tegula_algo::pp::METHODS;
use tegula_core::{AnnData, Column, Csr, Ctx, Dense, Frame, Labels};

const COUNTS: &str = include_str!("../golden/pp/counts.csv");
const EXPECTED: &str = include_str!("../golden/pp/expected.csv");

fn step(adata: &mut AnnData, id: &str, params: Json) {
    let method = METHODS.iter().find(|m| m.id() == id).unwrap();
    method.step(params).unwrap().run(adata, &Ctx::default()).unwrap();
}

fn data(logged: bool) -> AnnData {
    let rows: Vec<Vec<f32>> = COUNTS.lines().map(|l| l.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    let (n, m) = (rows.len(), rows[0].len());
    let x = Csr::from_dense(&Dense::new(n, m, rows.concat()).unwrap());
    let obs = Frame::new((0..n).map(|i| format!("o{i}")).collect());
    let var = Frame::new((0..m).map(|j| format!("g{j:02}")).collect());
    let mut adata = AnnData::new(Some(x.into()), obs, var).unwrap();
    let batch: Vec<&str> = (0..n).map(|i| ["a", "b", "c"][(i / 25).min(2)]).collect();
    adata.set_obs("batch", Labels::from_strings(&batch)).unwrap();
    adata.set_obs("depth", Column::Float((0..n).map(|i| (i * 31 % 17) as f64 / 4.0).collect())).unwrap();
    adata
        .set_obs(
            "type",
            Labels::from_strings(&(0..n).map(|i| if i * 7 % 13 < 6 { "x" } else { "y" }).collect::<Vec<_>>()),
        )
        .unwrap();
    adata.set_obs("mask", Column::Bool(batch.iter().map(|&b| b == "a").collect())).unwrap();
    adata.set_var("mt", Column::Bool((0..m).map(|j| j % 7 == 0).collect())).unwrap();
    if logged {
        step(&mut adata, "pp.normalize_total", json!({}));
        step(&mut adata, "pp.log1p", json!({}));
    }
    adata
}

/// The columns that scanpy has for a case.
fn expected(case: &str) -> Vec<(&'static str, Vec<f64>)> {
    let of_case = |line: &'static str| {
        let (name, rest) = line.split_once(',')?;
        let (column, values) = rest.split_once(',')?;
        let values = values.split(' ').map(|v| v.parse().unwrap()).collect();
        (name == case).then_some((column, values))
    };
    let found: Vec<_> = EXPECTED.lines().filter_map(of_case).collect();
    assert!(!found.is_empty(), "no case {case}");
    found
}

/// Equal to `tolerance` of the largest value, NaN in the same places.
fn assert_close(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let most = theirs.iter().filter(|v| !v.is_nan()).fold(0f64, |m, v| m.max(v.abs()));
    for (k, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let same = (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * most;
        assert!(same, "{what}, number {k}: {a} for {b}");
    }
}

fn assert_frame(case: &str, frame: &Frame) {
    for (column, theirs) in expected(case).into_iter().filter(|c| c.0 != "x") {
        let ours = frame.get(column).and_then(Column::to_f64).unwrap_or_else(|| panic!("{case}: no {column}"));
        let exact = column.starts_with("highly_variable") || column.starts_with("n_");
        assert_close(&format!("{case}: {column}"), &ours, &theirs, if exact { 0.0 } else { 1e-6 });
    }
}

fn assert_x(case: &str, adata: &AnnData) {
    let theirs = expected(case).into_iter().find(|c| c.0 == "x").unwrap().1;
    let x = adata.matrix(None).unwrap();
    let mut ours = vec![0f64; theirs.len()];
    for i in 0..theirs.len() / x.n_cols() {
        x.for_row(i, |j, v| ours[i * x.n_cols() + j] = f64::from(v));
    }
    assert_close(case, &ours, &theirs, 1e-6);
}

#[test]
fn highly_variable_genes_of_every_flavour() {
    for batch in [None, Some("batch")] {
        for (flavor, n_top) in [
            ("seurat", 0),
            ("seurat", 12),
            ("cell_ranger", 0),
            ("seurat_v3", 12),
            ("seurat_v3_paper", 12),
            ("pearson_residuals", 12),
        ] {
            let mut adata = data(matches!(flavor, "seurat" | "cell_ranger"));
            let n_top_genes = (n_top > 0).then_some(n_top);
            let mut params = json!({"flavor": flavor, "n_top_genes": n_top_genes, "batch_key": batch, "n_bins": 5});
            params["span"] = json!(0.5);
            params["clip"] = json!(6.0);
            step(&mut adata, "pp.highly_variable_genes", params);
            assert_frame(&format!("hvg {flavor} {n_top} {}", batch.unwrap_or("-")), adata.var());
        }
    }
}

#[test]
fn pearson_residuals() {
    let mut adata = data(false);
    step(&mut adata, "pp.normalize_pearson_residuals", json!({}));
    assert_x("pearson", &adata);
    assert!(adata.uns().contains_key("pearson_residuals_normalization"));
}

#[test]
fn scaling() {
    for (case, params) in [
        ("scale", json!({})),
        ("scale max", json!({"max_value": 1.5})),
        ("scale flat", json!({"zero_center": false, "max_value": 1.5})),
        ("scale mask", json!({"mask_obs": "mask"})),
    ] {
        for dense in [false, true] {
            let mut adata = data(true);
            if let (true, tegula_core::Matrix::Csr(x)) = (dense, adata.matrix(None).unwrap().clone()) {
                adata.set_x(x.to_dense()).unwrap();
            }
            step(&mut adata, "pp.scale", params.clone());
            assert_frame(case, adata.var());
            assert_x(case, &adata);
        }
    }
}

#[test]
fn combat_with_and_without_covariates() {
    let mut adata = data(true);
    step(&mut adata, "pp.combat", json!({}));
    assert_x("combat", &adata);
    let mut adata = data(true);
    step(&mut adata, "pp.combat", json!({"covariates": ["depth", "type"]}));
    assert_x("combat covariates", &adata);
}

#[test]
fn quality_metrics() {
    let mut adata = data(false);
    step(&mut adata, "pp.calculate_qc_metrics", json!({"qc_vars": ["mt"], "percent_top": [5, 10]}));
    assert_frame("qc obs", adata.obs());
    assert_frame("qc var", adata.var());
}

/// spateo's `compute_pca_components` (kneed 0.9.0 over all of scikit-learn 1.9.1's `explained_variance_ratio_`) keeps 10
/// of the 40 components.
#[test]
fn components_up_to_the_knee() {
    let mut adata = data(true);
    let pca = tegula_algo::reduce::METHODS.iter().find(|m| m.id() == "pp.pca").unwrap();
    pca.step(json!({"knee": true})).unwrap().run(&mut adata, &Ctx::default()).unwrap();
    let kept = adata.embedding("X_pca", "").unwrap();
    assert_eq!(kept.n_cols(), 10);
    // Among the first components alone the knee comes earlier; what is kept is the same.
    pca.step(json!({"knee": true, "n_comps": 12})).unwrap().run(&mut adata, &Ctx::default()).unwrap();
    let fewer = adata.embedding("X_pca", "").unwrap();
    assert!((1..10).contains(&fewer.n_cols()), "{}", fewer.n_cols());
    assert_eq!(fewer, kept.first_cols(fewer.n_cols()));
}
