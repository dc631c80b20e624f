//! Diffusion maps and pseudotime against scanpy, against all eigenvectors, and by their properties.

use proptest::prelude::*;
use tegula_algo::graph::{fuzzy_union, knn};
use tegula_algo::linalg::eigh;
use tegula_algo::reduce::{Diffmap, DiffmapParams, DptParams, PsmParams, diffmap, dpt, psm};
use tegula_core::{AnnData, Array, Ctx, Dense, Error, Frame, Graph, Step, Value};

use crate::graph::same_for_any_threads;
use crate::kmeans::blobs;

const GRAPH: &str = include_str!("../golden/diffmap/graph.csv");
const EXPECTED: &str = include_str!("../golden/diffmap/expected.csv");

fn numbers(line: &str) -> Vec<f64> {
    line.split(',').map(|x| x.parse().unwrap_or(f64::NAN)).collect()
}

/// The graph that scanpy worked on; `apart` without the edges between the first 100 and the others.
fn golden_graph(apart: bool) -> Graph {
    let rows: Vec<Vec<f64>> = GRAPH.lines().skip(1).map(numbers).collect();
    let kept = rows.iter().filter(|r| !apart || (r[0] < 100.0) == (r[1] < 100.0));
    let edges: Vec<(u32, u32, f32)> =
        kept.map(|r| (r[0] as u32, r[1] as u32, r[2] as f32)).flat_map(|(i, j, w)| [(i, j, w), (j, i, w)]).collect();
    Graph::from_edges(160, &edges).unwrap()
}

fn both_ways(n: usize, pairs: impl IntoIterator<Item = (usize, usize, f32)>) -> Graph {
    let edges: Vec<(u32, u32, f32)> =
        pairs.into_iter().flat_map(|(i, j, w)| [(i as u32, j as u32, w), (j as u32, i as u32, w)]).collect();
    Graph::from_edges(n, &edges).unwrap()
}

fn column(map: &Diffmap, c: usize) -> Vec<f64> {
    (0..map.coordinates.n_rows()).map(|i| f64::from(map.coordinates.row(i)[c])).collect()
}

/// The largest difference of two vectors up to their sign.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let with = |s: f64| a.iter().zip(b).map(|(x, y)| (x - s * y).abs()).fold(0.0, f64::max);
    with(1.0).min(with(-1.0))
}

fn time_of(graph: Graph, n_dcs: usize, root: i64) -> Vec<f64> {
    let mut adata = AnnData::new(None, Frame::with_range_index(graph.n_nodes()), Frame::default()).unwrap();
    adata.set_obsp("connectivities", graph.into_csr()).unwrap();
    adata.set_uns("iroot", Value::Int(root));
    DiffmapParams::default().apply(&mut adata, &Ctx::default()).unwrap();
    DptParams { n_dcs, ..DptParams::default() }.apply(&mut adata, &Ctx::default()).unwrap();
    adata.obs().get("dpt_pseudotime").unwrap().to_f64().unwrap()
}

#[test]
fn components_and_pseudotime_are_those_of_scanpy() {
    let expected: Vec<Vec<f64>> = EXPECTED.lines().skip(1).map(numbers).collect();
    let map = diffmap(&golden_graph(false), 15, &Ctx::default()).unwrap();
    assert_eq!(map.n_parts, 1);
    for c in 0..15 {
        assert!((map.eigenvalues[c] - expected[160][c + 2]).abs() < 1e-6, "{c}: {}", map.eigenvalues[c]);
        let theirs: Vec<f64> = expected[..160].iter().map(|row| row[c + 2]).collect();
        assert!(apart(&column(&map, c), &theirs) < 1e-5, "component {c}");
    }
    for (at, parts) in [(0, false), (1, true)] {
        let time = time_of(golden_graph(parts), 10, 7);
        for (i, (ours, row)) in time.iter().zip(&expected).enumerate() {
            let same = ours.is_infinite() && row[at].is_infinite();
            assert!(same || (ours - row[at]).abs() < 1e-4, "observation {i}: {ours} {}", row[at]);
        }
        assert_eq!(time.iter().filter(|t| t.is_infinite()).count() > 50, parts);
    }
}

/// The eigenvalues and eigenvectors of the transition matrix by its definition, the largest absolute value first.
fn by_definition(graph: &Graph) -> (Vec<f64>, faer::Mat<f64>) {
    let n = graph.n_nodes();
    let mut k = faer::Mat::<f64>::zeros(n, n);
    for i in 0..n {
        for (&j, &w) in graph.neighbors(i).iter().zip(graph.weights(i)) {
            k[(i, j as usize)] = f64::from(w);
        }
    }
    // By the densities at both ends, then by the roots of the new sums.
    for power in [1.0, 0.5] {
        let scale: Vec<f64> = (0..n).map(|i| (0..n).map(|j| k[(i, j)]).sum::<f64>().powf(power)).collect();
        k = faer::Mat::from_fn(n, n, |i, j| k[(i, j)] / (scale[i] * scale[j]));
    }
    let e = eigh(k.as_ref()).unwrap().by_size();
    (e.values, e.vectors)
}

#[test]
fn krylov_finds_what_all_eigenvectors_show() {
    // More than are solved whole: a cloud, and a ring with its nearly equal pairs of eigenvalues at both ends.
    let cloud = fuzzy_union(&knn(&blobs(700, 6, 3, 9.0), 10, &Ctx::default()).unwrap()).unwrap();
    let ring = both_ways(600, (0..600).map(|i| (i, (i + 1) % 600, 1.0 + (i % 7) as f32)));
    for (graph, k) in [(cloud, 15), (ring, 6)] {
        let map = diffmap(&graph, k, &Ctx::new(3)).unwrap();
        assert!(map.converged && map.n_iter > 0);
        let (mut values, vectors) = by_definition(&graph);
        values.truncate(k + 10);
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        for (c, &o) in order.iter().enumerate() {
            assert!((map.eigenvalues[c] - values[o]).abs() < 1e-9, "{c}: {} {}", map.eigenvalues[c], values[o]);
            // How much lies along the exact vectors of nearly the same eigenvalue.
            let column = column(&map, c);
            let along = |e: usize| (0..column.len()).map(|i| column[i] * vectors[(i, e)]).sum::<f64>().powi(2);
            let same = (0..k + 10).filter(|&e| (values[e] - values[o]).abs() < 1e-4);
            let share: f64 = same.map(along).sum();
            assert!((share - 1.0).abs() < 1e-6, "component {c}: {share}");
            let length: f64 = column.iter().map(|x| x * x).sum();
            assert!((length - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn parts_of_a_graph_have_components_of_their_own_and_no_way_between_them() {
    // A path of 600, one of 20, one observation alone.
    let pairs = (0..599).chain(600..619).map(|i| (i, i + 1, 1.0)).collect::<Vec<_>>();
    let graph = both_ways(621, pairs);
    let map = diffmap(&graph, 5, &Ctx::default()).unwrap();
    assert_eq!((map.n_parts, &map.eigenvalues[..3]), (3, &[1.0; 3][..]));
    for (c, part) in [(0, 0..600), (1, 600..620), (2, 620..621)] {
        assert!(column(&map, c).iter().enumerate().all(|(i, &x)| (x > 0.0) == part.contains(&i)), "{c}");
    }
    let time = time_of(graph, 5, 610);
    assert!(time.iter().enumerate().all(|(i, t)| t.is_finite() == (600..620).contains(&i)));
    // More parts than components.
    let map = diffmap(&both_ways(40, (0..20).map(|i| (2 * i, 2 * i + 1, 1.0))), 6, &Ctx::default()).unwrap();
    assert_eq!((map.n_parts, &map.eigenvalues[..]), (20, &[1.0; 6][..]));
}

#[test]
fn pseudotime_rises_along_a_band_and_psm_starts_at_an_end() {
    // A narrow band: every observation is connected with the next four. The ends fold by one or two.
    for n in [40, 60, 120] {
        let graph = both_ways(n, (0..n).flat_map(|i| (i + 1..(i + 5).min(n)).map(move |j| (i, j, 1.0))));
        let map = diffmap(&graph, 10, &Ctx::default()).unwrap();
        let time = dpt(&map.coordinates, &map.eigenvalues, &vec![0; n], 0).unwrap();
        assert!(time.windows(4).all(|w| w[0] < w[3]) && time[0] == 0.0 && time[n - 1] > 0.99, "{n}: {time:?}");
    }
    let mut adata = AnnData::new(None, Frame::with_range_index(100), Frame::default()).unwrap();
    let line: Vec<f32> = (0..100).flat_map(|i| [i as f32, ((i * 7) % 5) as f32 / 3.0]).collect();
    adata.set_obsm("STAGATE", Dense::new(100, 2, line).unwrap()).unwrap();
    let outcome = PsmParams::default().apply(&mut adata, &Ctx::default()).unwrap();
    let time = adata.obs().get("pSM").unwrap().to_f64().unwrap();
    let (Value::Int(root), ordered) = (&outcome["iroot"], time.windows(20).filter(|w| w[0] < w[19]).count()) else {
        panic!("{outcome:?}");
    };
    assert!(*root == 0 || *root == 99, "{root}");
    assert!(ordered == 0 || ordered == 81, "{ordered}");
    let again = psm(&adata.embedding("STAGATE", "").unwrap(), &PsmParams::default(), &Ctx::new(4)).unwrap();
    assert!(again.time.iter().zip(&time).all(|(a, b)| (a - b).abs() < 1e-6), "no sample of so few");
    let from = PsmParams { iroot: Some(99 - *root as usize), ..PsmParams::default() };
    let other = psm(&adata.embedding("STAGATE", "").unwrap(), &from, &Ctx::default()).unwrap();
    assert!(time.iter().zip(&other.time).all(|(a, b)| a + b > 0.9));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let data = blobs(6000, 5, 4, 9.0);
    let graph = fuzzy_union(&knn(&data, 8, &Ctx::default()).unwrap()).unwrap();
    same_for_any_threads(|| diffmap(&graph, 8, &Ctx::new(1)).unwrap());
    same_for_any_threads(|| {
        psm(&data, &PsmParams { n_comps: 6, n_dcs: 6, ..PsmParams::default() }, &Ctx::new(1)).unwrap()
    });
}

#[test]
fn what_cannot_be_is_refused() {
    let graph = both_ways(4, [(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)]);
    let e = diffmap(&graph, 1, &Ctx::default()).unwrap_err();
    assert_eq!(e.to_string(), "`n_comps` of `tl.diffmap` is 1; it must be at least 2: the first says nothing");
    let two = both_ways(2, [(0, 1, 1.0)]);
    assert!(matches!(diffmap(&two, 5, &Ctx::default()), Err(Error::Data { .. })));
    let map = diffmap(&graph, 15, &Ctx::default()).unwrap();
    assert_eq!(map.eigenvalues.len(), 3);
    let e = dpt(&map.coordinates, &map.eigenvalues, &[0; 4], 4).unwrap_err();
    assert_eq!(e.to_string(), "`iroot` of `tl.dpt` is 4; it must be below 4, the number of observations");
    assert!(matches!(dpt(&map.coordinates, &[1.0], &[0; 4], 0), Err(Error::Shape { .. })));
    let mut adata = AnnData::new(None, Frame::with_range_index(4), Frame::default()).unwrap();
    adata.set_obsp("connectivities", graph.into_csr()).unwrap();
    let mut say = |step: DptParams| step.apply(&mut adata, &Ctx::default()).unwrap_err().to_string();
    assert_eq!(say(DptParams::default()), "uns[\"iroot\"] is missing; pass iroot, or use tl.psm");
    let rooted = DptParams { iroot: Some(0), ..DptParams::default() };
    assert_eq!(say(rooted.clone()), "obsm[\"X_diffmap\"] is missing; run tl.diffmap first");
    adata.set_obsm("X_diffmap", map.coordinates).unwrap();
    adata.set_uns("diffmap_evals", Array::vector(map.eigenvalues));
    let e = rooted.apply(&mut adata, &Ctx::default()).unwrap_err().to_string();
    assert_eq!(e, "`n_dcs` of `tl.dpt` is 10; it must be at most 3; run tl.diffmap with more n_comps for more");
    DptParams { n_dcs: 3, ..rooted }.apply(&mut adata, &Ctx::default()).unwrap();
    assert_eq!(adata.uns()["iroot"], Value::Int(0));
}

proptest! {
    #[test]
    fn any_graph_has_a_map(pairs in proptest::collection::vec((0usize..30, 0usize..30, 0.01f32..9.0), 0..80), k in 2usize..35) {
        let graph = both_ways(30, pairs.into_iter().filter(|p| p.0 != p.1));
        let map = diffmap(&graph, k, &Ctx::default()).unwrap();
        prop_assert_eq!(map.eigenvalues.len(), k.min(29));
        prop_assert!(map.eigenvalues.windows(2).all(|w| w[0] >= w[1]));
        prop_assert!(map.eigenvalues.iter().all(|l| l.abs() < 1.0 + 1e-9));
        prop_assert!(map.coordinates.data().iter().all(|x| x.is_finite()));
        let time = dpt(&map.coordinates, &map.eigenvalues, &[0; 30], 3).unwrap();
        prop_assert!(time.iter().all(|t| (0.0..=1.0).contains(t)));
    }
}
