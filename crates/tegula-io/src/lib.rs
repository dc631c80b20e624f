//! Files in and out: the only crate of Tegula that opens them.
//!
//! [`read`] takes what instruments and other programs write, in any of [`FORMATS`], recognised by content;
//! [`read_h5ad`] and [`write_h5ad`] speak the format of Python's `anndata`, in every dialect since 0.5;
//! [`read_table`] and [`read_tables`] read tables of text; [`write()`] writes what the name's ending tells; [`atomic`] writes
//! any file whole or not at all.
//!
//! ```
//! use tegula_core::{AnnData, Dense, Frame};
//! use tegula_io::{WriteOptions, read_h5ad, write_h5ad};
//! let dir = tempfile::tempdir().unwrap();
//! let path = dir.path().join("tiny.h5ad");
//! let x = Dense::new(2, 1, vec![1.0, 2.0])?;
//! let adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::with_range_index(1))?;
//! write_h5ad(&adata, &path, &WriteOptions::default())?;
//! assert_eq!(read_h5ad(&path)?.x(), adata.x());
//! # Ok::<(), tegula_core::Error>(())
//! ```

pub mod atomic;
mod disk;
mod export;
mod formats;
mod h5ad;
mod parquet;
mod room;
mod store;
mod stream;
mod table;
mod write;

pub use disk::Disk;
pub use export::{write_10x_mtx, write_table, write_table_to};
pub use formats::{
    FORMATS, Format, ReadOptions, Reading, read, read_10x_h5, read_10x_mtx, read_cosmx, read_gef, read_gem, read_loom,
    read_merscope, read_seqfish, read_slideseq, read_spatialdata, read_st, read_starmap, read_tables, read_visium,
    read_visium_hd, read_with, read_xenium, read_zarr, write_zarr,
};
pub use h5ad::{not_understood, read_h5ad, write_h5ad};
pub use parquet::{read_parquet, write_parquet};
pub use stream::Spooled;
pub use table::read_table;
pub use write::{WRITTEN, WriteOptions, check_loss, table_of, write, written_as};
