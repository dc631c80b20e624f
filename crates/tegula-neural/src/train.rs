//! The one training loop: epochs, the loss curve, when to stop and when to write what was learned.

use tegula_core::{Ctx, Error, Result};

use crate::checkpoint::{Checkpoint, Learner};

/// Whether to go on: asked before every piece of a long pass, from any thread. Where it says no the rest of the pass is
/// left out and its result means nothing.
pub type Go<'a> = &'a (dyn Fn() -> bool + Sync);

/// How long to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan<'a> {
    /// The task as progress shows it.
    pub task: &'a str,
    /// Epochs at most.
    pub n_epochs: usize,
    /// Stop where the mean loss of a window of epochs is less than this share below that of the window before.
    pub tolerance: Option<f64>,
    /// Epochs of such a window.
    pub window: usize,
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All epochs were run.
    Done,
    /// The loss fell no more.
    Converged,
    /// The user asked for it.
    Stopped,
}

impl End {
    /// In words.
    pub fn told(self) -> &'static str {
        match self {
            Self::Done => "all epochs run",
            Self::Converged => "loss fell no more",
            Self::Stopped => "stopped by the user",
        }
    }
}

/// What a training tells of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The loss of every epoch, before its step.
    pub losses: Vec<f64>,
    /// Why it ended.
    pub end: End,
}

/// Runs `epoch` until the plan ends, the loss falls no more, or the user stops it; what was learned until then is kept.
/// `epoch` gets the network and its number from 0 on and gives the loss; it changes no weight where that is not finite.
/// With a `checkpoint` the training goes on where its file left it and is written to it.
///
/// # Errors
/// Those of `epoch`; [`Error::Data`] where the loss is not finite; [`Error::Cancelled`]; where the file of the checkpoint
/// cannot be written or is of another training, before the first epoch.
///
/// ```
/// use tegula_core::Ctx;
/// use tegula_neural::checkpoint::{Learner, State};
/// use tegula_neural::train::{End, Plan, train};
/// struct Net([f32; 1], usize);
/// impl Learner for Net {
///     fn state(&mut self) -> State<'_> {
///         State { parts: vec![&mut self.0], steps: &mut self.1 }
///     }
/// }
/// let plan = Plan { task: "demo", n_epochs: 100, tolerance: Some(1e-3), window: 5 };
/// let curve = train(&plan, None, &mut Net([1.0], 0), &Ctx::new(0), |net, _| {
///     net.0[0] *= 0.5;
///     Ok(1.0 + 2.0 * f64::from(net.0[0]))
/// })?;
/// assert_eq!((curve.end, curve.losses[0]), (End::Converged, 2.0));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn train<N: Learner>(
    plan: &Plan<'_>,
    mut checkpoint: Option<Checkpoint<'_>>,
    net: &mut N,
    ctx: &Ctx<'_>,
    epoch: impl FnMut(&mut N, usize) -> Result<f64>,
) -> Result<Curve> {
    let mut losses = Vec::new();
    if let Some(file) = &mut checkpoint {
        losses = file.load(net.state(), plan.n_epochs, ctx)?;
        if !losses.is_empty() {
            ctx.warn(&format!("{}: goes on after epoch {} of {}", plan.task, losses.len(), plan.n_epochs));
        }
        if losses.len() < plan.n_epochs {
            // What cannot be written is better known now than after hours.
            file.write(&net.state(), &losses, ctx)?;
        }
    }
    ctx.begin(plan.task, (plan.n_epochs - losses.len()) as u64);
    // The optimiser's steps after the last whole epoch: in the middle of one there is nothing to go on from.
    let mut steps = *net.state().steps;
    let ended = epochs(plan, net, &mut losses, ctx, epoch, |net, losses| {
        steps = *net.state().steps;
        if let Some(file) = checkpoint.as_mut().filter(|file| file.due()) {
            keep(file, net, losses, plan, ctx);
        }
    });
    if let Some(file) = checkpoint.as_mut().filter(|file| file.epochs() < losses.len())
        && matches!(ended, Ok(_) | Err(Error::Cancelled))
        && *net.state().steps == steps
    {
        keep(file, net, &losses, plan, ctx);
    }
    ctx.end(plan.task);
    Ok(Curve { losses, end: ended? })
}

/// Writes a checkpoint; where that fails the training is worth more.
fn keep(file: &mut Checkpoint<'_>, net: &mut impl Learner, losses: &[f64], plan: &Plan<'_>, ctx: &Ctx<'_>) {
    if let Err(e) = file.write(&net.state(), losses, ctx) {
        let epochs = file.epochs();
        ctx.warn(&format!("{}: {e}; the training goes on, its checkpoint is still that of epoch {epochs}", plan.task));
    }
}

/// The epochs that are left, `after` called behind each.
fn epochs<N>(
    plan: &Plan<'_>,
    net: &mut N,
    losses: &mut Vec<f64>,
    ctx: &Ctx<'_>,
    mut epoch: impl FnMut(&mut N, usize) -> Result<f64>,
    mut after: impl FnMut(&mut N, &[f64]),
) -> Result<End> {
    loop {
        let number = losses.len();
        if plan.tolerance.is_some_and(|tolerance| flat(losses, plan.window, tolerance)) {
            return Ok(End::Converged);
        }
        if number >= plan.n_epochs {
            return Ok(End::Done);
        }
        if !ctx.goes_on()? {
            return Ok(End::Stopped);
        }
        let loss = epoch(net, number)?;
        if !loss.is_finite() {
            let reason = format!(
                "became {loss} in epoch {} of {}; lower lr, or look for very large values in the data (log them first)",
                number + 1,
                plan.n_epochs
            );
            return Err(Error::data(format!("loss of {}", plan.task), reason));
        }
        losses.push(loss);
        after(net, losses);
        ctx.metric(plan.task, "loss", loss);
        ctx.tick(plan.task, 1)?;
    }
}

/// Whether the last window is hardly below the one before.
fn flat(losses: &[f64], window: usize, tolerance: f64) -> bool {
    let n = losses.len();
    if window == 0 || n < 2 * window {
        return false;
    }
    let mean = |from: usize| losses[from..from + window].iter().sum::<f64>() / window as f64;
    let (before, now) = (mean(n - 2 * window), mean(n - window));
    before - now < tolerance * before.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::State;
    use std::path::Path;
    use std::sync::Mutex;
    use std::time::Duration;
    use tegula_core::{Files, Progress, Signal};

    const PLAN: Plan<'_> = Plan { task: "test", n_epochs: 10, tolerance: None, window: 3 };

    /// A network of one weight that every epoch halves.
    struct Half([f32; 1], usize);

    impl Learner for Half {
        fn state(&mut self) -> State<'_> {
            State { parts: vec![&mut self.0], steps: &mut self.1 }
        }
    }

    fn halve(net: &mut Half) -> f64 {
        net.0[0] *= 0.5;
        net.1 += 1;
        f64::from(net.0[0])
    }

    #[test]
    fn a_loss_that_is_not_finite_names_its_epoch() {
        let net = &mut Half([1.0], 0);
        let mut run = |bad| {
            train(&PLAN, None, net, &Ctx::new(0), |_, e| Ok(if e == 3 { bad } else { 1.0 })).unwrap_err().to_string()
        };
        assert!(run(f64::NAN).contains("became NaN in epoch 4 of 10"));
        assert!(run(f64::INFINITY).contains("epoch 4"));
    }

    #[test]
    fn a_stop_keeps_what_there_is_and_an_abort_does_not() {
        struct After(std::sync::atomic::AtomicUsize, Signal);
        impl Progress for After {
            fn poll(&self) -> Signal {
                let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if n > 4 { self.1 } else { Signal::Continue }
            }
        }
        let says = |signal| {
            let after = After(0.into(), signal);
            train(&PLAN, None, &mut Half([1.0], 0), &Ctx::new(0).with_progress(&after), |_, _| Ok(1.0))
        };
        let curve = says(Signal::Stop).unwrap();
        assert!(curve.end == End::Stopped && curve.losses.len() == 3, "{curve:?}");
        assert!(matches!(says(Signal::Abort), Err(Error::Cancelled)));
    }

    #[test]
    fn a_plan_without_epochs_does_nothing() {
        let plan = Plan { n_epochs: 0, ..PLAN };
        let curve = train(&plan, None, &mut Half([1.0], 0), &Ctx::new(0), |_, _| Ok(f64::NAN)).unwrap();
        assert_eq!(curve, Curve { losses: vec![], end: End::Done });
    }

    /// One file in memory; how often it was written; who asks to stop after so many writings.
    #[derive(Default)]
    struct Slow(Mutex<(Option<Vec<u8>>, usize)>, usize);

    impl Files for Slow {
        fn read(&self, path: &Path) -> Result<Vec<u8>> {
            let file = self.0.lock().unwrap().0.clone();
            file.ok_or_else(|| Error::io(path, std::io::ErrorKind::NotFound.into()))
        }

        fn write(&self, _: &Path, bytes: &[u8]) -> Result<()> {
            let mut file = self.0.lock().unwrap();
            *file = (Some(bytes.to_vec()), file.1 + 1);
            Ok(())
        }
    }

    impl Progress for Slow {
        fn poll(&self) -> Signal {
            if self.0.lock().unwrap().1 >= self.1 { Signal::Stop } else { Signal::Continue }
        }
    }

    #[test]
    fn a_long_training_is_written_now_and_then_and_a_short_one_at_both_ends() {
        let plan = Plan { n_epochs: 100_000, ..PLAN };
        let writes = |pause: Duration, most: usize, n_epochs| {
            let files = Slow(Mutex::default(), most);
            let ctx = Ctx::new(0).with_files(&files).with_progress(&files);
            let mut file = Checkpoint::new(Path::new("c"), "demo", &(), &[], [], &ctx);
            file.pause = pause;
            let epoch = |net: &mut Half, _| {
                std::thread::sleep(Duration::from_millis(1));
                Ok(halve(net))
            };
            let curve = train(&Plan { n_epochs, ..plan }, Some(file), &mut Half([1.0], 0), &ctx, epoch).unwrap();
            (files.0.into_inner().unwrap().1, curve)
        };
        let (n, curve) = writes(Duration::ZERO, 4, 100_000);
        assert!(n == 4 && curve.end == End::Stopped && curve.losses.len() > 2, "{n} {curve:?}");
        let (n, curve) = writes(Duration::from_hours(1), 4, 50);
        assert!(n == 2 && curve.end == End::Done, "{n} {curve:?}");
    }
}
