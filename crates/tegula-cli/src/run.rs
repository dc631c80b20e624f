//! `tegula run`: from a file to spatial domains.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::json;
use tegula::algo::metrics::ScoreOptions;
use tegula::pipeline::{self, RunOptions};
use tegula::recipe::Recipe;
use tegula::{Error, io};

use crate::folder::{Folder, told};
use crate::{Door, print_json, reading, stream};

/// Runs the pipeline and writes result.h5ad, figures, metrics.json and recipe.toml.
pub(crate) fn run(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let input = m.get_one::<PathBuf>("input").expect("required");
    let dir = m.get_one::<PathBuf>("output").expect("required");
    let options = options(m, door)?;

    let mut adata = door.read_with(input, &reading::options(m))?;
    let unknown = io::not_understood(&adata);
    let folder = Folder::make(dir, std::slice::from_ref(input))?;
    door.say(format!("{}: {} observations × {} variables", stream::shown(input), adata.n_obs(), adata.n_vars()));
    let ctx = door.ctx().with_seed(options.seed.unwrap_or(0));
    let report = pipeline::run(&mut adata, &options, &ctx, told(door))?;

    door.warn_lost(&unknown, &adata);

    let truth = options.labels.as_deref();
    let mut shown = report.labels.clone();
    shown.extend(options.labels.clone());
    let figures = pipeline::figures(&mut adata, &shown, &report, &ctx)?;
    // Whoever gave up meanwhile wants nothing written.
    ctx.goes_on()?;
    let measures = ScoreOptions { spatial_key: report.spatial_key.clone(), lisi: false, ..ScoreOptions::default() };
    let measure = || {
        let mut metrics = pipeline::measure(&adata, &report.labels, truth, &measures, &ctx)?;
        metrics["stopped_early"] = json!(report.stopped);
        Ok(metrics)
    };
    let metrics = folder.fill(&adata, &figures, &report.recipe, measure)?;

    if m.get_flag("json") {
        print_json(&metrics)?;
    }
    Ok(folder.end(door, &pipeline::table(&metrics), report.stopped))
}

fn options(m: &ArgMatches, door: &Door) -> anyhow::Result<RunOptions> {
    let text = |name: &str| m.get_one::<String>(name).cloned();
    let number = |name: &str| m.get_one::<usize>(name).copied();
    let recipe = match m.get_one::<PathBuf>("recipe") {
        None => None,
        Some(path) => {
            let toml = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
            Some(Recipe::parse(&toml, &path.display().to_string())?)
        }
    };
    Ok(RunOptions {
        method: text("method"),
        labels: text("labels"),
        spatial_key: text("spatial-key"),
        s_neigh: number("s-neigh"),
        e_neigh: number("e-neigh"),
        resolution: m.get_one::<f64>("resolution").copied(),
        n_clusters: number("n-clusters"),
        cluster_method: text("cluster-method"),
        smooth: number("smooth"),
        n_epochs: number("n-epochs"),
        checkpoint: text("checkpoint"),
        n_comps: number("n-comps"),
        no_sweep: m.get_flag("no-sweep"),
        recipe,
        seed: door.seed,
    })
}
