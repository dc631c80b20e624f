//! The one test binary of this crate.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "a test that skips says so")]

mod bad_input;
mod cast_mark;
mod checkpoint;
mod golden;
mod gradient;
mod memory;
mod step;
mod tissue;
mod weights;
