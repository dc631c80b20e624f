//! Embeddings against the reference's numbers.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::json;
use tegula_algo::embed::{
    Balance, Exact, METHODS, Method, Points, SpasneParams, SpasneScreenParams, Stage, Terms, TsneParams, spasne,
    spasne_screen, tsne,
};
use tegula_algo::linalg::panel::Real;
use tegula_algo::metrics::{ScoreOptions, score_embedding, score_stored_embedding};
use tegula_core::{AnnData, Coords, Ctx, Dense, Error, Frame, Matrix, Outcome, Progress, Signal, Value};

use crate::data::data;
use crate::graph::same_for_any_threads;
use crate::scc::npy;

fn golden_terms<T: Real>(folder: &Path) -> Terms<T> {
    let (d, x) = npy(&folder.join("X_raw.npy"));
    let (_, s) = npy(&folder.join("pixels.npy"));
    let (x, s) = (Points::scaled(d, x).unwrap(), Points::centred(2, s, "positions").unwrap());
    Terms::new(&x, Some(&s), 50.0, Balance { alpha: 1.0, beta: 1.0 }, &Ctx::default()).unwrap()
}

/// The largest difference to the reference, as a share of its largest number.
fn distance(found: impl Fn(usize, usize) -> f64, (width, expected): &(usize, Vec<f64>)) -> f64 {
    let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let differences = expected.iter().enumerate().map(|(k, v)| (v - found(k / width, k % width)).abs());
    differences.fold(0.0, f64::max) / largest
}

const BALANCES: [(&str, f64, f64); 4] =
    [("a0_b0", 0.0, 0.0), ("a9_b4", 9.0, 4.0), ("a9_b2.25", 9.0, 2.25), ("a10_b5", 10.0, 5.0)];

fn check_golden<T: Real>(tolerance: f64) {
    let Some(folder) = data("golden/spasne") else { return };
    let terms = golden_terms::<T>(&folder);
    for (name, pairs) in [
        ("P_local", &terms.local),
        ("P_global", terms.global.as_ref().unwrap()),
        ("P_space", terms.spatial.as_ref().unwrap()),
    ] {
        let mut expected = npy(&folder.join(format!("{name}.npy")));
        // The reference keeps something for a point and itself, which has no force.
        (0..200).for_each(|i| expected.1[i * 201] = 0.0);
        let off = distance(|i, j| pairs.get(i, j).to_f64(), &expected);
        assert!(off < tolerance, "{name}: {off}");
    }
    let (_, y) = npy(&folder.join("Y.npy"));
    for (name, alpha, beta) in BALANCES {
        let mut gradient = vec![0.0; y.len()];
        Exact::<T, 2>::new(&terms, Balance { alpha, beta }, 1.0).gradient(&y, &mut gradient);
        let off = distance(|i, d| gradient[2 * i + d], &npy(&folder.join(format!("grad_{name}.npy"))));
        assert!(off < tolerance, "{name}: {off}");
    }
}

/// 200 spots of the paper's breast cancer set; P, Pg, Ps and gradients of the compiled reference (`theta` 0).
#[test]
fn terms_and_gradients_are_those_of_the_reference() {
    check_golden::<f64>(1e-10);
    check_golden::<f32>(1e-5);
}

#[test]
fn divergences_are_those_of_the_reference() {
    let Some(folder) = data("golden/spasne") else { return };
    let (_, y) = npy(&folder.join("Y.npy"));
    let terms = golden_terms::<f64>(&folder);
    let found = terms.divergences(&y, 2);
    // costs.csv: the three terms, and their sum for α = 9, β = 4.
    for (found, expected) in [
        (found.local, 1.358_447_851_255_736_5),
        (found.global, 0.378_459_793_487_069_7),
        (found.spatial, 0.558_263_206_803_586_7),
        (found.total(Balance { alpha: 9.0, beta: 4.0 }), 6.997_638_819_853_713),
    ] {
        assert!((found - expected).abs() < 1e-7, "{found} {expected}");
    }
}

/// Two groups in expression, each on its half of a square of tissue.
fn two_halves(n: usize) -> (Dense, Coords) {
    let side = (n as f64).sqrt().ceil() as usize;
    let x = |i: usize| [if i < n / 2 { 0.0 } else { 9.0 }, ((i * 7) % 11) as f32 / 5.0, ((i * 3) % 13) as f32 / 6.0];
    let s = |i: usize| [(i / side) as f64, (i % side) as f64];
    let data = Dense::new(n, 3, (0..n).flat_map(x).collect::<Vec<_>>()).unwrap();
    (data, Coords::new(2, (0..n).flat_map(s).collect()).unwrap())
}

fn small() -> SpasneParams {
    SpasneParams { alpha: 5.0, beta: 1.0, perplexity: 10.0, n_iter: 300, ..Default::default() }
}

/// The reference descends along a quarter of the true gradient, α and β terms included.
#[test]
fn four_times_the_gradient_is_the_slope_of_the_objective_in_space_too() {
    let (data, coords) = two_halves(45);
    let x = Points::scaled(3, data.data().iter().map(|&v| f64::from(v)).collect()).unwrap();
    let s = Points::centred(2, coords.data().to_vec(), "positions").unwrap();
    let balance = Balance { alpha: 3.0, beta: 2.0 };
    let terms = Terms::<f64>::new(&x, Some(&s), 5.0, balance, &Ctx::default()).unwrap();
    let y: Vec<f64> = (0..135).map(|k| f64::from(k * 37 % 101) / 40.0).collect();
    let mut gradient = vec![0.0; 135];
    Exact::<f64, 3>::new(&terms, balance, 1.0).gradient(&y, &mut gradient);
    for k in [0, 1, 50, 95, 96, 134] {
        let at = |h: f64| {
            let mut moved = y.clone();
            moved[k] += h;
            terms.divergences(&moved, 3).total(balance)
        };
        let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
        assert!((slope - 4.0 * gradient[k]).abs() < 1e-5, "{k}: {slope} {}", 4.0 * gradient[k]);
    }
}

#[test]
fn groups_come_apart_for_any_threads_and_either_way() {
    let (data, coords) = two_halves(150);
    for (method, n_components) in [(Method::Exact, 2), (Method::Exact, 3), (Method::Fast, 2), (Method::Fast, 3)] {
        let params = SpasneParams { method, n_components, n_iter: 260, ..small() };
        let found = same_for_any_threads(|| spasne(&data, Some(&coords), None, &params, &Ctx::new(3)).unwrap());
        assert_eq!((found.exact, found.n_obs(), found.collapsed), (method == Method::Exact, 150, false));
        let centre = |r: std::ops::Range<usize>| -> Vec<f64> {
            let d = n_components;
            (0..d).map(|k| r.clone().map(|i| found.points[i * d + k]).sum::<f64>() / r.len() as f64).collect()
        };
        let (a, b) = (centre(0..75), centre(75..150));
        let nearer = |i: usize| {
            let p = &found.points[i * n_components..(i + 1) * n_components];
            let to = |c: &[f64]| p.iter().zip(c).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
            to(&a) < to(&b)
        };
        let right = (0..150).filter(|&i| nearer(i) == (i < 75)).count();
        assert!(right >= 148, "{method:?} in {n_components} dimensions: {right}");
    }
}

#[test]
fn spasne_without_its_terms_is_tsne() {
    let (data, coords) = two_halves(80);
    let start: Vec<f64> = (0..160).map(|k| f64::from(k * 31 % 17) * 1e-5).collect();
    let params = SpasneParams { alpha: 0.0, beta: 0.0, ..small() };
    let ours = spasne(&data, Some(&coords), Some(start.clone()), &params, &Ctx::new(0)).unwrap();
    let params = TsneParams { perplexity: 10.0, n_iter: 300, ..Default::default() };
    assert_eq!(ours.points, tsne(&data, Some(start), &params, &Ctx::new(0)).unwrap().points);
    assert!(ours.divergences.global.is_nan() && ours.divergences.spatial.is_nan());
}

/// So many are put in another order for the work; all that belongs to one has to go along, and the points to come back.
#[test]
fn many_observations_stay_themselves() {
    let n = 50_100;
    let places: Vec<f32> = (0..2 * n as u64).map(|k| (k * k * 7919 % 10_007) as f32 / 500.0).collect();
    let data = Dense::new(n, 2, places.clone()).unwrap();
    let start: Vec<f64> = places.into_iter().map(f64::from).collect();
    let coords = Coords::new(2, start.clone()).unwrap();
    let params = SpasneParams { n_iter: 1, learning_rate: Some(1e-9), perplexity: 3.0, ..small() };
    let found = spasne(&data, Some(&coords), Some(start.clone()), &params, &Ctx::new(0)).unwrap();
    let mean = |d: usize| start.iter().skip(d).step_by(2).sum::<f64>() / n as f64;
    let mean = [mean(0), mean(1)];
    assert!(found.points.iter().zip(&start).enumerate().all(|(k, (p, s))| (p + mean[k % 2] - s).abs() < 1e-6));
    // What it is to keep are its own places, those of expression scaled; another's would be 0.3 away.
    assert!(found.divergences.spatial < 1e-6 && found.divergences.global < 0.15, "{:?}", found.divergences);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Observations in another order give the same points in that order; few steps, since rounding grows with each.
    #[test]
    fn order_does_not_matter(step in prop::sample::select(vec![1usize, 7, 11, 29, 53]), seed in 0u64..100) {
        let n = 70;
        let (data, coords) = two_halves(n);
        let order: Vec<usize> = (0..n).map(|i| i * step % n).collect();
        prop_assume!(order.iter().collect::<std::collections::BTreeSet<_>>().len() == n);
        let params = SpasneParams { n_iter: 3, perplexity: 6.0, learning_rate: Some(20.0), ..small() };
        let start: Vec<f64> = (0..2 * n).map(|k| ((k as u64 * 7919 + seed) % 1000) as f64 * 1e-3).collect();
        let pick = |v: &[f64]| order.iter().flat_map(|&i| [v[2 * i], v[2 * i + 1]]).collect::<Vec<f64>>();
        let a = spasne(&data, Some(&coords), Some(start.clone()), &params, &Ctx::new(0)).unwrap();
        let other = Coords::new(2, pick(coords.data())).unwrap();
        let b = spasne(&data.select_rows(&order), Some(&other), Some(pick(&start)), &params, &Ctx::new(0)).unwrap();
        for (x, y) in pick(&a.points).iter().zip(&b.points) {
            prop_assert!((x - y).abs() < 1e-4, "{} {}", x, y);
        }
    }
}

fn tissue(n: usize) -> AnnData {
    let (data, coords) = two_halves(n);
    let mut adata = AnnData::new(None, Frame::with_range_index(n), Frame::default()).unwrap();
    adata.set_obsm("X_pca", data).unwrap();
    adata.set_obsm("spatial", &coords).unwrap();
    adata
}

fn run(adata: &mut AnnData, id: &str, params: serde_json::Value, ctx: &Ctx<'_>) -> Result<Outcome, Error> {
    let method = METHODS.iter().find(|m| m.id() == id).expect("it is registered");
    method.step(params)?.run(adata, ctx)
}

#[test]
fn the_steps_store_points_and_how_good_they_are() {
    let mut adata = tissue(90);
    let params = json!({"perplexity": 10.0, "n_iter": 260});
    let told = run(&mut adata, "tl.tsne", params.clone(), &Ctx::new(1)).unwrap();
    assert_eq!(adata.obsm()["X_tsne"].shape_text(), "(90, 2)");
    let uns = adata.uns()["tsne"].as_dict().unwrap();
    assert_eq!(uns["kl_divergence"].as_f64(), told["kl_divergence"].as_f64());
    assert_eq!(uns["params"].as_dict().unwrap()["use_rep"].as_str(), Some("X_pca"));
    run(&mut adata, "tl.spasne", params.clone(), &Ctx::new(1)).unwrap();
    let uns = adata.uns()["spasne"].as_dict().unwrap();
    for key in ["kl_divergence", "kl_global", "kl_spatial", "r1", "r2", "knn_recall"] {
        assert!(uns[key].as_f64().unwrap().is_finite(), "{key}");
    }
    // Measured again, it is what was stored.
    let options = ScoreOptions::default();
    let again = score_stored_embedding(&adata, "X_spasne", None, &options, &Ctx::default()).unwrap();
    for key in ["r1", "r2", "knn_recall", "kl_divergence", "kl_global", "kl_spatial"] {
        assert_eq!(again[key].as_f64(), uns[key].as_f64(), "{key}");
    }
    // Other starts: from there, from the tissue, from components; and into space.
    for (init, n_components) in [("array", 2), ("spatial", 2), ("spatial", 3), ("pca", 2), ("pca", 3)] {
        let mut params = json!({"perplexity": 10.0, "n_iter": 20, "init": init, "n_components": n_components});
        params["key_added"] = json!("other");
        for id in ["tl.tsne", "tl.spasne"] {
            run(&mut adata, id, params.clone(), &Ctx::new(1)).unwrap();
            assert_eq!(adata.obsm()["other"].shape_text(), format!("(90, {n_components})"), "{id} {init}");
        }
    }
}

#[test]
fn without_components_those_of_x_are_embedded() {
    let (data, coords) = two_halves(90);
    let mut adata =
        AnnData::new(Some(Matrix::from(data)), Frame::with_range_index(90), Frame::with_range_index(3)).unwrap();
    adata.set_obsm("spatial", &coords).unwrap();
    run(&mut adata, "tl.spasne", json!({"perplexity": 10.0, "n_iter": 20}), &Ctx::new(1)).unwrap();
    let params = adata.uns()["spasne"].as_dict().unwrap()["params"].as_dict().unwrap();
    assert_eq!(params["use_rep"].as_str(), Some("X"));
    assert!(!adata.obsm().contains_key("X_pca"));
}

#[test]
fn bad_input_is_refused_with_the_way_out_and_nothing_is_stored() {
    let text = |adata: &mut AnnData, id: &str, params| run(adata, id, params, &Ctx::default()).unwrap_err().to_string();
    let mut adata = tissue(60);
    for (params, expected) in [
        (json!({"perplexity": 1.5}), "`perplexity` of `tl.spasne` is 1.5; it must be at least 2"),
        (json!({"perplexity": 20.0}), "at most a third of the others: 19 for 60 observations"),
        (json!({"alpha": -1.0}), "`alpha` of `tl.spasne` is -1; it must be 0 or more"),
        (json!({"beta": -0.5}), "`beta` of `tl.spasne` is -0.5; it must be 0 or more"),
        (json!({"n_components": 4}), "it must be 2 or 3"),
        (json!({"early_exaggeration": 0.0}), "it must be at least 1"),
        (json!({"learning_rate": 0.0}), "it must be above 0, or not given"),
        (json!({"n_iter": 0}), "it must be at least 1"),
        (json!({"theta": 2.0}), "it must be from 0 to 1"),
        (json!({"n_pcs": 9, "perplexity": 5.0}), "has no more columns"),
        (json!({"spatial_key": "nowhere", "perplexity": 5.0}), "set beta to 0 to embed without them"),
        (json!({"init": "array", "init_key": "nowhere", "perplexity": 5.0}), "make that embedding first"),
        (json!({"learning_rate": 1e300, "perplexity": 5.0}), "lower learning_rate"),
    ] {
        let said = text(&mut adata, "tl.spasne", params);
        assert!(said.contains(expected), "{said}");
    }
    let said = text(&mut adata, "tl.spasne_screen", json!({"alpha": []}));
    assert!(said.contains("one or more numbers from 0 on"), "{said}");
    let all_same = |m: usize| Dense::new(60, m, vec![3.0; 60 * m]).unwrap();
    adata.set_obsm("X_pca", all_same(3)).unwrap();
    let said = text(&mut adata, "tl.tsne", json!({"perplexity": 5.0}));
    assert!(said.contains("all observations are at one point"), "{said}");
    let mut adata = tissue(60);
    adata.set_obsm("spatial", &Coords::new(2, vec![7.0; 120]).unwrap()).unwrap();
    let said = text(&mut adata, "tl.spasne", json!({"perplexity": 5.0}));
    assert!(said.contains("the positions: all observations are at one point"), "{said}");
    let nan = Dense::new(60, 1, (0..60).map(|i| if i == 9 { f32::NAN } else { 1.0 }).collect::<Vec<_>>()).unwrap();
    adata.set_obsm("X_pca", nan).unwrap();
    assert!(text(&mut adata, "tl.tsne", json!({})).contains("holds NaN"));
    assert!(!adata.obsm().contains_key("X_tsne") && adata.uns().is_empty());
}

/// Distances of 0 between observations, a column that is the same everywhere, observations of one place.
#[test]
fn duplicates_and_constant_columns_are_embedded() {
    let x = |i: usize| [(i % 4) as f32, 5.0, ((i / 4) % 3) as f32];
    let data = Dense::new(120, 3, (0..120).flat_map(x).collect::<Vec<_>>()).unwrap();
    let coords = Coords::new(2, (0..120).flat_map(|i| [f64::from(i % 2), f64::from(i % 3)]).collect()).unwrap();
    for method in [Method::Exact, Method::Fast] {
        let params = SpasneParams { method, perplexity: 8.0, n_iter: 100, ..small() };
        let found = spasne(&data, Some(&coords), None, &params, &Ctx::new(0)).unwrap();
        assert!(found.points.iter().all(|y| y.is_finite()), "{method:?}");
    }
}

/// A user who asks for something after so many looks.
struct After(usize, Signal, AtomicUsize);

impl Progress for After {
    fn poll(&self) -> Signal {
        if self.2.fetch_add(1, Ordering::Relaxed) < self.0 { Signal::Continue } else { self.1 }
    }
}

#[test]
fn a_stop_keeps_the_points_and_an_abort_does_not() {
    let (data, coords) = two_halves(60);
    let asks = |signal| After(60, signal, AtomicUsize::new(0));
    let params = SpasneParams { perplexity: 6.0, ..small() };
    let stop = asks(Signal::Stop);
    let found = spasne(&data, Some(&coords), None, &params, &Ctx::new(0).with_progress(&stop)).unwrap();
    assert!((10..100).contains(&found.n_iter), "{}", found.n_iter);
    let abort = asks(Signal::Abort);
    let end = spasne(&data, Some(&coords), None, &params, &Ctx::new(0).with_progress(&abort));
    assert!(matches!(end, Err(Error::Cancelled)));
}

#[test]
fn a_collapse_is_told() {
    struct Hears(AtomicUsize);
    impl Progress for Hears {
        fn warn(&self, message: &str) {
            assert!(message.contains("lower alpha"), "{message}");
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (data, coords) = two_halves(60);
    let hears = Hears(AtomicUsize::new(0));
    // A step that is next to nothing: all stay where they started, at one place.
    let params = SpasneParams { perplexity: 6.0, learning_rate: Some(1e-9), n_iter: 2, ..small() };
    let found = spasne(&data, Some(&coords), None, &params, &Ctx::new(0).with_progress(&hears)).unwrap();
    assert!(found.collapsed && hears.0.into_inner() == 1);
}

fn screening() -> SpasneScreenParams {
    let (alpha, beta) = (vec![2.0, 6.0], vec![1.0]);
    SpasneScreenParams {
        alpha,
        beta,
        n_rough: 2,
        n_fine: 2,
        n_tsne: 2,
        fine_beta: Some(vec![1.0, 2.0]),
        perplexity: 6.0,
        n_iter: 60,
        ..Default::default()
    }
}

#[test]
fn a_screening_is_complete_and_recommends_its_best_cell() {
    let (data, coords) = two_halves(60);
    let found = same_for_any_threads(|| spasne_screen(&data, &coords, &[], &screening(), &Ctx::new(5)).unwrap());
    assert!(found.complete);
    let of = |stage| found.rows.iter().filter(move |r| r.stage == stage);
    assert_eq!((of(Stage::Tsne).count(), of(Stage::Rough).count()), (1, 2));
    let rough = of(Stage::Rough).fold(0.0f64, |m, r| m.max(r.score()));
    let best = of(Stage::Rough).find(|r| r.score() == rough).unwrap().alpha;
    let fine: Vec<f64> = of(Stage::Fine).filter(|r| r.beta == 1.0).map(|r| r.alpha).collect();
    let whole: Vec<f64> = ((best as i32 / 2)..=(2 * best as i32)).map(f64::from).collect();
    assert_eq!(fine, whole);
    assert!(of(Stage::Fine).all(|r| r.score() <= found.best().unwrap().score()));
}

/// The numbers of a cell are those of its runs, measured apart.
#[test]
fn correlations_of_a_screening_are_those_of_the_metric() {
    let (data, coords) = two_halves(77);
    let params = SpasneScreenParams { n_tsne: 1, n_rough: 1, n_fine: 0, n_iter: 1, ..screening() };
    let found = spasne_screen(&data, &coords, &[], &params, &Ctx::new(5)).unwrap();
    // After one step of t-SNE from the first start, whose stream is the screening's.
    let start = {
        use rand_chacha::rand_core::Rng;
        let mut rng = Ctx::new(5).rng("tl.spasne_screen.init", 0);
        let mut uniform = move || ((rng.next_u64() >> 12) as f64 + 0.5) / (1u64 << 52) as f64;
        let mut normal = move || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        (0..154).map(|_| 1e-4 * normal()).collect::<Vec<f64>>()
    };
    let one = TsneParams { perplexity: 6.0, n_iter: 1, ..Default::default() };
    let y = tsne(&data, Some(start), &one, &Ctx::new(5)).unwrap();
    // In units in which single precision keeps all digits.
    let dense = Dense::new(77, 2, y.points.iter().map(|&v| (v * 1e4) as f32).collect::<Vec<_>>()).unwrap();
    let score = score_embedding(&data, &dense, Some(&coords), None, &Ctx::default()).unwrap();
    let row = &found.rows[0];
    assert!((row.r1 - score.r1.r).abs() < 1e-4, "{} {}", row.r1, score.r1.r);
    assert!((row.r2 - score.r2.unwrap().r).abs() < 1e-4, "{} {}", row.r2, score.r2.unwrap().r);
}

#[test]
fn a_stopped_screening_goes_on_where_it_was() {
    let params = serde_json::to_value(screening()).unwrap();
    let (mut whole, mut parts) = (tissue(60), tissue(60));
    run(&mut whole, "tl.spasne_screen", params.clone(), &Ctx::new(5)).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let stop = After(900, Signal::Stop, AtomicUsize::new(0));
    let ctx = Ctx::new(5).with_progress(&stop);
    let told = one.install(|| run(&mut parts, "tl.spasne_screen", params.clone(), &ctx)).unwrap();
    assert_eq!(told["complete"], Value::Bool(false));
    let done = |adata: &AnnData| adata.uns()["spasne_screen"].as_dict().unwrap()["table"].n_rows().unwrap();
    let before = done(&parts);
    assert!((1..done(&whole)).contains(&before), "{before}");
    // What is done is not run again: fewer looks at the user than for all.
    let quiet = After(usize::MAX, Signal::Continue, AtomicUsize::new(0));
    run(&mut parts, "tl.spasne_screen", params, &Ctx::new(5).with_progress(&quiet)).unwrap();
    assert_eq!(parts.uns()["spasne_screen"], whole.uns()["spasne_screen"]);
    let looks = quiet.2.into_inner();
    assert!(looks < 120 * 2 * (done(&whole) - before) + 400, "{looks}");
}

/// Comma-separated numbers after a header, some columns of them.
fn csv(path: &Path, columns: std::ops::Range<usize>) -> Vec<f64> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |l: &str| {
        let numbers = l.split(',').skip(columns.start).take(columns.len());
        numbers.map(|v| v.parse().unwrap()).collect::<Vec<f64>>()
    };
    text.lines().skip(1).flat_map(row).collect()
}

/// The authors' 1,272 spots of breast cancer.
fn breast_cancer() -> Option<(Dense, Coords)> {
    let folder = data("data/spasne")?;
    let x = csv(&folder.join("human_BreastCancer1272_data_pc200.csv"), 1..201);
    let s = csv(&folder.join("human_BreastCancer1272_meta.csv"), 1..3);
    let x = Dense::new(1272, 200, x.into_iter().map(|v| v as f32).collect::<Vec<_>>()).unwrap();
    Some((x, Coords::new(2, s).unwrap()))
}

/// X itself, its components, and points to start from that do not fit.
#[test]
fn x_itself_is_embedded_where_it_is_asked_for() {
    let (data, coords) = two_halves(90);
    let start = Some(vec![0.0; 90]);
    let said = tsne(&data, start, &TsneParams { perplexity: 10.0, ..Default::default() }, &Ctx::new(0)).unwrap_err();
    assert!(said.to_string().contains("(90, 2)"), "{said}");
    let mut with_x =
        AnnData::new(Some(Matrix::from(data)), Frame::with_range_index(90), Frame::with_range_index(3)).unwrap();
    with_x.set_obsm("spatial", &coords).unwrap();
    let mut with_pca = tissue(90);
    let params = json!({"perplexity": 10.0, "n_iter": 20});
    run(&mut with_pca, "tl.spasne", params.clone(), &Ctx::new(1)).unwrap();
    let mut params = params;
    params["use_rep"] = json!("X");
    run(&mut with_x, "tl.spasne", params, &Ctx::new(1)).unwrap();
    assert_eq!(with_x.obsm()["X_spasne"], with_pca.obsm()["X_spasne"]);
}

fn kept(data: &Dense, coords: &Coords, points: &[f64]) -> (f64, f64) {
    let y = Dense::new(data.n_rows(), 2, points.iter().map(|&v| v as f32).collect::<Vec<_>>()).unwrap();
    let score = score_embedding(data, &y, Some(coords), None, &Ctx::default()).unwrap();
    (score.r1.r, score.r2.unwrap().r)
}

/// The compiled reference with `theta` 0 and seed 1 ends at r1 .6458, r2 .7231.
#[test]
fn breast_cancer_keeps_distances_as_the_reference_does() {
    let Some((data, coords)) = breast_cancer() else { return };
    let params = SpasneParams { alpha: 9.0, beta: 4.0, ..Default::default() };
    let found = spasne(&data, Some(&coords), None, &params, &Ctx::new(0)).unwrap();
    let (r1, r2) = kept(&data, &coords, &found.points);
    assert!((r1 - 0.646).abs() < 0.005 && (r2 - 0.723).abs() < 0.005, "{r1} {r2}");
}

/// From other starts too: r1 .6456 to .6463 and r2 .7206 to .7289 around the reference's .6458 and .7231 (one start). One of
/// these eight ends in another valley (r1 .6355, r2 .4564), as single runs of the authors' do around here: their r1 has a
/// standard deviation of .04 at (8, 3).
#[test]
#[ignore = "8 runs"]
fn breast_cancer_keeps_distances_from_most_starts() {
    let Some((data, coords)) = breast_cancer() else { return };
    let params = SpasneParams { alpha: 9.0, beta: 4.0, ..Default::default() };
    let run =
        |seed| kept(&data, &coords, &spasne(&data, Some(&coords), None, &params, &Ctx::new(seed)).unwrap().points);
    let found: Vec<(f64, f64)> = (0..8).map(run).collect();
    eprintln!("{found:.4?}");
    let same = |r: &&(f64, f64)| (r.0 - 0.6458).abs() < 0.001 && (r.1 - 0.7231).abs() < 0.006;
    assert!(found.iter().filter(same).count() >= 7, "{found:?}");
    let mean = found.iter().filter(same).map(|r| r.1).sum::<f64>() / found.iter().filter(same).count() as f64;
    assert!((mean - 0.723).abs() < 0.005, "{mean}");
}

/// The reference: r1 .293 ± .014 over 100 runs with `theta` .5, .300 to .320 with `theta` 0; KL 1.09.
#[test]
#[ignore = "20 runs"]
fn breast_cancer_by_tsne_is_as_good_as_the_reference() {
    let Some((data, coords)) = breast_cancer() else { return };
    let (mut r1, mut kl) = (0.0, 0.0);
    for seed in 0..20 {
        let found = tsne(&data, None, &TsneParams::default(), &Ctx::new(seed)).unwrap();
        r1 += kept(&data, &coords, &found.points).0 / 20.0;
        kl += found.divergences.local / 20.0;
    }
    eprintln!("r1 {r1:.4}, KL {kl:.4}");
    assert!((0.29..0.325).contains(&r1) && kl < 1.09 + 0.005, "{r1} {kl}");
}

/// By the field the same is kept, within what seeds change: r1 by .001, r2 by .008.
#[test]
#[ignore = "a minute"]
fn breast_cancer_by_the_field_is_as_good() {
    let Some((data, coords)) = breast_cancer() else { return };
    let params = SpasneParams { alpha: 9.0, beta: 4.0, method: Method::Fast, ..Default::default() };
    let found = spasne(&data, Some(&coords), None, &params, &Ctx::new(0)).unwrap();
    let (r1, r2) = kept(&data, &coords, &found.points);
    eprintln!("r1 {r1:.4}, r2 {r2:.4}");
    assert!((r1 - 0.646).abs() < 0.005 && (r2 - 0.724).abs() < 0.008, "{r1} {r2}");
}

/// The authors' fine grid, `_screenPar_fine.csv`: 20 runs a cell, the tree with `theta` .5.
///
/// Up to α = 12 (80 cells) the rank correlation is .976, of r1·r2 alone .990, and the best is (9, 4) as theirs. Beyond, runs
/// end in several valleys and a cell is as good as its luckiest start: the authors' own two tables, which agree within 3 %
/// at α = 5 and 10, differ by 10 to 21 % at α = 20.
#[test]
#[ignore = "20 minutes"]
fn the_screening_orders_weights_as_the_authors_did() {
    let Some((data, coords)) = breast_cancer() else { return };
    let Some(folder) = self::data("data/spasne") else { return };
    let theirs = csv(&folder.join("human_BreastCancer1272_screenPar_fine.csv"), 1..8);
    let whole = |from: i32, to: i32| (from..=to).map(f64::from).collect::<Vec<_>>();
    let params = SpasneScreenParams {
        alpha: vec![10.0],
        beta: vec![5.0],
        n_rough: 1,
        n_tsne: 10,
        n_fine: 20,
        fine_alpha: Some(whole(5, 20)),
        fine_beta: Some(whole(1, 10)),
        ..Default::default()
    };
    let found = spasne_screen(&data, &coords, &[], &params, &Ctx::new(0)).unwrap();
    let ours: Vec<f64> =
        found.rows.iter().filter(|r| r.stage == Stage::Fine).map(tegula_algo::embed::ScreenRow::score).collect();
    let theirs: Vec<f64> = theirs.chunks(7).skip(1).map(|r| r[2] * r[3] * (1.0 - r[6].sqrt()).exp()).collect();
    let ranks = |v: &[f64]| v.iter().map(|x| v.iter().filter(|y| *y < x).count() as f64).collect::<Vec<f64>>();
    let (a, b) = (ranks(&ours), ranks(&theirs));
    let mean = (a.len() - 1) as f64 / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let spearman = product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt();
    let best = found.best().unwrap();
    eprintln!("rank correlation {spearman}, best {best:?}");
    assert!(spearman >= 0.9 && (best.alpha - 9.0).abs() <= 1.0 && (best.beta - 4.0).abs() <= 1.0);
}
