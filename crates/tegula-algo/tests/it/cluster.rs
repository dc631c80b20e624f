//! Louvain and Leiden: known optima, properties, and the quality the reference reaches.

use std::fs;

use proptest::prelude::*;
use tegula_algo::cluster::{LeidenParams, LouvainParams, Objective, Partition, leiden, louvain};
use tegula_algo::metrics::modularity;
use tegula_core::{AnnData, Csr, Ctx, Dict, Error, Frame, Graph, Progress, Signal, Step, Value, run};

use crate::data::data;

pub(crate) type Edge = (u32, u32, f32);

pub(crate) fn graph(n: usize, pairs: &[Edge]) -> Graph {
    let both: Vec<Edge> = pairs.iter().flat_map(|&(i, j, w)| [(i, j, w), (j, i, w)]).collect();
    Graph::from_edges(n, &both).unwrap()
}

pub(crate) fn unweighted(n: usize, pairs: &[(u32, u32)]) -> Graph {
    graph(n, &pairs.iter().map(|&(i, j)| (i, j, 1.0)).collect::<Vec<_>>())
}

fn both(g: &Graph, resolution: f64, seed: u64) -> [Partition; 2] {
    both_by(g, Objective::Modularity, resolution, seed)
}

/// Louvain's partition and Leiden's.
pub(crate) fn both_by(g: &Graph, objective: Objective, resolution: f64, seed: u64) -> [Partition; 2] {
    let ctx = Ctx::new(seed);
    [
        louvain(g, &LouvainParams { resolution, objective, ..Default::default() }, &ctx).unwrap(),
        leiden(g, &LeidenParams { resolution, objective, ..Default::default() }, &ctx).unwrap(),
    ]
}

/// Zachary's karate club, nodes from 0.
#[rustfmt::skip]
pub(crate) const KARATE: [(u32, u32); 78] = [
    (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (0, 8), (0, 10), (0, 11), (0, 12), (0, 13), (0, 17),
    (0, 19), (0, 21), (0, 31), (1, 2), (1, 3), (1, 7), (1, 13), (1, 17), (1, 19), (1, 21), (1, 30), (2, 3), (2, 7),
    (2, 8), (2, 9), (2, 13), (2, 27), (2, 28), (2, 32), (3, 7), (3, 12), (3, 13), (4, 6), (4, 10), (5, 6), (5, 10),
    (5, 16), (6, 16), (8, 30), (8, 32), (8, 33), (9, 33), (13, 33), (14, 32), (14, 33), (15, 32), (15, 33), (18, 32),
    (18, 33), (19, 33), (20, 32), (20, 33), (22, 32), (22, 33), (23, 25), (23, 27), (23, 29), (23, 32), (23, 33),
    (24, 25), (24, 27), (24, 31), (25, 31), (26, 29), (26, 33), (27, 33), (28, 31), (28, 33), (29, 32), (29, 33),
    (30, 32), (30, 33), (31, 32), (31, 33), (32, 33),
];

#[test]
fn two_cliques_joined_by_an_edge_are_two_clusters() {
    let clique = |a: u32| (a..a + 5).flat_map(move |i| (a..i).map(move |j| (i, j)));
    let pairs: Vec<_> = clique(0).chain(clique(5)).chain([(4, 5)]).collect();
    for p in both(&unweighted(10, &pairs), 1.0, 0) {
        assert_eq!(p.membership, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
        assert_eq!(p.n_clusters, 2);
        // in = 20 and tot = 21 of 42, twice.
        assert!((p.quality - (40.0 / 42.0 - 0.5)).abs() < 1e-12);
    }
}

#[test]
fn the_karate_club_reaches_its_known_optimum() {
    let g = unweighted(34, &KARATE);
    let found: Vec<Partition> = (0..20).map(|seed| both(&g, 1.0, seed)[1].clone()).collect();
    let mean = found.iter().map(|p| p.quality).sum::<f64>() / 20.0;
    let best = found.iter().map(|p| p.quality).fold(0.0, f64::max);
    assert!((best - 0.419_790).abs() < 1e-6, "{best}");
    assert!(mean > 0.4190, "{mean}");
}

#[test]
fn graphs_with_nothing_to_find_are_no_error() {
    for n in [0usize, 1, 3] {
        for p in both(&unweighted(n, &[]), 1.0, 0) {
            assert_eq!(p.membership, (0..n as u32).collect::<Vec<_>>());
            assert_eq!((p.n_clusters, p.quality), (n, 0.0));
        }
    }
    // Weights of 0 are no edges.
    for p in both(&graph(2, &[(0, 1, 0.0)]), 1.0, 0) {
        assert_eq!((p.n_clusters, p.quality), (2, 0.0));
    }
    // An isolated node beside an edge stays alone; extreme weights do no harm.
    for w in [f32::MIN_POSITIVE, 1.0, f32::MAX] {
        for p in both(&graph(3, &[(0, 2, w)]), 1.0, 0) {
            assert_eq!(p.membership, [0, 1, 0]);
        }
    }
}

#[test]
fn resolution_runs_from_components_to_single_nodes() {
    let g = unweighted(34, &KARATE);
    assert!(both(&g, 0.0, 0).iter().all(|p| p.n_clusters == 1));
    for gamma in [1e6, 1e300, f64::MAX] {
        assert!(both(&g, gamma, 0).iter().all(|p| p.n_clusters == 34));
    }
}

#[test]
fn the_number_of_clusters_can_be_asked_for() {
    let g = unweighted(34, &KARATE);
    for k in [1, 2, 3, 4, 5, 6, 34] {
        let n_clusters = Some(k);
        let ctx = Ctx::new(0);
        let p = leiden(&g, &LeidenParams { n_clusters, ..Default::default() }, &ctx).unwrap();
        assert_eq!(p.n_clusters, k, "found at {}", p.resolution);
        assert!((p.quality - modularity(&g, &p.membership, p.resolution)).abs() < 1e-12);
        let p = louvain(&g, &LouvainParams { n_clusters, ..Default::default() }, &ctx).unwrap();
        assert_eq!(p.n_clusters, k, "found at {}", p.resolution);
    }
}

#[test]
fn a_number_of_clusters_out_of_reach_gives_the_nearest_and_says_so() {
    struct Heard(std::sync::Mutex<String>);
    impl Progress for Heard {
        fn warn(&self, message: &str) {
            self.0.lock().unwrap().push_str(message);
        }
    }
    let heard = Heard(std::sync::Mutex::default());
    let ctx = Ctx::new(0).with_progress(&heard);
    let g = unweighted(4, &[(0, 1), (2, 3)]);
    let p = leiden(&g, &LeidenParams { n_clusters: Some(1), ..Default::default() }, &ctx).unwrap();
    assert_eq!(p.n_clusters, 2);
    assert!(heard.0.lock().unwrap().starts_with("tl.leiden: no resolution gave 1 clusters; kept 2"));
    let e = leiden(&g, &LeidenParams { n_clusters: Some(5), ..Default::default() }, &Ctx::new(0)).unwrap_err();
    assert_eq!(e.to_string(), "`n_clusters` of `tl.leiden` is 5; it must be at most 4, the number of nodes");
}

#[test]
fn weights_can_be_left_out() {
    let heavy = graph(4, &[(0, 1, 1.0), (2, 3, 1.0), (1, 2, 9.0)]);
    let p = leiden(&heavy, &LeidenParams { use_weights: false, ..Default::default() }, &Ctx::new(0)).unwrap();
    assert_eq!(p.membership, [0, 0, 1, 1]);
    let p = leiden(&heavy, &LeidenParams::default(), &Ctx::new(0)).unwrap();
    assert_eq!(p.membership[1], p.membership[2]);
}

#[test]
fn giving_up_is_an_error_and_stopping_keeps_the_result() {
    struct Says(Signal);
    impl Progress for Says {
        fn poll(&self) -> Signal {
            self.0
        }
    }
    let g = unweighted(34, &KARATE);
    let stop = leiden(&g, &LeidenParams::default(), &Ctx::new(0).with_progress(&Says(Signal::Stop))).unwrap();
    assert_eq!(stop.n_iterations, 1);
    let abort = leiden(&g, &LeidenParams::default(), &Ctx::new(0).with_progress(&Says(Signal::Abort)));
    assert!(matches!(abort, Err(Error::Cancelled)));
}

#[test]
fn the_answer_is_the_same_on_1_2_and_8_threads() {
    let g = blobs(600, 7);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| both(&g, 1.0, 3))
    };
    let one = on(1);
    for threads in [2, 8] {
        for (a, b) in one.iter().zip(on(threads)) {
            assert_eq!((&a.membership, a.quality.to_bits()), (&b.membership, b.quality.to_bits()));
        }
    }
}

/// A ring of `n` nodes with chords, some random: something between order and noise.
fn blobs(n: u32, salt: u64) -> Graph {
    let mut state = salt;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let mut pairs = Vec::new();
    for i in 0..n {
        for d in 1..5 {
            pairs.push((i, (i + d * (1 + next() % 3)) % n, 0.5 + (next() % 8) as f32));
        }
        if next() % 10 == 0 {
            pairs.push((i, next() % n, 1.0));
        }
    }
    pairs.retain(|e| e.0 != e.1);
    graph(n as usize, &pairs)
}

// ---- steps ----

fn adata(g: &Graph) -> AnnData {
    let mut a = AnnData::new(None, Frame::with_range_index(g.n_nodes()), Frame::default()).unwrap();
    a.set_obsp("spatial_connectivities", g.csr().clone()).unwrap();
    a
}

#[test]
fn the_step_finds_its_graph_and_stores_what_scanpy_stores() {
    let g = unweighted(34, &KARATE);
    let mut a = adata(&g);
    let e = run(&LeidenParams::default(), &mut a, &Ctx::new(0)).unwrap_err();
    assert_eq!(
        e.to_string(),
        "obsp[\"connectivities\"] is missing; run pp.neighbors first, or pass neighbors_key or obsp \
         (present: spatial_connectivities)"
    );
    let by_key = |key: &str| LeidenParams { neighbors_key: Some(key.into()), ..Default::default() };
    let by_obsp = LeidenParams { obsp: Some("spatial_connectivities".into()), ..Default::default() };
    let expected = leiden(&g, &LeidenParams::default(), &Ctx::new(5)).unwrap();
    for p in [by_key("spatial"), by_key("spatial_connectivities"), by_obsp, by_key("noted")] {
        let mut b = a.clone();
        b.set_uns("noted", Dict::from([("connectivities_key".to_owned(), Value::from("spatial_connectivities"))]));
        let outcome = run(&p, &mut b, &Ctx::new(5)).unwrap();
        assert_eq!(b.labels("leiden").unwrap(), expected.labels());
        assert_eq!(outcome["n_clusters"], Value::from(expected.n_clusters));
        let noted = b.uns()["leiden"].as_dict().unwrap();
        let params = noted["params"].as_dict().unwrap();
        assert_eq!(params["resolution"], Value::Float(1.0));
        assert_eq!((&params["random_state"], &params["n_iterations"]), (&Value::Int(5), &Value::Int(-1)));
        assert!((noted["modularity"].as_f64().unwrap() - expected.quality).abs() < 1e-12);
    }
    let p = LouvainParams {
        key_added: "clusters".into(),
        obsp: Some("spatial_connectivities".into()),
        ..Default::default()
    };
    run(&p, &mut a, &Ctx::new(0)).unwrap();
    assert!(a.labels("clusters").is_ok() && a.obs().get("louvain").is_none());
}

#[test]
fn broken_graphs_and_parameters_are_refused_by_name() {
    let mut a = adata(&unweighted(2, &[(0, 1)]));
    let nan = Csr::new(2, 2, vec![0, 1, 1], vec![1], vec![f32::NAN]).unwrap();
    a.set_obsp("connectivities", nan).unwrap();
    let e = run(&LeidenParams::default(), &mut a, &Ctx::new(0)).unwrap_err().to_string();
    assert!(e.starts_with("obsp[\"connectivities\"]: a weight is NaN"), "{e}");
    assert!(a.uns().is_empty() && a.obs().get("leiden").is_none());
    let bad = [
        LeidenParams { resolution: -1.0, ..Default::default() },
        LeidenParams { resolution: f64::NAN, ..Default::default() },
        LeidenParams { n_iterations: 0, ..Default::default() },
        LeidenParams { n_clusters: Some(0), ..Default::default() },
        LeidenParams { key_added: String::new(), ..Default::default() },
        LeidenParams { obsp: Some("a".into()), neighbors_key: Some("b".into()), ..Default::default() },
    ];
    for p in bad {
        assert!(matches!(p.validate(), Err(Error::Param { .. })), "{p:?}");
    }
}

// ---- properties ----

pub(crate) fn any_graph() -> impl Strategy<Value = Graph> {
    (2usize..40).prop_flat_map(|n| {
        let end = 0..n as u32;
        proptest::collection::vec((end.clone(), end, 1u8..6), 0..120)
            .prop_map(move |e| graph(n, &e.iter().map(|&(i, j, w)| (i, j, f32::from(w))).collect::<Vec<_>>()))
    })
}

pub(crate) fn components_inside(g: &Graph, membership: &[u32]) -> usize {
    let mut seen = vec![false; membership.len()];
    let mut parts = 0;
    for seed in 0..membership.len() {
        if std::mem::replace(&mut seen[seed], true) {
            continue;
        }
        parts += 1;
        let mut stack = vec![seed];
        while let Some(i) = stack.pop() {
            for &j in g.neighbors(i) {
                if membership[j as usize] == membership[i] && !std::mem::replace(&mut seen[j as usize], true) {
                    stack.push(j as usize);
                }
            }
        }
    }
    parts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn partitions_are_sound(g in any_graph(), gamma in 0.1f64..4.0, seed in 0u64..50) {
        for (which, p) in both(&g, gamma, seed).iter().enumerate() {
            prop_assert!((p.quality - modularity(&g, &p.membership, gamma)).abs() < 1e-9);
            let mut size = vec![0; p.n_clusters];
            let mut first = vec![usize::MAX; p.n_clusters];
            for (i, &c) in p.membership.iter().enumerate() {
                size[c as usize] += 1;
                first[c as usize] = first[c as usize].min(i);
            }
            prop_assert!(size.iter().all(|&s| s > 0));
            for c in 1..p.n_clusters {
                prop_assert!(size[c - 1] > size[c] || (size[c - 1] == size[c] && first[c - 1] < first[c]));
            }
            let alone: Vec<u32> = (0..g.n_nodes() as u32).collect();
            prop_assert!(p.quality >= modularity(&g, &alone, gamma) - 1e-12);
            if which == 1 {
                prop_assert_eq!(components_inside(&g, &p.membership), p.n_clusters, "every community is connected");
            }
        }
    }

    #[test]
    fn a_power_of_two_times_all_weights_changes_nothing(g in any_graph(), seed in 0u64..50) {
        let scaled: Vec<f32> = g.csr().values().iter().map(|w| w * 1024.0).collect();
        let scaled = Graph::from_csr(&g.csr().with_values(scaled)).unwrap();
        for (a, b) in both(&g, 1.0, seed).iter().zip(both(&scaled, 1.0, seed)) {
            prop_assert_eq!(&a.membership, &b.membership);
        }
    }

    #[test]
    fn a_directed_graph_counts_as_its_average_with_the_reverse(e in proptest::collection::vec((0u32..12, 0u32..12), 0..60)) {
        let one_way: Vec<Edge> = e.iter().map(|&(i, j)| (i, j, 2.0)).collect();
        let halves: Vec<Edge> = e.iter().map(|&(i, j)| (i, j, 1.0)).collect();
        let directed = Graph::from_edges(12, &one_way).unwrap();
        for (a, b) in both(&directed, 1.0, 1).iter().zip(both(&graph(12, &halves), 1.0, 1)) {
            prop_assert_eq!(&a.membership, &b.membership);
            prop_assert!((a.quality - modularity(&directed, &a.membership, 1.0)).abs() < 1e-9);
        }
    }
}

#[test]
fn the_order_of_the_nodes_does_not_matter_to_the_quality() {
    let g = blobs(300, 3);
    let n = g.n_nodes() as u32;
    let place = |i: u32| (i * 7 + 11) % n; // 7 and 300 share no divisor
    let edges: Vec<Edge> = (0..n)
        .flat_map(|i| {
            let (to, w) = (g.neighbors(i as usize), g.weights(i as usize));
            to.iter().zip(w).map(move |(&j, &w)| (place(i), place(j), w)).collect::<Vec<_>>()
        })
        .collect();
    let moved = Graph::from_edges(n as usize, &edges).unwrap();
    let mean = |g: &Graph| (0..8).map(|seed| both(g, 1.0, seed)[1].quality).sum::<f64>() / 8.0;
    let (a, b) = (mean(&g), mean(&moved));
    assert!((a - b).abs() < 0.003, "{a} {b}");
}

// ---- the reference ----

fn golden(name: &str) -> Option<String> {
    data(&format!("golden/scc/{name}")).map(|path| fs::read_to_string(path).unwrap())
}

/// Spateo's joint graph of `VisualCortex1207`, every directed edge an undirected one: mutual pairs weigh 2.
/// `quality.json` holds leidenalg's `2m·Q`: means over 20 seeds of Louvain and 10 of Leiden.
#[test]
fn quality_is_at_least_the_references() {
    let (Some(edges), Some(quality)) = (golden("scc_s8_directed_edges.csv"), golden("quality.json")) else { return };
    let pairs: Vec<(u32, u32)> = edges
        .lines()
        .map(|l| l.split_once(',').map(|(i, j)| (i.parse().unwrap(), j.parse().unwrap())).unwrap())
        .collect();
    let g = unweighted(1207, &pairs);
    let quality: serde_json::Value = serde_json::from_str(&quality).unwrap();
    for (key, gamma) in [("1.0", 1.0), ("2.0", 2.0)] {
        let reference = &quality[key];
        let two_m = 2.0 * reference["m_total"].as_f64().unwrap();
        assert_eq!(g.csr().values().iter().map(|&w| f64::from(w)).sum::<f64>(), two_m);
        let ours: Vec<[Partition; 2]> = (0..20).map(|seed| both(&g, gamma, seed)).collect();
        for (which, name) in ["louvain_q20", "leiden_q10"].into_iter().enumerate() {
            let mean = ours.iter().map(|p| p[which].quality).sum::<f64>() / 20.0;
            let wanted = reference[name]["mean"].as_f64().unwrap() / two_m;
            assert!(mean >= wanted, "γ {gamma}, {name}: {mean:.5} against {wanted:.5}");
        }
    }
}
