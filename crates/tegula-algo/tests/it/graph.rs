//! Neighbour graphs against brute force, and against scanpy.

use proptest::prelude::*;
use serde_json::json;
use tegula_algo::graph::{Knn, METHODS, fuzzy_union, knn, knn_approximate, spatial_knn, spatial_radius};
use tegula_core::{AnnData, Coords, Ctx, Dense, Error, Frame, Value};

use crate::metrics::reference_points;

/// Runs `f` with 1, 2 and 8 threads; the answers must be the same to the last bit.
pub(crate) fn same_for_any_threads<T: PartialEq + std::fmt::Debug + Send>(f: impl Fn() -> T + Sync) -> T {
    let with = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(&f);
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(8));
    one
}

/// All distances, sorted: what the search must agree with.
fn brute(n: usize, k: usize, distance2: impl Fn(usize, usize) -> f64) -> Vec<Vec<(f64, u32)>> {
    (0..n)
        .map(|i| {
            let mut row: Vec<(f64, u32)> = (0..n).filter(|&j| j != i).map(|j| (distance2(i, j), j as u32)).collect();
            row.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            row.truncate(k);
            row
        })
        .collect()
}

fn rows(found: &Knn) -> Vec<Vec<u32>> {
    (0..found.n_obs()).map(|i| found.neighbors(i).to_vec()).collect()
}

fn check_spatial(coords: &Coords, k: usize) {
    let expected = brute(coords.len(), k, |i, j| coords.distance2(i, j));
    let found = spatial_knn(coords, k).unwrap();
    for (i, row) in expected.iter().enumerate() {
        assert_eq!(found.neighbors(i), row.iter().map(|e| e.1).collect::<Vec<_>>(), "observation {i} of {coords:?}");
        assert_eq!(found.distances(i), row.iter().map(|e| e.0.sqrt()).collect::<Vec<_>>());
    }
}

/// Squared distance as the search rounds it, up to the order of the sum: small whole numbers are exact in any order.
fn check_dense(data: &Dense, k: usize) {
    let d2 = |i: usize, j: usize| {
        data.row(i).iter().zip(data.row(j)).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
    };
    let expected = brute(data.n_rows(), k, d2);
    let found = knn(data, k, &Ctx::default()).unwrap();
    for (i, row) in expected.iter().enumerate() {
        assert_eq!(found.neighbors(i), row.iter().map(|e| e.1).collect::<Vec<_>>(), "observation {i}");
    }
}

/// Whole numbers below `m` from a simple recurrence.
pub(crate) fn numbers(n: usize, m: u64, seed: u64) -> Vec<f64> {
    let mut s = seed;
    (0..n)
        .map(|_| {
            s = s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((s >> 33) % m) as f64
        })
        .collect()
}

fn dense(n: usize, d: usize, m: u64, seed: u64) -> Dense {
    Dense::new(n, d, numbers(n * d, m, seed).into_iter().map(|v| v as f32).collect::<Vec<_>>()).unwrap()
}

#[test]
fn spatial_search_is_exact_on_lattices_lines_clumps_and_duplicates() {
    let lattice = |dim, side: usize| {
        let n = side.pow(dim as u32);
        let at = |i: usize, a: usize| ((i / side.pow(a as u32)) % side) as f64;
        Coords::new(dim, (0..n).flat_map(|i| (0..dim).map(move |a| at(i, a))).collect()).unwrap()
    };
    check_spatial(&lattice(2, 20), 8);
    check_spatial(&lattice(3, 7), 6);
    let hexagonal: Vec<f64> = (0..400)
        .flat_map(|i| [f64::from(i % 20) + 0.5 * f64::from((i / 20) % 2), f64::from(i / 20) * 0.75f64.sqrt()])
        .collect();
    check_spatial(&Coords::new(2, hexagonal).unwrap(), 6);
    check_spatial(&Coords::new(2, vec![7.5; 600]).unwrap(), 9);
    check_spatial(&Coords::new(2, (0..300).flat_map(|i| [f64::from(i * i % 97), 0.0]).collect()).unwrap(), 5);
    check_spatial(&Coords::new(2, (0..300).flat_map(|i| [f64::from(i), 2.0 * f64::from(i)]).collect()).unwrap(), 5);
    for m in [3, 30, 1_000_000] {
        check_spatial(&Coords::new(2, numbers(1000, m, m)).unwrap(), 7);
        check_spatial(&Coords::new(3, numbers(999, m, m)).unwrap(), 7);
    }
    let far = [numbers(300, 9, 1), numbers(300, 9, 2).into_iter().map(|v| 1e12 + v).collect()].concat();
    check_spatial(&Coords::new(2, far).unwrap(), 160);
}

#[test]
fn search_in_many_dimensions_is_exact() {
    for (n, d, m, k) in [(50, 1, 10, 5), (300, 5, 3, 20), (1500, 30, 4, 30), (2100, 3, 50, 15), (1300, 8, 1000, 1290)] {
        check_dense(&dense(n, d, m, 5), k);
    }
}

#[test]
fn duplicates_and_far_outliers_do_not_blur_the_search() {
    check_dense(&Dense::new(1200, 4, vec![3.0; 4800]).unwrap(), 10);
    let mut values = numbers(1200 * 4, 3, 8).into_iter().map(|v| v as f32).collect::<Vec<_>>();
    values[17] = 3e18;
    values[1000] = -1e9;
    check_dense(&Dense::new(1200, 4, values).unwrap(), 10);
    let tiny = numbers(500 * 4, 7, 8).into_iter().map(|v| v as f32 * 1e-30).collect::<Vec<_>>();
    check_dense(&Dense::new(500, 4, tiny).unwrap(), 10);
    let offset = numbers(500 * 4, 7, 8).into_iter().map(|v| v as f32 + 1e6).collect::<Vec<_>>();
    check_dense(&Dense::new(500, 4, offset).unwrap(), 10);
}

#[test]
fn threads_do_not_change_a_bit() {
    let data = dense(1500, 20, 1000, 3);
    let found = same_for_any_threads(|| knn(&data, 12, &Ctx::default()).unwrap());
    same_for_any_threads(|| fuzzy_union(&found).unwrap());
    let coords = Coords::new(2, numbers(60_000, 5000, 4)).unwrap();
    same_for_any_threads(|| spatial_knn(&coords, 7).unwrap());
    same_for_any_threads(|| spatial_radius(&coords, 20.0).unwrap());
}

#[test]
fn too_many_neighbours_name_the_largest_number_possible() {
    let data = dense(5, 2, 9, 1);
    let e = knn(&data, 5, &Ctx::default()).unwrap_err();
    assert_eq!(e.to_string(), "`n_neighbors` of `pp.neighbors` is 5; it must be at most 4: there are 5 observations");
    let one = Coords::new(2, vec![0.0, 0.0]).unwrap();
    assert!(matches!(spatial_knn(&one, 1), Err(Error::Data { .. })));
    let nan = Dense::new(3, 1, vec![0.0, f32::NAN, 1.0]).unwrap();
    assert!(matches!(knn(&nan, 1, &Ctx::default()), Err(Error::Data { .. })));
    assert!(matches!(spatial_radius(&one, -1.0), Err(Error::Param { .. })));
    let many = Coords::new(2, numbers(60_000, 1000, 1)).unwrap();
    let e = spatial_radius(&many, 1e6).unwrap_err();
    assert!(e.to_string().ends_with("must be smaller: every observation would have about 30000 neighbours"), "{e}");
}

/// scanpy 1.11.5 `pp.neighbors(n_neighbors=16)` on the same points.
#[test]
fn umap_weights_are_those_of_scanpy() {
    const ROW: [(u32, f32); 5] =
        [(1, 0.176_881_88), (3, 0.149_661_27), (34, 0.202_800_51), (39, 0.124_692_194), (50, 0.062_099_73)];
    let (points, _, _) = reference_points();
    let found = knn(&points, 15, &Ctx::default()).unwrap();
    let graph = fuzzy_union(&found).unwrap();
    assert_eq!(graph.n_edges(), 3808);
    let sum: f64 = graph.csr().values().iter().map(|&v| f64::from(v)).sum();
    assert!((sum - 1_241.840_115).abs() < 1e-3, "{sum}");
    assert_eq!(graph.neighbors(0)[..5], ROW.map(|e| e.0));
    for ((_, expected), got) in ROW.iter().zip(graph.weights(0)) {
        assert!((expected - got).abs() < 1e-5, "{got} for {expected}");
    }
    let lengths: f64 = found.distance_csr().values().iter().map(|&v| f64::from(v)).sum();
    assert!((lengths - 2_991.230_779).abs() < 1e-2, "{lengths}");
}

#[test]
fn duplicates_and_ties_have_finite_umap_weights() {
    let lattice: Vec<f32> = (0..400).flat_map(|i: u16| [f32::from(i % 20), f32::from(i / 20)]).collect();
    for (d, values) in [(2, lattice), (1, vec![1.0; 60]), (1, [vec![1.0; 40], vec![2.0; 3]].concat())] {
        for k in [1, 2, 12] {
            let found = knn(&Dense::new(values.len() / d, d, values.clone()).unwrap(), k, &Ctx::default()).unwrap();
            let graph = fuzzy_union(&found).unwrap();
            assert!(graph.is_symmetric() && graph.csr().values().iter().all(|&w| w > 0.0 && w <= 1.0));
        }
    }
}

fn run(adata: &mut AnnData, id: &str, params: serde_json::Value) -> tegula_core::Result<()> {
    let method = METHODS.iter().find(|m| m.id() == id).unwrap();
    method.step(params)?.run(adata, &Ctx::default()).map(|_| ())
}

#[test]
fn steps_store_what_scanpy_and_squidpy_store() {
    let mut adata = AnnData::new(None, Frame::with_range_index(40), Frame::default()).unwrap();
    let missing = run(&mut adata, "pp.neighbors", json!({})).unwrap_err();
    assert!(missing.to_string().contains("run pp.pca first"), "{missing}");
    adata.set_obsm("X_pca", dense(40, 6, 9, 1)).unwrap();
    adata.set_obsm("spatial", &Coords::new(2, numbers(80, 50, 1)).unwrap()).unwrap();
    run(&mut adata, "pp.neighbors", json!({"n_neighbors": 5, "n_pcs": 4})).unwrap();
    run(&mut adata, "pp.neighbors", json!({"key_added": "b", "method": "binary", "n_neighbors": 5})).unwrap();
    run(&mut adata, "pp.spatial_neighbors", json!({})).unwrap();
    let noted = adata.uns()["b"].as_dict().unwrap();
    assert_eq!(noted["connectivities_key"].as_str(), Some("b_connectivities"));
    assert_eq!(noted["params"].as_dict().unwrap()["n_neighbors"], Value::Int(5));
    assert!(adata.graph("connectivities", "").unwrap().is_symmetric());
    let binary = adata.graph("b_connectivities", "").unwrap();
    assert!(binary.is_symmetric() && binary.csr().values().iter().all(|&w| w == 1.0));
    assert_eq!(adata.graph("spatial_connectivities", "").unwrap().n_edges(), 240);
    assert!(adata.obsp().contains_key("spatial_distances") && adata.uns().contains_key("spatial_neighbors"));
    assert!(run(&mut adata, "pp.neighbors", json!({"n_pcs": 7})).unwrap_err().to_string().contains("at most 6"));
    run(&mut adata, "pp.spatial_neighbors", json!({"radius": 9.0, "key_added": "near"})).unwrap();
    assert!(adata.graph("near_connectivities", "").unwrap().is_symmetric());
}

/// Points whose distances are all different.
fn generic_points() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(-1000.0f64..1000.0, 2 * 30).prop_filter("distances differ", |v| {
        let c = Coords::new(2, v.clone()).unwrap();
        let mut all: Vec<f64> =
            (0..30).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| c.distance2(i, j)).collect();
        all.sort_by(f64::total_cmp);
        all.windows(2).all(|w| w[1] - w[0] > 1e-6 * w[1])
    })
}

proptest! {
    #[test]
    fn turning_moving_and_scaling_keeps_the_spatial_graph(v in generic_points(), turn in 0.0..6.3f64, s in 0.01..100.0f64) {
        let moved = v.chunks(2).flat_map(|p| {
            let (sin, cos) = turn.sin_cos();
            [s * (cos * p[0] - sin * p[1]) + 31.0, s * (sin * p[0] + cos * p[1]) - 7.0]
        });
        let moved = spatial_knn(&Coords::new(2, moved.collect()).unwrap(), 6).unwrap();
        let found = spatial_knn(&Coords::new(2, v).unwrap(), 6).unwrap();
        prop_assert_eq!(rows(&found), rows(&moved));
    }

    #[test]
    fn permuting_observations_permutes_the_graphs(v in generic_points(), shift in 1usize..30) {
        let to = |i: usize| (7 * i + shift) % 30;
        let mut moved = vec![0.0; 60];
        for i in 0..30 {
            moved[2 * to(i)..2 * to(i) + 2].copy_from_slice(&v[2 * i..2 * i + 2]);
        }
        let of = |v: &[f64]| {
            let data: Vec<f32> = v.iter().map(|&x| x as f32).collect();
            let spatial = spatial_knn(&Coords::new(2, data.iter().map(|&x| f64::from(x)).collect()).unwrap(), 4).unwrap();
            (rows(&knn(&Dense::new(30, 2, data).unwrap(), 4, &Ctx::default()).unwrap()), rows(&spatial))
        };
        let ((a, sa), (b, sb)) = (of(&v), of(&moved));
        prop_assert_eq!(&a, &sa);
        prop_assert_eq!(&b, &sb);
        for i in 0..30 {
            prop_assert_eq!(&a[i].iter().map(|&j| to(j as usize) as u32).collect::<Vec<_>>(), &b[to(i)]);
        }
    }

    #[test]
    fn any_points_are_searched_exactly(v in proptest::collection::vec(0i32..6, 20..120), k in 1usize..9) {
        let n = v.len() / 2;
        check_spatial(&Coords::new(2, v[..2 * n].iter().map(|&x| f64::from(x)).collect()).unwrap(), k.min(n - 1));
        check_dense(&Dense::new(n, 2, v[..2 * n].iter().map(|&x| x as f32).collect::<Vec<_>>()).unwrap(), k.min(n - 1));
    }

    #[test]
    fn a_radius_finds_all_within(v in proptest::collection::vec(0i32..9, 2..90), r in 1i32..6, dim in 2usize..4) {
        let n = v.len() / dim;
        let coords = Coords::new(dim, v[..dim * n].iter().map(|&x| f64::from(x)).collect()).unwrap();
        let near = spatial_radius(&coords, f64::from(r)).unwrap();
        for i in 0..n {
            let expected: Vec<u32> = (0..n).filter(|&j| j != i && coords.distance2(i, j) <= f64::from(r * r)).map(|j| j as u32).collect();
            prop_assert_eq!(near.row(i).0, expected);
        }
    }
}

/// `n` rows about 30 centres, in `d` columns, some of them twice.
fn clustered(n: usize, d: usize) -> Dense {
    let mut rng = Ctx::new(3).rng("test.clustered", 0);
    let centres: Vec<f32> = (0..30 * d).map(|_| 4.0 * rng.random::<f32>()).collect();
    let mut values = Vec::with_capacity(n * d);
    for i in 0..n {
        let from = if i % 97 == 1 { values[(i - 1) * d..i * d].to_vec() } else { centres[i % 30 * d..][..d].to_vec() };
        values.extend(from.iter().map(|c| if i % 97 == 1 { *c } else { c + rng.random::<f32>() }));
    }
    Dense::new(n, d, values).unwrap()
}

#[test]
fn the_approximate_search_finds_what_it_says() {
    let data = clustered(6000, 12);
    let exact = knn(&data, 10, &Ctx::default()).unwrap();
    let found = same_for_any_threads(|| knn_approximate(&data, 10, 0.98, &Ctx::default()).unwrap());
    let mut hits = 0;
    for i in 0..6000 {
        let farthest = exact.distances(i)[9];
        hits += found.knn.distances(i).iter().filter(|&&d| d <= farthest).count();
        let pairs: Vec<(f64, u32)> =
            found.knn.distances(i).iter().copied().zip(found.knn.neighbors(i).iter().copied()).collect();
        assert!(pairs.is_sorted_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).is_lt()), "ordered, none twice");
        assert!(!found.knn.neighbors(i).contains(&(i as u32)), "never itself");
        for &(d, j) in &pairs {
            let d2: f64 = data.row(i).iter().zip(data.row(j as usize)).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            assert!((d - d2.sqrt()).abs() < 1e-6 * (1.0 + d));
        }
    }
    let recall = hits as f64 / 60_000.0;
    assert!(recall > 0.97 && (recall - found.recall).abs() < 0.02, "{recall} measured, {} said", found.recall);
}

#[test]
fn data_without_structure_are_searched_exactly() {
    let mut rng = Ctx::new(5).rng("test.noise", 0);
    let noise = Dense::new(4000, 40, (0..160_000).map(|_| rng.random::<f32>()).collect::<Vec<_>>()).unwrap();
    let found = knn_approximate(&noise, 15, 0.999, &Ctx::default()).unwrap();
    assert!(found.recall >= 0.999);
    let same = Dense::new(3000, 2, vec![1.0; 6000]).unwrap();
    let found = knn_approximate(&same, 5, 0.98, &Ctx::default()).unwrap();
    assert!(found.knn.distances(2999).iter().all(|&d| d == 0.0) && found.recall == 1.0, "all rows the same");
}
