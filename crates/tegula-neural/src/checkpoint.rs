//! Trainings that go on where they were interrupted: a file with all that the next epoch depends on.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use tegula_core::{Ctx, Error, Result};

use crate::fingerprint;
use crate::safetensors::{Tensors, View, bytes};

/// How long a training goes on at least before it is written again.
const PAUSE: Duration = Duration::from_mins(1);
/// It also goes on so many times as long as the last writing took, however slow the disk is.
const TIMES: u32 = 100;

/// All that the next epoch of a training depends on, beside data and parameters.
#[derive(Debug)]
pub struct State<'a> {
    /// The weights, and what the optimiser remembers.
    pub parts: Vec<&'a mut [f32]>,
    /// Steps of the optimiser so far.
    pub steps: &'a mut usize,
}

/// A network that learns.
pub trait Learner {
    /// What the next epoch depends on. Whatever is computed from the weights is computed anew in every epoch.
    fn state(&mut self) -> State<'_>;
}

/// The file of a training, and what the training depends on.
///
/// It is written at the beginning, about once a minute, and at the end or where the user stops the training. When it is
/// written changes nothing in what is learned.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    path: &'a Path,
    method: &'a str,
    facts: Vec<(String, String)>,
    /// At least so long between two writings.
    pub(crate) pause: Duration,
    written: Instant,
    took: Duration,
    /// Epochs that the file holds.
    epochs: usize,
}

impl<'a> Checkpoint<'a> {
    /// The file at `path` for a training of `method` by the seed, by those of the parameters that `shaping` names, and by
    /// the data that `data` describes. All of these have to be the same where the training goes on.
    ///
    /// ```
    /// use std::path::Path;
    /// use tegula_core::Ctx;
    /// use tegula_neural::checkpoint::Checkpoint;
    /// let (params, ctx) = (serde_json::json!({"lr": 0.1, "n_epochs": 9}), Ctx::new(0));
    /// let data = [("expression", "3 × 2".to_owned())];
    /// let file = Checkpoint::new(Path::new("run.safetensors"), "demo", &params, &["lr"], data, &ctx);
    /// ```
    pub fn new(
        path: &'a Path,
        method: &'a str,
        params: &impl Serialize,
        shaping: &[&'static str],
        data: impl IntoIterator<Item = (&'static str, String)>,
        ctx: &Ctx<'_>,
    ) -> Self {
        let params = serde_json::to_value(params).unwrap_or_default();
        let own = [("method", method.to_owned()), ("version", env!("CARGO_PKG_VERSION").to_owned())];
        let seed = [("seed", ctx.seed().to_string())];
        let asked = shaping.iter().map(|&name| (name, params[name].to_string()));
        let facts = own.into_iter().chain(seed).chain(asked).chain(data).map(|(k, v)| (k.to_owned(), v)).collect();
        Self { path, method, facts, pause: PAUSE, written: Instant::now(), took: Duration::ZERO, epochs: 0 }
    }

    /// Epochs that the file holds.
    pub(crate) fn epochs(&self) -> usize {
        self.epochs
    }

    /// Whether it is time to write again.
    pub(crate) fn due(&self) -> bool {
        self.written.elapsed() >= self.pause.max(TIMES * self.took)
    }

    /// Puts a training where the file left it; gives the losses of its epochs, none where there is no file.
    ///
    /// # Errors
    /// [`Error::Format`] where the file is damaged or something else; [`Error::Param`] where it belongs to another
    /// training, or to one of more than `n_epochs` epochs.
    pub(crate) fn load(&mut self, state: State<'_>, n_epochs: usize, ctx: &Ctx<'_>) -> Result<Vec<f64>> {
        let bytes = match ctx.files().read(self.path) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            read => read?,
        };
        let file = Tensors::parse(&bytes).map_err(|(at, reason)| self.wrong(&at, &reason))?;
        let text = |name: &str| file.text(name).ok_or_else(|| self.wrong(name, "is not there"));
        let (losses, steps, digest) = (text("losses")?, text("steps")?, text("digest")?);
        self.compare(&file)?;
        let losses: Option<Vec<f64>> = losses.split_whitespace().map(|v| v.parse().ok()).collect();
        let (Some(losses), Ok(steps)) = (losses, steps.parse()) else {
            return Err(self.wrong("losses", "cannot be read"));
        };
        let parts = (0..state.parts.len()).map(|k| file.tensor(&name(k)).map(|t| &t.values[..]));
        let parts: Option<Vec<&[f32]>> = parts.collect();
        let parts = parts.filter(|p| p.iter().zip(&state.parts).all(|(from, to)| from.len() == to.len()));
        let parts = parts.ok_or_else(|| self.wrong("", "lacks a part of the network"))?;
        if self::digest(parts.iter().copied(), &losses, steps) != digest {
            return Err(self.wrong("", "is damaged: its numbers are not those that were written"));
        }
        if losses.len() > n_epochs {
            let must = format!(
                "at least {}: so many `{}` holds; or name another checkpoint",
                losses.len(),
                self.path.display()
            );
            return Err(Error::param(self.method, "n_epochs", n_epochs, must));
        }
        for (to, from) in state.parts.into_iter().zip(parts) {
            to.copy_from_slice(from);
        }
        *state.steps = steps;
        self.epochs = losses.len();
        Ok(losses)
    }

    /// Writes the training as it is after the epochs with these losses.
    ///
    /// # Errors
    /// [`Error::Io`]; the file is then as it was.
    pub(crate) fn write(&mut self, state: &State<'_>, losses: &[f64], ctx: &Ctx<'_>) -> Result<()> {
        let begun = Instant::now();
        let digest = digest(state.parts.iter().map(|p| &**p), losses, *state.steps);
        let losses_text = losses.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        let own = [("steps", state.steps.to_string()), ("losses", losses_text), ("digest", digest)];
        let mut texts = self.facts.clone();
        texts.extend(own.map(|(k, v)| (k.to_owned(), v)));
        let names: Vec<(String, [usize; 1])> = (0..).map(name).zip(state.parts.iter().map(|p| [p.len()])).collect();
        let views = names.iter().zip(&state.parts);
        let views: Vec<View<'_>> = views.map(|((name, shape), values)| View { name, shape, values }).collect();
        let written = ctx.files().write(self.path, &bytes(&texts, &views));
        (self.written, self.took) = (Instant::now(), begun.elapsed());
        written?;
        self.epochs = losses.len();
        Ok(())
    }

    /// Refuses the file of another training, by what is different.
    fn compare(&self, file: &Tensors) -> Result<()> {
        let differs = self.facts.iter().filter(|(name, here)| file.text(name) != Some(here));
        let said = |(name, here): &(String, String)| {
            let there = file.text(name).unwrap_or("not there");
            format!("{name} ({there}, not {here})")
        };
        let differs: Vec<String> = differs.map(said).collect();
        if differs.is_empty() {
            return Ok(());
        }
        let must = format!(
            "the name of another file, or this one removed: it belongs to a training with other {}",
            differs.join(" and other ")
        );
        Err(Error::param(self.method, "checkpoint", format!("`{}`", self.path.display()), must))
    }

    fn wrong(&self, at: &str, reason: &str) -> Error {
        let way_out = "no training can go on from it; name another file as checkpoint, or remove it";
        Error::format(self.path, at, format!("{reason}; {way_out}"))
    }
}

/// Refuses a checkpoint where nothing is trained, or whose file is one of weights, too.
pub(crate) fn check(method: &str, path: Option<&str>, n_epochs: usize, weights: [Option<&str>; 2]) -> Result<()> {
    if path.is_some() && n_epochs == 0 {
        return Err(Error::param(method, "checkpoint", "given", "left out with n_epochs 0, which trains nothing"));
    }
    match path {
        Some(path) if weights.contains(&Some(path)) => {
            Err(Error::param(method, "checkpoint", format!("`{path}`"), "another file than that of the weights"))
        }
        _ => Ok(()),
    }
}

/// The name of a part in the file.
fn name(part: usize) -> String {
    format!("part.{part}")
}

/// The digest of all that changes in a training.
fn digest<'a>(parts: impl Iterator<Item = &'a [f32]>, losses: &[f64], steps: usize) -> String {
    let rest = losses.iter().map(|loss| loss.to_bits()).chain([steps as u64]);
    fingerprint::words(parts.map(fingerprint::values).chain(rest))
}
