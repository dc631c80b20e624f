//! Graph networks: STAGATE and CAST Mark. Above the rooms of `tegula-algo`, whose graphs and kernels it trains on.
//!
//! Layers ([`rows`], [`gemm`], [`gather`], [`attention`], [`input`]), the training loop ([`mod@train`], [`checkpoint`]),
//! the optimiser ([`adam`]) and the device ([`device`]) know nothing of a network; a network is a folder of its own.

pub mod adam;
pub mod attention;
pub mod cast_mark;
pub mod checkpoint;
pub mod device;
mod fingerprint;
pub mod gather;
pub mod gemm;
mod genes;
pub mod graph;
pub mod input;
pub mod problem;
pub mod rows;
pub mod safetensors;
mod scalar;
pub mod source;
pub mod stagate;
pub mod train;

pub use scalar::Scalar;

use tegula_core::{Method, entry};

/// The methods of this crate.
pub const METHODS: &[&dyn Method] = &[&entry::<stagate::StagateParams>(), &entry::<cast_mark::CastMarkParams>()];
