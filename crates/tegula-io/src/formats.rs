//! The one door for files of any format: recognised by what is in them, never by their names' endings.

mod cells;
mod counts;
mod described;
mod foreign;
mod gef;
mod gem;
#[cfg(test)]
mod handmade;
mod loom;
pub(crate) mod names;
mod near;
mod options;
mod pieces;
mod png;
mod positions;
mod source;
mod tables;
mod tenx_h5;
mod tenx_mtx;
mod visium;
mod visium_hd;
mod xenium;
pub(crate) mod zarr;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rayon::prelude::*;
use tegula_core::{AnnData, Error, Result};

pub use cells::{read_cosmx, read_merscope, read_seqfish, read_slideseq, read_starmap};
pub use gef::read_gef;
pub use gem::read_gem;
pub use loom::read_loom;
pub use options::ReadOptions;
pub(crate) use source::{Kind, Source};
pub use tables::{read_st, read_tables};
pub use tenx_h5::read_10x_h5;
pub use tenx_mtx::read_10x_mtx;
pub use visium::read_visium;
pub use visium_hd::read_visium_hd;
pub use xenium::read_xenium;
pub use zarr::{read_spatialdata, read_zarr, write_zarr};

/// What a reader did that its user should know, each a sentence.
pub(crate) type Notes = Vec<String>;

/// A format that Tegula reads.
#[derive(Debug)]
pub struct Format {
    /// Short name, for [`ReadOptions::format`].
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What it is recognised by.
    pub looks_for: &'static str,
    pub(crate) is: fn(&Source) -> bool,
    pub(crate) read: fn(&Source, &ReadOptions, &mut Notes) -> Result<AnnData>,
}

impl Format {
    /// What a source is.
    fn of(source: &Source) -> Option<&'static Self> {
        FORMATS.iter().copied().find(|f| (f.is)(source))
    }
}

/// Every format that Tegula reads, in the order they are tried: the particular before the general.
///
/// ```
/// let names: Vec<&str> = tegula_io::FORMATS.iter().map(|f| f.name).collect();
/// assert!(names.contains(&"h5ad") && names.contains(&"visium"));
/// ```
pub const FORMATS: &[&Format] = &[
    &crate::h5ad::FORMAT,
    &zarr::SPATIALDATA,
    &zarr::FORMAT,
    &tenx_h5::FORMAT,
    &loom::FORMAT,
    &gef::FORMAT,
    &visium_hd::FORMAT,
    &visium::FORMAT,
    &xenium::FORMAT,
    &cells::COSMX,
    &cells::SLIDESEQ,
    &cells::SEQFISH,
    &cells::STARMAP,
    &cells::MERSCOPE,
    &tenx_mtx::FORMAT,
    &gem::FORMAT,
    &tables::ST,
    &tables::TABLE,
];

/// What [`read_with`] gives.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The data.
    pub adata: AnnData,
    /// Name of the format it was read as.
    pub format: &'static str,
    /// What the user should know, each a sentence: names made unique, barcodes without a position, choices made.
    pub notes: Vec<String>,
}

/// Reads a file or folder of any format Tegula knows, recognised by its content; see [`FORMATS`].
///
/// ```
/// let err = tegula_io::read("no/such/file.h5ad").unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`].
pub fn read(path: impl AsRef<Path>) -> Result<AnnData> {
    read_with(path, &ReadOptions::default()).map(|r| r.adata)
}

/// Reads a file or folder of any format Tegula knows, and says what the user should know about it.
///
/// ```
/// let dir = tempfile::tempdir().unwrap();
/// std::fs::write(dir.path().join("matrix.mtx"), "%%MatrixMarket matrix coordinate integer general\n2 1 1\n2 1 7\n").unwrap();
/// std::fs::write(dir.path().join("genes.tsv"), "ENSG1\tA\nENSG2\tA\n").unwrap();
/// std::fs::write(dir.path().join("barcodes.tsv"), "AAAC-1\n").unwrap();
/// let reading = tegula_io::read_with(dir.path(), &Default::default())?;
/// assert_eq!((reading.format, reading.adata.var().index()), ("10x_mtx", &["A".to_owned(), "A-1".into()][..]));
/// assert!(reading.notes[0].starts_with("1 of 2 names of variables"));
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where a file cannot be read; [`Error::Format`] where it is of no known format, or damaged;
/// [`Error::Data`] where parts do not belong together; [`Error::Config`] where an option names what is not there.
pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    let path = path.as_ref();
    // Libraries read untrusted bytes; a panic in one is a damaged file.
    catch_unwind(AssertUnwindSafe(|| open(path, options)))
        .unwrap_or_else(|_| Err(Error::format(path, "", "the file is damaged; copy or make it again")))
}

/// Reads as the one given format.
pub(crate) fn read_as(format: &Format, path: &Path, options: &ReadOptions) -> Result<Reading> {
    read_with(path, &ReadOptions { format: Some(format.name.to_owned()), ..options.clone() })
}

fn open(path: &Path, options: &ReadOptions) -> Result<Reading> {
    let chosen = options.format.as_deref().map(named).transpose()?;
    let source = Source::open(path)?;
    let found = match chosen {
        Some(f) if (f.is)(&source) => Some(f),
        Some(f) => {
            let reason = format!("this is not {}: looked for {}; found {}", f.title, f.looks_for, source.found());
            return Err(Error::format(path, "", reason));
        }
        None => Format::of(&source),
    };
    let format = found.ok_or_else(|| unknown(&source))?;
    options.check(format)?;
    let reading = take(format, &source, options);
    // Any text can be taken for a table, also a part of a folder.
    if format.name == tables::TABLE.name { reading.map_err(|e| near::pointed(e, path)) } else { reading }
}

/// Reads a source as what it is.
fn take(format: &Format, source: &Source, options: &ReadOptions) -> Result<Reading> {
    let mut notes = Notes::new();
    let adata = (format.read)(source, options, &mut notes);
    if let Some(path) = source.changed() {
        return Err(Error::format(path, "", "was changed while it was read; read it again when it is complete"));
    }
    let mut adata = adata?;
    if let Some(path) = options.obs.as_deref().filter(|_| format.name != tables::TABLE.name) {
        described::About::read(path)?.join(&mut adata, options, &mut notes)?;
    }
    odd_counts(&adata, &mut notes);
    names::name_as_keys(&mut adata, &mut notes)?;
    if [tenx_h5::FORMAT.name, tenx_mtx::FORMAT.name, tables::TABLE.name].contains(&format.name) {
        notes.extend(near::note(&source.path));
    }
    if source.stops_within_a_line() {
        notes.push("the last line does not end: if the file was cut short, its last value is not what it was".into());
    }
    Ok(Reading { adata, format: format.name, notes })
}

/// Notes values of `X` that no count has.
fn odd_counts(adata: &AnnData, notes: &mut Notes) {
    let values = adata.x().map_or(&[][..], tegula_core::Matrix::values);
    let odd = values.par_iter().filter(|v| !v.is_finite()).count();
    if odd > 0 {
        notes.push(format!("{odd} values of X are not finite (NaN or infinite): most methods will refuse them"));
    }
}

fn named(name: &str) -> Result<&'static Format> {
    FORMATS.iter().copied().find(|f| f.name == name).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
        Error::config("format", format!("`{name}` is unknown; name one of {}", names.join(", ")))
    })
}

fn unknown(source: &Source) -> Error {
    let found = || format!("this is no format that Tegula reads: found {}", source.found());
    let reason = match (&source.kind, near::way_out(source)) {
        (Kind::Hdf5 { root, .. }, _) if root.children.contains_key("mod") => {
            "this is a MuData file of several modalities; write one of them as h5ad first".to_owned()
        }
        (Kind::Text(_), _) if tenx_mtx::is_matrix(source) => {
            let mtx = &tenx_mtx::FORMAT;
            format!("this is a matrix alone; a {} has {}", mtx.title, mtx.looks_for)
        }
        (Kind::Zip(..), _) => format!("{}; unpack it and name what is in it", found()),
        (Kind::Foreign(foreign), near) => {
            format!("this is {}; {}", foreign.what, near.as_deref().unwrap_or(foreign.way_out))
        }
        (_, Some(near)) => format!("{}; {near}", found()),
        (_, None) => {
            let titles: Vec<&str> = FORMATS.iter().map(|f| f.title).collect();
            format!("{}; looked for {}", found(), titles.join(", "))
        }
    };
    Error::format(&source.path, "", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let change: fn(&Source, &ReadOptions, &mut Notes) -> Result<AnnData> = |source, _, _| {
            let file = if source.path.is_dir() { source.path.join("a.csv") } else { source.path.clone() };
            crate::atomic::write(file, b"c,A\n1,2\n3,4\n").map(|()| AnnData::default())
        };
        let growing = Format { name: "", title: "", looks_for: "", is: |_| true, read: change };
        for source in [path.as_path(), dir.path()] {
            crate::atomic::write(&path, b"c,A\n1,2\n").unwrap();
            let source = Source::open(source).unwrap();
            let e = take(&growing, &source, &ReadOptions::default()).unwrap_err().to_string();
            assert!(e.contains("a.csv") && e.contains("was changed while it was read"), "{e}");
        }
    }

    #[test]
    fn a_text_that_stops_within_a_line_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let notes = |text: &[u8]| {
            crate::atomic::write(&path, text).unwrap();
            read_with(&path, &ReadOptions::default()).unwrap().notes
        };
        assert!(notes(b"c,A\n1,25\n").is_empty());
        assert!(notes(b"c,A\n1,2")[0].starts_with("the last line does not end"));
    }
}
