//! All integration tests of the crate, in one binary.

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
