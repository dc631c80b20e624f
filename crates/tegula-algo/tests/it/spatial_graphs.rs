//! `pp.spatial_neighbors` beside squidpy, CAST's and STAGATE's own graphs.

use serde_json::{Value as Json, json};
use tegula_algo::graph::{METHODS, delaunay, grid, rings, voronoi};
use tegula_core::{AnnData, Coords, Csr, Ctx, Error, Frame, Labels, Value};

use crate::graph::{numbers, same_for_any_threads};

/// The points of `tests/golden/spatial_neighbors/make.py`.
fn points() -> Vec<f64> {
    numbers(1000, 1_000_000, 7).into_iter().map(|v| v / 100.0).collect()
}

/// The lattice of `make.py`.
pub(crate) fn spots(rows: usize, cols: usize, step: [f64; 2], shift: f64, turn: f64, seed: u64) -> Vec<f64> {
    let keep = numbers(rows * cols, 10, seed);
    let shake: Vec<f64> =
        numbers(2 * rows * cols, 1001, seed + 1).into_iter().map(|v| (v / 1000.0 - 0.5) * 0.06 * step[0]).collect();
    let (sin, cos) = f64::sin_cos(turn);
    (0..rows * cols)
        .filter(|&i| keep[i] > 0.0)
        .flat_map(|i| {
            let x = step[0] * ((i % cols) as f64 + shift * (i / cols % 2) as f64) + shake[2 * i];
            let y = step[1] * (i / cols) as f64 + shake[2 * i + 1];
            [x * cos - y * sin, x * sin + y * cos]
        })
        .collect()
}

fn adata(points: Vec<f64>) -> AnnData {
    let n = points.len() / 2;
    let mut adata = AnnData::new(None, Frame::with_range_index(n), Frame::default()).unwrap();
    adata.set_obsm("spatial", &Coords::new(2, points).unwrap()).unwrap();
    adata
}

fn run(adata: &mut AnnData, params: Json) -> tegula_core::Result<tegula_core::Dict> {
    let method = METHODS.iter().find(|m| m.id() == "pp.spatial_neighbors").unwrap();
    method.step(params)?.run(adata, &Ctx::default())
}

fn matrix<'a>(adata: &'a AnnData, key: &str) -> &'a Csr {
    match &adata.obsp()[key] {
        Value::Csr(m) => m,
        other => panic!("{other:?}"),
    }
}

/// Number of edges, a sum that any edge would change, sums of lengths and weights: as `make.py` writes them.
fn summary(adata: &AnnData) -> (usize, u64, f64, f64) {
    let (weights, lengths) = (matrix(adata, "spatial_connectivities"), matrix(adata, "spatial_distances"));
    let edges =
        (0..weights.n_rows()).flat_map(|i| weights.row(i).0.iter().map(move |&j| (i as u64 + 1, u64::from(j) + 1)));
    let check = edges.map(|(i, j)| i * j * j % 2_147_483_647).sum();
    let sum = |m: &Csr| m.values().iter().map(|&v| f64::from(v)).sum::<f64>();
    (weights.nnz(), check, sum(lengths), sum(weights))
}

#[test]
fn graphs_are_those_of_squidpy_cast_and_stagate() {
    let golden = include_str!("../golden/spatial_neighbors/squidpy.csv");
    let hexagonal = || spots(22, 20, [137.5, 137.5 * 0.75f64.sqrt()], 0.5, 0.2, 11);
    let square = || spots(20, 25, [50.0, 50.0], 0.0, 0.9, 17);
    let library = |i: usize, name: &str| if name == "sections" { i * 7 % 3 } else { i % 3 };
    let mut seen = 0;
    for line in golden.lines() {
        let parts: Vec<&str> = line.split(',').collect();
        let name = parts[0];
        let (at, params) = match name {
            "knn" => (points(), json!({"n_neighbors": 6})),
            "knn_percentile" => (points(), json!({"n_neighbors": 6, "percentile": 90})),
            "knn_spectral" => (points(), json!({"n_neighbors": 8, "transform": "spectral"})),
            "knn_cosine_diag" => (points(), json!({"n_neighbors": 5, "transform": "cosine", "set_diag": true})),
            "knn_library" => (points(), json!({"n_neighbors": 4, "library_key": "library"})),
            "radius" => (points(), json!({"radius": 500})),
            "radius_pair" => (points(), json!({"radius": 500, "radius_min": 200})),
            "radius_pair_percentile" => (points(), json!({"radius": 600, "radius_min": 200, "percentile": 80})),
            "delaunay" => (points(), json!({"delaunay": true})),
            "delaunay_percentile" => (points(), json!({"delaunay": true, "percentile": 95})),
            "delaunay_pair" => (points(), json!({"delaunay": true, "radius": 800, "radius_min": 200})),
            "delaunay_pair_percentile" => {
                (points(), json!({"delaunay": true, "radius": 800, "radius_min": 200, "percentile": 90}))
            }
            "delaunay_library" => (points(), json!({"delaunay": true, "percentile": 95, "library_key": "library"})),
            "delaunay_spectral_diag" => {
                (points(), json!({"delaunay": true, "transform": "spectral", "set_diag": true}))
            }
            "hex" => (hexagonal(), json!({"coord_type": "grid"})),
            "hex_rings_diag" => (hexagonal(), json!({"coord_type": "grid", "n_rings": 3, "set_diag": true})),
            "hex_delaunay_rings" => (hexagonal(), json!({"coord_type": "grid", "delaunay": true, "n_rings": 2})),
            "square_4" => (square(), json!({"coord_type": "grid", "n_neighbors": 4})),
            "square_8" => (square(), json!({"coord_type": "grid", "n_neighbors": 8, "n_rings": 2})),
            "voronoi" => (points(), json!({"voronoi": true})),
            "sections" => (points(), json!({"radius": 600, "library_key": "library", "radius_z": 300})),
            other => panic!("no such case: {other}"),
        };
        let mut adata = adata(at);
        let of: Vec<String> = (0..adata.n_obs()).map(|i| library(i, name).to_string()).collect();
        adata.set_obs("library", Labels::from_strings(&of)).unwrap();
        run(&mut adata, params).unwrap();
        let (edges, check, lengths, weights) = summary(&adata);
        let number = |k: usize| parts[k].parse::<f64>().unwrap();
        assert_eq!((edges, check), (parts[1].parse().unwrap(), parts[2].parse().unwrap()), "{name}");
        assert!((lengths - number(3)).abs() < 1e-7 * number(3), "{name}: {lengths} for {}", parts[3]);
        assert!((weights - number(4)).abs() < 1e-6 * number(4), "{name}: {weights} for {}", parts[4]);
        seen += 1;
    }
    assert_eq!(seen, 21);
}

#[test]
fn visium_data_get_a_grid_by_themselves_and_others_do_not() {
    let mut adata = adata(spots(22, 20, [137.5, 137.5 * 0.75f64.sqrt()], 0.5, 0.2, 11));
    let outcome = run(&mut adata, json!({})).unwrap();
    assert_eq!(outcome["lattice"].as_str(), Some("hex"));
    assert_eq!(adata.graph("spatial_connectivities", "").unwrap().n_edges(), 6 * adata.n_obs(), "generic");
    adata.set_uns("spatial", tegula_core::Dict::new());
    run(&mut adata, json!({})).unwrap();
    assert_eq!(adata.graph("spatial_connectivities", "").unwrap().n_edges(), 2006, "grid");
    let noted = adata.uns()["spatial_neighbors"].as_dict().unwrap()["params"].as_dict().unwrap();
    assert_eq!((noted["coord_type"].as_str(), noted["n_rings"].clone()), (Some("grid"), Value::Int(1)));
    run(&mut adata, json!({"radius": 150.0})).unwrap();
    assert_eq!(
        adata.uns()["spatial_neighbors"].as_dict().unwrap()["params"].as_dict().unwrap()["coord_type"].as_str(),
        Some("generic")
    );
}

#[test]
fn contradicting_options_are_refused() {
    let mut adata = adata(points());
    adata
        .set_obs("library", Labels::from_strings(&(0..500).map(|i| (i / 498).to_string()).collect::<Vec<_>>()))
        .unwrap();
    for params in [
        json!({"voronoi": true, "delaunay": true}),
        json!({"coord_type": "grid", "radius": 5}),
        json!({"coord_type": "grid", "percentile": 90}),
        json!({"n_rings": 2, "percentile": 90}),
        json!({"coord_type": "generic", "n_rings": 2}),
        json!({"radius_min": 5}),
        json!({"radius": 5, "radius_min": 6}),
        json!({"radius_z": 5}),
        json!({"percentile": 101}),
        json!({"library_key": "library", "library_order": ["0", "1"]}),
    ] {
        assert!(matches!(run(&mut adata, params.clone()), Err(Error::Param { .. })), "{params}");
    }
    let few = run(&mut adata, json!({"library_key": "library"})).unwrap_err().to_string();
    assert!(few.ends_with("in the section `1`"), "{few}");
    assert!(matches!(run(&mut adata, json!({"library_key": "none"})), Err(Error::Missing { .. })));
    let order = json!({"library_key": "library", "delaunay": true, "radius_z": 9, "library_order": ["1"]});
    assert!(run(&mut adata, order).unwrap_err().to_string().contains("name all of 0, 1"));
    assert!(!adata.obsp().contains_key("spatial_distances"));
}

#[test]
fn threads_do_not_change_a_graph() {
    let coords = Coords::new(2, numbers(60_000, 5000, 4)).unwrap();
    same_for_any_threads(|| delaunay(&coords).unwrap());
    same_for_any_threads(|| voronoi(&coords).unwrap());
    same_for_any_threads(|| rings(&grid(&coords, 6).unwrap(), 2));
}

#[test]
fn numbers_tell_sections_by_value() {
    let mut adata = adata(numbers(60, 100, 1));
    let z: Vec<f64> = (0..30).map(|i| [10.5, 9.0, -1.0][i % 3]).collect();
    adata.set_obs("z", tegula_core::Column::Float(z.clone())).unwrap();
    run(&mut adata, json!({"delaunay": true, "library_key": "z", "radius_z": 1000})).unwrap();
    let graph = matrix(&adata, "spatial_connectivities");
    assert!(
        (0..30).all(|i| graph.row(i).0.iter().all(|&j| (z[i] - z[j as usize]).abs() < 11.0)),
        "-1 and 10.5 are apart"
    );
    assert!(graph.get(0, 1) == 1.0 && graph.get(1, 2) == 1.0);
}
