//! `tl.stagate`: the graph attention auto-encoder.

mod apply;
mod backward;
mod forward;
mod net;

pub use net::{Gradient, Net, Problem, Weights, Widths};
