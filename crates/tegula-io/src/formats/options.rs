//! What a format leaves open, and which formats know which option.

use std::path::PathBuf;

use tegula_core::{Error, Result};

use super::Format;

/// How to read what leaves a choice. Defaults suit most files.
///
/// ```
/// let coarse = tegula_io::ReadOptions { bin_size: Some(100), ..Default::default() };
/// assert!(coarse.images && coarse.gex_only);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each an independent choice, a flag at the doors
pub struct ReadOptions {
    /// Name of the format, where it should not be recognised; see [`FORMATS`](super::FORMATS).
    pub format: Option<String>,
    /// Genome to keep, where a 10x file holds several.
    pub genome: Option<String>,
    /// Keep features of the type "Gene Expression" alone, as scanpy does.
    pub gex_only: bool,
    /// Name variables by their ids (`ENSG…`) rather than by their symbols.
    pub gene_ids: bool,
    /// Read the matrix of all barcodes, not only of those under tissue (`raw_…` rather than `filtered_…`).
    pub raw: bool,
    /// Read the pictures of the tissue into `uns["spatial"]`.
    pub images: bool,
    /// Name of the section in `uns["spatial"]`; by default the one the files state, else the folder's.
    pub library_id: Option<String>,
    /// Leave out observations that have no position; by default they stay and their position is NaN.
    pub drop_unplaced: bool,
    /// Side of a bin: in spots of the chip for Stereo-seq, in µm for Visium HD.
    pub bin_size: Option<u32>,
    /// Column of a GEM file with the cell each row belongs to: observations are then cells, not bins.
    pub label_column: Option<String>,
    /// A table (text or Parquet) that describes the observations, found by the names in its first column; its columns of
    /// positions (`x` and `y`, …) are theirs, where the files themselves have none.
    pub obs: Option<PathBuf>,
    /// The rows of a table are genes, its columns observations; by default only where `obs` describes the columns.
    pub genes_in_rows: bool,
    /// The table to read, where a `SpatialData` store has several.
    pub table: Option<String>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            genome: None,
            gex_only: true,
            gene_ids: false,
            raw: false,
            images: true,
            library_id: None,
            drop_unplaced: false,
            bin_size: None,
            label_column: None,
            obs: None,
            genes_in_rows: false,
            table: None,
        }
    }
}

/// Options that only some formats know: their names, whether one is given, and the formats.
type Particular = (&'static str, fn(&ReadOptions) -> bool, &'static [&'static str]);
const PARTICULAR: [Particular; 5] = [
    ("bin_size", |o| o.bin_size.is_some(), &["gem", "gef", "visium_hd"]),
    ("label_column", |o| o.label_column.is_some(), &["gem"]),
    ("genome", |o| o.genome.is_some(), &["10x_h5", "10x_mtx", "visium", "visium_hd", "xenium"]),
    ("table", |o| o.table.is_some(), &["spatialdata"]),
    ("genes_in_rows", |o| o.genes_in_rows, &["table"]),
];

impl ReadOptions {
    /// Refuses an option that the format does not know: what was asked for would not be done.
    pub(super) fn check(&self, format: &Format) -> Result<()> {
        let idle = PARTICULAR.iter().find(|(_, given, of)| given(self) && !of.contains(&format.name));
        let Some((name, _, of)) = idle else { return Ok(()) };
        let reason = format!("says nothing about {}, only about {}; leave it out", format.title, of.join(", "));
        Err(Error::config(*name, reason))
    }
}
