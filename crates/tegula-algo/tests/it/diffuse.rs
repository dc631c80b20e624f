//! `pp.diffuse` beside a plain version with dense matrices.

use proptest::prelude::*;
use serde_json::json;
use tegula_algo::pp::{METHODS, choose_steps, diffuse};
use tegula_core::{AnnData, Ctx, Dense, Error, Frame, Graph};

use crate::graph::same_for_any_threads;

/// A directed weighted graph on `n` nodes, and an embedding of two columns.
fn tissue() -> impl Strategy<Value = (usize, Vec<(u32, u32, f32)>, Vec<f32>)> {
    (2usize..25).prop_flat_map(|n| {
        let edge = (0..n as u32, 0..n as u32, 0.1f32..3.0);
        (Just(n), proptest::collection::vec(edge, 0..4 * n), proptest::collection::vec(-5.0f32..5.0, 2 * n))
    })
}

/// W as a dense matrix, by the formula.
fn dense_walk(g: &Graph, alpha: f64) -> Vec<Vec<f64>> {
    let n = g.n_nodes();
    let mut w = vec![vec![0.0; n]; n];
    for (i, row) in w.iter_mut().enumerate() {
        row[i] = 1.0;
        for (&j, &x) in g.neighbors(i).iter().zip(g.weights(i)) {
            row[j as usize] = f64::from(x);
        }
        let total: f64 = row.iter().sum();
        for x in row.iter_mut() {
            *x *= alpha / total;
        }
        row[i] += 1.0 - alpha;
    }
    w
}

fn times(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let cell = |row: &Vec<f64>, k: usize| row.iter().zip(b).map(|(x, r)| x * r[k]).sum();
    a.iter().map(|row| (0..b[0].len()).map(|k| cell(row, k)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn diffusion_and_its_error_are_those_of_dense_matrices((n, edges, z) in tissue(), alpha in 0.3f64..=1.0) {
        let g = Graph::from_edges(n, &edges).unwrap();
        let given = Dense::new(n, 2, z.clone()).unwrap();
        let own: Vec<Vec<f64>> = z.chunks(2).map(|r| r.iter().map(|&x| f64::from(x)).collect()).collect();
        let mean: Vec<f64> = (0..2).map(|k| own.iter().map(|r| r[k]).sum::<f64>() / n as f64).collect();
        let seen: Vec<usize> = (0..n).filter(|&i| !g.neighbors(i).is_empty()).collect();
        let spread: f64 = own.iter().map(|r| (0..2).map(|k| (r[k] - mean[k]).powi(2)).sum::<f64>()).sum();
        let scale = spread / n as f64 * seen.len() as f64;
        let found = choose_steps(&given, &g, 3, alpha, &Ctx::new(1)).unwrap();
        let w = dense_walk(&g, alpha);
        let mut power = w.clone();
        for t in 1..=3usize {
            let after = times(&power, &own);
            let ours = diffuse(&given, &g, t, alpha).unwrap();
            for i in 0..n {
                for k in 0..2 {
                    prop_assert!((f64::from(ours.row(i)[k]) - after[i][k]).abs() < 1e-4);
                }
            }
            // The prediction of an observation by the others alone.
            let miss = |i: usize, k: usize| {
                let p = power[i][i];
                ((after[i][k] - p * own[i][k]) / (1.0 - p) - own[i][k]).powi(2)
            };
            let error: f64 = seen.iter().map(|&i| miss(i, 0) + miss(i, 1)).sum::<f64>() / scale;
            if scale > 1e-3 {
                prop_assert!((found.error[t - 1] - error).abs() < 1e-3 * (1.0 + error), "{} {error}", found.error[t - 1]);
            }
            power = times(&power, &w);
        }
        let best = found.error.iter().copied().fold(f64::INFINITY, f64::min);
        prop_assert!(found.error[found.n_steps - 1] <= 1.01 * best);
        prop_assert!(found.error[..found.n_steps - 1].iter().all(|&e| e > 1.01 * best));
    }
}

/// A path of `n` observations whose level is `level(i)`, with noise of size `noise`.
fn path(n: usize, noise: f32, level: impl Fn(usize) -> f32) -> (Dense, Graph) {
    let edges: Vec<_> = (1..n as u32).flat_map(|i| [(i - 1, i, 1.0), (i, i - 1, 1.0)]).collect();
    let random = crate::graph::numbers(n, 1000, 3);
    let z = (0..n).map(|i| level(i) + noise * (random[i] as f32 / 500.0 - 1.0)).collect::<Vec<_>>();
    (Dense::new(n, 1, z).unwrap(), Graph::from_edges(n, &edges).unwrap())
}

#[test]
fn noise_asks_for_more_steps_and_structure_for_fewer() {
    let wave = |i: usize| (i as f32 / 6.0).sin();
    let steps = |noise| {
        let (z, g) = path(600, noise, wave);
        choose_steps(&z, &g, 30, 1.0, &Ctx::new(2)).unwrap().n_steps
    };
    let found = [0.02, 0.5, 2.0].map(steps);
    assert!(found[0] == 1 && found[0] < found[1] && found[1] < found[2], "{found:?}");
}

#[test]
fn what_is_stored_and_said() {
    let (z, g) = path(300, 1.0, |i| (i / 100) as f32);
    let mut adata = AnnData::new(None, Frame::with_range_index(300), Frame::default()).unwrap();
    adata.set_obsm("X_pca", z).unwrap();
    let method = METHODS.iter().find(|m| m.id() == "pp.diffuse").unwrap();
    let run = |adata: &mut AnnData, params| method.step(params)?.run(adata, &Ctx::default());
    let missing = run(&mut adata, json!({})).unwrap_err().to_string();
    assert!(missing.contains("spatial_connectivities") && missing.contains("run pp.spatial_neighbors"), "{missing}");
    adata.set_obsp("spatial_connectivities", g.into_csr()).unwrap();
    let outcome = run(&mut adata, json!({})).unwrap();
    assert!(outcome["n_steps"].as_f64() > Some(1.0) && outcome["variance_kept"].as_f64() < Some(1.0), "{outcome:?}");
    assert!(adata.obsm().contains_key("X_pca_diffused"));
    assert!(adata.uns()["X_pca_diffused"].as_dict().unwrap().contains_key("error"));
    run(&mut adata, json!({"n_steps": 2, "key_added": "two"})).unwrap();
    assert!(!adata.uns()["two"].as_dict().unwrap().contains_key("error"));
    for (name, value) in [("n_steps", json!(0)), ("alpha", json!(0.0)), ("alpha", json!(1.5)), ("max_steps", json!(0))]
    {
        let refused = run(&mut adata, json!({ name: value })).unwrap_err();
        assert!(matches!(refused, Error::Param { .. }) && refused.to_string().contains(name), "{refused}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (z, g) = path(9000, 1.0, |i| (i as f32 / 50.0).sin());
    same_for_any_threads(|| {
        let found = choose_steps(&z, &g, 4, 0.9, &Ctx::new(1)).unwrap();
        let moved = diffuse(&z, &g, found.n_steps, 0.9).unwrap();
        (found, moved.data().to_vec())
    });
}
