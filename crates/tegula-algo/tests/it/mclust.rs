//! Mixtures of Gaussians against R's mclust 6.0.0, and by their properties.

use std::path::PathBuf;

use serde_json::Value as Json;
use tegula_algo::cluster::MclustParams;
use tegula_algo::cluster::mclust::{Estimate, Fit, Init, Model, Points, em, estimate, mclust, start};
use tegula_core::{AnnData, Ctx, Error, Frame, Labels, Step, Value};

use crate::graph::same_for_any_threads;
use crate::kmeans::blobs;

/// R's results for faithful, iris and diabetes, if they are on this machine.
fn golden() -> Vec<(String, Json)> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var_os("TEGULA_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = root.join("golden/mclust");
    if !folder.is_dir() {
        eprintln!("skipped: no data at {}", folder.display());
        return Vec::new();
    }
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        (name.to_owned(), serde_json::from_str(&text).unwrap())
    };
    ["faithful", "iris", "diabetes"].map(read).into()
}

fn numbers(json: &Json) -> Vec<f64> {
    match json {
        Json::Array(v) => v.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap_or(f64::NAN)],
    }
}

fn labels(json: &Json) -> Vec<u32> {
    numbers(json).iter().map(|&c| c as u32 - 1).collect()
}

fn points(json: &Json) -> Points {
    Points::new(json["d"].as_u64().unwrap() as usize, numbers(&json["X"])).unwrap()
}

/// Every fitted model of R: the model, its number of components, what R found.
fn models(json: &Json) -> impl Iterator<Item = (Model, usize, &Json)> {
    json["models"]
        .as_object()
        .unwrap()
        .values()
        .map(|m| (Model::named(m["model"].as_str().unwrap()).unwrap(), m["G"].as_u64().unwrap() as usize, m))
}

fn covariances(found: &Estimate) -> Vec<f64> {
    (0..found.weights.len()).flat_map(|k| found.covariance(k)).collect()
}

fn fit(points: &Points, model: Model, from: &[u32], g: usize) -> Fit {
    let first = estimate(points, model, from, g).unwrap();
    em(points, model, first, false, (10_000, 1e-5), "test", &Ctx::default()).unwrap().unwrap()
}

fn classes(fit: &Fit, points: &Points) -> Vec<u32> {
    let most = |z: &[f64]| (0..z.len()).max_by(|&a, &b| z[a].total_cmp(&z[b]).then(b.cmp(&a))).unwrap() as u32;
    fit.probabilities(points).chunks_exact(fit.estimate.weights.len()).map(most).collect()
}

#[test]
fn one_estimate_of_every_model_is_that_of_r() {
    for (name, json) in golden() {
        let points = points(&json);
        for (model, g, expected) in models(&json) {
            let from = labels(&json["init"][format!("hcVVV_SVD_G{g}")]);
            let found = estimate(&points, model, &from, g).unwrap();
            let sigma = numbers(&expected["mstep_from_hcVVV"]["sigma"]);
            let size = sigma.iter().fold(0.0, |m: f64, s| m.max(s.abs()));
            let off = covariances(&found).iter().zip(&sigma).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size;
            assert!(off < 1e-8, "{name} {model:?} {g}: {off:e}");
        }
    }
}

#[test]
fn em_from_a_partition_ends_where_r_ends() {
    let mut wrong = Vec::new();
    for (name, json) in golden() {
        let points = points(&json);
        for (model, g, expected) in models(&json) {
            for (init, key) in [("hcVVV_SVD", "em_from_hcVVV"), ("hcEII_VARS", "em_from_hcEII")] {
                let found = fit(&points, model, &labels(&json["init"][format!("{init}_G{g}")]), g);
                let theirs = expected[key]["loglik"].as_f64().unwrap();
                let off = (found.log_likelihood - theirs).abs() / theirs.abs();
                let class = &(if key == "em_from_hcVVV" { expected } else { &expected[key] })["classification"];
                let differ = classes(&found, &points).iter().zip(labels(class)).filter(|(a, b)| **a != *b).count();
                if off > 1e-6 || differ > 0 {
                    wrong.push(format!(
                        "{name} {model:?} {g} {init}: {off:.1e}, {differ} differ, {} {theirs} {:?} {:?}",
                        found.log_likelihood,
                        found.log_likelihoods.len(),
                        expected[key]["iterations"]
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_hierarchical_start_is_that_of_r() {
    let mut wrong = Vec::new();
    for (name, json) in golden() {
        let points = points(&json);
        for g in [2, 3] {
            let found = start(&points, g, &Ctx::default()).unwrap();
            let theirs = labels(&json["init"][format!("hcVVV_SVD_G{g}")]);
            let differ = found.iter().zip(&theirs).filter(|(a, b)| a != b).count();
            if differ > 0 {
                wrong.push(format!("{name} {g}: {differ} differ"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_choice_by_bic_is_that_of_r() {
    let mut wrong = Vec::new();
    for (name, json) in golden() {
        let points = points(&json);
        let params = MclustParams {
            n_components: (1..=9).collect(),
            model_names: vec!["all".into()],
            ..MclustParams::default()
        };
        let found = mclust(&points, None, &params, &Ctx::default()).unwrap();
        let theirs = numbers(&json["bic_table"]["values"]);
        let best = (0..theirs.len())
            .filter(|&e| !theirs[e].is_nan())
            .max_by(|&a, &b| theirs[a].total_cmp(&theirs[b]))
            .unwrap();
        for (row, theirs) in found.table.iter().zip(&theirs) {
            let off = row.bic.map_or(f64::NAN, |b| (b - theirs).abs() / theirs.abs());
            if row.bic.is_none() != theirs.is_nan() || off > 1e-5 {
                wrong.push(format!("{name} {:?} {}: {:?} {theirs} {off:.1e}", row.model, row.n_components, row.bic));
            }
        }
        let chosen = (found.fit.model, found.n_components);
        assert_eq!(chosen, (Model::ALL[best % 14], best / 14 + 1), "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cloud(n: usize, d: usize, k: usize) -> Points {
    Points::new(d, blobs(n, d, k, 3.0).data().iter().map(|&x| f64::from(x)).collect()).unwrap()
}

#[test]
fn the_log_likelihood_never_falls_and_the_order_of_observations_means_nothing() {
    let (n, d, g) = (400, 5, 3);
    let points = cloud(n, d, g);
    let from: Vec<u32> = (0..n as u32).map(|i| (i / 7) % 3).collect();
    let order: Vec<usize> = (0..n).map(|i| (i * 147) % n).collect();
    let all = blobs(n, d, g, 3.0);
    let turned = order.iter().flat_map(|&i| all.row(i)).map(|&x| f64::from(x)).collect();
    let turned = Points::new(d, turned).unwrap();
    let turned_from: Vec<u32> = order.iter().map(|&i| from[i]).collect();
    for model in Model::ALL {
        let found = fit(&points, model, &from, g);
        let steps = found.log_likelihoods.windows(2);
        // The last digits of models that iterate inside may fall.
        assert!(steps.into_iter().all(|w| w[1] >= w[0] - 1e-7 * w[0].abs()), "{model:?}: {:?}", found.log_likelihoods);
        let again = fit(&turned, model, &turned_from, g);
        assert!((found.log_likelihood - again.log_likelihood).abs() < 1e-6 * found.log_likelihood.abs(), "{model:?}");
        let (classes, again) = (classes(&found, &points), classes(&again, &turned));
        assert!(order.iter().zip(&again).all(|(&i, c)| classes[i] == *c), "{model:?}");
        let sums = found.probabilities(&points);
        assert!(sums.chunks_exact(g).all(|z| (z.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let points = cloud(3000, 6, 4);
    for init in [Init::Hc, Init::Kmeans] {
        let params = MclustParams {
            n_components: vec![3, 4],
            model_names: vec!["EEE".into(), "vev".into(), "VVI".into()],
            subset: 300,
            init,
            ..MclustParams::default()
        };
        same_for_any_threads(|| {
            let found = mclust(&points, None, &params, &Ctx::new(3)).unwrap();
            (found.table, found.probabilities, found.membership)
        });
    }
}

#[test]
fn singular_covariances_and_wrong_numbers_are_told() {
    let line = Points::new(2, (0..20).flat_map(|i| [f64::from(i), 2.0 * f64::from(i)]).collect()).unwrap();
    let with = |g: usize, model: &str| MclustParams {
        n_components: vec![g],
        model_names: vec![model.into()],
        ..MclustParams::default()
    };
    let e = mclust(&line, None, &with(2, "VVV"), &Ctx::default()).unwrap_err();
    assert_eq!(
        e.to_string(),
        "mixture: the covariances of VVV with [2] components are singular; take fewer components, a simpler model (EEI, \
         VVI) or fewer columns (n_pcs)"
    );
    let e = mclust(&line, None, &with(21, "EII"), &Ctx::default()).unwrap_err();
    assert_eq!(e.to_string(), "`n_components` of `tl.mclust` is 21; it must be at most 20, the observations");
    assert!(matches!(mclust(&line, None, &with(2, "EVX"), &Ctx::default()), Err(Error::Param { .. })));
    let same = Points::new(2, vec![1.0; 20]).unwrap();
    for model in Model::ALL {
        assert!(mclust(&same, None, &with(2, model.name()), &Ctx::default()).is_err());
        assert!(mclust(&same, None, &with(1, model.name()), &Ctx::default()).is_err());
    }
    assert!(matches!(Points::new(1, vec![f64::NAN]), Err(Error::Data { .. })));
}

#[test]
fn the_step_stores_what_r_users_look_for() {
    let mut adata = AnnData::new(None, Frame::with_range_index(90), Frame::default()).unwrap();
    adata.set_obsm("STAGATE", blobs(90, 4, 3, 0.3)).unwrap();
    let step = MclustParams { n_components: vec![3], use_rep: "STAGATE".into(), ..MclustParams::default() };
    let outcome = step.apply(&mut adata, &Ctx::default()).unwrap();
    assert_eq!(outcome["n_components"], Value::Int(3));
    let found = adata.labels("mclust").unwrap();
    assert_eq!(found.categories(), ["1", "2", "3"]);
    assert!((0..90).all(|i| found.codes()[i] == found.codes()[i % 3]));
    assert_eq!(adata.obsm()["mclust_prob"].shape_text(), "(90, 3)");
    assert!(adata.obs().get("mclust_uncertainty").unwrap().to_f64().unwrap().iter().all(|u| *u < 1e-6));
    assert_eq!(adata.uns()["mclust"].as_dict().unwrap()["covariances"].shape_text(), "(3, 4, 4)");
    // From given labels, one of which is missing.
    adata.set_obs("start", Labels::from_clusters(&[2; 90])).unwrap();
    let step = MclustParams { init_key: Some("start".into()), ..step };
    assert!(step.apply(&mut adata.clone(), &Ctx::default()).is_err(), "two groups are empty");
    adata.set_obs("start", found).unwrap();
    step.apply(&mut adata, &Ctx::default()).unwrap();
}
