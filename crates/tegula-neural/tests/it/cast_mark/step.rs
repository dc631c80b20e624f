//! From slot to slot.

use std::path::Path;

use serde_json::json;
use tegula_algo::metrics::ari;
use tegula_algo::simulate::Placement;
use tegula_core::{AnnData, ArrayData, Column, Coords, Ctx, Files, Matrix, Progress, Signal, Value};
use tegula_neural::safetensors::Tensors;

use super::{cast_mark, embedding};
use crate::memory::Memory;
use crate::tissue::tissue;

/// A tissue whose lower half is another section, in a place of its own.
pub(crate) fn two_sections(n: usize, genes: usize) -> AnnData {
    let mut adata = tissue(n, genes, Placement::Random);
    let coords = adata.coords("spatial").unwrap();
    let mut names = Vec::new();
    let mut moved = Vec::new();
    let middle = coords.data().iter().copied().fold(0.0, f64::max) / 2.0;
    for i in 0..n {
        let p = coords.point(i);
        let lower = p[1] < middle;
        names.push(if lower { "b" } else { "a" }.to_owned());
        moved.extend([p[0] + if lower { 1000.0 } else { 0.0 }, p[1]]);
    }
    adata.set_obs("section", Column::Str(names)).unwrap();
    adata.set_obsm("spatial", &Coords::new(2, moved).unwrap()).unwrap();
    adata
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut adata = two_sections(900, 70);
            let params = json!({"library_key": "section", "save_loss": true, "hidden_dim": 40});
            cast_mark(&mut adata, params, &Ctx::new(5)).unwrap();
            adata
        })
    };
    let one = run(1);
    for threads in [2, 8] {
        let other = run(threads);
        assert!(one.obsm() == other.obsm() && one.obs() == other.obs(), "{threads} threads");
        assert!(one.uns().get("cast_mark") == other.uns().get("cast_mark"), "{threads} threads");
    }
}

#[test]
fn the_loss_falls_and_regions_are_found() {
    let mut adata = tissue(900, 120, Placement::Grid);
    let params = json!({"hidden_dim": 64, "n_layers": 4, "n_epochs": 60, "save_loss": true});
    let outcome = cast_mark(&mut adata, params, &Ctx::new(0)).unwrap();
    let Some(Value::Dict(uns)) = adata.uns().get("cast_mark") else { panic!("uns") };
    let Some(Value::Array(losses)) = uns.get("losses") else { panic!("losses") };
    let ArrayData::F64(losses) = losses.data() else { panic!("losses") };
    assert!(losses.len() == 60 && losses[59] < losses[0] - 5.0, "{losses:?}");
    assert_eq!((outcome["loss"].as_f64(), outcome["n_sections"].as_f64()), (Some(losses[59]), Some(1.0)));
    let score = ari(&adata.labels("domain").unwrap(), &adata.labels("CAST_clusters").unwrap()).unwrap();
    assert!(score > 0.5, "{score}");
}

#[test]
fn sections_share_a_network_and_know_nothing_else_of_each_other() {
    let mut adata = two_sections(300, 40);
    // What is dropped goes by the order along a curve over all positions, and Adam's first steps by signs alone, which
    // rounding may turn where a gradient is next to nothing.
    let params = json!({"library_key": "section", "drop_feature": 0.0, "drop_edge": 0.0, "n_epochs": 2, "lr": 1e-7});
    let outcome = cast_mark(&mut adata, params.clone(), &Ctx::new(1)).unwrap();
    assert_eq!(outcome["n_sections"].as_f64(), Some(2.0));
    // Where a section lies does not matter.
    let mut moved = adata.clone();
    let coords = adata.coords("spatial").unwrap();
    let points = coords.data().chunks(2).flat_map(|p| [if p[0] > 900.0 { p[0] + 5000.0 } else { p[0] }, p[1]]);
    moved.set_obsm("spatial", &Coords::new(2, points.collect()).unwrap()).unwrap();
    cast_mark(&mut moved, params, &Ctx::new(1)).unwrap();
    for (a, b) in embedding(&adata).iter().zip(embedding(&moved)) {
        assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{a} {b}");
    }
    // Taken for one, the sections have an edge between them.
    let one = cast_mark(&mut moved, json!({}), &Ctx::new(1)).unwrap();
    assert!(one["n_edges"].as_f64() > outcome["n_edges"].as_f64());
}

#[test]
fn the_order_of_observations_does_not_matter_where_nothing_is_dropped() {
    let mut adata = tissue(300, 40, Placement::Random);
    let turned: Vec<usize> = (0..300).map(|i| i * 7 % 300).collect();
    let mut other = adata.clone();
    other.set_x(adata.x().unwrap().select_rows(&turned)).unwrap();
    other.set_obsm("spatial", adata.obsm()["spatial"].select_rows(&turned)).unwrap();
    let params = json!({"drop_feature": 0.0, "drop_edge": 0.0, "n_clusters": 0, "n_epochs": 2, "lr": 1e-6});
    for a in [&mut adata, &mut other] {
        cast_mark(a, params.clone(), &Ctx::new(1)).unwrap();
    }
    assert!(!adata.obs().columns().contains_key("CAST_clusters"));
    let (a, b) = (embedding(&adata), embedding(&other));
    for (k, &i) in turned.iter().enumerate() {
        for d in 0..24 {
            let (x, y) = (a[i * 24 + d], b[k * 24 + d]);
            assert!((x - y).abs() < 1e-4 * (1.0 + x.abs()), "{x} {y}");
        }
    }
}

#[test]
fn dense_and_sparse_expression_give_the_same() {
    let mut sparse = tissue(300, 50, Placement::Random);
    let mut dense = sparse.clone();
    let Matrix::Csr(x) = sparse.x().unwrap() else { panic!("simulated counts are sparse") };
    // So many small numbers in place of zeros that it is kept as it is.
    let full: Vec<f32> = x.to_dense().data().iter().map(|v| if *v == 0.0 { 1e-12 } else { *v }).collect();
    dense.set_x(tegula_core::Dense::new(300, 50, full).unwrap()).unwrap();
    for a in [&mut sparse, &mut dense] {
        cast_mark(a, json!({"graph": "delaunay", "self_loops": true, "n_epochs": 2}), &Ctx::new(1)).unwrap();
    }
    for (x, y) in embedding(&sparse).iter().zip(embedding(&dense)) {
        assert!((x - y).abs() < 1e-3 * (1.0 + x.abs()), "{x} {y}");
    }
}

#[test]
fn a_network_is_kept_in_a_file_and_applied_to_others() {
    let memory = Memory::default();
    let ctx = Ctx::new(4).with_files(&memory);
    let mut adata = tissue(200, 30, Placement::Grid);
    cast_mark(&mut adata, json!({"save_weights": "w"}), &ctx).unwrap();
    let trained = embedding(&adata);
    cast_mark(&mut adata, json!({"n_epochs": 0, "load_weights": "w"}), &ctx).unwrap();
    assert_eq!(embedding(&adata), trained);
    let file = Tensors::read(&memory.read(Path::new("w")).unwrap(), Path::new("w")).unwrap();
    assert_eq!(file.tensor("backbone.encoder.layer.weight").unwrap().shape, [24, 30]);
    assert_eq!(file.tensor("backbone.convs.2.weight1").unwrap().shape, [24, 24]);
    assert_eq!(file.text("method"), Some("tl.cast_mark"));
    let says = |adata: &mut AnnData, params| cast_mark(adata, params, &ctx).unwrap_err().to_string();
    let text = says(&mut adata, json!({"hidden_dim": 16, "load_weights": "w"}));
    assert!(text.contains("24: that of the weights in `w`"), "{text}");
    let text = says(&mut adata, json!({"n_layers": 2, "load_weights": "w"}));
    assert!(text.contains("3: that of the weights in `w`"), "{text}");
    let mut fewer = adata.clone();
    fewer.keep_var(&(3..30).collect::<Vec<_>>());
    let text = says(&mut fewer, json!({"load_weights": "w"}));
    assert!(text.contains("the data lack 3 of the genes"), "{text}");
    for (name, change) in [("a", 0), ("b", 1), ("c", 2)] {
        let mut spoiled = file.clone();
        match change {
            0 => spoiled.tensors[0].values[3] = f32::NAN,
            1 => spoiled.tensors.retain(|t| t.name != "backbone.convs.1.bias"),
            _ => spoiled.texts.clear(),
        }
        memory.write(Path::new(name), &spoiled.bytes()).unwrap();
        let text = says(&mut adata, json!({"load_weights": name}));
        let expected = ["not finite", "`b` at `backbone.convs.1.bias`", "does not name a gene"][change];
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_stop_keeps_what_was_learned_and_an_abort_stores_nothing() {
    struct After(std::sync::atomic::AtomicUsize, Signal);
    impl Progress for After {
        fn poll(&self) -> Signal {
            let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if n > 400 { self.1 } else { Signal::Continue }
        }
    }
    for signal in [Signal::Stop, Signal::Abort] {
        let after = After(0.into(), signal);
        let mut adata = tissue(200, 30, Placement::Grid);
        let ran = cast_mark(&mut adata, json!({"n_epochs": 100_000}), &Ctx::new(0).with_progress(&after));
        match ran {
            Ok(told) => {
                assert!(signal == Signal::Stop && told["n_epochs"].as_f64() < Some(400.0));
                assert_eq!(told["end"], Value::from("stopped by the user"));
            }
            Err(e) => assert!(signal == Signal::Abort && matches!(e, tegula_core::Error::Cancelled)),
        }
        assert_eq!(adata.obsm().contains_key("X_cast"), signal == Signal::Stop);
    }
}
