//! Scaling, batches, squares, samples: by hand, by property, on bad input, on any number of threads.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tegula_algo::pp::{METHODS, ScaleParams, bin, combat, subsample, sum_rows};
use tegula_core::{AnnData, Array, Column, Coords, Csr, Ctx, Dense, Error, Frame, Labels, Matrix, Result, Step};

fn step(adata: &mut AnnData, id: &str, params: Json) -> Result<()> {
    let method = METHODS.iter().find(|m| m.id() == id || m.aliases().contains(&id)).unwrap();
    method.step(params)?.run(adata, &Ctx::new(3)).map(|_| ())
}

#[test]
fn what_would_fill_the_memory_is_refused_with_the_way_out() {
    let of = |n| AnnData::new(None, Frame::with_range_index(n), Frame::with_range_index(20_000)).unwrap();
    assert!(Ctx::default().make_room("pp.scale", ScaleParams::default().needs(&of(100_000))).is_ok());
    let mut large = of(1_000_000);
    for (id, params) in
        [("pp.scale", json!({})), ("pp.combat", json!({})), ("pp.normalize_pearson_residuals", json!({}))]
    {
        let text = step(&mut large, id, params).unwrap_err().to_string();
        assert!(text.contains(id) && text.contains("74.5 GiB") && text.contains("subset"), "{text}");
    }
}

/// 30 observations in two batches on a 6 × 5 lattice, 8 genes, gene 7 never seen.
fn tissue() -> AnnData {
    let x = (0..30 * 8u32).map(|k| if k % 8 == 7 { 0.0 } else { (k.wrapping_mul(2_654_435_761) >> 29) as f32 });
    let x = Csr::from_dense(&Dense::new(30, 8, x.collect::<Vec<f32>>()).unwrap());
    let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(30), Frame::with_range_index(8)).unwrap();
    let batch: Vec<&str> = (0..30).map(|i| if i < 14 { "a" } else { "b" }).collect();
    adata.set_obs("batch", Labels::from_strings(&batch)).unwrap();
    let points = (0..30).flat_map(|i| [f64::from(i % 6) * 2.0, f64::from(i / 6) * 2.0]).collect();
    adata.set_obsm("spatial", &Coords::new(2, points).unwrap()).unwrap();
    adata
}

fn sum(m: &Matrix) -> f64 {
    m.values().iter().map(|&v| f64::from(v)).sum()
}

#[test]
fn a_dead_gene_changes_nothing_for_the_others() {
    let mut with = tissue();
    step(&mut with, "pp.combat", json!({})).unwrap();
    let mut without = tissue();
    without.keep_var(&[0, 1, 2, 3, 4, 5, 6]);
    step(&mut without, "pp.combat", json!({})).unwrap();
    with.keep_var(&[0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(with.matrix(None).unwrap(), without.matrix(None).unwrap());
}

#[test]
fn batches_that_cannot_be_told_apart_are_refused() {
    let refused = |obs: &[(&str, Column)], params: Json| {
        let mut adata = tissue();
        for (key, column) in obs {
            adata.set_obs(key, column.clone()).unwrap();
        }
        let before = adata.matrix(None).unwrap().clone();
        let e = step(&mut adata, "pp.combat", params).unwrap_err();
        assert_eq!(adata.matrix(None).unwrap(), &before);
        e.to_string()
    };
    let words = |f: fn(usize) -> &'static str| Column::Str((0..30).map(|i| f(i).to_owned()).collect());
    assert!(refused(&[("batch", words(|_| "a"))], json!({})).contains("only one batch"));
    let lonely = words(|i| if i == 0 { "a" } else { "b" });
    assert!(refused(&[("batch", lonely)], json!({})).contains("batch `a` has only one observation"));
    let same = words(|i| if i < 14 { "x" } else { "y" });
    assert!(refused(&[("kind", same)], json!({"covariates": ["kind"]})).contains("determined by the batches"));
    let holes = Column::NullableStr((0..30).map(|i| (i != 4).then(|| ["a", "b"][i % 2].to_owned())).collect());
    assert!(refused(&[("batch", holes)], json!({})).contains("no value for observation `4`"));
    assert!(refused(&[], json!({"covariates": ["none"]})).contains("is missing"));
    assert!(refused(&[], json!({"covariates": ["batch"]})).contains("other columns than the batches"));
}

#[test]
fn squares_sum_counts_and_keep_the_commonest() {
    let mut adata = tissue();
    let total = sum(adata.matrix(None).unwrap());
    adata.set_matrix(Some("counts"), adata.matrix(None).unwrap().clone()).unwrap();
    step(&mut adata, "pp.bin", json!({"factor": 3, "keys": ["batch"], "layers": ["counts"]})).unwrap();
    assert_eq!(adata.n_obs(), 4, "6 × 5 points make 2 × 2 squares");
    assert_eq!(adata.obs().get("n_obs"), Some(&Column::Int(vec![9, 9, 6, 6])));
    assert_eq!(sum(adata.matrix(None).unwrap()), total);
    assert_eq!(adata.matrix(Some("counts")).unwrap(), adata.matrix(None).unwrap());
    assert_eq!(adata.coords("spatial").unwrap().data(), [2.0, 2.0, 8.0, 2.0, 2.0, 8.0, 8.0, 8.0]);
    assert_eq!(adata.labels("batch").unwrap().codes(), [0, 0, 1, 1]);
    assert_eq!(adata.obs().index(), ["0", "3", "18", "21"], "named by their first observation");

    let mut adata = tissue();
    step(&mut adata, "pp.bin", json!({"bin_size": 100.0, "library_key": "batch"})).unwrap();
    assert_eq!(adata.obs().get("n_obs"), Some(&Column::Int(vec![14, 16])));
}

#[test]
fn squares_need_a_size_and_two_coordinates() {
    let mut adata = tissue();
    for params in [json!({}), json!({"bin_size": 0.0}), json!({"factor": 0}), json!({"factor": 2, "bin_size": 1.0})] {
        assert!(matches!(step(&mut adata, "pp.bin", params), Err(Error::Param { .. })));
    }
    let line = Array::new(vec![30, 1], tegula_core::ArrayData::F64(vec![0.0; 30].into())).unwrap();
    adata.set_obsm("line", line).unwrap();
    assert!(step(&mut adata, "pp.bin", json!({"bin_size": 1.0, "spatial_key": "line"})).is_err());
    adata.set_obsm("spatial", &Coords::new(2, vec![1.0; 60]).unwrap()).unwrap();
    assert!(step(&mut adata, "pp.bin", json!({"factor": 2})).unwrap_err().to_string().contains("at one place"));
    assert_eq!(adata.n_obs(), 30);
}

#[test]
fn samples_are_what_was_asked_for() {
    let mut adata = tissue();
    step(&mut adata, "pp.subsample", json!({"fraction": 0.5, "groupby": "batch"})).unwrap();
    let codes = adata.labels("batch").unwrap();
    assert_eq!((codes.len(), codes.codes().iter().filter(|&&c| c == 0).count()), (15, 7));
    assert!(adata.kept_obs().unwrap().is_sorted());
    let bad = [json!({}), json!({"fraction": 1.5}), json!({"n_obs": 0}), json!({"n_obs": 1, "fraction": 0.1})];
    for params in bad {
        assert!(step(&mut adata, "pp.sample", params.clone()).is_err(), "{params}");
    }
    let e = step(&mut adata, "pp.subsample", json!({"n_obs": 16})).unwrap_err().to_string();
    assert_eq!(e, "obs: there are 15 observations, 16 are asked for; pass fewer");
    let draw = |seed| subsample(1000, 10, None, &Ctx::new(seed)).unwrap();
    assert_ne!(draw(1), draw(2));
    assert_eq!(draw(1), draw(1));
}

#[test]
fn groups_of_genes_are_found_by_the_beginning_of_their_names() {
    let x = Dense::new(1, 3, vec![1.0, 2.0, 5.0]).unwrap();
    let names = ["MT-ND1", "mt-Co1", "Xmt-"].map(String::from).to_vec();
    let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(1), Frame::new(names)).unwrap();
    step(&mut adata, "pp.calculate_qc_metrics", json!({"qc_prefixes": ["mt=MT-"], "percent_top": []})).unwrap();
    assert_eq!(adata.var().get("mt"), Some(&Column::Bool(vec![true, true, false])));
    assert_eq!(adata.obs().get("pct_counts_mt").and_then(Column::to_f64), Some(vec![37.5]));
    let e = step(&mut adata, "pp.calculate_qc_metrics", json!({"qc_prefixes": ["MT-"]})).unwrap_err();
    assert!(e.to_string().contains("name=beginning"), "{e}");
}

#[test]
fn flavours_ask_for_what_they_need() {
    let mut adata = tissue();
    let e = step(&mut adata, "pp.highly_variable_genes", json!({"flavor": "pearson_residuals"})).unwrap_err();
    assert!(e.to_string().contains("n_top_genes"), "{e}");
    for params in [json!({"span": 0.0}), json!({"theta": 0.0}), json!({"clip": -1.0}), json!({"n_bins": 0})] {
        assert!(matches!(step(&mut adata, "pp.highly_variable_genes", params), Err(Error::Param { .. })));
    }
    for flavor in ["seurat_v3", "pearson_residuals"] {
        let params = json!({"flavor": flavor, "n_top_genes": 3, "batch_key": "batch"});
        step(&mut adata, "pp.highly_variable_genes", params.clone()).unwrap();
        let method = METHODS.iter().find(|m| m.id() == "pp.highly_variable_genes").unwrap();
        let written = method.step(params).unwrap().writes();
        assert!(written.iter().all(|s| adata.has(s)), "{flavor}");
        let chosen = adata.var().get("highly_variable").and_then(Column::to_f64).unwrap();
        assert!(chosen.iter().sum::<f64>() == 3.0 && chosen[7] == 0.0, "{flavor}: {chosen:?}");
    }
    adata.set_obs("batch", Labels::new(vec![-1; 30], vec![], false).unwrap()).unwrap();
    let params = json!({"flavor": "seurat_v3", "batch_key": "batch"});
    let e = step(&mut adata, "pp.highly_variable_genes", params).unwrap_err().to_string();
    assert_eq!(e, "obs[\"batch\"]: no observation has a batch; name another column");
}

#[test]
fn nothing_falls_over_on_almost_nothing() {
    for (n, g) in [(0, 0), (0, 3), (1, 1), (2, 1), (1, 3)] {
        for (id, params) in [
            ("pp.highly_variable_genes", json!({"flavor": "cell_ranger", "n_top_genes": 1})),
            ("pp.highly_variable_genes", json!({"flavor": "seurat_v3"})),
            ("pp.highly_variable_genes", json!({"flavor": "pearson_residuals", "n_top_genes": 1})),
            ("pp.normalize_pearson_residuals", json!({})),
            ("pp.scale", json!({})),
            ("pp.scale", json!({"zero_center": false})),
            ("pp.combat", json!({})),
            ("pp.bin", json!({"bin_size": 1.0})),
            ("pp.subsample", json!({"fraction": 0.5})),
        ] {
            let x = Csr::from_dense(&Dense::new(n, g, vec![1.0; n * g]).unwrap());
            let (obs, var) = (Frame::with_range_index(n), Frame::with_range_index(g));
            let mut adata = AnnData::new(Some(x.into()), obs, var).unwrap();
            adata.set_obs("batch", Column::Int((0..n as i64).collect())).unwrap();
            adata.set_obsm("spatial", &Coords::new(2, vec![0.0; 2 * n]).unwrap()).unwrap();
            // An answer without NaN or an error, but no panic.
            if step(&mut adata, id, params).is_ok() {
                assert!(adata.matrix(None).unwrap().values().iter().all(|v| v.is_finite()), "{id} on {n} × {g}");
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (n, g) = (2000usize, 30usize);
    let x: Vec<f32> = (0..(n * g) as u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 28) as f32).collect();
    let m: Matrix = Csr::from_dense(&Dense::new(n, g, x).unwrap()).into();
    let batch: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let covariate: Vec<f64> = (0..n).map(|i| (i % 7) as f64).collect();
    let points = Coords::new(2, (0..2 * n).map(|i| (i * 37 % 101) as f64).collect()).unwrap();
    let work = || {
        let corrected = combat(&m, &batch, std::slice::from_ref(&covariate)).unwrap();
        let (scaled, mean, _) = tegula_algo::pp::scale(m.clone(), true, Some(2.0), None).unwrap();
        let residuals = tegula_algo::pp::normalize_pearson_residuals(&m, 100.0, None).unwrap();
        let squares = bin(&points, 9.0, [0.0; 2], None).unwrap();
        let sums = sum_rows(&m, &squares.members).unwrap();
        (corrected, scaled, mean, residuals, squares, sums)
    };
    let on = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work);
    let one = on(1);
    assert!(one == on(2) && one == on(8));
}

proptest! {
    #[test]
    fn batches_come_to_one_mean(x in proptest::collection::vec(0f32..9f32, 120), shift in 0f32..20f32) {
        // With very unequal numbers the prior would hold back; here every batch has the same.
        let x: Vec<f32> = x.iter().enumerate().map(|(k, v)| if k < 60 { *v } else { v + shift }).collect();
        let m: Matrix = Dense::new(30, 4, x).unwrap().into();
        let batch: Vec<usize> = (0..30).map(|i| i / 15).collect();
        let done = combat(&m, &batch, &[]).unwrap();
        let mean = |j: usize, b: usize| (0..15).map(|i| f64::from(done.row(b * 15 + i)[j])).sum::<f64>() / 15.0;
        for j in 0..4 {
            prop_assert!((mean(j, 0) - mean(j, 1)).abs() < 1.5 + 0.1 * f64::from(shift));
        }
    }

    #[test]
    fn summed_rows_are_the_same_sparse_and_dense(
        x in proptest::collection::vec(prop_oneof![Just(0f32), 1f32..9f32], 42), groups in 1usize..4
    ) {
        let d = Dense::new(6, 7, x).unwrap();
        let members: Vec<Vec<usize>> = (0..groups).map(|g| (g..6).step_by(groups).collect()).collect();
        let dense = sum_rows(&d.clone().into(), &members).unwrap();
        let sparse = sum_rows(&Csr::from_dense(&d).into(), &members).unwrap();
        let Matrix::Csr(sparse) = sparse else { panic!("stays sparse") };
        prop_assert_eq!(Matrix::from(sparse.to_dense()), dense);
    }
}
