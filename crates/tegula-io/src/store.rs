//! The seam to HDF5: everything above knows trees, arrays and attributes, nothing of bytes.
//!
//! Reading stands on `hdf5-pure` for the structure of a file and on [`chunks`] for its data, which are unpacked on all
//! threads. Writing is our own ([`writer`]): a small subset of the format that every HDF5 since 1.8 reads.

pub(crate) mod blosc;
mod bytes;
pub(crate) mod cells;
pub(crate) mod chunks;
pub(crate) mod copy;
pub(crate) mod file;
pub(crate) mod filters;
pub(crate) mod heap;
pub(crate) mod lz;
pub(crate) mod message;
mod metered;
pub(crate) mod numbers;
pub(crate) mod shuffle;
pub(crate) mod target;
pub(crate) mod tree;
pub(crate) mod types;
pub(crate) mod writer;
pub(crate) mod zarr;

pub(crate) use cells::Cells;
pub(crate) use file::{Branch, Leaf, Node, Store};
pub(crate) use target::Target;
pub(crate) use types::Type;
pub(crate) use writer::{Attr, Writer};
