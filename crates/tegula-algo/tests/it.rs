//! The one test binary of this crate; a file per room.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "a test that skips says so")]

#[path = "it/cluster.rs"]
mod cluster;
#[path = "it/graph.rs"]
mod graph;
#[path = "it/metrics.rs"]
mod metrics;
#[path = "it/pp.rs"]
mod pp;
#[path = "it/reduce.rs"]
mod reduce;
#[path = "it/scc.rs"]
mod scc;
#[path = "it/smooth.rs"]
mod smooth;
