//! `AnnData` in zarr, and the table of a `SpatialData` store.

use std::path::Path;

use tegula_core::{AnnData, Error, Result};

use super::{Format, Notes, ReadOptions, Reading, Source, read_as};
use crate::h5ad::annotated;
use crate::store::Store;

/// What marks a folder as a zarr store.
const MARKS: [&str; 3] = ["zarr.json", ".zgroup", ".zattrs"];

pub(crate) const SPATIALDATA: Format = Format {
    name: "spatialdata",
    title: "SpatialData store",
    looks_for: "a zarr store with a group `tables` (or `table`)",
    is: |source| is_zarr(source) && (holds(source, "tables") || holds(source, "table")) && !holds(source, "obs"),
    read: |source, options, notes| {
        let parent = if holds(source, "tables") { "tables" } else { "table" };
        let (_, root) = Store::open_zarr(&source.path, parent)?;
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
        table(&source.path, &format!("{parent}/{name}"), notes)
    },
};

pub(crate) const FORMAT: Format = Format {
    name: "zarr",
    title: "zarr (AnnData in zarr 2 or 3)",
    looks_for: "`obs` and `var` in a zarr store: a folder, or a zip of one",
    is: |source| is_zarr(source) && holds(source, "obs") && holds(source, "var"),
    read: |source, _, notes| table(&source.path, "", notes),
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

fn table(path: &Path, inside: &str, notes: &mut Notes) -> Result<AnnData> {
    let (store, root) = Store::open_zarr(path, inside)?;
    if ["obs", "var"].iter().any(|k| !root.children.contains_key(*k)) {
        let reason = "this zarr store holds no annotated matrix (`obs` and `var` are missing); name one that does";
        return Err(store.bad(inside, reason));
    }
    let (adata, unread) = annotated(&store, &root)?;
    if !unread.is_empty() {
        notes.push(format!("left out, being of a kind that is not read: {}", unread.join(", ")));
    }
    Ok(adata)
}
