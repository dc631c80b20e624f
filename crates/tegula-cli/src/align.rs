//! `tegula align`: sections laid onto each other.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::json;
use tegula::pipeline::{self, AlignOptions};
use tegula::{AnnData, Error, Result};

use crate::folder::{Folder, told};
use crate::{Door, concat, print_json};

/// Joins the inputs, aligns them, and writes result.h5ad, figures, metrics.json and recipe.toml.
pub(crate) fn run(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let inputs: Vec<PathBuf> = m.get_many("inputs").expect("required").cloned().collect();
    let dir = m.get_one::<PathBuf>("output").expect("required");
    let mut options = options(m, door);
    let folder = Folder::make(dir, &inputs)?;
    let mut adata = sections(&inputs, &mut options, door)?;
    door.say(format!("{} observations × {} variables", adata.n_obs(), adata.n_vars()));
    let ctx = door.ctx().with_seed(options.seed.unwrap_or(0));
    let done = pipeline::align(&mut adata, &options, &ctx, told(door))?;
    let figures = pipeline::figures_of_alignment(&adata, &options, &done, &ctx)?;
    // Whoever gave up meanwhile wants nothing written.
    ctx.goes_on()?;
    let measure = || {
        let mut metrics = pipeline::measure_alignment(&adata, &options, &done)?;
        metrics["stopped_early"] = json!(done.stopped);
        Ok(metrics)
    };
    let metrics = folder.fill(&adata, &figures, &done.recipe, measure)?;
    if m.get_flag("json") {
        print_json(&metrics)?;
    }
    Ok(folder.end(door, &pipeline::table_of_alignment(&metrics), done.stopped))
}

/// The sections of one file, or several files as sections: the last is the reference unless another is named.
fn sections(inputs: &[PathBuf], options: &mut AlignOptions, door: &Door) -> Result<AnnData> {
    if let [input] = inputs {
        let adata = door.read(input)?;
        if !adata.obs().columns().contains_key(&options.library_key) {
            let reason = format!(
                "there is no column `{}` in obs; name the column that tells the sections apart, or give \
                                  several files",
                options.library_key
            );
            return Err(Error::config("--library-key", reason));
        }
        return Ok(adata);
    }
    let adata = concat::read(inputs, None, &options.library_key, door)?;
    let sections = adata.labels(&options.library_key)?;
    options.reference = options.reference.take().or_else(|| sections.categories().last().cloned());
    Ok(adata)
}

fn options(m: &ArgMatches, door: &Door) -> AlignOptions {
    let text = |name: &str| m.get_one::<String>(name).cloned();
    AlignOptions {
        library_key: text("library-key").unwrap_or_default(),
        reference: text("reference"),
        labels: text("labels"),
        spatial_key: text("spatial-key"),
        use_rep: text("use-rep"),
        transform: text("transform"),
        no_ffd: m.get_flag("no-ffd"),
        chain: m.get_flag("chain"),
        n_epochs: m.get_one::<usize>("n-epochs").copied(),
        checkpoint: text("checkpoint"),
        project: m.get_flag("project"),
        seed: door.seed,
    }
}
