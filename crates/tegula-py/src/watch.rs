//! Runs work without the GIL while the main thread looks for Ctrl-C every 100 ms.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use tegula::Ctx;
use tegula::core::{Progress, Signal};
use tegula::io::Disk;

/// What a task has come to.
#[derive(Default)]
struct Task {
    name: String,
    done: u64,
    total: u64,
    note: String,
    over: bool,
    told: bool,
}

/// What the running work sees of Python: whether to stop, where warnings go and, where somebody looks, how far it is.
#[derive(Default)]
struct Watch {
    abort: AtomicBool,
    warnings: Mutex<Vec<String>>,
    tasks: Option<Mutex<Vec<Task>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    fn change(&self, name: &str, change: impl FnOnce(&mut Task)) {
        if let Some(tasks) = &self.tasks
            && let Some(task) = lock(tasks).iter_mut().find(|t| t.name == name && !t.over)
        {
            change(task);
            task.told = false;
        }
    }

    /// Tells Python of the tasks that moved since it was last told.
    fn tell(&self, py: Python<'_>, progress: &Py<PyAny>) -> PyResult<()> {
        let Some(tasks) = &self.tasks else { return Ok(()) };
        let mut tasks = lock(tasks);
        let moved = tasks.iter().filter(|t| !t.told);
        let moved: Vec<_> = moved.map(|t| (t.name.clone(), t.done, t.total, t.note.clone(), t.over)).collect();
        tasks.retain(|t| !t.over);
        tasks.iter_mut().for_each(|t| t.told = true);
        drop(tasks);
        if !moved.is_empty() {
            progress.call1(py, (moved,))?;
        }
        Ok(())
    }
}

impl Progress for Watch {
    fn begin(&self, task: &str, total: u64) {
        if let Some(tasks) = &self.tasks {
            lock(tasks).push(Task { name: task.to_owned(), total, ..Task::default() });
        }
    }

    fn advance(&self, task: &str, n: u64) {
        self.change(task, |t| t.done += n);
    }

    fn metric(&self, task: &str, name: &str, value: f64) {
        self.change(task, |t| t.note = format!("{name} {value:.5}"));
    }

    fn end(&self, task: &str) {
        self.change(task, |t| t.over = true);
    }

    fn warn(&self, message: &str) {
        lock(&self.warnings).push(message.to_owned());
    }

    fn poll(&self) -> Signal {
        if self.abort.load(Ordering::Relaxed) { Signal::Abort } else { Signal::Continue }
    }
}

/// Runs `work` without the GIL on `n_threads` threads (all cores for `None`); returns what it returned and the
/// warnings. Every 100 ms `progress` is told how far it is. Ctrl-C makes it stop within 100 ms and is raised as
/// `KeyboardInterrupt`; so is what `progress` raises.
pub(crate) fn run<R: Send>(
    py: Python<'_>,
    n_threads: Option<usize>,
    seed: u64,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Ctx<'_>) -> R + Send,
) -> PyResult<(R, Vec<String>)> {
    let progress = progress.map(|p| p.clone().unbind());
    let watch = Watch { tasks: progress.is_some().then(Mutex::default), ..Watch::default() };
    let pool = match n_threads {
        None => None,
        Some(n) => {
            let built = rayon::ThreadPoolBuilder::new().num_threads(n).build();
            Some(built.map_err(|e| PyRuntimeError::new_err(e.to_string()))?)
        }
    };
    let look = |py: Python<'_>| {
        py.check_signals()?;
        progress.as_ref().map_or(Ok(()), |p| watch.tell(py, p))
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
                    && let Err(e) = Python::attach(look)
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
    if let Some(p) = &progress {
        watch.tell(py, p)?;
    }
    let result = done.map_err(|_| PyRuntimeError::new_err("a bug in tegula: the step panicked; please report it"))?;
    Ok((result, watch.warnings.into_inner().unwrap_or_else(PoisonError::into_inner)))
}
