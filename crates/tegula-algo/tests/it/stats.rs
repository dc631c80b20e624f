//! Statistics against scanpy, squidpy, esda, harmonypy and scikit-learn (`tests/golden/stats`), and by property.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use tegula_algo::graph::spatial_knn;
use tegula_algo::metrics::{asw_batch, lisi, lisi_coords, silhouette, silhouette_coords, silhouette_sampled};
use tegula_algo::stats::rank_genes_groups::{CorrMethod, RankGenesGroupsParams, RankMethod};
use tegula_algo::stats::spatial_autocorr::{AutocorrMode, SpatialAutocorrParams};
use tegula_algo::stats::{METHODS, RankedGenes, autocorr, co_occurrence, nhood_enrichment, rank_genes_groups};
use tegula_core::{AnnData, ArrayData, Column, Coords, Csr, Ctx, Dense, Error, Frame, Graph, Labels, Value};

use crate::graph::same_for_any_threads;

const N: usize = 60;
const G: usize = 6;

/// The tissue of `tests/golden/stats/make.py`.
fn tissue() -> (Dense, Labels, Coords) {
    let mut s = 12_345u64;
    let mut number = || {
        s = (s * 1_103_515_245 + 12_345) % (1 << 31);
        s >> 16
    };
    let draws: Vec<u64> = (0..N * G).map(|_| number()).collect();
    let groups: Vec<u32> = (0..N).map(|_| (number() % 3) as u32).collect();
    let xy = (0..2 * N).map(|_| (number() % 1000) as f64).collect();
    let value = |i: usize, j: usize| {
        let r = draws[i * G + j] % 10;
        let marked = groups[i] as usize == j % 3;
        match j {
            5 => 2.5,
            4 if r < 4 => -1.0,
            _ if r < 4 => 0.0,
            _ => (r + if marked { 3 } else { 0 }) as f32 / 4.0 - if j == 4 { 1.0 } else { 0.0 },
        }
    };
    let x = (0..N * G).map(|e| value(e / G, e % G)).collect::<Vec<_>>();
    let names = ["a", "b", "d"].map(String::from).to_vec();
    let labels = Labels::new(groups.iter().map(|&g| g as i32).collect(), names, false).unwrap();
    (Dense::new(N, G, x).unwrap(), labels, Coords::new(2, xy).unwrap())
}

/// Uneven weights, some edges in one direction only.
fn uneven(coords: &Coords) -> Graph {
    let near = spatial_knn(coords, 4).unwrap();
    let mut edges = Vec::new();
    for i in 0..N {
        for &j in near.neighbors(i).iter().filter(|&&j| !(i + j as usize).is_multiple_of(5)) {
            edges.push((i as u32, j, 1.0 + ((i * j as usize) % 3) as f32));
        }
    }
    Graph::from_edges(N, &edges).unwrap()
}

fn reference() -> BTreeMap<String, Vec<f64>> {
    let text = include_str!("../golden/stats/reference.csv");
    let line = |l: &str| {
        let (name, numbers) = l.split_once(',').unwrap();
        (name.to_owned(), numbers.split(',').map(|v| v.parse().unwrap()).collect())
    };
    text.lines().map(line).collect()
}

fn near(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (k, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((g - e).abs() <= tolerance * e.abs().max(1e-3), "{what}[{k}]: {g} for {e}");
    }
}

/// What is listed gene by gene, in the order of the genes, group after group.
fn in_order(groups: &[RankedGenes], f: impl Fn(&RankedGenes) -> &Vec<f64>) -> Vec<f64> {
    let of = |g: &RankedGenes| {
        let mut values = vec![f64::NAN; g.genes.len()];
        g.genes.iter().zip(f(g)).for_each(|(&j, &v)| values[j] = v);
        values
    };
    groups.iter().flat_map(of).collect()
}

#[test]
fn ranked_genes_are_those_of_scanpy() {
    let (x, labels, _) = tissue();
    let expected = reference();
    let (w, t) = (RankMethod::Wilcoxon, RankMethod::TTest);
    for (name, method, tie_correct, reference, corr_method) in [
        ("wilcoxon", w, false, "rest", CorrMethod::BenjaminiHochberg),
        ("wilcoxon_ties", w, true, "rest", CorrMethod::BenjaminiHochberg),
        ("wilcoxon_b", w, true, "b", CorrMethod::BenjaminiHochberg),
        ("t", t, false, "rest", CorrMethod::BenjaminiHochberg),
        ("overestim", RankMethod::TTestOverestimVar, false, "rest", CorrMethod::BenjaminiHochberg),
        ("t_b", t, false, "b", CorrMethod::Bonferroni),
    ] {
        let params = RankGenesGroupsParams {
            method,
            tie_correct,
            reference: reference.into(),
            corr_method,
            ..Default::default()
        };
        let sparse = rank_genes_groups(&Csr::from_dense(&x).into(), &labels, &params, None, &Ctx::default()).unwrap();
        let dense = rank_genes_groups(&x.clone().into(), &labels, &params, None, &Ctx::default()).unwrap();
        assert_eq!(sparse, dense);
        let of = |what: &str| &expected[&format!("{name}_{what}")];
        // scanpy keeps scores and fold changes in 32 bits.
        near(name, &in_order(&sparse.groups, |g| &g.scores), of("scores"), 1e-6);
        near(name, &in_order(&sparse.groups, |g| &g.logfoldchanges), of("logfoldchanges"), 1e-6);
        near(name, &in_order(&sparse.groups, |g| &g.pvals), of("pvals"), 1e-9);
        near(name, &in_order(&sparse.groups, |g| &g.pvals_adj), of("pvals_adj"), 1e-9);
        near(name, &sparse.pts.iter().flat_map(|p| p.1.clone()).collect::<Vec<_>>(), of("pts"), 1e-12);
        for g in &sparse.groups {
            assert!(g.scores.is_sorted_by(|a, b| a >= b), "{name}: best first");
        }
    }
}

#[test]
fn rank_sums_by_hand() {
    // Values 0 0 | 1 3: mean rank of the zeros 1.5; the second group's ranks are 3 and 4, of the expected 5 in all.
    let x = Dense::new(4, 1, vec![0.0, 0.0, 1.0, 3.0]).unwrap();
    let labels = Labels::from_strings(&["p", "p", "q", "q"]);
    let params = RankGenesGroupsParams { method: RankMethod::Wilcoxon, ..Default::default() };
    let found = rank_genes_groups(&x.into(), &labels, &params, None, &Ctx::default()).unwrap();
    near("z", &found.groups[1].scores, &[2.0 / (4.0f64 * 5.0 / 12.0).sqrt()], 1e-12);
    // Means 0 and 2: log2((e² − 1 + 1e-9) / 1e-9).
    near("fold", &found.groups[1].logfoldchanges, &[((2f64.exp_m1() + 1e-9) / 1e-9).log2()], 1e-12);
}

#[test]
fn a_base_of_the_logarithm_changes_fold_changes_alone() {
    let (x, labels, _) = tissue();
    let params = RankGenesGroupsParams::default();
    let with = |base| rank_genes_groups(&x.clone().into(), &labels, &params, base, &Ctx::default()).unwrap();
    let (e, two) = (with(None), with(Some(2.0)));
    assert_eq!(e.groups[0].scores, two.groups[0].scores);
    assert_ne!(e.groups[0].logfoldchanges, two.groups[0].logfoldchanges);
    assert_eq!(with(Some(std::f64::consts::E)), e);
}

#[test]
fn groups_that_cannot_be_compared_are_named() {
    let (x, labels, _) = tissue();
    let x: tegula_core::Matrix = x.into();
    let fails = |labels: &Labels, params: RankGenesGroupsParams| {
        rank_genes_groups(&x, labels, &params, None, &Ctx::default()).unwrap_err().to_string()
    };
    let base = RankGenesGroupsParams::default;
    assert!(fails(&labels, RankGenesGroupsParams { reference: "z".into(), ..base() }).contains("`z`"));
    assert!(fails(&labels, RankGenesGroupsParams { groups: vec!["y".into()], ..base() }).contains("`y`"));
    assert!(fails(&labels, RankGenesGroupsParams { groups: vec!["a".into(); 2], ..base() }).contains("twice"));
    assert!(fails(&Labels::from_clusters(&[0; N]), base()).contains("one group"));
    let mut single = [0u32; N];
    single[7] = 1;
    assert!(fails(&Labels::from_clusters(&single), base()).contains("`1` has 1 observations"));
    assert!(matches!(
        rank_genes_groups(&x, &Labels::from_clusters(&[0, 1]), &base(), None, &Ctx::default()),
        Err(Error::Shape { .. })
    ));
}

#[test]
fn autocorrelation_is_that_of_squidpy_and_esda() {
    let (x, _, coords) = tissue();
    let expected = reference();
    let graph = uneven(&coords);
    let genes = Csr::from_dense(&x).transpose();
    for (mode, word) in [(AutocorrMode::Moran, "moran"), (AutocorrMode::Geary, "geary")] {
        for (transformation, rule) in [(true, "rows"), (false, "plain")] {
            let params =
                SpatialAutocorrParams { mode, transformation, two_tailed: !transformation, ..Default::default() };
            let found = autocorr(&genes, &graph, &params, &Ctx::default()).unwrap();
            let of = |what: &str| &expected[&format!("{word}_{rule}_{what}")];
            near("score", &found.score[..5], of("score"), 1e-9);
            near("pval_norm", &found.pval_norm[..5], of("p"), 1e-9);
            near("var_norm", &[found.var_norm; 5], of("var"), 1e-9);
            near("var_rand", &found.var_rand[..5], of("rand"), 1e-9);
            assert!(found.score[5].is_nan() && found.pval_norm[5].is_nan(), "a constant gene says nothing");
        }
    }
}

#[test]
fn autocorrelation_by_hand() {
    let line = Graph::from_edges(4, &[(0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0), (2, 1, 1.0), (2, 3, 1.0), (3, 2, 1.0)]);
    let gene = Csr::from_dense(&Dense::new(1, 4, vec![0.0, 0.0, 2.0, 2.0]).unwrap());
    let of = |mode| {
        let params = SpatialAutocorrParams { mode, transformation: false, ..Default::default() };
        autocorr(&gene, line.as_ref().unwrap(), &params, &Ctx::default()).unwrap().score
    };
    // Deviations −1 −1 1 1, six weights: (4 / 6) (1 − 1 + 1) 2 / 4.
    near("I", &of(AutocorrMode::Moran), &[1.0 / 3.0], 1e-12);
    // One step of 2, both ways: 3 · 8 / (2 · 6 · 4).
    near("C", &of(AutocorrMode::Geary), &[0.5], 1e-12);
    let alone = Graph::from_edges(4, &[]).unwrap();
    let none = autocorr(&gene, &alone, &SpatialAutocorrParams::default(), &Ctx::default());
    assert!(matches!(none, Err(Error::Data { .. })));
}

/// The variance of the score over relabellings is known exactly, so simulating it must come out there.
#[test]
fn permutations_agree_with_the_variance_at_random() {
    let (x, _, coords) = tissue();
    let genes = Csr::from_dense(&x).transpose().select_rows(&[0, 1, 2, 3, 4]);
    for mode in [AutocorrMode::Moran, AutocorrMode::Geary] {
        let params = SpatialAutocorrParams { mode, n_perms: Some(4000), ..Default::default() };
        let found = same_for_any_threads(|| autocorr(&genes, &uneven(&coords), &params, &Ctx::new(3)).unwrap());
        let sim = found.simulated.unwrap();
        near("variance", &sim.var_sim, &found.var_rand, 0.12);
        for f in 0..5 {
            assert!((sim.pval_z_sim[f] - found.pval_rand[f]).abs() < 0.03, "{f}");
            assert!((sim.pval_sim[f] - found.pval_rand[f]).abs() < 0.05, "{f}");
        }
    }
}

#[test]
fn enrichment_and_co_occurrence_are_those_of_squidpy() {
    let (_, labels, coords) = tissue();
    let expected = reference();
    let graph = uneven(&coords);
    let found = nhood_enrichment(&graph, &labels, None, 4000, &Ctx::default()).unwrap();
    let count: Vec<f64> = found.count.iter().map(|&c| f64::from(c)).collect();
    assert_eq!(count, expected["nhood_count"]);
    for (z, e) in found.zscore.iter().zip(&expected["nhood_z"]) {
        assert!((z - e).abs() < 5.0 * (1.0 / 4000.0 + 1.0 / 10_000.0 + z * z / 2000.0f64).sqrt(), "{z} for {e}");
    }
    let thresholds: Vec<f32> = expected["interval"].iter().map(|&t| t as f32).collect();
    let found = co_occurrence(&coords, &labels, &thresholds, &Ctx::default()).unwrap();
    near("occ", &found.occ, &expected["occ"], 1e-9);
}

#[test]
fn labels_do_not_leave_their_library() {
    // Within each library all labels are alike, so dealing them anew changes nothing: 0 / 0.
    let graph = Graph::from_edges(4, &[(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)]).unwrap();
    let labels = Labels::from_clusters(&[0, 0, 1, 1]);
    let found = nhood_enrichment(&graph, &labels, Some(&labels), 50, &Ctx::default()).unwrap();
    assert_eq!(found.count, [1, 1, 0, 1]);
    assert!(found.zscore.iter().all(|z| z.is_nan()));
}

#[test]
fn mixing_is_that_of_harmonypy_scib_and_scikit_learn() {
    let (_, labels, coords) = tissue();
    let expected = reference();
    let points = Dense::new(N, 2, (0..N).flat_map(|i| coords.point(i)).map(|&v| v as f32).collect::<Vec<_>>()).unwrap();
    near("lisi", &lisi_coords(&coords, &labels, 5.0).unwrap(), &expected["lisi"], 1e-9);
    near("lisi", &lisi(&points, &labels, 5.0, &Ctx::default()).unwrap(), &expected["lisi"], 1e-9);
    let batch = Labels::from_clusters(&(0..N as u32).map(|i| i % 2).collect::<Vec<_>>());
    near("asw", &[asw_batch(&points, &batch, &labels, &Ctx::default()).unwrap()], &expected["asw_batch"], 1e-9);
    near("silhouette", &[silhouette_coords(&coords, &labels, &Ctx::default()).unwrap()], &expected["silhouette"], 1e-9);
    assert!(matches!(lisi_coords(&coords, &labels, 21.0), Err(Error::Param { .. })));
    // All at one place: every neighbour weighs the same.
    let one = Coords::new(2, vec![1.0; 24]).unwrap();
    let halves = Labels::from_clusters(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    assert!(lisi_coords(&one, &halves, 3.0).unwrap().iter().all(|l| l.is_finite() && *l > 1.5));
}

#[test]
fn a_sampled_silhouette_lies_within_its_error() {
    let (points, labels, _) = crate::metrics::reference_points();
    let exact = silhouette(&points, &labels, &Ctx::default()).unwrap();
    let (all, none) = silhouette_sampled(&points, &labels, 200, &Ctx::default()).unwrap();
    assert_eq!((all, none), (exact, 0.0));
    let runs: Vec<(f64, f64)> =
        (0..200).map(|seed| silhouette_sampled(&points, &labels, 50, &Ctx::new(seed)).unwrap()).collect();
    let within = runs.iter().filter(|(s, e)| (s - exact).abs() < 2.0 * e).count();
    assert!((180..=200).contains(&within), "{within} of 200 within two standard errors");
    same_for_any_threads(|| silhouette_sampled(&points, &labels, 50, &Ctx::new(1)).unwrap());
}

fn stored() -> AnnData {
    let (x, labels, coords) = tissue();
    let genes = Frame::new((0..G).map(|j| format!("g{j}")).collect());
    let mut adata = AnnData::new(Some(Csr::from_dense(&x).into()), Frame::with_range_index(N), genes).unwrap();
    adata.set_obs("c", labels).unwrap();
    adata.set_obs("depth", Column::Float((0..N).map(|i| 1e6 + coords.point(i)[0]).collect())).unwrap();
    adata.set_obsp("spatial_connectivities", uneven(&coords).into_csr()).unwrap();
    adata.set_obsm("spatial", &coords).unwrap();
    adata
}

fn run(id: &str, params: serde_json::Value, adata: &mut AnnData) -> tegula_core::Result<tegula_core::Dict> {
    METHODS.iter().find(|m| m.id() == id).unwrap().step(params).and_then(|s| s.run(adata, &Ctx::new(1)))
}

#[test]
fn slots_are_those_of_scanpy_and_squidpy() {
    let mut adata = stored();
    let params = json!({"groupby": "c", "method": "wilcoxon", "n_genes": 2, "pts": true});
    run("tl.rank_genes_groups", params, &mut adata).unwrap();
    let found = adata.uns()["rank_genes_groups"].as_dict().unwrap();
    let Value::Records(names) = &found["names"] else { panic!("{found:?}") };
    assert_eq!(names.fields().keys().collect::<Vec<_>>(), ["a", "b", "d"]);
    assert_eq!(names.get("a"), Some(&ArrayData::Str(vec!["g0".into(), "g3".into()])));
    let Value::Records(scores) = &found["scores"] else { panic!("{found:?}") };
    assert!(matches!(scores.get("a"), Some(ArrayData::F32(v)) if v.len() == 2));
    assert!(matches!(&found["pts"], Value::Frame(f) if f.n_rows() == G && f.columns().len() == 3));
    assert_eq!(found["params"].as_dict().unwrap()["method"].as_str(), Some("wilcoxon"));

    run("tl.spatial_autocorr", json!({"n_perms": 20}), &mut adata).unwrap();
    let Value::Frame(table) = &adata.uns()["moranI"] else { panic!("no table") };
    let columns: Vec<&str> = table.columns().keys().map(String::as_str).collect();
    assert_eq!(columns[..3], ["I", "pval_norm", "var_norm"]);
    assert!(columns.contains(&"pval_sim_fdr_bh") && columns.contains(&"var_sim"));
    let scores = table.get("I").unwrap().to_f64().unwrap();
    assert!(scores[..5].is_sorted_by(|a, b| a >= b) && scores[5].is_nan());
    assert_eq!(table.index()[5], "g5");
    let params = json!({"attr": "obs", "genes": ["depth"], "mode": "geary", "corr_method": null});
    run("tl.spatial_autocorr", params, &mut adata).unwrap();
    let Value::Frame(table) = &adata.uns()["gearyC"] else { panic!("no table") };
    // A large mean costs no digits: the same as without it.
    let (_, _, coords) = tissue();
    let plain = Dense::new(1, N, (0..N).map(|i| coords.point(i)[0] as f32).collect::<Vec<_>>()).unwrap();
    let params = SpatialAutocorrParams { mode: AutocorrMode::Geary, ..Default::default() };
    let plain = autocorr(&Csr::from_dense(&plain), &uneven(&coords), &params, &Ctx::default()).unwrap();
    near("C", &table.get("C").unwrap().to_f64().unwrap(), &plain.score, 1e-9);

    // A column of obsm is measured as the same numbers in obs are; named by number as squidpy does.
    let one = |adata: &AnnData| {
        let Value::Frame(table) = &adata.uns()["moranI"] else { panic!("no table") };
        (table.index().to_vec(), table.get("I").unwrap().to_f64().unwrap())
    };
    run("tl.spatial_autocorr", json!({"attr": "obs", "genes": ["depth"]}), &mut adata).unwrap();
    let of_obs = one(&adata).1;
    run("tl.spatial_autocorr", json!({"attr": "obsm", "layer": "spatial", "genes": ["0"]}), &mut adata).unwrap();
    assert_eq!(one(&adata).0, ["0"]);
    near("I", &one(&adata).1, &of_obs, 1e-9);
    run("tl.spatial_autocorr", json!({"attr": "obsm", "layer": "spatial"}), &mut adata).unwrap();
    assert_eq!(one(&adata).0.len(), 2);
    let wrong = |layer: &str, genes: &[&str]| json!({"attr": "obsm", "layer": layer, "genes": genes});
    assert!(matches!(run("tl.spatial_autocorr", wrong("nowhere", &[]), &mut adata), Err(Error::Missing { .. })));
    assert!(matches!(run("tl.spatial_autocorr", wrong("spatial", &["2"]), &mut adata), Err(Error::Data { .. })));

    run("tl.nhood_enrichment", json!({"cluster_key": "c", "n_perms": 10}), &mut adata).unwrap();
    assert!(adata.uns()["c_nhood_enrichment"].as_dict().unwrap().contains_key("zscore"));
    run("tl.co_occurrence", json!({"cluster_key": "c", "interval": 5}), &mut adata).unwrap();
    let found = adata.uns()["c_co_occurrence"].as_dict().unwrap();
    assert!(matches!(&found["occ"], Value::Array(a) if a.shape() == [3, 3, 4]));
    let Value::Array(interval) = &found["interval"] else { panic!("no thresholds") };
    near("interval", &interval.data().to_f64().unwrap(), &reference()["interval"], 1e-6);
}

#[test]
fn wrong_calls_name_the_way_out_and_store_nothing() {
    let mut adata = stored();
    let before: Vec<String> = adata.uns().keys().cloned().collect();
    for (id, params, says) in [
        ("tl.rank_genes_groups", json!({"groupby": "absent"}), "absent"),
        ("tl.rank_genes_groups", json!({"groupby": "c", "n_genes": 0}), "at least 1"),
        ("tl.rank_genes_groups", json!({"groupby": "c", "use_raw": true}), "raw"),
        ("tl.rank_genes_groups", json!({"groupby": "c", "mask_var": "absent"}), "absent"),
        ("tl.rank_genes_groups", json!({"groupby": "depth"}), "category"),
        ("tl.spatial_autocorr", json!({"genes": ["absent"]}), "`absent`"),
        ("tl.spatial_autocorr", json!({"attr": "obs"}), "columns"),
        ("tl.spatial_autocorr", json!({"attr": "obs", "genes": ["c"]}), "numbers"),
        ("tl.spatial_autocorr", json!({"connectivity_key": "absent"}), "pp.spatial_neighbors"),
        ("tl.nhood_enrichment", json!({"cluster_key": "c", "n_perms": 0}), "at least 1"),
        ("tl.co_occurrence", json!({"cluster_key": "c", "interval": 1}), "at least 2"),
        ("tl.co_occurrence", json!({"cluster_key": "c", "thresholds": [1.0]}), "at least 2"),
    ] {
        let message = run(id, params.clone(), &mut adata).unwrap_err().to_string();
        assert!(message.contains(says), "{id} {params}: {message}");
    }
    assert_eq!(adata.uns().keys().cloned().collect::<Vec<_>>(), before);
}

#[test]
fn threads_do_not_change_a_bit_of_statistics() {
    let (x, labels, coords) = tissue();
    let graph = uneven(&coords);
    same_for_any_threads(|| {
        let params = RankGenesGroupsParams { method: RankMethod::Wilcoxon, ..Default::default() };
        let ranked = rank_genes_groups(&x.clone().into(), &labels, &params, None, &Ctx::default()).unwrap();
        let z = nhood_enrichment(&graph, &labels, None, 30, &Ctx::new(2)).unwrap();
        (ranked, z, co_occurrence(&coords, &labels, &[0.0, 100.0, 500.0], &Ctx::default()).unwrap())
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The order of the observations is of no consequence, nor are the names of the groups.
    #[test]
    fn shuffled_observations_give_the_same_statistics(order in Just((0..N).collect::<Vec<_>>()).prop_shuffle()) {
        let (x, labels, coords) = tissue();
        let ctx = Ctx::default();
        let params = RankGenesGroupsParams { method: RankMethod::Wilcoxon, tie_correct: true, ..Default::default() };
        let straight = rank_genes_groups(&x.clone().into(), &labels, &params, None, &ctx).unwrap();
        let mixed = rank_genes_groups(&x.select_rows(&order).into(), &labels.select(&order), &params, None, &ctx).unwrap();
        for (a, b) in straight.groups.iter().zip(&mixed.groups) {
            prop_assert_eq!(&a.scores, &b.scores);
            prop_assert_eq!(&a.genes, &b.genes);
        }
        let places = Coords::new(2, order.iter().flat_map(|&i| coords.point(i)).copied().collect()).unwrap();
        let renamed = Labels::new(labels.codes().iter().map(|c| 2 - c).collect(), labels.categories().to_vec(), false).unwrap();
        let thresholds = [0.0, 150.0, 400.0];
        let a = co_occurrence(&coords, &labels, &thresholds, &ctx).unwrap().occ;
        let b = co_occurrence(&places, &renamed.select(&order), &thresholds, &ctx).unwrap().occ;
        for (i, j, r) in (0..18).map(|e| (e / 6, e / 2 % 3, e % 2)) {
            prop_assert_eq!(a[(i * 3 + j) * 2 + r], b[((2 - i) * 3 + 2 - j) * 2 + r]);
        }
        let genes = Csr::from_dense(&x.select_cols(&[0, 1, 2, 3, 4])).transpose();
        let moved = Csr::from_dense(&x.select_cols(&[0, 1, 2, 3, 4]).select_rows(&order)).transpose();
        let params = SpatialAutocorrParams::default();
        let graph = |c: &Coords| Graph::from_csr(&spatial_knn(c, 4).unwrap().distance_csr()).unwrap();
        let a = autocorr(&genes, &graph(&coords), &params, &ctx).unwrap();
        let b = autocorr(&moved, &graph(&places), &params, &ctx).unwrap();
        for f in 0..5 {
            prop_assert!((a.score[f] - b.score[f]).abs() < 1e-9);
        }
    }
}
