//! Mixtures of Gaussians against R's mclust 6.0.0, and by their properties.

use serde_json::Value as Json;
use tegula_algo::cluster::MclustParams;
use tegula_algo::cluster::mclust::{Estimate, Fit, Init, Model, Points, em, estimate, mclust, start};
use tegula_core::{AnnData, Ctx, Error, Frame, Labels, Step, Value};

use crate::data::data;
use crate::graph::same_for_any_threads;
use crate::kmeans::blobs;

/// R's results for faithful, iris and diabetes, if they are on this machine.
fn golden() -> Vec<(String, Json)> {
    let Some(folder) = data("golden/mclust") else { return Vec::new() };
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
    let first = estimate(points, model, from, g, None).unwrap();
    let params = MclustParams { max_iter: 10_000, ..MclustParams::default() };
    em(points, model, first, false, &params, &Ctx::default()).unwrap().unwrap()
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
            let found = estimate(&points, model, &from, g, None).unwrap();
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
        "mixture: the covariances of VVV with [2] components are singular; take `prior`, fewer components, a simpler model \
         (EEI, VVI) or fewer columns (n_pcs)"
    );
    // A line stays one whatever is added along it.
    let e = mclust(&line, None, &MclustParams { prior: true, ..with(2, "VVV") }, &Ctx::default()).unwrap_err();
    assert!(e.to_string().contains("singular; take fewer components"), "{e}");
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

/// Three groups in three columns, the last of four observations only: too few for a covariance of their own.
fn few() -> (Points, Vec<u32>) {
    let (n, d) = (64, 3);
    let all = blobs(n, d, 2, 3.0);
    let points = Points::new(d, all.data().iter().map(|&x| f64::from(x)).collect()).unwrap();
    (points, (0..n as u32).map(|i| if i >= 60 { 2 } else { i % 2 }).collect())
}

/// Counts, means and scatters of groups, the mean and the covariance of all.
struct Groups {
    counts: Vec<f64>,
    means: Vec<Vec<f64>>,
    scatters: Vec<faer::Mat<f64>>,
    mean: Vec<f64>,
    covariance: faer::Mat<f64>,
}

fn groups(rows: &[Vec<f64>], labels: &[u32], g: usize) -> Groups {
    let d = rows[0].len();
    let mean = |of: &[&Vec<f64>]| (0..d).map(|j| of.iter().map(|r| r[j]).sum::<f64>() / of.len() as f64).collect();
    let scatter = |of: &[&Vec<f64>], m: &Vec<f64>| {
        faer::Mat::from_fn(d, d, |i, j| of.iter().map(|r| (r[i] - m[i]) * (r[j] - m[j])).sum())
    };
    let part =
        |k: usize| rows.iter().zip(labels).filter(|(_, c)| **c as usize == k).map(|(r, _)| r).collect::<Vec<_>>();
    let means: Vec<Vec<f64>> = (0..g).map(|k| mean(&part(k))).collect();
    let all: Vec<&Vec<f64>> = rows.iter().collect();
    let centre: Vec<f64> = mean(&all);
    let covariance = scatter(&all, &centre) * faer::Scale(1.0 / (rows.len() as f64 - 1.0));
    Groups {
        counts: (0..g).map(|k| part(k).len() as f64).collect(),
        scatters: (0..g).map(|k| scatter(&part(k), &means[k])).collect(),
        means,
        mean: centre,
        covariance,
    }
}

/// Table 2 of Fraley & Raftery 2007 as corrected in 2009, term by term.
#[test]
fn with_a_prior_the_estimates_are_those_of_the_paper() {
    let (points, labels) = few();
    let (n, d, g, kappa) = (64.0, 3, 3, 0.01);
    let rows: Vec<Vec<f64>> =
        blobs(64, d, 2, 3.0).data().chunks(d).map(|r| r.iter().map(|&x| f64::from(x)).collect()).collect();
    let known = groups(&rows, &labels, g);
    let (nu, share) = (d as f64 + 2.0, (g as f64).powf(2.0 / d as f64));
    let lambda = &known.covariance * faer::Scale(1.0 / share);
    let sigma2 = (0..d).map(|j| known.covariance[(j, j)]).sum::<f64>() / d as f64 / share;
    let own = |k: usize| {
        let pull = kappa * known.counts[k] / (kappa + known.counts[k]);
        let off = |i: usize| known.means[k][i] - known.mean[i];
        faer::Mat::from_fn(d, d, |i, j| known.scatters[k][(i, j)] + pull * off(i) * off(j))
    };
    let all = (1..g).fold(own(0), |sum, k| sum + own(k));
    let trace = |m: &faer::Mat<f64>| (0..d).map(|j| m[(j, j)]).sum::<f64>();
    let (df, gf) = (d as f64, g as f64);
    for model in [Model::EII, Model::VII, Model::EEI, Model::VVI, Model::EEE, Model::VVV] {
        let found = estimate(&points, model, &labels, g, Some(kappa)).unwrap();
        for k in 0..g {
            let count = known.counts[k];
            let expected = |i: usize, j: usize| match model {
                Model::EII => f64::from(u8::from(i == j)) * (sigma2 + trace(&all)) / (nu + (n + gf) * df + 2.0),
                Model::VII => f64::from(u8::from(i == j)) * (sigma2 + trace(&own(k))) / (nu + (count + 1.0) * df + 2.0),
                Model::EEI => f64::from(u8::from(i == j)) * (sigma2 + all[(i, j)]) / (nu + n + gf + 2.0),
                Model::VVI => f64::from(u8::from(i == j)) * (sigma2 + own(k)[(i, j)]) / (nu + count + 3.0),
                Model::EEE => (lambda[(i, j)] + all[(i, j)]) / (nu + n + df + gf + 1.0),
                _ => (lambda[(i, j)] + own(k)[(i, j)]) / (nu + count + df + 2.0),
            };
            let covariance = found.covariance(k);
            for e in 0..d * d {
                let expected = expected(e / d, e % d);
                assert!((covariance[e] - expected).abs() < 1e-10 * lambda[(0, 0)], "{model:?} {k} {e}");
            }
        }
        let fit = Fit { model, estimate: found, log_likelihood: 0.0, log_likelihoods: Vec::new(), converged: true };
        for (e, mean) in fit.means(&points).iter().enumerate() {
            let (k, j) = (e / d, e % d);
            let expected = (known.counts[k] * known.means[k][j] + kappa * known.mean[j]) / (known.counts[k] + kappa);
            assert!((mean - expected).abs() < 1e-10 * expected.abs().max(1.0), "{model:?}: mean {k} {j}");
        }
    }
}

#[test]
fn with_a_prior_every_model_is_at_the_top_of_the_posterior() {
    let (points, labels) = few();
    let (d, g, kappa) = (3, 3, 0.01);
    let rows: Vec<Vec<f64>> =
        blobs(64, d, 2, 3.0).data().chunks(d).map(|r| r.iter().map(|&x| f64::from(x)).collect()).collect();
    let known = groups(&rows, &labels, g);
    let (nu, share, df) = (d as f64 + 2.0, (g as f64).powf(2.0 / d as f64), d as f64);
    let sigma2 = (0..d).map(|j| known.covariance[(j, j)]).sum::<f64>() / df / share;
    for model in Model::ALL {
        let name = model.name();
        let shared = matches!(model, Model::EII | Model::EEI | Model::EEE);
        // The logarithm of what observations, means at their best, and priors add up to, but for constants.
        let posterior = |covariances: &[faer::Mat<f64>]| {
            let mut sum = 0.0;
            for (k, sigma) in covariances.iter().enumerate() {
                let inverse = faer::linalg::solvers::DenseSolveCore::inverse(&sigma.partial_piv_lu());
                let log_determinant = sigma.determinant().ln();
                let pull = kappa * known.counts[k] / (kappa + known.counts[k]);
                let off = |i: usize| known.means[k][i] - known.mean[i];
                let scatter = faer::Mat::from_fn(d, d, |i, j| known.scatters[k][(i, j)] + pull * off(i) * off(j));
                let with =
                    |m: &faer::Mat<f64>| (0..d * d).map(|e| m[(e / d, e % d)] * inverse[(e % d, e / d)]).sum::<f64>();
                sum -= 0.5 * ((known.counts[k] + 1.0) * log_determinant + with(&scatter));
                if shared && k > 0 {
                    continue;
                }
                let trace: f64 = (0..d).map(|j| inverse[(j, j)]).sum();
                sum -= 0.5
                    * match &name[1..] {
                        "II" => (nu + 2.0) / df * log_determinant + sigma2 * trace / df,
                        "EI" | "VI" => (nu + 2.0) * log_determinant + sigma2 * trace,
                        _ => (nu + df + 1.0) * log_determinant + with(&(&known.covariance * faer::Scale(1.0 / share))),
                    };
            }
            sum
        };
        let found = estimate(&points, model, &labels, g, Some(kappa)).unwrap();
        let at = |k: usize| {
            let c = found.covariance(k);
            faer::Mat::from_fn(d, d, |i, j| c[i * d + j])
        };
        let best: Vec<_> = (0..g).map(at).collect();
        let top = posterior(&best);
        let check = |what: &str, change: &dyn Fn(f64, usize, usize) -> f64| {
            let other: Vec<_> = best.iter().map(|s| faer::Mat::from_fn(d, d, |i, j| change(s[(i, j)], i, j))).collect();
            let gain = posterior(&other) - top;
            assert!(gain < 1e-6, "{name} {what}: {gain:e} better");
        };
        for factor in [0.99, 0.999, 1.001, 1.01] {
            check("volume", &|s, _, _| s * factor);
            // One axis alone, where the model stays what it is.
            let own_axes = ["EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVV", "VVV"].contains(&name);
            for axis in (0..d).filter(|_| own_axes) {
                let scale = |i: usize| if i == axis { factor } else { 1.0 };
                check("axis", &|s, i, j| s * scale(i) * scale(j));
            }
        }
    }
}

#[test]
fn a_prior_makes_singular_models_possible_and_changes_others_little() {
    let (points, labels) = few();
    assert!(estimate(&points, Model::VVV, &labels, 3, None).is_some_and(|e| e.weights.len() == 3));
    // Three observations span a plane at most.
    let three: Vec<u32> = labels.iter().enumerate().map(|(i, &c)| if i == 60 { 0 } else { c }).collect();
    let categories = vec!["a".into(), "b".into(), "c".into()];
    let given = Labels::new(three.iter().map(|&c| c as i32).collect(), categories, false).unwrap();
    let with = |prior: bool| MclustParams { model_names: vec!["VVV".into()], prior, ..MclustParams::default() };
    assert!(mclust(&points, Some(&given), &with(false), &Ctx::default()).is_err());
    let found = mclust(&points, Some(&given), &with(true), &Ctx::default()).unwrap();
    assert!(found.fit.converged && found.probabilities.iter().all(|z| z.is_finite()));
    for (name, json) in golden() {
        let points = self::points(&json);
        // The variances of diagonal models share one prior, which weighs most where columns differ in spread, as here.
        for (model, g, expected) in models(&json).filter(|m| matches!(m.0, Model::EEE | Model::VVV)) {
            let theirs = expected["em_from_hcVVV"]["loglik"].as_f64().unwrap();
            let from = labels_of(&json, g);
            let first = estimate(&points, model, &from, g, Some(0.01)).unwrap();
            let params = MclustParams { prior: true, max_iter: 10_000, ..MclustParams::default() };
            let found = em(&points, model, first, false, &params, &Ctx::default()).unwrap().unwrap();
            let each = (found.log_likelihood - theirs) / from.len() as f64;
            let row = PLAIN.iter().find(|r| r.0 == name).unwrap().1;
            let expected = row[usize::from(model == Model::VVV) * 2 + g - 2];
            assert!((each - expected).abs() < 1e-6, "{name} {model:?} {g}: {each} {expected}");
        }
    }
}

/// What the prior takes from R's log-likelihood per observation, of EEE and VVV with 2 and 3 components each: the same EM
/// with the paper's estimates written out in numpy, which without the prior ends where R does to 1e-13.
const PLAIN: [(&str, [f64; 4]); 3] = [
    ("faithful", [-0.000_272_737_282, -0.000_428_210_788, -0.000_908_382_472, -0.003_619_768_946]),
    ("iris", [-0.004_977_558_460, -0.009_291_327_970, -0.061_650_008_678, -0.083_433_065_038]),
    ("diabetes", [-0.003_055_445_951, -0.004_592_420_879, -0.024_410_415_569, -0.296_635_685_625]),
];

fn labels_of(json: &Json, g: usize) -> Vec<u32> {
    labels(&json["init"][format!("hcVVV_SVD_G{g}")])
}

#[test]
fn without_numbers_the_best_of_1_to_9_is_taken() {
    let found = mclust(&cloud(200, 3, 3), None, &MclustParams::default(), &Ctx::default()).unwrap();
    assert_eq!((found.n_components, found.table.len()), (3, 9));
    // Fewer observations than the largest number.
    let few = Points::new(1, vec![0.0, 0.1, 0.3, 5.0, 5.2, 5.1]).unwrap();
    let found = mclust(&few, None, &MclustParams::default(), &Ctx::default()).unwrap();
    assert_eq!(found.table.len(), 6);
}

#[test]
fn a_given_partition_is_where_em_starts() {
    let points = cloud(300, 4, 3);
    let from: Vec<u32> = (0..300).map(|i| i % 3).collect();
    let given = Labels::from_clusters(&from);
    let params = MclustParams { model_names: vec!["VVI".into()], max_iter: 1, ..MclustParams::default() };
    let found = mclust(&points, Some(&given), &params, &Ctx::default()).unwrap();
    assert_eq!(found.fit.estimate, estimate(&points, Model::VVI, &from, 3, None).unwrap());
    let none = Labels::new([vec![-1], vec![0; 299]].concat(), vec!["0".into()], false).unwrap();
    let e = mclust(&points, Some(&none), &params, &Ctx::default()).unwrap_err();
    assert_eq!(e.to_string(), "labels: observation 0 has none; drop it or name another column");
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

#[test]
fn more_starts_never_end_less_likely() {
    // Twelve groups from a start of thirty observations: where it ends hangs on which these are.
    let points = cloud(600, 4, 9);
    let ended = |n_init, init| {
        let model_names = vec!["EII".into()];
        let params =
            MclustParams { n_components: vec![12], model_names, subset: 30, n_init, init, ..MclustParams::default() };
        let found = mclust(&points, None, &params, &Ctx::new(1)).unwrap();
        assert_eq!(found.table.len(), 1);
        assert_eq!(found.table[0].log_likelihood, Some(found.fit.log_likelihood));
        found.fit.log_likelihood
    };
    for init in [Init::Hc, Init::Kmeans] {
        let ends = [1, 2, 4, 8].map(|n| ended(n, init));
        assert!(ends.windows(2).all(|w| w[1] >= w[0]) && ends[3] > ends[0], "{ends:?}");
    }
}
