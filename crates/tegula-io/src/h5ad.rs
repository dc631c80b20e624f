//! The h5ad format: an annotated matrix in HDF5, as Python's `anndata` lays it out.

mod element;
mod encode;
mod frame;
mod legacy;
mod matrix;
mod read;
mod write;

pub use read::read_h5ad;
pub(crate) use read::{FORMAT, annotated, in_file};
pub(crate) use write::encode_into;
pub use write::{not_understood, write_h5ad};

/// The attributes that hold named arrays, in the order files list them.
const MAPS: [&str; 4] = ["obsm", "varm", "obsp", "varp"];

/// Marks, among the pristine paths of an origin, one that we could not read and must carry over.
const UNREAD: char = '?';
