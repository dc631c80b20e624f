//! `tegula run`: from a file to spatial domains.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::ArgMatches;
use rayon::prelude::*;
use serde_json::json;
use tegula::algo::metrics::ScoreOptions;
use tegula::pipeline::{self, RunOptions, Said};
use tegula::plot::Figure;
use tegula::recipe::Recipe;
use tegula::{Error, io};

use crate::step::facts;
use crate::{Door, print_json};

/// Runs the pipeline and writes result.h5ad, figures, metrics.json and recipe.toml.
pub(crate) fn run(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let input = m.get_one::<PathBuf>("input").expect("required");
    let dir = m.get_one::<PathBuf>("output").expect("required");
    let options = options(m, door)?;

    let mut adata = io::read(input)?;
    let unknown = io::not_understood(&adata);
    make_folders(dir)?;
    let result = dir.join("result.h5ad");
    if let (Ok(a), Ok(b)) = (input.canonicalize(), result.canonicalize())
        && a == b
    {
        let reason = "this folder's result.h5ad is the input; name another folder";
        return Err(Error::config(format!("--output `{}`", dir.display()), reason).into());
    }
    door.say(format!("{}: {} observations × {} variables", input.display(), adata.n_obs(), adata.n_vars()));
    let ctx = door.ctx().with_seed(options.seed.unwrap_or(0));
    let mut since = Instant::now();
    let report = pipeline::run(&mut adata, &options, &ctx, |said| match said {
        Said::Note(note) => door.say(format!("  {note}")),
        Said::Done(call, outcome) => {
            let seconds = since.elapsed().as_secs_f64();
            since = Instant::now();
            door.say(format!("  {:20} {seconds:6.2} s  {}", call.id, facts(&pipeline::outcome_json(outcome))));
        }
    })?;

    door.warn_lost(&unknown, &adata);

    let truth = options.labels.as_deref();
    let mut shown = report.labels.clone();
    shown.extend(options.labels.clone());
    let figures = pipeline::figures(&mut adata, &shown, &report, &ctx)?;
    // Whoever gave up meanwhile wants nothing written.
    ctx.goes_on()?;
    // All at once: much of it is waiting for the disk.
    let draw = |(name, figure): &(String, Figure)| {
        io::atomic::write(dir.join("figures").join(format!("{}.png", file_name(name))), &figure.to_png()?)
    };
    let measures = ScoreOptions { spatial_key: report.spatial_key.clone(), lisi: false, ..ScoreOptions::default() };
    let (saved, (drawn, measured)) = rayon::join(
        || io::write_h5ad(&adata, &result, &io::WriteOptions::default()),
        || {
            rayon::join(
                || figures.par_iter().try_for_each(draw),
                || pipeline::measure(&adata, &report.labels, truth, &measures, &ctx),
            )
        },
    );
    saved?;
    drawn?;
    let mut metrics = measured?;
    metrics["stopped_early"] = json!(report.stopped);
    io::atomic::write(dir.join("metrics.json"), format!("{}\n", serde_json::to_string_pretty(&metrics)?).as_bytes())?;
    io::atomic::write(dir.join("recipe.toml"), report.recipe.to_toml().as_bytes())?;

    if m.get_flag("json") {
        print_json(&metrics)?;
    }
    door.say(format!("\n{}\n", pipeline::table(&metrics)));
    door.say(format!("{} in {:.2} s", dir.display(), start.elapsed().as_secs_f64()));
    if report.stopped {
        door.say("stopped early; what was done so far is kept");
        return Ok(ExitCode::from(130));
    }
    Ok(ExitCode::SUCCESS)
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
        n_comps: number("n-comps"),
        no_sweep: m.get_flag("no-sweep"),
        recipe,
        seed: door.seed,
    })
}

fn make_folders(dir: &Path) -> anyhow::Result<()> {
    let figures = dir.join("figures");
    Ok(std::fs::create_dir_all(&figures).map_err(|e| Error::io(figures, e))?)
}

/// A column's name as a file name.
fn file_name(key: &str) -> String {
    key.chars().map(|c| if c.is_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect()
}
