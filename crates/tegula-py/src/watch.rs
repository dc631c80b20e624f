//! Runs work without the GIL while the main thread looks for Ctrl-C every 100 ms.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use tegula::Ctx;
use tegula::core::{Progress, Signal};
use tegula::io::Disk;

/// What the running work sees of Python: whether to stop, and where warnings go.
#[derive(Default)]
struct Watch {
    abort: AtomicBool,
    warnings: Mutex<Vec<String>>,
}

impl Progress for Watch {
    fn warn(&self, message: &str) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_owned());
    }

    fn poll(&self) -> Signal {
        if self.abort.load(Ordering::Relaxed) { Signal::Abort } else { Signal::Continue }
    }
}

/// Lets Python handle its signals; the error is what a handler raised.
fn check_signals(py: Python<'_>) -> PyResult<()> {
    py.check_signals()
}

/// Runs `work` without the GIL on `n_threads` threads (all cores for `None`); returns what it returned and the
/// warnings. Ctrl-C makes it stop within 100 ms and is raised as `KeyboardInterrupt`.
pub(crate) fn run<A, R>(
    py: Python<'_>,
    n_threads: Option<usize>,
    seed: u64,
    work: impl FnOnce(&Ctx<'_>) -> (A, R) + Send,
) -> PyResult<(A, R, Vec<String>)>
where
    A: Send,
    R: Send,
{
    let watch = Watch::default();
    let pool = match n_threads {
        None => None,
        Some(n) => {
            let built = rayon::ThreadPoolBuilder::new().num_threads(n).build();
            Some(built.map_err(|e| PyRuntimeError::new_err(e.to_string()))?)
        }
    };
    let mut interrupt = None;
    let done = py.detach(|| {
        std::thread::scope(|scope| {
            let (end, ended) = channel::<()>();
            let (watch, pool) = (&watch, &pool);
            let worker = scope.spawn(move || {
                let ctx = Ctx::new(seed).with_progress(watch).with_files(&Disk);
                let result = match pool {
                    Some(p) => p.install(|| work(&ctx)),
                    None => work(&ctx),
                };
                drop(end);
                result
            });
            while ended.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
                if interrupt.is_none()
                    && let Err(e) = Python::attach(check_signals)
                {
                    watch.abort.store(true, Ordering::Relaxed);
                    interrupt = Some(e);
                }
            }
            worker.join()
        })
    });
    if let Some(e) = interrupt {
        return Err(e);
    }
    let (adata, result) =
        done.map_err(|_| PyRuntimeError::new_err("a bug in tegula: the step panicked; please report it"))?;
    Ok((adata, result, watch.warnings.into_inner().unwrap_or_else(PoisonError::into_inner)))
}
