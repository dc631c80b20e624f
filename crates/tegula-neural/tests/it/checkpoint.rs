//! Trainings that are interrupted go on, and come to the same bits.

mod refused;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value as Json, json};
use tegula_algo::simulate::Placement;
use tegula_core::{AnnData, Ctx, Error, Files, Method, Outcome, Progress, Result, Signal, entry};
use tegula_neural::cast_mark::CastMarkParams;
use tegula_neural::safetensors::Tensors;
use tegula_neural::stagate::StagateParams;

use crate::cast_mark::two_sections;
use crate::memory::Memory;
use crate::tissue::tissue;

const FILE: &str = "run.safetensors";

/// A step with some of its parameters, and what it is trained on.
struct Case {
    method: Box<dyn Method>,
    params: Json,
    data: AnnData,
}

impl Case {
    fn stagate(params: &Json) -> Self {
        let common = json!({"hidden_dims": [24, 5], "k_cutoff": 5, "save_loss": true});
        let data = tissue(400, 40, Placement::Random);
        Self { method: Box::new(entry::<StagateParams>()), params: with(&common, params), data }
    }

    fn cast_mark() -> Self {
        let params =
            json!({"hidden_dim": 24, "n_layers": 3, "n_clusters": 3, "library_key": "section", "save_loss": true});
        Self { method: Box::new(entry::<CastMarkParams>()), params, data: two_sections(400, 40) }
    }

    /// Every kind: an Adam state or two, one step per epoch or several.
    fn all() -> Vec<Self> {
        let tiles = json!({"num_batch_x": 2, "num_batch_y": 2});
        let stagate = [json!({}), json!({"mode": "pyg"}), tiles].map(|params| Self::stagate(&params));
        stagate.into_iter().chain([Self::cast_mark()]).collect()
    }

    fn run(&self, changed: &Json, ctx: &Ctx<'_>) -> Result<(AnnData, Outcome)> {
        let mut adata = self.data.clone();
        let outcome = self.method.step(with(&self.params, changed))?.run(&mut adata, ctx)?;
        Ok((adata, outcome))
    }

    /// Ten epochs in one go: the result and the weights.
    fn whole(&self) -> (AnnData, Tensors) {
        let memory = Memory::default();
        let (adata, _) =
            self.run(&json!({"n_epochs": 10, "save_weights": "w"}), &Ctx::new(5).with_files(&memory)).unwrap();
        (adata, weights(&memory))
    }

    /// Goes on to the tenth epoch, and asserts that nothing tells it was interrupted.
    fn ends_as(&self, whole: &(AnnData, Tensors), memory: &Memory) {
        let params = json!({"n_epochs": 10, "checkpoint": FILE, "save_weights": "w"});
        let (adata, _) = self.run(&params, &Ctx::new(5).with_files(memory)).unwrap();
        assert_eq!(adata.obsm(), whole.0.obsm(), "{}", self.params);
        let told =
            |adata: &AnnData| adata.uns().iter().filter(|u| u.0 != "tegula").map(|u| u.1.clone()).collect::<Vec<_>>();
        assert_eq!(told(&adata), told(&whole.0), "{}", self.params);
        assert_eq!(weights(memory).tensors, whole.1.tensors, "{}", self.params);
    }
}

fn with(params: &Json, changed: &Json) -> Json {
    let mut params = params.clone();
    for (key, value) in changed.as_object().unwrap() {
        params[key] = value.clone();
    }
    params
}

fn weights(memory: &Memory) -> Tensors {
    Tensors::read(&memory.read(Path::new("w")).unwrap(), Path::new("w")).unwrap()
}

/// The epochs that the file holds.
fn kept(memory: &Memory) -> usize {
    let file = Tensors::read(&memory.read(Path::new(FILE)).unwrap(), Path::new(FILE)).unwrap();
    file.text("losses").unwrap().split_whitespace().count()
}

/// Somebody who says something after so many epochs, or falls over, and hears warnings.
struct After {
    epochs: usize,
    says: Option<Signal>,
    seen: AtomicUsize,
    heard: Mutex<Vec<String>>,
}

impl After {
    fn new(epochs: usize, says: Option<Signal>) -> Self {
        Self { epochs, says, seen: AtomicUsize::new(0), heard: Mutex::default() }
    }
}

impl Progress for After {
    fn metric(&self, _: &str, _: &str, _: f64) {
        let seen = self.seen.fetch_add(1, Relaxed) + 1;
        assert!(self.says.is_some() || seen < self.epochs, "the machine loses power");
    }

    fn warn(&self, message: &str) {
        self.heard.lock().unwrap().push(message.to_owned());
    }

    fn poll(&self) -> Signal {
        if self.seen.load(Relaxed) >= self.epochs { self.says.unwrap_or_default() } else { Signal::Continue }
    }
}

#[test]
fn a_training_that_was_stopped_goes_on_to_the_same_bits() {
    let params = json!({"n_epochs": 10, "checkpoint": FILE});
    for case in Case::all() {
        let whole = case.whole();
        for threads in [1, 2] {
            let memory = Memory::default();
            let after = After::new(4, Some(Signal::Stop));
            let ctx = Ctx::new(5).with_files(&memory).with_progress(&after);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (adata, outcome) = case.run(&params, &ctx).unwrap();
                assert_eq!(outcome["end"].as_str(), Some("stopped by the user"));
                assert!(adata.obsm() != whole.0.obsm() && kept(&memory) == 4);
                case.ends_as(&whole, &memory);
            });
            // The file stays: what is complete is only applied, and may be trained further.
            assert_eq!(kept(&memory), 10);
            let again = After::new(100, Some(Signal::Stop));
            let ctx = Ctx::new(5).with_files(&memory).with_progress(&again);
            case.run(&params, &ctx).unwrap();
            let heard = again.heard.lock().unwrap().join("\n");
            assert!(again.seen.load(Relaxed) == 0 && heard.contains("goes on after epoch 10 of 10"), "{heard}");
            case.ends_as(&whole, &memory);
        }
    }
}

#[test]
fn giving_up_or_losing_power_loses_nothing_that_was_written() {
    for case in Case::all() {
        let whole = case.whole();
        let memory = Memory::default();
        let params = json!({"n_epochs": 10, "checkpoint": FILE});
        let gives_up = After::new(4, Some(Signal::Abort));
        let ctx = Ctx::new(5).with_files(&memory).with_progress(&gives_up);
        assert!(matches!(case.run(&params, &ctx), Err(Error::Cancelled)) && kept(&memory) == 4);
        let falls = After::new(3, None);
        let ctx = Ctx::new(5).with_files(&memory).with_progress(&falls);
        assert!(catch_unwind(AssertUnwindSafe(|| case.run(&params, &ctx))).is_err() && kept(&memory) == 4);
        case.ends_as(&whole, &memory);
    }
}

/// Somebody who gives up when asked for the n-th time.
struct Asked(AtomicUsize, usize);

impl Progress for Asked {
    fn poll(&self) -> Signal {
        if self.0.fetch_add(1, Relaxed) >= self.1 { Signal::Abort } else { Signal::Continue }
    }
}

#[test]
fn wherever_an_epoch_is_left_the_file_is_of_a_whole_one() {
    for case in Case::all() {
        let whole = case.whole();
        let counted = Asked(AtomicUsize::new(0), usize::MAX);
        case.run(&json!({"n_epochs": 3}), &Ctx::new(5).with_progress(&counted)).unwrap();
        let asked = counted.0.load(Relaxed);
        for part in 1..8 {
            let memory = Memory::default();
            let leaves = Asked(AtomicUsize::new(0), asked * part / 8);
            let ctx = Ctx::new(5).with_files(&memory).with_progress(&leaves);
            let left = case.run(&json!({"n_epochs": 3, "checkpoint": FILE}), &ctx);
            assert!(matches!(left, Err(Error::Cancelled)));
            case.ends_as(&whole, &memory);
        }
    }
}

#[test]
fn a_loss_that_fell_no_more_is_not_trained_further_unless_asked() {
    let case = Case::stagate(&json!({"early_stop": 0.5, "early_stop_window": 2, "n_epochs": 50, "checkpoint": FILE}));
    let memory = Memory::default();
    let ctx = Ctx::new(5).with_files(&memory);
    let (first, told) = case.run(&json!({}), &ctx).unwrap();
    let epochs = kept(&memory);
    assert!(told["end"].as_str() == Some("loss fell no more") && epochs < 50);
    let (again, told) = case.run(&json!({}), &ctx).unwrap();
    assert!(told["end"].as_str() == Some("loss fell no more") && again.obsm() == first.obsm());
    let (_, told) = case.run(&json!({"early_stop": null, "n_epochs": epochs + 3}), &ctx).unwrap();
    assert_eq!((told["end"].as_str(), kept(&memory)), (Some("all epochs run"), epochs + 3));
}
