//! Louvain's and Leiden's options: objectives, a starting partition, restriction to some categories.

use proptest::prelude::*;
use tegula_algo::cluster::{LeidenParams, LouvainParams, Objective, Partition, leiden, leiden_from, louvain_from};
use tegula_core::{AnnData, Column, Ctx, Error, Frame, Graph, Labels, Step, run};

use crate::cluster::{KARATE, any_graph, both_by, components_inside, graph, unweighted};

const OBJECTIVES: [Objective; 2] = [Objective::Modularity, Objective::Cpm];

/// leidenalg 0.12.0 and igraph 1.0.0 on the karate club with weights 1 + (i·j mod 5) / 4 and clusters (i² mod 7) mod 4:
/// `quality() / 2m` of `RBConfigurationVertexPartition`, equal to `Graph.modularity`, and of `CPMVertexPartition`.
#[test]
fn the_objectives_are_those_of_leidenalg() {
    let weighted: Vec<_> = KARATE.iter().map(|&(i, j)| (i, j, 1.0 + ((i * j) % 5) as f32 / 4.0)).collect();
    let g = graph(34, &weighted);
    let clusters: Vec<u32> = (0..34).map(|i| i * i % 7 % 4).collect();
    for (objective, gamma, reference) in [
        (Objective::Modularity, 1.0, -13.678_154_205_607_475 / 214.0),
        (Objective::Modularity, 0.5, 25.910_922_897_196_26 / 214.0),
        (Objective::Cpm, 0.5, -120.5 / 214.0),
        (Objective::Cpm, 0.05, 46.9 / 214.0),
    ] {
        let ours = objective.quality(&g, &clusters, gamma);
        assert!((ours - reference).abs() < 1e-12, "{objective:?} at {gamma}: {ours} against {reference}");
    }
}

/// All partitions of `n` nodes, as labels in the order of first use.
fn partitions(n: usize) -> Vec<Vec<u32>> {
    let mut all = vec![vec![]];
    for _ in 0..n {
        let longer = |p: &Vec<u32>| {
            let next = p.iter().max().map_or(0, |m| m + 1);
            (0..=next).map(|c| [&p[..], &[c]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

#[test]
fn the_best_of_all_partitions_is_found_on_all_but_one_small_graph() {
    let mut state = 12_345u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let all: Vec<Vec<Vec<u32>>> = (0..=8).map(partitions).collect();
    assert_eq!(all[8].len(), 4140, "the Bell number");
    let mut missed = Vec::new();
    for case in 0..40 {
        let n = 4 + case % 5;
        let mut edges = Vec::new();
        for i in 0..n as u32 {
            for j in 0..i {
                if next() % 2 == 0 {
                    edges.push((i, j, 1.0 + (next() % 4) as f32 / 2.0));
                }
            }
        }
        let g = graph(n, &edges);
        for objective in OBJECTIVES {
            let gamma = [0.4, 0.8, 1.2][case % 3];
            let best = all[n].iter().map(|p| objective.quality(&g, p, gamma)).fold(f64::NEG_INFINITY, f64::max);
            let params = LeidenParams { objective, resolution: gamma, ..Default::default() };
            let found = (0..40).map(|seed| leiden(&g, &params, &Ctx::new(seed)).unwrap().quality);
            let found = found.fold(f64::NEG_INFINITY, f64::max);
            assert!(found < best + 1e-12, "case {case}, {objective:?} at {gamma}: {found} beats {best}");
            if found < best - 1e-12 {
                missed.push((case, objective));
            }
        }
    }
    // Moving single nodes and groups does not lead to every optimum: igraph (1000 seeds) and leidenalg (300) miss it too.
    assert_eq!(missed, [(23, Objective::Modularity)]);
}

/// Fortunato & Barthélemy 2007: modularity cannot see 30 cliques of 5 in a ring, it merges pairs; CPM can.
#[test]
fn cpm_has_no_resolution_limit() {
    let (cliques, size) = (30u32, 5u32);
    let mut edges = Vec::new();
    for c in 0..cliques {
        let at = c * size;
        edges.extend((at..at + size).flat_map(|i| (at..i).map(move |j| (i, j))));
        edges.push((at, (at + size + 1) % (cliques * size)));
    }
    let g = unweighted((cliques * size) as usize, &edges);
    for seed in 0..5 {
        for p in both_by(&g, Objective::Cpm, 0.5, seed) {
            assert_eq!(p.n_clusters, 30);
            assert!((0..150).all(|i| p.membership[i] == p.membership[i / 5 * 5]));
        }
        for p in both_by(&g, Objective::Modularity, 1.0, seed) {
            assert!(p.n_clusters < 20, "{}", p.n_clusters);
        }
    }
}

fn karate_optimum(g: &Graph) -> Partition {
    let found = (0..20).map(|seed| leiden(g, &LeidenParams::default(), &Ctx::new(seed)).unwrap());
    found.max_by(|a, b| a.quality.total_cmp(&b.quality)).unwrap()
}

#[test]
fn a_start_that_cannot_be_bettered_stays() {
    let g = unweighted(34, &KARATE);
    let optimum = karate_optimum(&g);
    assert!((optimum.quality - 0.419_790).abs() < 1e-6);
    let params = LeidenParams { n_iterations: 1, ..Default::default() };
    let other_names: Vec<u32> = optimum.membership.iter().map(|c| 900 - 7 * c).collect();
    let mut missed = 0;
    for seed in 0..20 {
        let p = leiden_from(&g, &other_names, &params, &Ctx::new(seed)).unwrap();
        assert_eq!(p.membership, optimum.membership);
        missed += usize::from(leiden(&g, &params, &Ctx::new(seed)).unwrap().membership != optimum.membership);
    }
    assert!(missed > 0, "one round from single nodes is no test if it always finds the optimum");
    let e = leiden_from(&g, &[0, 1], &params, &Ctx::new(0)).unwrap_err();
    assert!(matches!(e, Error::Shape { .. }), "{e}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cpm_partitions_are_sound_and_connected(g in any_graph(), gamma in 0.05f64..4.0, seed in 0u64..50) {
        for (which, p) in both_by(&g, Objective::Cpm, gamma, seed).iter().enumerate() {
            prop_assert!((p.quality - Objective::Cpm.quality(&g, &p.membership, gamma)).abs() < 1e-9);
            prop_assert!(p.quality >= -1e-12, "single nodes have 0: {}", p.quality);
            if which == 1 {
                prop_assert_eq!(components_inside(&g, &p.membership), p.n_clusters);
            }
        }
    }

    #[test]
    fn quality_never_falls_below_that_of_the_start(
        g in any_graph(), names in proptest::collection::vec(0u32..6, 40), gamma in 0.05f64..3.0, seed in 0u64..20, n in 1i64..3,
    ) {
        let start = &names[..g.n_nodes()];
        for objective in OBJECTIVES {
            let before = objective.quality(&g, start, gamma);
            let leiden = LeidenParams { objective, resolution: gamma, n_iterations: n, ..Default::default() };
            let louvain = LouvainParams { objective, resolution: gamma, n_iterations: n, ..Default::default() };
            let a = leiden_from(&g, start, &leiden, &Ctx::new(seed)).unwrap();
            let b = louvain_from(&g, start, &louvain, &Ctx::new(seed)).unwrap();
            prop_assert!(a.quality >= before - 1e-9 && b.quality >= before - 1e-9, "{before} {} {}", a.quality, b.quality);
            prop_assert_eq!(components_inside(&g, &a.membership), a.n_clusters);
        }
    }
}

// ---- the step ----

fn karate() -> AnnData {
    let mut a = AnnData::new(None, Frame::with_range_index(34), Frame::default()).unwrap();
    a.set_obsp("connectivities", unweighted(34, &KARATE).into_csr()).unwrap();
    a
}

#[test]
fn a_restricted_run_is_a_run_on_the_part_of_the_graph() {
    let mut a = karate();
    run(&LeidenParams::default(), &mut a, &Ctx::new(0)).unwrap();
    let whole = a.labels("leiden").unwrap();
    let params = LeidenParams {
        restrict_to_key: Some("leiden".into()),
        restrict_to_groups: vec!["0".into(), "2".into()],
        ..Default::default()
    };
    run(&params, &mut a, &Ctx::new(3)).unwrap();
    let found = a.labels("leiden_R").unwrap();
    assert_eq!(a.labels("leiden").unwrap(), whole, "the whole stays");
    let rows: Vec<usize> = (0..34).filter(|&i| matches!(whole.get(i), Some("0" | "2"))).collect();
    let part = unweighted(34, &KARATE).into_csr().select_rows(&rows).select_cols(&rows);
    let part = leiden(&Graph::from_csr(&part).unwrap(), &LeidenParams::default(), &Ctx::new(3)).unwrap();
    assert!(part.n_clusters > 2);
    for (&i, &c) in rows.iter().zip(&part.membership) {
        assert_eq!(found.get(i), Some(format!("0-2,{c}").as_str()));
    }
    let outside = (0..34).filter(|i| !rows.contains(i));
    assert!(outside.into_iter().all(|i| found.get(i) == whole.get(i)));
    let noted = a.uns()["leiden_R"].as_dict().unwrap();
    assert!((noted["quality"].as_f64().unwrap() - part.quality).abs() < 1e-15);
    // A key of one's own is used as it is.
    let named = LouvainParams {
        restrict_to_key: params.restrict_to_key,
        restrict_to_groups: vec!["1".into()],
        key_added: "leiden".into(),
        ..Default::default()
    };
    run(&named, &mut a, &Ctx::new(0)).unwrap();
    assert_eq!(a.labels("leiden").unwrap().get(0).map(|c| c.contains(',')), Some(whole.get(0) == Some("1")));
}

#[test]
fn a_start_is_read_from_a_column_and_gaps_in_it_start_alone() {
    let mut a = karate();
    let optimum = karate_optimum(&unweighted(34, &KARATE));
    let mut codes: Vec<i32> = optimum.membership.iter().map(|&c| c as i32).collect();
    (codes[3], codes[20]) = (-1, -1);
    let start: Vec<u32> = (0..34).map(|i| u32::try_from(codes[i]).unwrap_or(100 + i as u32)).collect();
    let names = (0..optimum.n_clusters).map(|c| format!("domain {c}")).collect();
    a.set_obs("known", Labels::new(codes, names, false).unwrap()).unwrap();
    let params = LeidenParams { initial_membership: Some("known".into()), n_iterations: 1, ..Default::default() };
    let g = unweighted(34, &KARATE);
    let mut differ = 0;
    for seed in 0..10 {
        run(&params, &mut a, &Ctx::new(seed)).unwrap();
        let found = a.labels("leiden").unwrap();
        assert_eq!(found, leiden_from(&g, &start, &params, &Ctx::new(seed)).unwrap().labels());
        differ += usize::from(found != leiden(&g, &params, &Ctx::new(seed)).unwrap().labels());
    }
    assert!(differ > 0);
    a.set_obs("x", Column::Float(vec![0.5; 34])).unwrap();
    for (key, wanted) in [("none", true), ("x", false)] {
        let p = LeidenParams { initial_membership: Some(key.into()), ..Default::default() };
        let e = run(&p, &mut a, &Ctx::new(1)).unwrap_err();
        assert_eq!(matches!(e, Error::Missing { .. }), wanted, "{e}");
    }
}

#[test]
fn halves_of_a_restriction_and_unknown_categories_are_refused() {
    let key = Some("leiden".to_owned());
    let half = LeidenParams { restrict_to_key: key.clone(), ..Default::default() };
    assert!(matches!(half.validate(), Err(Error::Param { .. })));
    let half = LeidenParams { restrict_to_groups: vec!["0".into()], ..Default::default() };
    assert!(matches!(half.validate(), Err(Error::Param { .. })));
    let mut a = karate();
    run(&LeidenParams::default(), &mut a, &Ctx::new(0)).unwrap();
    let p = LouvainParams { restrict_to_key: key, restrict_to_groups: vec!["zero".into()], ..Default::default() };
    let e = run(&p, &mut a, &Ctx::new(0)).unwrap_err().to_string();
    assert!(e.contains("zero") && e.contains("0, 1, 2"), "{e}");
    assert!(a.obs().get("louvain_R").is_none());
}
