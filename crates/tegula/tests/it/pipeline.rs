//! The pipeline: what it chooses, and that it finds what is there.

use tegula::algo::metrics::ScoreOptions;
use tegula::core::{Column, Ctx, Matrix};
use tegula::pipeline::{self, RunOptions, Said};
use tegula::{AnnData, Error};

use crate::tissue::tissue;

fn run(adata: &mut AnnData, options: &RunOptions) -> (pipeline::Report, Vec<String>) {
    let mut notes = Vec::new();
    let report = pipeline::run(adata, options, &Ctx::new(0), |said| {
        if let Said::Note(n) = said {
            notes.push(n.to_owned());
        }
    });
    (report.unwrap(), notes)
}

fn ari(adata: &AnnData, key: &str) -> f64 {
    let json =
        pipeline::measure(adata, &[key.to_owned()], Some("stripe"), &ScoreOptions::default(), &Ctx::new(0)).unwrap();
    json["labels"][key]["ari"].as_f64().unwrap()
}

#[test]
fn stripes_are_found_and_the_choices_are_said() {
    let mut adata = tissue(30, 60);
    let options = RunOptions { n_clusters: Some(3), ..RunOptions::default() };
    let (report, notes) = run(&mut adata, &options);
    assert_eq!(report.labels, ["leiden", "scc", "scc_smooth"]);
    assert!(ari(&adata, "scc_smooth") > 0.9, "ARI {}", ari(&adata, "scc_smooth"));
    assert!(notes.iter().any(|n| n.contains("obsm[\"spatial\"]")), "{notes:?}");
    assert!(notes.iter().any(|n| n.contains("counts (whole numbers)")), "{notes:?}");
    let drawn = pipeline::figures(&mut adata, &report.labels, &report, &Ctx::new(0)).unwrap();
    let names: Vec<&str> = drawn.iter().map(|d| d.0.as_str()).collect();
    assert_eq!(names, ["leiden", "scc", "scc_smooth", "domains", "sweep"]);
    assert!(drawn.iter().all(|(_, figure)| figure.to_png().unwrap().starts_with(b"\x89PNG")));
    assert!(adata.uns().contains_key("scc_colors"));
}

#[test]
fn logged_data_is_not_logged_again_and_positions_in_obs_are_found() {
    let mut adata = tissue(12, 30);
    let logged: Vec<f32> = adata.x().unwrap().values().iter().map(|v| v.ln_1p()).collect();
    let Matrix::Csr(x) = adata.x().unwrap().clone() else { panic!("sparse") };
    adata.set_x(x.with_values(logged)).unwrap();
    let coords = adata.coords("spatial").unwrap();
    let mut bare = AnnData::new(adata.x().cloned(), adata.obs().clone(), adata.var().clone()).unwrap();
    for (k, name) in ["x", "y"].into_iter().enumerate() {
        bare.set_obs(name, Column::Float((0..coords.len()).map(|i| coords.point(i)[k]).collect())).unwrap();
    }
    let (report, notes) = run(&mut bare, &RunOptions::default());
    assert!(notes.iter().any(|n| n.contains("looks logged")), "{notes:?}");
    assert!(notes.iter().any(|n| n.contains("obs[\"x\"], obs[\"y\"]")), "{notes:?}");
    assert!(report.recipe.steps.iter().all(|s| s.id != "pp.log1p"));
}

#[test]
fn the_lattice_gives_the_neighbourhoods_and_others_are_compared() {
    let mut adata = tissue(20, 45);
    let (report, notes) = run(&mut adata, &RunOptions::default());
    let step = |id: &str| report.recipe.steps.iter().find(|s| s.id == id);
    assert_eq!(step("tl.scc").unwrap().params["s_neigh"], 8, "a square lattice");
    assert_eq!(step("tl.sweep").unwrap().params["s_neigh"], serde_json::json!([4, 8, 12]));
    assert!(notes.iter().any(|n| n.contains("square lattice")), "{notes:?}");
    assert!(notes.iter().any(|n| n.starts_with("most stable and compact of those compared")), "{notes:?}");
    for options in [
        RunOptions { no_sweep: true, ..RunOptions::default() },
        RunOptions { s_neigh: Some(6), resolution: Some(1.0), ..RunOptions::default() },
    ] {
        let (report, _) = run(&mut tissue(12, 30), &options);
        assert!(report.recipe.steps.iter().all(|s| s.id != "tl.sweep"));
    }
}

#[test]
fn the_recipe_of_a_run_gives_the_same_labels_again() {
    let mut first = tissue(20, 45);
    let (report, _) = run(&mut first, &RunOptions { seed: Some(4), ..RunOptions::default() });
    let mut second = tissue(20, 45);
    let (again, _) = run(&mut second, &RunOptions { recipe: Some(report.recipe.clone()), ..RunOptions::default() });
    assert_eq!(first.obs(), second.obs());
    assert_eq!(report.recipe, again.recipe);
}

#[test]
fn without_positions_it_says_where_to_put_them() {
    let full = tissue(5, 12);
    let mut bare = AnnData::new(full.x().cloned(), full.obs().clone(), full.var().clone()).unwrap();
    let e = pipeline::run(&mut bare, &RunOptions::default(), &Ctx::new(0), |_| ()).unwrap_err();
    assert!(matches!(e, Error::Missing { .. }) && e.to_string().contains("--spatial-key"), "{e}");
}

#[test]
fn other_ways_find_the_stripes_too() {
    for (method, key) in [("diffuse+mclust", "diffuse_mclust"), ("diffuse+leiden", "diffuse_leiden")] {
        let options = RunOptions { method: Some(method.to_owned()), n_clusters: Some(3), ..RunOptions::default() };
        let mut adata = tissue(30, 60);
        let (report, _) = run(&mut adata, &options);
        assert_eq!(report.labels, [key.to_owned(), format!("{key}_smooth")]);
        assert!(ari(&adata, key) > 0.9, "{key}: ARI {}", ari(&adata, key));
        assert!(report.recipe.steps.iter().all(|s| s.id != "tl.scc" && s.id != "tl.sweep"));
    }
}

#[test]
fn the_number_of_domains_comes_from_the_labels_or_from_the_knee() {
    let method = Some("diffuse+mclust".to_owned());
    let domains = |options: RunOptions| {
        let mut adata = tissue(30, 60);
        let (_, notes) = run(&mut adata, &options);
        (adata.labels("diffuse_mclust").unwrap().categories().len(), notes)
    };
    let (n, notes) = domains(RunOptions { method: method.clone(), ..RunOptions::default() });
    assert!(n == 3 && notes.iter().any(|n| n.contains("3 domains, where BIC stops")), "{n} {notes:?}");
    let labels = Some("stripe".to_owned());
    let (n, notes) = domains(RunOptions { method, labels, ..RunOptions::default() });
    assert!(n == 3 && notes.iter().any(|n| n.contains("3 domains, as obs[\"stripe\"] has")), "{n} {notes:?}");
}

#[test]
fn all_ways_are_compared_and_combined() {
    let mut adata = tissue(30, 60);
    let options =
        RunOptions { method: Some("all".to_owned()), n_clusters: Some(3), n_epochs: Some(60), ..RunOptions::default() };
    let (report, _) = run(&mut adata, &options);
    for key in ["scc_smooth", "diffuse_mclust_smooth", "stagate_mclust_smooth", "consensus"] {
        assert!(report.labels.iter().any(|l| l == key), "{key} is not in {:?}", report.labels);
        assert!(ari(&adata, key) > 0.8, "{key}: ARI {}", ari(&adata, key));
    }
    assert!(adata.obs().get("consensus_confidence").is_some());
    let drawn = pipeline::figures(&mut adata, &report.labels, &report, &Ctx::new(0)).unwrap();
    assert!(drawn.iter().any(|d| d.0 == "consensus"));
}

#[test]
fn an_unknown_way_is_refused_before_anything_runs() {
    let mut adata = tissue(5, 12);
    let before = adata.clone();
    let options = RunOptions { method: Some("mclust".to_owned()), ..RunOptions::default() };
    let e = pipeline::run(&mut adata, &options, &Ctx::new(0), |_| ()).unwrap_err();
    assert!(matches!(e, Error::Param { .. }) && e.to_string().contains("diffuse+mclust"), "{e}");
    assert!(adata.obs() == before.obs() && adata.obsm() == before.obsm() && adata.uns() == before.uns());
}
