//! The one training loop: epochs, the loss curve, when to stop.

use tegula_core::{Ctx, Error, Result};

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
/// `epoch` gets its number from 0 on and gives the loss; it changes no weight where that is not finite.
///
/// # Errors
/// Those of `epoch`; [`Error::Data`] where the loss is not finite; [`Error::Cancelled`].
///
/// ```
/// use tegula_core::Ctx;
/// use tegula_neural::train::{End, Plan, train};
/// let plan = Plan { task: "demo", n_epochs: 100, tolerance: Some(1e-3), window: 5 };
/// let curve = train(&plan, &Ctx::new(0), |epoch| Ok(1.0 + 0.5f64.powi(epoch as i32)))?;
/// assert_eq!((curve.end, curve.losses[0]), (End::Converged, 2.0));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn train(plan: &Plan<'_>, ctx: &Ctx<'_>, mut epoch: impl FnMut(usize) -> Result<f64>) -> Result<Curve> {
    let mut losses = Vec::with_capacity(plan.n_epochs);
    let mut end = End::Done;
    ctx.begin(plan.task, plan.n_epochs as u64);
    for number in 0..plan.n_epochs {
        if !ctx.goes_on()? {
            end = End::Stopped;
            break;
        }
        let loss = epoch(number)?;
        if !loss.is_finite() {
            let reason = format!(
                "became {loss} in epoch {} of {}; lower lr, or look for very large values in the data (log them first)",
                number + 1,
                plan.n_epochs
            );
            return Err(Error::data(format!("loss of {}", plan.task), reason));
        }
        losses.push(loss);
        ctx.metric(plan.task, "loss", loss);
        ctx.tick(plan.task, 1)?;
        if plan.tolerance.is_some_and(|tolerance| flat(&losses, plan.window, tolerance)) {
            end = End::Converged;
            break;
        }
    }
    ctx.end(plan.task);
    Ok(Curve { losses, end })
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
    use tegula_core::{Progress, Signal};

    const PLAN: Plan<'_> = Plan { task: "test", n_epochs: 10, tolerance: None, window: 3 };

    #[test]
    fn a_loss_that_is_not_finite_names_its_epoch() {
        let run = |bad| train(&PLAN, &Ctx::new(0), |e| Ok(if e == 3 { bad } else { 1.0 })).unwrap_err().to_string();
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
            train(&PLAN, &Ctx::new(0).with_progress(&after), |_| Ok(1.0))
        };
        let curve = says(Signal::Stop).unwrap();
        assert!(curve.end == End::Stopped && curve.losses.len() == 3, "{curve:?}");
        assert!(matches!(says(Signal::Abort), Err(Error::Cancelled)));
    }

    #[test]
    fn a_plan_without_epochs_does_nothing() {
        let curve = train(&Plan { n_epochs: 0, ..PLAN }, &Ctx::new(0), |_| Ok(f64::NAN)).unwrap();
        assert_eq!(curve, Curve { losses: vec![], end: End::Done });
    }
}
