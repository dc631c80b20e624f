//! Tests of the command: what it prints, what it writes, how it fails.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking, and writes where it likes"
)]

mod bad_input;
mod door;
mod files;
mod good;
mod sections;
mod simulate;
#[cfg(unix)]
mod stop;
#[cfg(unix)]
mod streams;
