//! `pp.harmony`: what it must do whatever the numbers are.

use serde_json::json;
use tegula_algo::graph::knn;
use tegula_algo::pp::{Batches, HarmonyParams, METHODS, harmony};
use tegula_core::{AnnData, Ctx, Dense, Error, Frame, Labels};

use crate::graph::{numbers, same_for_any_threads};

/// `n` observations of three kinds in two batches, the second shifted; kinds and batches.
fn shifted(n: usize) -> (Dense, Vec<usize>, Labels) {
    let noise = numbers(n * 8, 1000, 11);
    let batch: Vec<u32> = (0..n as u32).map(|i| i % 2).collect();
    let kind: Vec<usize> = (0..n).map(|i| i / 2 % 3).collect();
    let cell = |i: usize, j: usize| {
        let of_kind = if kind[i] == j { 4.0 } else { 0.0 };
        let of_batch = if j > 3 { f64::from(batch[i]) * 1.5 } else { 0.0 };
        (of_kind + of_batch + noise[i * 8 + j] / 500.0) as f32
    };
    let rows: Vec<f32> = (0..n).flat_map(|i| (0..8).map(move |j| (i, j))).map(|(i, j)| cell(i, j)).collect();
    (Dense::new(n, 8, rows).unwrap(), kind, Labels::from_clusters(&batch))
}

/// Shares of the ten nearest others that are of the same batch, and of the same kind.
fn near(z: &Dense, kind: &[usize], batch: &Labels) -> (f64, f64) {
    let found = knn(z, 10, &Ctx::default()).unwrap();
    let n = kind.len();
    let share = |same: &dyn Fn(usize, usize) -> bool| {
        let count = (0..n).map(|i| found.neighbors(i).iter().filter(|&&j| same(i, j as usize)).count());
        count.sum::<usize>() as f64 / (10 * n) as f64
    };
    (share(&|i, j| batch.codes()[i] == batch.codes()[j]), share(&|i, j| kind[i] == kind[j]))
}

#[test]
fn batches_mix_and_kinds_stay_apart() {
    let (z, kind, batch) = shifted(900);
    let batches = Batches::new(std::slice::from_ref(&batch)).unwrap();
    let found = harmony(&z, &batches, &HarmonyParams::default(), &Ctx::new(3)).unwrap();
    let (before, after) = (near(&z, &kind, &batch), near(&found.z, &kind, &batch));
    assert!(before.0 > 0.95 && after.0 < 0.6, "{before:?} {after:?}");
    assert!(after.1 > 0.98, "{after:?}");
    assert!(found.converged && found.objective[1] < found.objective[0]);
    // Nothing to mix by: nothing of note moves.
    let alternating = Labels::from_clusters(&(0..900u32).map(|i| i / 6 % 2).collect::<Vec<_>>());
    let batches = Batches::new(&[alternating]).unwrap();
    let still = harmony(&z, &batches, &HarmonyParams::default(), &Ctx::new(3)).unwrap();
    let moved = z.data().iter().zip(still.z.data().iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(moved < 0.25, "{moved}");
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (z, _, batch) = shifted(1500);
    let batches = Batches::new(&[batch]).unwrap();
    let params = HarmonyParams { max_iter: 2, ..HarmonyParams::default() };
    same_for_any_threads(|| harmony(&z, &batches, &params, &Ctx::new(1)).unwrap());
}

#[test]
fn the_step_stores_and_refuses() {
    let (z, _, batch) = shifted(120);
    let mut adata = AnnData::new(None, Frame::with_range_index(120), Frame::default()).unwrap();
    adata.set_obsm("X_pca", z).unwrap();
    adata.set_obs("batch", batch).unwrap();
    adata.set_obs("one", Labels::from_clusters(&[0; 120])).unwrap();
    let method = METHODS.iter().find(|m| m.id() == "pp.harmony").unwrap();
    let run = |adata: &mut AnnData, params| method.step(params)?.run(adata, &Ctx::default());
    let outcome = run(&mut adata, json!({"key": "batch"})).unwrap();
    assert_eq!(outcome["n_batches"].as_f64(), Some(2.0));
    assert_eq!(adata.obsm()["X_pca_harmony"].n_rows(), Some(120));
    assert!(adata.uns()["harmony"].as_dict().unwrap().contains_key("objective"));
    for (params, name) in [
        (json!({}), "key"),
        (json!({"key": ["batch"], "theta": [1.0, 2.0]}), "theta"),
        (json!({"key": ["batch"], "sigma": 0.0}), "sigma"),
        (json!({"key": ["batch"], "n_clusters": 500}), "n_clusters"),
        (json!({"key": ["batch"], "block_size": 2.0}), "block_size"),
    ] {
        let refused = run(&mut adata, params).unwrap_err();
        assert!(matches!(refused, Error::Param { .. }) && refused.to_string().contains(name), "{refused}");
    }
    let one = run(&mut adata, json!({"key": "one"})).unwrap_err().to_string();
    assert!(one.contains("obs[\"one\"]") && one.contains("only one batch"), "{one}");
    assert!(matches!(run(&mut adata, json!({"key": "absent"})), Err(Error::Missing { .. })));
}
