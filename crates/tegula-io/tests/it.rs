//! All integration tests of the crate, in one binary.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests are tests

#[path = "it/broken.rs"]
mod broken;
#[path = "it/carried.rs"]
mod carried;
#[path = "it/data.rs"]
mod data;
#[path = "it/disk.rs"]
mod disk;
#[path = "it/fixtures.rs"]
mod fixtures;
#[path = "it/identity.rs"]
mod identity;
