//! The one door for writing: the format by the name's ending, the table by the slot.

use std::path::Path;

use tegula_core::{AnnData, Array, ArrayData, Column, Error, Frame, Matrix, Result, Slot, Value};

use crate::formats::zarr;
use crate::{write_10x_mtx, write_h5ad, write_parquet, write_table, write_zarr};

/// Names of the formats that Tegula writes, for [`WriteOptions::format`].
///
/// ```
/// assert!(tegula_io::WRITTEN.contains(&"h5ad"));
/// ```
pub const WRITTEN: [&str; 6] = ["h5ad", "zarr", "10x_mtx", "csv", "tsv", "parquet"];

/// How to write. Defaults suit most files.
///
/// ```
/// let fast = tegula_io::WriteOptions { gzip: None, ..Default::default() };
/// assert_ne!(fast, tegula_io::WriteOptions::default());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOptions {
    /// Level of gzip, 1 (fast) to 9 (small); `None` packs nothing. For h5ad and zarr.
    pub gzip: Option<u32>,
    /// Write even where something that was never understood can no longer be carried over from the file the data
    /// came from.
    pub allow_loss: bool,
    /// Name of the format, one of [`WRITTEN`], where the name of the file should not tell it.
    pub format: Option<String>,
    /// What to write into a table: `obs` (the default), `var`, `X`, `layers/KEY`, `obsm/KEY` or `varm/KEY`.
    pub slot: Option<String>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { gzip: Some(1), allow_loss: false, format: None, slot: None }
    }
}

/// Writes data in the format that the name's ending tells, whole or not at all.
///
/// | ending | what is written |
/// |---|---|
/// | `.h5ad` | everything ([`write_h5ad`]) |
/// | `.zarr` | everything, a folder ([`write_zarr`]) |
/// | `.csv`, `.tsv` (also `.gz`) | a table of text ([`write_table`]): [`WriteOptions::slot`] |
/// | `.parquet` | a table ([`write_parquet`]): [`WriteOptions::slot`] |
/// | any, with the format `10x_mtx` | `X`, a folder ([`write_10x_mtx`]) |
///
/// ```
/// use tegula_core::{AnnData, Dense, Frame};
/// use tegula_io::{WriteOptions, write};
/// let dir = tempfile::tempdir().unwrap();
/// let x = Dense::new(2, 1, vec![1.0, 2.0])?;
/// let adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::new(vec!["Actb".into()]))?;
/// let path = dir.path().join("counts.csv");
/// write(&adata, &path, &WriteOptions { slot: Some("X".into()), ..Default::default() })?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), ",Actb\n0,1\n1,2\n");
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] where the ending tells no format or an option does not go with it; [`Error::Missing`] where the
/// slot is not there; else as the function of the format.
pub fn write(adata: &AnnData, path: impl AsRef<Path>, options: &WriteOptions) -> Result<()> {
    let path = path.as_ref();
    match written_as(path, options)? {
        "h5ad" => write_h5ad(adata, path, options),
        "zarr" => write_zarr(adata, path, options),
        "10x_mtx" => write_10x_mtx(adata, path),
        "parquet" => write_parquet(&table_of(adata, options.slot.as_deref().unwrap_or("obs"))?, path),
        _ => write_table(&table_of(adata, options.slot.as_deref().unwrap_or("obs"))?, path),
    }
}

/// Whether [`write()`] can keep all there is under this name, asked before long work instead of after it.
///
/// ```
/// let adata = tegula_core::AnnData::default();
/// tegula_io::check_loss(&adata, "out.zarr", &Default::default())?;
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] where something that was never understood would be lost without [`WriteOptions::allow_loss`];
/// [`Error::Config`] as [`written_as`].
pub fn check_loss(adata: &AnnData, path: impl AsRef<Path>, options: &WriteOptions) -> Result<()> {
    let path = path.as_ref();
    if written_as(path, options)? == "zarr" { zarr::check_loss(adata, path, options) } else { Ok(()) }
}

/// The format that [`write()`] writes under this name: the one asked for, or the one that the ending tells.
///
/// ```
/// assert_eq!(tegula_io::written_as("obs.csv.gz", &Default::default())?, "csv");
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] where the ending tells none, or a slot is named that does not go with it.
pub fn written_as(path: impl AsRef<Path>, options: &WriteOptions) -> Result<&'static str> {
    let format = format(path.as_ref(), options)?;
    let table = ["csv", "tsv", "parquet"].contains(&format);
    match options.slot.as_ref().filter(|_| !table) {
        None => Ok(format),
        Some(slot) => {
            let reason =
                format!("`{slot}` goes with tables, not with {format}: leave it out, or name a .csv or .parquet");
            Err(Error::config("slot", reason))
        }
    }
}

fn format(path: &Path, options: &WriteOptions) -> Result<&'static str> {
    let known = || WRITTEN.join(", ");
    if let Some(name) = &options.format {
        let found = WRITTEN.into_iter().find(|w| w == name);
        return found.ok_or_else(|| Error::config("format", format!("`{name}` is unknown; name one of {}", known())));
    }
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let text = |n: &&str| [".csv", ".tsv"].iter().any(|end| n.ends_with(end));
    let plain = name.strip_suffix(".gz").filter(text).unwrap_or(&name);
    let ending = plain.rsplit_once('.').map_or("", |(_, e)| e);
    WRITTEN.into_iter().find(|w| *w == ending && *w != "10x_mtx").ok_or_else(|| {
        let reason = format!(
            "the name `{name}` tells no format; let it end in .h5ad, .zarr, .csv, .tsv or .parquet, or choose a format ({})",
            known()
        );
        Error::config("format", reason)
    })
}

/// A part of the data as a table: `obs`, `var`, `X`, `layers/KEY`, `obsm/KEY` or `varm/KEY`.
///
/// `X` and layers have a row per observation and a column per variable; the columns of an array are named `KEY-0`,
/// `KEY-1`, … as scanpy names them.
///
/// ```
/// use tegula_core::{AnnData, Coords, Frame};
/// let mut adata = AnnData::new(None, Frame::with_range_index(1), Frame::default())?;
/// adata.set_obsm("spatial", &Coords::new(2, vec![3.0, 4.0])?)?;
/// let table = tegula_io::table_of(&adata, "obsm/spatial")?;
/// assert_eq!(table.columns().keys().collect::<Vec<_>>(), ["spatial-0", "spatial-1"]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] for any other slot; [`Error::Missing`] where there is none of that name; [`Error::Data`] where it
/// is no table.
pub fn table_of(adata: &AnnData, slot: &str) -> Result<Frame> {
    const HINT: &str = "name one that is there";
    let bare = |of: &Frame| Frame::new(of.index().to_vec()).named(of.index_name().map(str::to_owned));
    match slot.split_once('/') {
        None if slot == "obs" => Ok(adata.obs().clone()),
        None if slot == "var" => Ok(adata.var().clone()),
        None if slot == "X" => matrix(bare(adata.obs()), adata.matrix(None)?, adata.var().index(), slot),
        Some(("layers", key)) => matrix(bare(adata.obs()), adata.matrix(Some(key))?, adata.var().index(), slot),
        Some(("obsm", key)) => {
            let value = adata.obsm().get(key).ok_or_else(|| adata.missing(&Slot::obsm(key), HINT))?;
            columns(bare(adata.obs()), value, key, slot)
        }
        Some(("varm", key)) => {
            let value = adata.varm().get(key).ok_or_else(|| adata.missing(&Slot::varm(key), HINT))?;
            columns(bare(adata.var()), value, key, slot)
        }
        _ => {
            let reason = format!("`{slot}` is no table; name obs, var, X, layers/KEY, obsm/KEY or varm/KEY");
            Err(Error::config("slot", reason))
        }
    }
}

/// A column per variable.
fn matrix(mut table: Frame, x: &Matrix, names: &[String], slot: &str) -> Result<Frame> {
    for (j, name) in names.iter().enumerate() {
        table.insert(name, Column::Float32(x.column(j)))?;
    }
    if table.columns().len() < names.len() {
        return Err(Error::data(format!("`{slot}`"), "names of variables repeat; make them unique first"));
    }
    Ok(table)
}

/// The columns of an entry of `obsm` or `varm`.
fn columns(mut table: Frame, value: &Value, key: &str, slot: &str) -> Result<Frame> {
    let odd = || Error::data(format!("`{slot}`"), "is neither a table nor an array of numbers; choose another slot");
    match value {
        Value::Frame(f) => return Ok(f.clone()),
        Value::Labels(l) => table.insert(key, Column::Labels(l.clone()))?,
        Value::Csr(m) => {
            let names: Vec<String> = (0..m.n_cols()).map(|j| format!("{key}-{j}")).collect();
            return matrix(table, &m.clone().into(), &names, slot);
        }
        Value::Array(a) => {
            let (n, m) = match a.shape()[..] {
                [n] => (n, 1),
                [n, m] => (n, m),
                _ => return Err(odd()),
            };
            for j in 0..m {
                table.insert(&format!("{key}-{j}"), column(a, n, m, j).ok_or_else(odd)?)?;
            }
        }
        _ => return Err(odd()),
    }
    Ok(table)
}

/// One column of an array, in its width.
fn column(a: &Array, n: usize, m: usize, j: usize) -> Option<Column> {
    let places = (0..n).map(|i| i * m + j);
    Some(match a.data() {
        ArrayData::F32(v) => Column::Float32(places.map(|k| v[k]).collect()),
        ArrayData::I32(v) => Column::Int32(places.map(|k| v[k]).collect()),
        ArrayData::I64(v) => Column::Int(places.map(|k| v[k]).collect()),
        ArrayData::Bool(v) => Column::Bool(places.map(|k| v[k]).collect()),
        ArrayData::Str(v) => Column::Str(places.map(|k| v[k].clone()).collect()),
        other => {
            let v = other.to_f64()?;
            Column::Float(places.map(|k| v[k]).collect())
        }
    })
}
