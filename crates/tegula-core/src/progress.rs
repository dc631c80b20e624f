//! How a method tells its door what it is doing, and hears that it should stop.

/// What the user wants of the running work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signal {
    /// Go on.
    #[default]
    Continue,
    /// Finish early and keep what there is.
    Stop,
    /// Give up now.
    Abort,
}

/// What a door shows of the running work. Every function has an empty default: the library itself is silent.
pub trait Progress: Sync {
    /// A task of `total` items begins; 0 where the number is not known.
    fn begin(&self, _task: &str, _total: u64) {}
    /// `n` more items of the task are done.
    fn advance(&self, _task: &str, _n: u64) {}
    /// A figure worth watching: a loss, a modularity.
    fn metric(&self, _task: &str, _name: &str, _value: f64) {}
    /// The task is over.
    fn end(&self, _task: &str) {}
    /// Something the user should know, though the work goes on.
    fn warn(&self, _message: &str) {}
    /// Whether to go on. Cheap: called every 100 ms of work or more often.
    fn poll(&self) -> Signal {
        Signal::Continue
    }
}

/// Shows nothing, never stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
