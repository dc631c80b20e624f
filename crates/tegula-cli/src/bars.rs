//! Progress bars on stderr, and Ctrl-C: once to stop early and keep the result, twice to give up.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tegula::core::{Progress, Signal};

use crate::stream;

/// Progress bars on stderr.
pub(crate) struct Bars {
    all: MultiProgress,
    open: Mutex<HashMap<String, ProgressBar>>,
    presses: Arc<AtomicU8>,
    /// Whether there is a step that could stop early.
    armed: Arc<AtomicBool>,
    shown: bool,
}

impl Bars {
    /// Bars that show where stderr is a terminal and `quiet` is not set. Takes over Ctrl-C and the signals that end programs.
    pub(crate) fn new(quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let presses = Arc::new(AtomicU8::new(0));
        let armed = Arc::new(AtomicBool::new(false));
        let (counted, is_armed) = (Arc::clone(&presses), Arc::clone(&armed));
        // Where the handler cannot be set, Ctrl-C keeps its usual meaning.
        let _ = ctrlc::set_handler(move || {
            // What is read can be read again, and what is written is there whole or not at all.
            if !is_armed.load(Ordering::Relaxed) || counted.fetch_add(1, Ordering::Relaxed) >= 2 {
                stream::tidy();
                std::process::exit(130);
            }
        });
        Self { all: MultiProgress::with_draw_target(target), open: Mutex::default(), presses, armed, shown }
    }

    /// From now on Ctrl-C stops a step; before, there is nothing to keep, and it ends the program.
    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Prints a line above the bars, on stderr.
    #[expect(clippy::print_stderr, reason = "the door's voice to the person at the terminal")]
    pub(crate) fn println(&self, text: &str) {
        self.all.suspend(|| eprintln!("{text}"));
    }

    fn with(&self, task: &str, f: impl FnOnce(&ProgressBar)) {
        if !self.shown {
            return;
        }
        if let Some(bar) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(task) {
            f(bar);
        }
    }
}

impl Progress for Bars {
    fn begin(&self, task: &str, total: u64) {
        if !self.shown {
            return;
        }
        let bar = if total == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(total) };
        let template = if total == 0 {
            "{spinner} {prefix:24} {pos} {msg}"
        } else {
            "  {prefix:24} {bar:30} {percent:>3} %  {per_sec}  {eta}  {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉ "));
        }
        bar.set_prefix(task.to_owned());
        let bar = self.all.add(bar);
        bar.enable_steady_tick(Duration::from_millis(200));
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(task.to_owned(), bar);
    }

    fn advance(&self, task: &str, n: u64) {
        self.with(task, |bar| bar.inc(n));
    }

    fn metric(&self, task: &str, name: &str, value: f64) {
        self.with(task, |bar| bar.set_message(format!("{name} {value:.5}")));
    }

    fn end(&self, task: &str) {
        if let Some(bar) = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(task) {
            bar.finish_and_clear();
        }
    }

    fn warn(&self, message: &str) {
        self.println(&format!("warning: {message}"));
    }

    fn poll(&self) -> Signal {
        match self.presses.load(Ordering::Relaxed) {
            0 => Signal::Continue,
            1 => Signal::Stop,
            _ => Signal::Abort,
        }
    }
}
