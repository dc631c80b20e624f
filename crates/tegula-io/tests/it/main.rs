//! All integration tests of the crate, in one binary.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod broken;
mod carried;
mod cut;
mod data;
mod disk;
mod faults;
mod fixtures;
mod formats;
mod identity;
mod tables;
mod write;
