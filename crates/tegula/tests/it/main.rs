//! Tests of the hall: every registered step, recipes, the pipeline.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking, and writes where it likes"
)]

mod determinism;
mod labelled;
mod pipeline;
mod recipe;
mod tissue;
