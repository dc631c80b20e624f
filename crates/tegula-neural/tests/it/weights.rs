//! Weights to files and back.

use std::path::Path;

use serde_json::json;
use tegula_algo::simulate::Placement;
use tegula_core::{AnnData, Ctx, Files, Value};
use tegula_neural::safetensors::Tensors;

use crate::memory::Memory;
use crate::tissue::{stagate, tissue};

fn embedding(adata: &AnnData) -> Vec<f32> {
    adata.embedding("STAGATE", "").unwrap().data().to_vec()
}

#[test]
fn a_network_is_applied_to_data_with_the_same_genes_in_any_order() {
    let memory = Memory::default();
    let ctx = Ctx::new(4).with_files(&memory);
    let mut adata = tissue(200, 30, Placement::Grid);
    stagate(&mut adata, json!({"save_weights": "w"}), &ctx).unwrap();
    let trained = embedding(&adata);
    stagate(&mut adata, json!({"n_epochs": 0, "load_weights": "w"}), &ctx).unwrap();
    assert_eq!(embedding(&adata), trained);
    // The genes in another order.
    let names: Vec<String> = (0..30).map(|j| adata.var().index()[j * 7 % 30].clone()).collect();
    let x = adata.x().unwrap();
    let columns: Vec<Vec<f32>> = (0..30).map(|j| x.column(j * 7 % 30)).collect();
    let rows = (0..200).flat_map(|i| columns.iter().map(move |c| c[i])).collect::<Vec<f32>>();
    let x = tegula_core::Dense::new(200, 30, rows).unwrap();
    let mut other = AnnData::new(Some(x.into()), adata.obs().clone(), tegula_core::Frame::new(names)).unwrap();
    other.set_obsm("spatial", adata.obsm()["spatial"].clone()).unwrap();
    stagate(&mut other, json!({"n_epochs": 0, "load_weights": "w"}), &ctx).unwrap();
    for (a, b) in embedding(&other).iter().zip(&trained) {
        assert!((a - b).abs() < 1e-4 * (1.0 + b.abs()), "{a} {b}");
    }
    // Further training begins where the first ended.
    stagate(&mut adata, json!({"n_epochs": 60, "save_weights": "v"}), &ctx).unwrap();
    let more = stagate(&mut adata, json!({"load_weights": "v", "n_epochs": 1}), &ctx).unwrap();
    let fresh = stagate(&mut adata, json!({"n_epochs": 1}), &ctx).unwrap();
    assert!(more["loss"].as_f64() < fresh["loss"].as_f64());
    assert_eq!(more["n_epochs"], Value::from(1usize));
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let memory = Memory::default();
    let ctx = Ctx::new(4).with_files(&memory);
    let mut adata = tissue(200, 30, Placement::Grid);
    stagate(&mut adata, json!({"save_weights": "w"}), &ctx).unwrap();
    let bytes = memory.read(Path::new("w")).unwrap();
    let file = Tensors::read(&bytes, Path::new("w")).unwrap();
    assert_eq!(file.tensor("conv1.lin_src").unwrap().shape, [30, 24]);
    assert_eq!(file.text("method"), Some("tl.stagate"));
    let says = |adata: &mut AnnData, name: &str, change: &dyn Fn(&mut Tensors)| {
        let mut file = file.clone();
        change(&mut file);
        memory.write(Path::new(name), &file.bytes()).unwrap();
        stagate(adata, json!({"n_epochs": 0, "load_weights": name}), &ctx).unwrap_err().to_string()
    };
    let text = says(&mut adata, "a", &|f| f.tensors.truncate(2));
    assert!(text.contains("`a` at `conv1.att_dst`"), "{text}");
    let text = says(&mut adata, "b", &|f| f.tensors[0].values[3] = f32::NAN);
    assert!(text.contains("not finite"), "{text}");
    let text = says(&mut adata, "c", &|f| f.texts.clear());
    assert!(text.contains("does not name a gene"), "{text}");
    let mut fewer = adata.clone();
    fewer.keep_var(&(3..30).collect::<Vec<_>>());
    let text = says(&mut fewer, "d", &|_| ());
    assert!(text.contains("the data lack 3 of the genes") && text.contains(&adata.var().index()[0]), "{text}");
    let text = stagate(&mut adata, json!({"hidden_dims": [24, 6], "load_weights": "w"}), &ctx).unwrap_err().to_string();
    assert!(text.contains("24,5: those of the weights in `w`"), "{text}");
    let text = stagate(&mut adata, json!({"load_weights": "absent"}), &ctx).unwrap_err().to_string();
    assert!(text.contains("no such file"), "{text}");
    let text = stagate(&mut adata, json!({"save_weights": "w"}), &Ctx::new(0)).unwrap_err().to_string();
    assert!(text.contains("files are out of reach"), "{text}");
}
