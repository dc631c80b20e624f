//! The one test binary of this crate; a file per room.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "a test that skips says so")]

mod align;
mod cast_project;
mod cluster;
mod communities;
mod consensus;
mod data;
mod delaunay;
mod diffuse;
mod diffusion;
mod embed;
mod embedding_metrics;
mod graph;
mod harmony;
mod kmeans;
mod lattice;
mod mclust;
mod metrics;
mod nbody;
mod pp;
mod pp_scanpy;
mod pp_steps;
mod reduce;
mod scc;
mod simulate;
mod smooth;
mod spatial_graphs;
mod stats;
mod sweep;
