//! `tl.cast_project` beside CAST's own projection and a plain one.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tegula_algo::align::{CastProjectParams, METHODS, Projection, Side, cast_project};
use tegula_algo::linalg::sparse_product;
use tegula_core::{AnnData, Column, Coords, Csr, Ctx, Dense, Error, Frame, Labels, Matrix, Outcome, Result, Value};

use crate::graph::{numbers, same_for_any_threads};

fn plane(numbers: Vec<f64>) -> Coords {
    Coords::new(2, numbers).unwrap()
}

fn rows(d: usize, numbers: Vec<f64>) -> Dense {
    Dense::new(numbers.len() / d, d, numbers.into_iter().map(|v| v as f32).collect::<Vec<_>>()).unwrap()
}

fn side<'a>(coords: &'a Coords, embedding: &'a Dense) -> Side<'a> {
    Side { coords, embedding, types: None }
}

/// Positions and embeddings of source and target in `tests/golden/cast_project/make.py`.
fn made_up() -> [(Coords, Dense); 2] {
    let of = |n: usize, seed: u64| {
        let z = numbers(n * 12, 1000, seed + 2).into_iter().map(|v| v / 1000.0 - 0.5).collect();
        (plane(numbers(2 * n, 1000, seed)), rows(12, z))
    };
    [of(150, 1), of(120, 2)]
}

#[test]
fn matches_and_counts_are_those_of_the_reference() {
    let [source, target] = made_up();
    let (source, target) = (side(&source.0, &source.1), side(&target.0, &target.1));
    let counts = numbers(150 * 6, 9, 5).into_iter().map(|v| (v / 3.0).floor()).collect();
    let counts: Matrix = rows(6, counts).into();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-5 * (1.0 + b.abs());
    let found = |n_neighbors: usize| {
        let params = CastProjectParams { n_neighbors, distance_fold: 0.7, ..CastProjectParams::default() };
        cast_project(&source, &target, &params, &Ctx::default()).unwrap()
    };
    let (one, three) = (found(1), found(3));
    assert!(one.share_far(1) > 0.02 && three.share_far(3) < 0.9, "both ways are taken");
    let mut seen = [0; 3];
    for line in include_str!("../golden/cast_project/cast.csv").lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let numbers: Vec<f64> = fields[1..].iter().map(|f| f.parse().unwrap()).collect();
        let k = numbers[0] as usize;
        let found = if k == 1 { &one } else { &three };
        match fields[0] {
            "edge" => {
                assert!(close(found.mean_edge[0], numbers[0]), "{} {}", found.mean_edge[0], numbers[0]);
                seen[0] += 1;
            }
            "match" => {
                let i = numbers[1] as usize;
                let shares = found.shares(k);
                let expected: Vec<&[f64]> = numbers[2..].chunks(4).collect();
                let (sources, weights) = shares.row(i);
                assert_eq!(sources, expected.iter().map(|e| e[0] as u32).collect::<Vec<_>>(), "{line}");
                for (e, &w) in expected.iter().zip(weights) {
                    let m = found.matches[i].iter().find(|m| f64::from(m.source) == e[0]).unwrap();
                    assert!(close(f64::from(w), e[1]) && close(m.cosine, e[2]) && close(m.distance, e[3]), "{line}");
                }
                seen[1] += 1;
            }
            _ => {
                let projected = sparse_product(&found.shares(k), &counts).unwrap();
                for (j, &e) in numbers[2..].iter().enumerate() {
                    assert!(close(f64::from(projected.get(numbers[1] as usize, j)), e), "{line}");
                }
                seen[2] += 1;
            }
        }
    }
    assert_eq!(seen, [1, 240, 24]);
}

/// Every distance looked at: what the search must agree with, to the last bit.
fn plain(
    source: &Side<'_>,
    target: &Side<'_>,
    radius: impl Fn(usize) -> f64,
    k: usize,
    keep: usize,
) -> Vec<Vec<(u32, f64, f64)>> {
    let unit = |z: &Dense, i: usize| {
        let row: Vec<f64> = z.row(i).iter().map(|&x| f64::from(x)).collect();
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.into_iter().map(|x| if length > 0.0 { x / length } else { x }).collect::<Vec<_>>()
    };
    let one = |t: usize| {
        let p = target.coords.point(t);
        let row = unit(target.embedding, t);
        let same = |s: usize| match (source.types, target.types) {
            (Some(a), Some(b)) => b[t] >= 0 && a[s] == b[t],
            _ => true,
        };
        let mut all: Vec<(u32, f64, f64)> = (0..source.coords.len())
            .filter(|&s| same(s))
            .map(|s| {
                let q = source.coords.point(s);
                let d2 = (q[0] - p[0]) * (q[0] - p[0]) + (q[1] - p[1]) * (q[1] - p[1]);
                let cosine = 1.0 - row.iter().zip(unit(source.embedding, s)).map(|(a, b)| a * b).sum::<f64>();
                (s as u32, cosine.max(0.0), d2)
            })
            .collect();
        all.sort_by(|a, b| a.2.total_cmp(&b.2).then(a.0.cmp(&b.0)));
        let r = radius(t);
        let near = all.iter().filter(|e| e.2 <= r * r).count();
        all.truncate(if near < k { k.max(20) } else { near });
        all.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        all.truncate(keep);
        all.into_iter().map(|(s, cosine, d2)| (s, cosine, d2.sqrt())).collect()
    };
    (0..target.coords.len()).map(one).collect()
}

fn told(found: &Projection) -> Vec<Vec<(u32, f64, f64)>> {
    found.matches.iter().map(|m| m.iter().map(|m| (m.source, m.cosine, m.distance)).collect()).collect()
}

proptest! {
    #[test]
    fn the_search_agrees_with_a_plain_one(
        v in proptest::collection::vec(0u8..9, 200),
        (n, k, votes) in (8usize..40, 1usize..8, 1usize..9),
        fold in 0.3f64..3.0,
        typed in any::<bool>(),
    ) {
        let of = |from: usize, to: usize| v[from..to].iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let m = 40 - n;
        prop_assume!(m > 0);
        let (a, b) = (plane(of(0, 2 * n)), plane(of(2 * n, 80)));
        let centred = |v: Vec<f64>| rows(3, v.into_iter().map(|x| x - 4.0).collect());
        let (za, zb) = (centred(of(80, 80 + 3 * n)), centred(of(80 + 3 * n, 200)));
        let types: Vec<i32> = v.iter().map(|&x| i32::from(x % 4) - 1).collect();
        let pick = |range: std::ops::Range<usize>| typed.then(|| &types[range]);
        let source = Side { coords: &a, embedding: &za, types: pick(0..n) };
        let target = Side { coords: &b, embedding: &zb, types: pick(n..40) };
        let params = CastProjectParams {
            n_neighbors: k, n_votes: votes, distance_fold: fold, distance_shift: 0.5, ..CastProjectParams::default()
        };
        match cast_project(&source, &target, &params, &Ctx::default()) {
            Ok(found) => {
                let radius = |t: usize| match target.types {
                    Some(types) => if types[t] < 0 { 0.0 } else { found.radius[types[t] as usize] },
                    None => found.radius[0],
                };
                prop_assert_eq!(told(&found), plain(&source, &target, radius, k, k.max(votes)));
                for i in 0..m {
                    let sum: f32 = found.shares(k).row(i).1.iter().sum();
                    prop_assert!(found.matches[i].is_empty() || (sum - 1.0).abs() < 1e-5);
                }
            }
            Err(Error::Data { .. }) => {}
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    #[test]
    fn the_unit_and_the_turn_of_the_positions_do_not_matter(scale in -20i32..20, turn in 0usize..4, seed in 0u64..1000) {
        let [source, target] = made_up();
        let params = CastProjectParams { n_neighbors: 2, distance_fold: 1.0 + seed as f64 / 500.0, ..CastProjectParams::default() };
        let moved = |c: &Coords| {
            let by = 2f64.powi(scale);
            plane(c.data().chunks(2).flat_map(|p| match turn {
                0 => [p[0] * by, p[1] * by],
                1 => [-p[1] * by, p[0] * by],
                2 => [-p[0] * by, -p[1] * by],
                _ => [p[1] * by, p[0] * by],
            }).collect())
        };
        let of = |a: &Coords, b: &Coords| {
            let found = cast_project(&side(a, &source.1), &side(b, &target.1), &params, &Ctx::default()).unwrap();
            found.matches.iter().map(|m| m.iter().map(|m| m.source).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        prop_assert_eq!(of(&source.0, &target.0), of(&moved(&source.0), &moved(&target.0)));
    }
}

/// Two sections of one tissue, `b` turned into `a`'s place already, with types and a batch effect; a third far away.
fn tissue() -> AnnData {
    let n = 240;
    let noise = numbers(n * 3, 1000, 3);
    let kind: Vec<u32> = (0..n).map(|i| (i % 80 / 27).min(2) as u32).collect();
    let section: Vec<&str> = (0..n).map(|i| ["a", "b", "far"][i / 80]).collect();
    let x = (0..n).flat_map(|i| (0..12).map(move |j| (i, j))).map(|(i, j)| {
        let of_kind = if j % 3 == kind[i] as usize { 6.0 } else { 0.0 };
        (of_kind + (noise[(7 * i + 13 * j) % 720] / 300.0) * (1.0 + (i / 80) as f64)).floor() as f32
    });
    let x = Csr::from_dense(&Dense::new(n, 12, x.collect::<Vec<f32>>()).unwrap());
    let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(n), Frame::with_range_index(12)).unwrap();
    let xy = (0..n).flat_map(|i| {
        let away = if i < 160 { 0.0 } else { 1e4 };
        [away + (i % 80 % 10) as f64 + noise[i] / 2000.0, (i % 80 / 10) as f64 + noise[i + 240] / 2000.0]
    });
    adata.set_obsm("spatial_aligned", &plane(xy.collect())).unwrap();
    adata.set_obs("section", Labels::from_strings(&section)).unwrap();
    adata.set_obs("kind", Labels::from_clusters(&kind)).unwrap();
    // Types that only the source has been given.
    let codes = (0..n).map(|i| if i < 80 { kind[i] as i32 } else { -1 }).collect();
    let known = Labels::new(codes, ["x", "y", "z"].map(String::from).into(), false).unwrap();
    adata.set_obs("known", known).unwrap();
    adata
}

fn run(adata: &mut AnnData, params: Json) -> Result<Outcome> {
    let method = METHODS.iter().find(|m| m.id() == "tl.cast_project").unwrap();
    method.step(params)?.run(adata, &Ctx::default())
}

#[test]
fn the_step_writes_counts_labels_and_distances() {
    let mut adata = tissue();
    let params = json!({"library_key": "section", "source": "a", "target": "b", "label_key": ["kind", "known"],
        "n_neighbors": 3});
    let outcome = run(&mut adata, params).unwrap();
    assert_eq!(outcome["n_projected"], Value::from(80usize));
    assert!(outcome["accuracy_kind"].as_f64().unwrap() > 0.9, "{outcome:?}");
    assert!(!outcome.contains_key("accuracy_known"), "the target has no such labels");
    let Matrix::Csr(counts) = &adata.layers()["cast_project"] else { panic!("not sparse") };
    let Value::Csr(weights) = &adata.obsp()["cast_project"] else { panic!("not sparse") };
    assert_eq!(*counts, sparse_product(weights, adata.x().unwrap()).unwrap());
    for i in 0..240 {
        let target = (80..160).contains(&i);
        let (sources, shares) = weights.row(i);
        assert_eq!((sources.len(), counts.row(i).0.is_empty()), if target { (3, false) } else { (0, true) });
        assert!(sources.iter().all(|&s| s < 80));
        assert!(!target || (shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
    let known = adata.labels("known_projected").unwrap();
    let kind = adata.labels("kind").unwrap();
    let agree = (80..160).filter(|&i| known.codes()[i] == kind.codes()[i]).count();
    assert!(agree > 72 && known.codes()[..80].iter().all(|&c| c < 0), "{agree}");
    let number = |key: &str, i: usize| adata.obs().get(key).and_then(Column::to_f64).unwrap()[i];
    assert!(number("kind_confidence", 100) > 0.3 && number("kind_confidence", 3).is_nan());
    assert!(number("cast_project_distance", 100) < 6.0 && number("cast_project_cosine", 170).is_nan());
    let entry = adata.uns()["cast_project"].as_dict().unwrap();
    let labels = entry["labels"].as_dict().unwrap();
    let confusion = &labels["kind"].as_dict().unwrap()["confusion"];
    assert_eq!((confusion.n_rows(), confusion.n_cols()), (Some(3), Some(3)));
    assert!(!labels["known"].as_dict().unwrap().contains_key("confusion"));
    assert!((entry["radius"].as_f64().unwrap() / entry["mean_edge"].as_f64().unwrap() - 3.0).abs() < 1e-12);
    assert_eq!(adata.obsm()["X_pca_harmony"].n_rows(), Some(240), "the joint space is kept");
    // Made before: the same again, and within types.
    let before = adata.layers()["cast_project"].clone();
    run(&mut adata, json!({"library_key": "section", "source": "a", "target": "b", "n_neighbors": 3})).unwrap();
    assert_eq!(adata.layers()["cast_project"], before);
    run(
        &mut adata,
        json!({"library_key": "section", "source": "a", "target": "b", "groupby": "kind", "label_key": "kind",
        "key_added": "typed"}),
    )
    .unwrap();
    let entry = adata.uns()["typed"].as_dict().unwrap();
    assert_eq!(entry["labels"].as_dict().unwrap()["kind"].as_dict().unwrap()["accuracy"], Value::from(1.0));
    assert_eq!(entry["radius"].n_rows(), Some(3));
}

#[test]
fn a_type_that_the_source_lacks_gets_nothing() {
    let mut adata = tissue();
    let codes = (0..240).map(|i| i32::from((80..160).contains(&i) && i % 2 == 0)).collect();
    adata.set_obs("type", Labels::new(codes, ["both", "new"].map(String::from).into(), false).unwrap()).unwrap();
    let outcome =
        run(&mut adata, json!({"library_key": "section", "source": "a", "target": "b", "groupby": "type"})).unwrap();
    assert_eq!(outcome["n_projected"], Value::from(40usize));
    assert!(adata.layers()["cast_project"].row_values(80).is_empty());
    assert!(!adata.layers()["cast_project"].row_values(81).is_empty());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let z = rows(10, numbers(20_000, 1000, 8));
    let (a, b) = (plane(numbers(4000, 100, 5)), plane(numbers(4000, 100, 6)));
    let params = CastProjectParams { n_neighbors: 4, ..CastProjectParams::default() };
    same_for_any_threads(|| cast_project(&side(&a, &z), &side(&b, &z), &params, &Ctx::default()).unwrap());
}

#[test]
fn what_cannot_be_projected_says_why() {
    let mut adata = tissue();
    let mut text = |params: Json| run(&mut adata, params).unwrap_err().to_string();
    let with = |more: Json| {
        let mut all = json!({"library_key": "section", "source": "a", "target": "b"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    for (params, words) in [
        (json!({}), "`library_key`"),
        (json!({"library_key": "section"}), "one of a, b, far"),
        (json!({"library_key": "section", "source": "a"}), "`target` of `tl.cast_project` is not given"),
        (with(json!({"target": "c"})), "`target` of `tl.cast_project` is `c`; it must be one of a, b, far"),
        (with(json!({"target": "a"})), "another section"),
        (with(json!({"target": "far"})), "align them first (tl.cast_stack)"),
        (with(json!({"n_neighbors": 81})), "at most 80, the size of the source"),
        (with(json!({"n_neighbors": 0})), "at least 1"),
        (with(json!({"distance_fold": -1.0})), "0 or more"),
        (with(json!({"use_rep": "X_joint"})), "pp.harmony"),
        (with(json!({"spatial_key": "spatial"})), "run tl.cast_stack first"),
        (with(json!({"layer": "counts"})), "layers[\"counts\"] is missing"),
        (with(json!({"label_key": "known", "source": "b", "target": "a"})), "has no label in the section `b`"),
        (with(json!({"groupby": "known"})), "share no type"),
        (with(json!({"library_key": "absent"})), "obs[\"absent\"] is missing"),
    ] {
        let found = text(params.clone());
        assert!(found.contains(words), "{params}: {found}");
    }
    let mut one = tissue();
    one.keep_obs(&(0..80).collect::<Vec<_>>());
    assert!(run(&mut one, json!({"library_key": "section"})).unwrap_err().to_string().contains("holds 1 section"));
    let mut two = tissue();
    two.keep_obs(&(0..160).collect::<Vec<_>>());
    let outcome = run(&mut two, json!({"library_key": "section", "target": "a"})).unwrap();
    assert_eq!((outcome["source"].as_str(), outcome["target"].as_str()), (Some("b"), Some("a")));
    assert_eq!(run(&mut two, json!({"library_key": "section"})).unwrap()["source"].as_str(), Some("a"));
    let nan = tegula_core::ArrayData::F64(vec![f64::NAN; 480].into());
    adata.set_obsm("spatial_aligned", tegula_core::Array::new(vec![240, 2], nan).unwrap()).unwrap();
    let found = run(&mut adata, with(json!({}))).unwrap_err().to_string();
    assert!(found.contains("has the position NaN") && !adata.layers().contains_key("cast_project"), "{found}");
}

#[test]
fn few_and_coinciding_observations_are_projected() {
    let z = rows(2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    let place = plane(vec![5.0; 6]);
    let one = (plane(vec![5.0, 5.0]), rows(2, vec![0.0, 3.0]));
    let found = cast_project(&side(&place, &z), &side(&one.0, &one.1), &CastProjectParams::default(), &Ctx::default());
    assert_eq!(found.unwrap().matches[0][0].source, 1);
    // A row of zeros is like nothing: distance 1 to all.
    let found = cast_project(&side(&place, &z), &side(&place, &z), &CastProjectParams::default(), &Ctx::default());
    let found = found.unwrap();
    assert_eq!(
        found.matches[2].iter().map(|m| (m.source, m.cosine)).collect::<Vec<_>>(),
        [(0, 1.0), (1, 1.0), (2, 1.0)]
    );
}
