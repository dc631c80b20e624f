//! `AnnData` in zarr, and the table of a `SpatialData` store.

use std::path::Path;

use tegula_core::{AnnData, Error, Result};

use super::{Format, Notes, ReadOptions, Reading, Source, read_as};
use crate::WriteOptions;
use crate::atomic::folder::AtomicFolder;
use crate::h5ad::{annotated, encode_into, not_understood};
use crate::store::zarr::ZarrWriter;
use crate::store::{Branch, Store};

/// What marks a folder as a zarr store.
const MARKS: [&str; 3] = ["zarr.json", ".zgroup", ".zattrs"];

pub(crate) const SPATIALDATA: Format = Format {
    name: "spatialdata",
    title: "SpatialData store",
    looks_for: "a zarr store with a group `tables` (or `table`)",
    is: |source| is_zarr(source) && (holds(source, "tables") || holds(source, "table")) && !holds(source, "obs"),
    read: |source, options, notes| {
        let parent = if holds(source, "tables") { "tables" } else { "table" };
        let (store, root) = Store::open_zarr(source.files()?, parent)?;
        let names: Vec<&str> = root.children.keys().map(String::as_str).collect();
        let name = match (&options.table, &names[..]) {
            (Some(wanted), _) if names.contains(&wanted.as_str()) => wanted.as_str(),
            (None, [one]) => one,
            (None, []) => {
                return Err(Error::format(&source.path, parent, "holds no table; there is nothing to analyse"));
            }
            (_, _) => {
                let reason = format!("the store has the tables {}; name one of them", names.join(", "));
                return Err(Error::config("table", reason));
            }
        };
        let group = root.group(name).ok_or_else(|| store.bad(name, "is no group; copy or make the store again"))?;
        table(&store, group, notes)
    },
};

pub(crate) const FORMAT: Format = Format {
    name: "zarr",
    title: "zarr (AnnData in zarr 2 or 3)",
    looks_for: "`obs` and `var` in a zarr store: a folder, or a zip of one",
    is: |source| is_zarr(source) && holds(source, "obs") && holds(source, "var"),
    read: |source, _, notes| {
        let (store, root) = Store::open_zarr(source.files()?, "")?;
        table(&store, &root, notes)
    },
};

/// Reads AnnData from zarr, version 2 or 3, a folder or a zip of one, of any age that anndata reads.
///
/// ```
/// let err = tegula_io::read_zarr("no/such.zarr", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_zarr(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

/// Writes AnnData as a zarr folder (version 2) that Python's `anndata` reads, whole or not at all.
///
/// AnnData in zarr of that name is replaced; any other folder is refused unless it is empty. `X` is stored by rows in
/// pieces of some megabytes, packed with zlib at [`WriteOptions::gzip`].
///
/// ```
/// use tegula_core::{AnnData, Dense, Frame};
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("tiny.zarr");
/// let x = Dense::new(2, 1, vec![1.0, 2.0])?;
/// let adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::with_range_index(1))?;
/// tegula_io::write_zarr(&adata, &path, &Default::default())?;
/// assert_eq!(tegula_io::read(&path)?.x(), adata.x());
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where the target cannot be written or is a folder of something else; [`Error::Data`] where a key cannot be a name
/// of a file, or something that was never understood would be lost (see [`WriteOptions::allow_loss`]).
pub fn write_zarr(adata: &AnnData, path: impl AsRef<Path>, options: &WriteOptions) -> Result<()> {
    let path = path.as_ref();
    check_loss(adata, path, options)?;
    let folder = AtomicFolder::create(path, foreign)?;
    let mut writer = ZarrWriter::new(folder.path(), path, options.gzip);
    let root = encode_into(adata, &mut writer)?;
    writer.finish(root)?;
    folder.commit()
}

/// Refuses to leave out what was never understood, unless that is allowed.
pub(crate) fn check_loss(adata: &AnnData, path: &Path, options: &WriteOptions) -> Result<()> {
    let lost = not_understood(adata);
    if lost.is_empty() || options.allow_loss {
        return Ok(());
    }
    let reason = format!(
        "`{}` would be lost: only h5ad carries over what is not understood; write h5ad, or allow the loss (`allow_loss`)",
        lost.join("`, `")
    );
    Err(Error::data(format!("`{}`", path.display()), reason))
}

/// A name in a folder that is neither empty nor `AnnData` in zarr; a store of more than that is more than ours.
fn foreign(names: &[String]) -> Option<&String> {
    let holds = |name: &str| names.iter().any(|n| n == name);
    let ours = MARKS.iter().any(|m| holds(m)) && holds("obs") && holds("var");
    names.first().filter(|_| !ours)
}

/// Reads a table of a `SpatialData` store; [`ReadOptions::table`] names it where there are several.
///
/// ```
/// let err = tegula_io::read_spatialdata("no/such.zarr", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_spatialdata(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&SPATIALDATA, path.as_ref(), options)
}

fn is_zarr(source: &Source) -> bool {
    MARKS.iter().any(|m| holds(source, m))
}

/// True where the folder or archive holds exactly this name.
fn holds(source: &Source, name: &str) -> bool {
    source.names_within().iter().any(|n| n == name)
}

fn table(store: &Store, group: &Branch, notes: &mut Notes) -> Result<AnnData> {
    if ["obs", "var"].iter().any(|k| !group.children.contains_key(*k)) {
        let reason = "this zarr store holds no annotated matrix (`obs` and `var` are missing); name one that does";
        return Err(store.bad(&group.path, reason));
    }
    let (adata, unread) = annotated(store, group, notes)?;
    if !unread.is_empty() {
        notes.push(format!("left out, being of a kind that is not read: {}", unread.join(", ")));
    }
    Ok(adata)
}
