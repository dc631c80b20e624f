//! Outputs, in the format that their name or a flag tells.

use std::borrow::Cow;
use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches};
use tegula::io::{self, WriteOptions};
use tegula::{AnnData, Error, Result};

use crate::stream;

/// Formats that a stream can take, the usual one first.
const TEXTS: [&str; 2] = ["csv", "tsv"];

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
        let mut options =
            WriteOptions { format: text("to"), slot: text("slot"), allow_loss, ..WriteOptions::default() };
        if stream::is_standard(path) {
            let refuse = |reason: &str| Err(Error::config("--output `-`", reason));
            if !TEXTS.contains(&options.format.get_or_insert_with(|| TEXTS[0].to_owned()).as_str()) {
                return refuse("standard output takes a table of text, csv or tsv; name a file");
            }
            if matches!(m.try_get_one::<bool>("json"), Ok(Some(true))) {
                return refuse("--json goes to standard output, too; name a file");
            }
        }
        Self::with(path, options)
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
        if !stream::is_standard(self.path) {
            return io::write(adata, self.path, &self.options);
        }
        let table = io::table_of(adata, self.options.slot.as_deref().unwrap_or("obs"))?;
        let separator = if self.options.format.as_deref() == Some(TEXTS[0]) { b',' } else { b'\t' };
        let written = io::write_table_to(&table, separator, &mut std::io::stdout().lock());
        stream::unless_closed(written).map_err(|e| Error::io(self.shown().as_ref(), e))
    }

    /// What to call it.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        if stream::is_standard(self.path) { "standard output".into() } else { self.path.to_string_lossy() }
    }
}
