//! `tegula metrics`: measures of labels and embeddings that are already there.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use tegula::algo::metrics::ScoreOptions;
use tegula::pipeline;

use crate::{Door, print, print_json};

/// Compares labels with known ones, and measures domains in space and how much embeddings keep.
pub(crate) fn metrics(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let text = |name: &str| m.get_one::<String>(name).map(String::as_str);
    let adata = door.read(m.get_one::<PathBuf>("input").expect("required"))?;
    let pred: Vec<String> = m.get_many::<String>("pred").into_iter().flatten().cloned().collect();
    let mut options = ScoreOptions { use_rep: text("use-rep").map(str::to_owned), ..ScoreOptions::default() };
    if let Some(key) = text("spatial-key") {
        key.clone_into(&mut options.spatial_key);
    }
    let (ctx, truth) = (door.ctx(), text("truth"));
    let mut found = pipeline::measure(&adata, &pred, truth, &options, &ctx)?;
    let embeddings: Vec<String> = m.get_many::<String>("embedding").into_iter().flatten().cloned().collect();
    if !embeddings.is_empty() {
        found["embeddings"] = pipeline::measure_embeddings(&adata, &embeddings, truth, &options, &ctx)?;
    }
    if m.get_flag("json") {
        print_json(&found)?;
    } else {
        print(&format!("{}\n", pipeline::table(&found)))?;
    }
    Ok(ExitCode::SUCCESS)
}
