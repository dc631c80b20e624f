//! `tl.stagate` from slot to slot.

use serde_json::json;
use tegula_algo::cluster::{MclustParams, mclust::Points};
use tegula_algo::metrics::ari;
use tegula_algo::simulate::Placement;
use tegula_core::{AnnData, ArrayData, Column, Csr, Ctx, Matrix, Progress, Signal, Value};

use crate::tissue::{stagate, tissue};

fn embedding(adata: &AnnData) -> Vec<f32> {
    adata.embedding("STAGATE", "").unwrap().data().to_vec()
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let run = |threads: usize, params: serde_json::Value| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut adata = tissue(1500, 70, Placement::Random);
            stagate(&mut adata, params, &Ctx::new(5)).unwrap();
            adata
        })
    };
    let plain = json!({"rad_cutoff": 2.0, "save_loss": true});
    let tiled = json!({"k_cutoff": 5, "num_batch_x": 2, "num_batch_y": 2, "mode": "pyg", "save_reconstruction": true});
    for params in [plain, tiled] {
        let one = run(1, params.clone());
        for threads in [2, 8] {
            let other = run(threads, params.clone());
            assert!(one.obsm() == other.obsm() && one.layers() == other.layers(), "{threads} threads");
            assert!(one.uns().get("stagate") == other.uns().get("stagate"), "{threads} threads");
        }
    }
}

#[test]
fn the_loss_falls_and_domains_are_found() {
    let mut adata = tissue(900, 120, Placement::Grid);
    let params = json!({"hidden_dims": [64, 10], "n_epochs": 300, "save_loss": true});
    let outcome = stagate(&mut adata, params, &Ctx::new(0)).unwrap();
    let Some(Value::Dict(uns)) = adata.uns().get("stagate") else { panic!("uns") };
    let Some(Value::Array(losses)) = uns.get("losses") else { panic!("losses") };
    let ArrayData::F64(losses) = losses.data() else { panic!("losses") };
    assert_eq!(losses.len(), 300);
    assert!(losses[299] < 0.5 * losses[0] && outcome["loss"].as_f64() == Some(losses[299]), "{losses:?}");
    // On a lattice, without a rule, the eight around: fewer at the border.
    let mean = outcome["mean_neighbors"].as_f64().unwrap();
    assert!(mean > 7.0 && mean < 8.0, "{mean}");
    let z: Vec<f64> = embedding(&adata).iter().map(|&v| f64::from(v)).collect();
    let params = MclustParams { n_components: vec![3], ..MclustParams::default() };
    let points = Points::new(10, z).unwrap();
    let found = tegula_algo::cluster::mclust::mclust(&points, None, &params, &Ctx::new(0)).unwrap();
    let found = tegula_core::Labels::from_clusters(&found.membership);
    let score = ari(&adata.labels("domain").unwrap(), &found).unwrap();
    assert!(score > 0.8, "{score}");
}

#[test]
fn the_order_of_observations_does_not_matter() {
    let mut adata = tissue(300, 40, Placement::Random);
    let turned: Vec<usize> = (0..300).map(|i| i * 7 % 300).collect();
    let mut other = adata.clone();
    other.set_x(adata.x().unwrap().select_rows(&turned)).unwrap();
    other.set_obsm("spatial", adata.obsm()["spatial"].select_rows(&turned)).unwrap();
    for a in [&mut adata, &mut other] {
        stagate(a, json!({"rad_cutoff": 2.5}), &Ctx::new(1)).unwrap();
    }
    let (a, b) = (embedding(&adata), embedding(&other));
    for (k, &i) in turned.iter().enumerate() {
        for d in 0..5 {
            let (x, y) = (a[i * 5 + d], b[k * 5 + d]);
            assert!((x - y).abs() < 1e-4 * (1.0 + x.abs()), "{x} {y}");
        }
    }
}

#[test]
fn dense_and_sparse_expression_give_the_same() {
    let mut sparse = tissue(300, 50, Placement::Random);
    let mut dense = sparse.clone();
    let Matrix::Csr(x) = sparse.x().unwrap() else { panic!("simulated counts are sparse") };
    dense.set_x(x.to_dense()).unwrap();
    for a in [&mut sparse, &mut dense] {
        stagate(a, json!({"delaunay": true, "save_reconstruction": true}), &Ctx::new(1)).unwrap();
    }
    for (x, y) in embedding(&sparse).iter().zip(embedding(&dense)) {
        assert!((x - y).abs() < 1e-4 * (1.0 + x.abs()), "{x} {y}");
    }
    let layer = sparse.matrix(Some("STAGATE_ReX")).unwrap();
    assert!(layer.values().iter().all(|v| *v >= 0.0) && layer.values().iter().any(|v| *v > 0.0));
}

#[test]
fn some_genes_are_rebuilt_as_a_table_and_all_as_a_layer() {
    let mut adata = tissue(200, 30, Placement::Grid);
    let all = json!({"save_reconstruction": true, "save_spatial_net": true});
    stagate(&mut adata, all, &Ctx::new(2)).unwrap();
    let layer = adata.matrix(Some("STAGATE_ReX")).unwrap().clone();
    let names = [adata.var().index()[7].clone(), adata.var().index()[2].clone()];
    let some = json!({"save_reconstruction": true, "reconstruction_genes": names});
    stagate(&mut adata, some, &Ctx::new(2)).unwrap();
    let Some(Value::Frame(table)) = adata.obsm().get("STAGATE_ReX") else { panic!("no table") };
    for (name, j) in names.iter().zip([7, 2]) {
        let Some(Column::Float32(column)) = table.get(name) else { panic!("{name}") };
        for (a, b) in column.iter().zip(layer.column(j)) {
            assert!((a - b).abs() < 1e-5 * (1.0 + b), "{a} {b}");
        }
    }
    let Some(Value::Frame(net)) = adata.uns().get("Spatial_Net") else { panic!("no net") };
    assert!(net.columns().keys().eq(["Cell1", "Cell2", "Distance"]));
    let distances = net.get("Distance").unwrap().to_f64().unwrap();
    assert!(distances.iter().all(|d| (0.99..1.5).contains(d)), "the eight around");
}

#[test]
fn highly_variable_genes_and_embeddings_may_be_the_input() {
    let mut adata = tissue(200, 30, Placement::Grid);
    adata.set_var("highly_variable", Column::Bool((0..30).map(|j| j % 3 == 0).collect())).unwrap();
    let mut fewer = tissue(200, 30, Placement::Grid);
    fewer.keep_var(&(0..30).step_by(3).collect::<Vec<_>>());
    for a in [&mut adata, &mut fewer] {
        stagate(a, json!({"save_reconstruction": true}), &Ctx::new(2)).unwrap();
    }
    assert_eq!(embedding(&adata), embedding(&fewer));
    assert!(matches!(adata.obsm().get("STAGATE_ReX"), Some(Value::Frame(t)) if t.columns().len() == 10));
    assert!(fewer.layers().contains_key("STAGATE_ReX"));
    let tiled = json!({"use_rep": "STAGATE", "key_added": "again", "num_batch_x": 2, "num_batch_y": 2});
    stagate(&mut adata, tiled, &Ctx::new(2)).unwrap();
    assert_eq!(adata.embedding("again", "").unwrap().n_cols(), 5);
}

#[test]
fn graphs_come_from_obsp_from_uns_or_from_a_rule() {
    let mut adata = tissue(100, 30, Placement::Random);
    let ring: Vec<Vec<(u32, f32)>> = (0..100)
        .map(|i| vec![((i + 1) % 100, 1.0)])
        .map(|mut r: Vec<(u32, f32)>| {
            r.sort_by_key(|e| e.0);
            r
        })
        .collect();
    adata.set_obsp("ring", Csr::from_rows(100, &ring)).unwrap();
    let edges =
        |adata: &mut AnnData, params| stagate(adata, params, &Ctx::new(0)).unwrap()["n_edges"].as_f64().unwrap();
    assert_eq!(edges(&mut adata, json!({"neighbors_key": "ring"})), 100.0);
    assert_eq!(edges(&mut adata, json!({"k_cutoff": 3})), 300.0);
    adata.set_obsp("spatial_connectivities", Csr::from_rows(100, &ring)).unwrap();
    assert_eq!(edges(&mut adata, json!({})), 100.0);
}

#[test]
fn sections_are_joined_across_by_their_own_radius() {
    let mut adata = tissue(100, 30, Placement::Grid);
    let section: Vec<String> = (0..100).map(|i| if i % 2 == 0 { "a" } else { "b" }.to_owned()).collect();
    adata.set_obs("section", Column::Str(section)).unwrap();
    let edges = |params| stagate(&mut adata.clone(), params, &Ctx::new(0)).unwrap()["n_edges"].as_f64().unwrap();
    let inside = edges(json!({"rad_cutoff": 2.1, "library_key": "section"}));
    let across = edges(json!({"rad_cutoff": 2.1, "library_key": "section", "rad_cutoff_z": 1.1}));
    let all = edges(json!({"rad_cutoff": 2.1}));
    assert!(inside < across && across < all, "{inside} {across} {all}");
}

struct Soon(std::sync::atomic::AtomicUsize);

impl Progress for Soon {
    fn poll(&self) -> Signal {
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if n > 9 { Signal::Stop } else { Signal::Continue }
    }
}

#[test]
fn a_loss_that_falls_no_more_ends_the_training_and_so_does_the_user() {
    let mut adata = tissue(100, 30, Placement::Grid);
    let params = json!({"n_epochs": 500, "early_stop": 0.5, "early_stop_window": 5});
    let outcome = stagate(&mut adata, params, &Ctx::new(0)).unwrap();
    assert_eq!(outcome["end"], Value::from("loss fell no more"));
    assert!(outcome["n_epochs"].as_f64().unwrap() < 100.0);
    let soon = Soon(0.into());
    let outcome = stagate(&mut adata, json!({"n_epochs": 500}), &Ctx::new(0).with_progress(&soon)).unwrap();
    assert_eq!(outcome["end"], Value::from("stopped by the user"));
    assert!(adata.obsm().contains_key("STAGATE"));
}

struct Never(Soon);

impl Progress for Never {
    fn poll(&self) -> Signal {
        if self.0.poll() == Signal::Stop { Signal::Abort } else { Signal::Continue }
    }
}

#[test]
fn giving_up_in_the_middle_of_an_epoch_stores_nothing() {
    let mut adata = tissue(1500, 70, Placement::Random);
    let never = Never(Soon(0.into()));
    let error = stagate(&mut adata, json!({"k_cutoff": 4}), &Ctx::new(0).with_progress(&never)).unwrap_err();
    assert!(matches!(error, tegula_core::Error::Cancelled) && !adata.obsm().contains_key("STAGATE"));
}
