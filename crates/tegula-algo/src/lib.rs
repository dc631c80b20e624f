//! Every CPU method of Tegula. One method, one file, one line in its room's `METHODS`.
//!
//! The rule of every room: a method is a pure function (data in, data out) beside a parameter struct that implements
//! [`Step`](tegula_core::Step), which fetches the slots, calls the function and stores the result.

pub mod align;
pub mod annotate;
pub mod cluster;
pub mod embed;
pub mod graph;
pub mod index;
pub mod linalg;
pub mod metrics;
pub mod pp;
pub mod reduce;
pub mod simulate;
pub mod smooth;
pub mod stats;

use tegula_core::Method;

/// The registry: every method of this crate, room by room, in the order a user meets them.
pub const ROOMS: &[&[&dyn Method]] = &[
    pp::METHODS,
    reduce::METHODS,
    graph::METHODS,
    cluster::METHODS,
    embed::METHODS,
    align::METHODS,
    smooth::METHODS,
    annotate::METHODS,
    stats::METHODS,
];
