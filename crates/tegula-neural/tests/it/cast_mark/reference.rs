//! The network in PyTorch, and real data.

use serde_json::json;
use tegula_core::{AnnData, Column, Coords, Csr, Ctx, Dense, Frame};
use tegula_neural::cast_mark::{Dropout, Net, Rule, Views, Weights, Widths};
use tegula_neural::problem::Problem;

use super::{cast_mark, embedding};
use crate::golden::data;

/// Loss, and gradient of each tensor along sin(1), sin(2), …: `benches/peers/cast_mark.py --small`, torch 2.15 in `f64`.
const LOSS: f64 = -1.810_965_497_755_538_3;
const GRADIENT: [f64; 5] = [
    0.252_585_444_064_565_4,
    0.528_010_994_411_516_8,
    -0.211_492_018_412_748_84,
    0.109_238_008_084_910_35,
    -0.339_291_325_284_979_24,
];

#[test]
fn loss_and_gradient_of_a_small_ring_are_those_of_pytorch() {
    let (n, widths) = (12usize, Widths { genes: 6, hidden: 5, layers: 3 });
    let ring: Vec<Vec<(u32, f32)>> = (0..n)
        .map(|i| {
            let mut row: Vec<(u32, f32)> = [1, n - 1, 5, n - 5].map(|s| (((i + s) % n) as u32, 1.0)).to_vec();
            row.sort_by_key(|e| e.0);
            row
        })
        .collect();
    let x: Vec<f32> = (0..n * 6).map(|k| ((3 * (k / 6) + 5 * (k % 6)) % 7) as f32).collect();
    let order: Vec<u32> = (0..n as u32).collect();
    let mut problem = Problem::<f64>::new(&Dense::new(n, 6, x).unwrap().into(), &Csr::from_rows(n, &ring), &order);
    let mut weights = Weights::<f64>::zeros(widths);
    let fill = |row: &mut [f64], i: usize, f: &dyn Fn(f64) -> f64| {
        row[..5].iter_mut().enumerate().for_each(|(k, w)| *w = f((i * 5 + k) as f64));
    };
    (0..6).for_each(|g| fill(weights.first.row_mut(g), g, &|k| 0.5 * (k + 1.0).sin()));
    (0..4).for_each(|l| fill(weights.biases.row_mut(l), 0, &|k| 0.1 * (k + l as f64).sin()));
    for l in 0..3 {
        (0..5).for_each(|i| fill(weights.layers[l].row_mut(i), i, &|k| (k + l as f64 + 1.0).cos()));
    }
    let rule = Rule { alpha: 0.1, lambda: 1.0, penalty: 1e-3 };
    let mut views = Views::default();
    views.draw(&problem, 6, Dropout { genes: 0.0, edges: 0.0 }, rule, &Ctx::new(0), 0);
    (views.genes[0][1], views.genes[1][4]) = (false, false);
    let mut net = Net::new(weights, rule);
    let loss = net.differentiate(&mut problem, &views, &|| true);
    assert!((loss - LOSS).abs() < 1e-10, "{loss}");
    for (k, (tensor, expected)) in net.gradient.tensors().zip(GRADIENT).enumerate() {
        let values = (0..tensor.n()).flat_map(|i| &tensor.row(i)[..5]).take([30, 20, 25, 25, 25][k]);
        let along: f64 = values.zip(1..).map(|(g, i)| g * f64::from(i).sin()).sum();
        assert!((along - expected).abs() < 1e-9, "tensor {k}: {along} for {expected}");
    }
}

/// The numbers of a table, the first column and the header left out.
fn numbers(text: &str, columns: usize) -> Vec<f64> {
    let rows = text.lines().skip(1).map(|line| line.split(',').skip(1).take(columns));
    rows.flat_map(|row| row.map(|v| v.parse().unwrap())).collect()
}

#[test]
fn a_tumour_by_its_components() {
    let Some(folder) = data("data/spasne") else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(format!("human_BreastCancer1272_{name}.csv"))).unwrap();
    let (components, meta) = (numbers(&read("data_pc200"), 30), read("meta"));
    let n = components.len() / 30;
    let mut adata = AnnData::new(None, Frame::with_range_index(n), Frame::default()).unwrap();
    let components: Vec<f32> = components.iter().map(|&v| v as f32).collect();
    adata.set_obsm("X_pca", Dense::new(n, 30, components).unwrap()).unwrap();
    adata.set_obsm("spatial", &Coords::new(2, numbers(&meta, 2)).unwrap()).unwrap();
    let types = meta.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().to_owned()).collect();
    adata.set_obs("cell_type", Column::Str(types)).unwrap();
    let params = json!({"use_rep": "X_pca", "hidden_dim": 64, "n_layers": 5, "n_epochs": 12, "n_clusters": 8});
    let first = cast_mark(
        &mut adata,
        json!({"use_rep": "X_pca", "hidden_dim": 64, "n_layers": 5, "n_epochs": 1}),
        &Ctx::new(0),
    )
    .unwrap();
    let last = cast_mark(&mut adata, params, &Ctx::new(0)).unwrap();
    assert!(last["loss"].as_f64().unwrap() < first["loss"].as_f64().unwrap() - 1.0, "{first:?} {last:?}");
    assert!(embedding(&adata).iter().all(|v| v.is_finite()));
    // A Delaunay triangulation has just below six neighbours each, its Voronoi borders inside the hull a few less.
    let mean = last["mean_neighbors"].as_f64().unwrap();
    assert!(mean > 5.5 && mean < 6.0, "{mean}");
}
