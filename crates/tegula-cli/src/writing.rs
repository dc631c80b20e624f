//! Outputs, in the format that their name or a flag tells.

use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches};
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
    flags.into_iter().chain([allow_loss()]).map(|f| f.help_heading("Writing")).collect()
}

/// The flag that lets go what cannot be kept.
pub(crate) fn allow_loss() -> Arg {
    Arg::new("allow_loss")
        .long("allow-loss")
        .action(ArgAction::SetTrue)
        .help("Leaves out what was not understood where it cannot be carried over, instead of refusing to write")
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

    /// The same with what those of the flags say that the command has.
    pub(crate) fn asked(path: &'a Path, m: &ArgMatches) -> Result<Self> {
        let text = |name: &str| m.try_get_one::<String>(name).ok().flatten().cloned();
        let allow_loss = m.get_flag("allow_loss");
        Self::with(path, WriteOptions { format: text("to"), slot: text("slot"), allow_loss, ..WriteOptions::default() })
    }

    fn with(path: &'a Path, options: WriteOptions) -> Result<Self> {
        io::written_as(path, &options)?;
        Ok(Self { path, options })
    }

    /// Refuses what could not be written whole, before the work begins.
    pub(crate) fn check(&self, adata: &AnnData) -> Result<()> {
        io::check_loss(adata, self.path, &self.options)
    }

    /// Writes it.
    pub(crate) fn write(&self, adata: &AnnData) -> Result<()> {
        io::write(adata, self.path, &self.options)
    }
}
