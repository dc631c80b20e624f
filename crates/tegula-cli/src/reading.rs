//! Inputs of any format, and the flags that settle what a format leaves open.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use tegula::io::{self, ReadOptions, Reading};
use tegula::{AnnData, Error, Result};

use crate::{Door, stream};

/// The flags, under a heading of their own.
pub(crate) fn flags() -> Vec<Arg> {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let names = io::FORMATS.iter().map(|f| f.name);
    let flags = vec![
        text("format", "NAME", "The format, where it should not be recognised by content")
            .value_parser(PossibleValuesParser::new(names))
            .hide_possible_values(true),
        text("bin-size", "N", "Side of a bin: spots of the chip (Stereo-seq), µm (Visium HD)")
            .value_parser(value_parser!(u32).range(1..)),
        text("label-column", "COL", "Column of a GEM file with the cell of each row: cells instead of bins"),
        text("obs", "TABLE", "A table (text, Parquet) that describes the observations, found by their names in its first column; its x and y are positions")
            .value_parser(value_parser!(PathBuf)),
        text("genome", "NAME", "The genome to keep, where a 10x file holds several"),
        text("library-id", "NAME", "Name of the section in uns[\"spatial\"] [default: the one the files state]"),
        text("table", "NAME", "The table to read, where a SpatialData store has several"),
        flag("genes-in-rows", "The rows of a table are genes, its columns observations"),
        flag("all-features", "Keeps antibodies and other features, not gene expression alone"),
        flag("gene-ids", "Names genes by their ids rather than by their symbols"),
        flag("raw", "Reads all barcodes, not only those under tissue"),
        flag("no-images", "Leaves the pictures of the tissue out"),
        flag("drop-unplaced", "Leaves out observations that have no position"),
    ];
    flags.into_iter().map(|f| f.help_heading("Reading")).collect()
}

/// What the flags say.
pub(crate) fn options(m: &ArgMatches) -> ReadOptions {
    let text = |name: &str| m.get_one::<String>(name).cloned();
    ReadOptions {
        format: text("format"),
        genome: text("genome"),
        gex_only: !m.get_flag("all-features"),
        gene_ids: m.get_flag("gene-ids"),
        raw: m.get_flag("raw"),
        images: !m.get_flag("no-images"),
        library_id: text("library-id"),
        drop_unplaced: m.get_flag("drop-unplaced"),
        bin_size: m.get_one("bin-size").copied(),
        label_column: text("label-column"),
        obs: m.get_one("obs").cloned(),
        genes_in_rows: m.get_flag("genes-in-rows"),
        table: text("table"),
    }
}

impl Door {
    /// Reads a file, a folder or a pipe of any format and says what the reader noticed.
    pub(crate) fn read(&self, path: &Path) -> Result<AnnData> {
        self.read_with(path, &ReadOptions::default())
    }

    /// The same with options.
    pub(crate) fn read_with(&self, path: &Path, options: &ReadOptions) -> Result<AnnData> {
        let kept = stream::lasting(path)?;
        let reading = io::read_with(&kept, options).map_err(|e| stream::named(e, &kept, path))?;
        Ok(self.note(path, reading))
    }

    /// Reads what is to be written back: only an h5ad file can be.
    pub(crate) fn read_in_place(&self, path: &Path) -> Result<AnnData> {
        let reading = io::read_with(path, &ReadOptions::default())?;
        if reading.format != "h5ad" {
            let reason = format!("the input is {}, results are h5ad; name another file with -o", reading.format);
            return Err(Error::config("--in-place", reason));
        }
        Ok(self.note(path, reading))
    }

    fn note(&self, path: &Path, reading: Reading) -> AnnData {
        if reading.format != "h5ad" {
            self.say(format!("{} is read as {}", stream::shown(path), reading.format));
        }
        for note in &reading.notes {
            self.say(format!("note: {note}"));
        }
        reading.adata
    }
}
