//! What many runs agree on.

use proptest::prelude::*;
use tegula_algo::cluster::scc::ClusterMethod;
use tegula_algo::cluster::{Consensus, ConsensusParams, Objective, Partition, combine, consensus};
use tegula_algo::metrics::ari;
use tegula_core::{AnnData, Column, Ctx, Error, Frame, Graph, Labels, Step, run};

use crate::cluster::{KARATE, any_graph, components_inside, unweighted};
use crate::graph::same_for_any_threads;

/// Five planted groups of 60 nodes, so weakly tied that no two runs agree, and the groups.
fn planted(salt: u64) -> (Graph, Vec<u32>) {
    let mut state = salt;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 % 10_000
    };
    let group = |i: u32| i / 60;
    let mut edges = Vec::new();
    for i in 0..300 {
        edges.extend((0..i).filter(|&j| next() < if group(i) == group(j) { 1000 } else { 300 }).map(|j| (i, j)));
    }
    (unweighted(300, &edges), (0..300).map(group).collect())
}

fn of(g: &Graph, n_runs: usize, seed: u64) -> Consensus {
    consensus(g, &ConsensusParams { n_runs, ..Default::default() }, &Ctx::new(seed)).unwrap()
}

#[test]
fn the_consensus_is_nearer_to_the_truth_than_the_runs() {
    let (mut ours, mut theirs) = (0.0, 0.0);
    for salt in 1..=4 {
        let (g, truth) = planted(salt);
        let truth = Labels::from_clusters(&truth);
        let found = of(&g, 20, 0);
        assert!(found.mean_ari < 0.95, "runs that agree are no test: {}", found.mean_ari);
        ours += ari(&truth, &found.partition.labels()).unwrap() / 4.0;
        theirs += found.runs.iter().map(|r| ari(&truth, &r.labels()).unwrap()).sum::<f64>() / 20.0 / 4.0;
    }
    eprintln!("planted groups: consensus {ours:.3}, runs {theirs:.3}");
    assert!(ours > theirs + 0.02, "{ours} against {theirs}");
}

#[test]
fn confidence_tells_right_from_wrong() {
    let (g, truth) = planted(1);
    let found = of(&g, 20, 0);
    // Right is what most of its consensus cluster belongs to.
    let share = |c: u32, t: u32| (0..300).filter(|&i| found.partition.membership[i] == c && truth[i] == t).count();
    let right = |i: usize| {
        (0..5).all(|t| share(found.partition.membership[i], t) <= share(found.partition.membership[i], truth[i]))
    };
    let mean = |wanted: bool| {
        let all: Vec<f64> = (0..300).filter(|&i| right(i) == wanted).map(|i| found.confidence[i]).collect();
        assert!(all.len() > 5, "{}", all.len());
        all.iter().sum::<f64>() / all.len() as f64
    };
    let (sure, unsure) = (mean(true), mean(false));
    assert!(sure > unsure + 0.05, "{sure} against {unsure}");
}

#[test]
fn numbers_are_what_they_are_called() {
    let (g, _) = planted(2);
    let found = of(&g, 6, 3);
    let labels: Vec<Labels> = found.runs.iter().map(Partition::labels).collect();
    let pairs = (0..6).flat_map(|a| (0..a).map(move |b| (a, b)));
    let mean = pairs.map(|(a, b)| ari(&labels[a], &labels[b]).unwrap()).sum::<f64>() / 15.0;
    assert!((found.mean_ari - mean).abs() < 1e-12);
    for i in [0, 77, 299] {
        let inside = |m: &[u32], j: usize| m[j] == m[i];
        let share = |m: &[u32]| {
            let b = &found.partition.membership;
            let both = (0..300).filter(|&j| inside(m, j) && inside(b, j)).count() as f64;
            both / (0..300).filter(|&j| inside(m, j) || inside(b, j)).count() as f64
        };
        let wanted = found.runs.iter().map(|r| share(&r.membership)).sum::<f64>() / 6.0;
        assert!((found.confidence[i] - wanted).abs() < 1e-12);
    }
    assert!(
        (found.partition.quality - Objective::Modularity.quality(&g, &found.partition.membership, 1.0)).abs() < 1e-12
    );
}

#[test]
fn one_run_is_its_own_consensus_and_sure_of_it() {
    let (g, _) = planted(3);
    let found = of(&g, 1, 0);
    assert_eq!(found.partition.membership, found.runs[0].membership);
    assert!(found.mean_ari == 1.0 && found.confidence.iter().all(|&c| c == 1.0));
    for n in [0, 1, 3] {
        let found = of(&unweighted(n, &[]), 4, 0);
        assert_eq!((found.partition.n_clusters, found.mean_ari), (n, 1.0));
    }
}

#[test]
fn resolutions_and_numbers_of_clusters_are_run_through() {
    let g = unweighted(34, &KARATE);
    let params = ConsensusParams { n_runs: 3, resolution: vec![0.5, 1.0, 2.0], ..Default::default() };
    let found = consensus(&g, &params, &Ctx::new(0)).unwrap();
    let at: Vec<f64> = found.runs.iter().map(|r| r.resolution).collect();
    assert_eq!(at, [0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    assert!(found.mean_ari < 0.9 && found.confidence.iter().all(|&c| c > 0.0 && c <= 1.0));
    let params = ConsensusParams { n_clusters: Some(2), cluster_method: ClusterMethod::Louvain, ..Default::default() };
    let found = consensus(&g, &params, &Ctx::new(0)).unwrap();
    assert!(found.runs.iter().all(|r| r.n_clusters == 2));
    assert_eq!(found.partition.n_clusters, 2);
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let (g, _) = planted(4);
    same_for_any_threads(|| of(&g, 8, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_consensus_is_sound(g in any_graph(), n_runs in 1usize..6, gamma in 0.2f64..2.0, seed in 0u64..20) {
        let params = ConsensusParams { n_runs, resolution: vec![gamma, 1.0], ..Default::default() };
        let found = consensus(&g, &params, &Ctx::new(seed)).unwrap();
        let p = &found.partition;
        prop_assert_eq!(components_inside(&g, &p.membership), p.n_clusters, "connected");
        prop_assert!(found.confidence.iter().all(|&c| c > 0.0 && c <= 1.0 + 1e-12));
        prop_assert!(found.mean_ari <= 1.0 + 1e-12);
        let size = |c: usize| p.membership.iter().filter(|&&m| m as usize == c).count();
        prop_assert!((1..p.n_clusters).all(|c| size(c - 1) >= size(c)));
    }
}

#[test]
fn the_step_writes_clusters_confidence_and_facts() {
    let mut a = AnnData::new(None, Frame::with_range_index(34), Frame::default()).unwrap();
    a.set_obsp("scc_connectivities", unweighted(34, &KARATE).into_csr()).unwrap();
    let e = run(&ConsensusParams::default(), &mut a, &Ctx::new(0)).unwrap_err();
    assert!(matches!(e, Error::Missing { .. }), "{e}");
    let params = ConsensusParams { obsp: Some("scc_connectivities".into()), n_runs: 5, ..Default::default() };
    let outcome = run(&params, &mut a, &Ctx::new(0)).unwrap();
    let expected = of(&unweighted(34, &KARATE), 5, 0);
    assert_eq!(a.labels("consensus").unwrap(), expected.partition.labels());
    let confidence = a.obs().get("consensus_confidence").and_then(Column::to_f64).unwrap();
    assert_eq!(confidence, expected.confidence);
    assert_eq!(outcome["mean_ari"].as_f64(), Some(expected.mean_ari));
    let noted = a.uns()["consensus"].as_dict().unwrap();
    let runs = noted["runs"].as_dict().unwrap();
    assert!(["resolution", "n_clusters", "quality", "ari"].iter().all(|k| runs[*k].n_rows() == Some(5)));
    let bad = [
        ConsensusParams { n_runs: 0, ..Default::default() },
        ConsensusParams { resolution: vec![], ..Default::default() },
        ConsensusParams { resolution: vec![1.0, f64::NAN], ..Default::default() },
        ConsensusParams { n_iterations: 0, ..Default::default() },
        ConsensusParams { n_clusters: Some(0), ..Default::default() },
        ConsensusParams { key_added: String::new(), ..Default::default() },
        ConsensusParams { obsp: Some("a".into()), neighbors_key: Some("b".into()), ..Default::default() },
    ];
    for p in bad {
        assert!(matches!(p.validate(), Err(Error::Param { .. })), "{p:?}");
    }
}

#[test]
fn labels_of_several_methods_are_combined() {
    let mut a = AnnData::new(None, Frame::with_range_index(7), Frame::default()).unwrap();
    let column = |text: &str| Labels::from_strings(&text.chars().map(|c| c.to_string()).collect::<Vec<_>>());
    for (key, text) in [("one", "aaaabbb"), ("two", "xxxyyyy"), ("three", "ppppqqr")] {
        a.set_obs(key, column(text)).unwrap();
    }
    let keys = ["one", "two", "three"].map(String::from).to_vec();
    let params = ConsensusParams { keys: keys.clone(), ..Default::default() };
    let outcome = run(&params, &mut a, &Ctx::new(0)).unwrap();
    let found = combine(&keys.iter().map(|k| a.labels(k).unwrap()).collect::<Vec<_>>()).unwrap();
    assert_eq!(found.labels.codes(), [0, 0, 0, 0, 1, 1, 1]);
    assert_eq!(a.labels("consensus").unwrap(), found.labels);
    // |C ∩ B| / |C ∪ B| by hand: 4/4, 3/4, 4/4 for the first; 3/3, 3/4, 2/3 for the fifth.
    assert!((found.confidence[0] - 2.75 / 3.0).abs() < 1e-15);
    assert!((found.confidence[4] - (1.0 + 0.75 + 2.0 / 3.0) / 3.0).abs() < 1e-15);
    let pair = |x: &str, y: &str| ari(&a.labels(x).unwrap(), &a.labels(y).unwrap()).unwrap();
    let mean = (pair("one", "two") + pair("one", "three") + pair("two", "three")) / 3.0;
    assert!((outcome["mean_ari"].as_f64().unwrap() - mean).abs() < 1e-15);
    let refused = ConsensusParams { keys: vec!["one".into()], ..Default::default() }.validate().unwrap_err();
    assert!(refused.to_string().contains("at least two"), "{refused}");
    a.set_obs("gap", Labels::new(vec![0, 0, 0, -1, 0, 0, 0], vec!["g".into()], false).unwrap()).unwrap();
    let params = ConsensusParams { keys: vec!["one".into(), "gap".into()], ..Default::default() };
    let refused = run(&params, &mut a, &Ctx::new(0)).unwrap_err().to_string();
    assert!(refused.contains("obs[\"gap\"]") && refused.contains("no label"), "{refused}");
}
