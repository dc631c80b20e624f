//! The folder that `tegula run` and `tegula align` fill.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use rayon::prelude::*;
use serde_json::Value as Json;
use tegula::pipeline::{Said, outcome_json};
use tegula::plot::Figure;
use tegula::recipe::Recipe;
use tegula::{AnnData, Error, Result, io};

use crate::Door;
use crate::step::{facts, same_file};

/// A folder for results.
pub(crate) struct Folder<'a> {
    dir: &'a Path,
    begun: Instant,
}

impl<'a> Folder<'a> {
    /// Makes the folder, unless it or the result in it is one of the inputs.
    pub(crate) fn make(dir: &'a Path, inputs: &[PathBuf]) -> Result<Self> {
        let is_input = |path: &Path| inputs.iter().any(|input| same_file(input, path));
        let refuse = |reason: &str| Err(Error::config(format!("--output `{}`", dir.display()), reason));
        if is_input(dir) {
            return refuse("this is the input; name another folder");
        }
        if is_input(&dir.join("result.h5ad")) {
            return refuse("this folder's result.h5ad is the input; name another folder");
        }
        if dir.is_file() {
            return refuse("this is a file; name a folder");
        }
        let figures = dir.join("figures");
        std::fs::create_dir_all(&figures).map_err(|e| Error::io(figures, e))?;
        Ok(Self { dir, begun: Instant::now() })
    }

    /// Writes result.h5ad, figures, metrics.json and recipe.toml; returns the metrics. All at once: much of it is
    /// waiting for the disk.
    pub(crate) fn fill(
        &self,
        adata: &AnnData,
        figures: &[(String, Figure)],
        recipe: &Recipe,
        measure: impl FnOnce() -> Result<Json> + Send,
    ) -> Result<Json> {
        let place = |name: &str| self.dir.join("figures").join(format!("{}.png", file_name(name)));
        let draw = |(name, figure): &(String, Figure)| io::atomic::write(place(name), &figure.to_png()?);
        let (saved, (drawn, measured)) = rayon::join(
            || io::write_h5ad(adata, self.dir.join("result.h5ad"), &io::WriteOptions::default()),
            || rayon::join(|| figures.par_iter().try_for_each(draw), measure),
        );
        saved?;
        drawn?;
        let metrics = measured?;
        io::atomic::write(self.dir.join("metrics.json"), format!("{metrics:#}\n").as_bytes())?;
        io::atomic::write(self.dir.join("recipe.toml"), recipe.to_toml().as_bytes())?;
        Ok(metrics)
    }

    /// Ends with a table for the person at the terminal.
    pub(crate) fn end(&self, door: &Door, table: &str, stopped: bool) -> ExitCode {
        door.say(format!("\n{table}\n"));
        door.say(format!("{} in {:.2} s", self.dir.display(), self.begun.elapsed().as_secs_f64()));
        if stopped {
            door.say("stopped early; what was done so far is kept");
            return ExitCode::from(130);
        }
        ExitCode::SUCCESS
    }
}

/// Tells the person of choices and steps as they come, with the time each step took.
pub(crate) fn told(door: &Door) -> impl FnMut(Said<'_>) {
    let mut since = Instant::now();
    move |said| match said {
        Said::Note(note) => door.say(format!("  {note}")),
        Said::Done(call, outcome) => {
            let seconds = since.elapsed().as_secs_f64();
            since = Instant::now();
            door.say(format!("  {:20} {seconds:6.2} s  {}", call.id, facts(&outcome_json(outcome))));
        }
    }
}

/// A column's name as a file name.
fn file_name(key: &str) -> String {
    key.chars().map(|c| if c.is_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect()
}
