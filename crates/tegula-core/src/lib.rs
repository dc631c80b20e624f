//! The foundation of Tegula: the data ([`AnnData`], [`Matrix`], [`Graph`], [`Coords`], [`Labels`]), what a method is
//! ([`Step`], [`Method`]), its surroundings ([`Ctx`]) and the one [`Error`].
//!
//! No files, no algorithms, no thread pool live here.

mod anndata;
mod buf;
mod concat;
mod coords;
mod csr;
mod ctx;
mod error;
mod files;
mod frame;
mod graph;
pub mod keys;
mod labels;
mod matrix;
pub mod par;
mod progress;
mod records;
mod room;
mod slot;
mod step;
mod value;

pub use anndata::{AnnData, Origin, Raw};
pub use buf::{Buf, Foreign};
pub use concat::concat;
pub use coords::Coords;
pub use csr::{Csr, sum_duplicates};
pub use ctx::Ctx;
pub use error::{Error, Result};
pub use files::Files;
pub use frame::{Column, Frame};
pub use graph::Graph;
pub use labels::Labels;
pub use matrix::{Dense, Matrix};
pub use progress::{Progress, Signal, Silent};
pub use records::Records;
pub use room::{Machine, Need, Room};
pub use slot::Slot;
pub use step::{BoundStep, Entry, Method, Outcome, Step, entry, history, run};
pub use value::{Array, ArrayData, Dict, Value};
