//! Outputs, in the format that their name or a flag tells.

use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches};
use tegula::io::{self, WriteOptions};
use tegula::{AnnData, Result};

/// The flags, under a heading of their own.
pub(crate) fn flags() -> Vec<Arg> {
    let flags = vec![
        Arg::new("to")
            .long("to")
            .value_name("FORMAT")
            .value_parser(PossibleValuesParser::new(io::WRITTEN))
            .help("The format, where the name of the output should not tell it"),
        Arg::new("slot")
            .long("slot")
            .value_name("SLOT")
            .help("What goes into a table: obs (the default), var, X, layers/KEY, obsm/KEY or varm/KEY"),
    ];
    flags.into_iter().map(|f| f.help_heading("Writing")).collect()
}

/// Where a result goes; made before the work begins, so that a name that tells no format is told of at once.
pub(crate) struct Target<'a> {
    path: &'a Path,
    options: WriteOptions,
}

impl<'a> Target<'a> {
    /// A file (or folder) in the format that its name tells.
    pub(crate) fn new(path: &'a Path) -> Result<Self> {
        Self::with(path, WriteOptions::default())
    }

    /// The same with what the flags say.
    pub(crate) fn asked(path: &'a Path, m: &ArgMatches) -> Result<Self> {
        let text = |name: &str| m.get_one::<String>(name).cloned();
        Self::with(path, WriteOptions { format: text("to"), slot: text("slot"), ..WriteOptions::default() })
    }

    fn with(path: &'a Path, options: WriteOptions) -> Result<Self> {
        io::written_as(path, &options)?;
        Ok(Self { path, options })
    }

    /// Writes it.
    pub(crate) fn write(&self, adata: &AnnData) -> Result<()> {
        io::write(adata, self.path, &self.options)
    }
}
