//! Writing for other programs: tables of text, and 10x mtx folders.

use std::borrow::Cow;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tegula_core::{AnnData, Column, Error, Frame, Matrix, Result};

use crate::atomic::AtomicFile;
use crate::atomic::folder::AtomicFolder;

/// Writes a table as csv, or as tsv where the name says so, gzipped where it ends in `.gz`, whole or not at all; what is
/// missing stays empty.
///
/// ```
/// use tegula_core::{Column, Frame};
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("obs.csv");
/// let mut table = Frame::new(vec!["a".into(), "b, c".into()]);
/// table.insert("x", Column::Float(vec![1.5, f64::NAN]))?;
/// tegula_io::write_table(&table, &path)?;
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), ",x\na,1.5\n\"b, c\",\n");
/// assert_eq!(tegula_io::read_table(&path)?.index(), table.index());
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where the file cannot be written.
pub fn write_table(table: &Frame, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let fail = |e| Error::io(path, e);
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    if let Some(plain) = name.strip_suffix(".gz") {
        return packed(path, |out| write_table_to(table, separator(plain), out));
    }
    let mut out = BufWriter::new(AtomicFile::create(path)?);
    write_table_to(table, separator(&name), &mut out).map_err(fail)?;
    out.into_inner().map_err(|e| fail(e.into_error()))?.commit()
}

/// What stands between the cells of a table of that name.
fn separator(name: &str) -> u8 {
    if [".tsv", ".tab"].iter().any(|end| name.ends_with(end)) { b'\t' } else { b',' }
}

/// Writes a table as text to a stream, with what stands between two cells (a comma, a tab).
///
/// ```
/// let table = tegula_core::Frame::new(vec!["a".into(), "b".into()]);
/// let mut text = Vec::new();
/// tegula_io::write_table_to(&table, b'\t', &mut text)?;
/// assert_eq!(text, b"\"\"\na\nb\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of the stream.
pub fn write_table_to(table: &Frame, separator: u8, out: &mut dyn Write) -> io::Result<()> {
    let mut out = csv::WriterBuilder::new().delimiter(separator).from_writer(out);
    let names = table.columns().keys().map(String::as_str);
    out.write_record(std::iter::once(table.index_name().unwrap_or_default()).chain(names))?;
    for (i, name) in table.index().iter().enumerate() {
        out.write_field(name)?;
        for column in table.columns().values() {
            out.write_field(cell(column, i).as_ref())?;
        }
        out.write_record(None::<&[u8]>)?;
    }
    out.flush()
}

/// A value as text.
fn cell(column: &Column, i: usize) -> Cow<'_, str> {
    let flag = |b: bool| Cow::Borrowed(if b { "True" } else { "False" });
    match column {
        Column::Float(v) if v[i].is_nan() => "".into(),
        Column::Float(v) => v[i].to_string().into(),
        Column::Float32(v) if v[i].is_nan() => "".into(),
        Column::Float32(v) => v[i].to_string().into(),
        Column::Int(v) => v[i].to_string().into(),
        Column::Int32(v) => v[i].to_string().into(),
        Column::Bool(v) => flag(v[i]),
        Column::Str(v) => v[i].as_str().into(),
        Column::Labels(l) => l.get(i).unwrap_or_default().into(),
        Column::NullableInt(v) => v[i].map_or("".into(), |x| x.to_string().into()),
        Column::NullableBool(v) => v[i].map_or("".into(), flag),
        Column::NullableStr(v) => v[i].as_deref().unwrap_or_default().into(),
    }
}

/// Writes `X` as a folder that Cell Ranger 3 might have written: `matrix.mtx.gz`, `features.tsv.gz`, `barcodes.tsv.gz`.
///
/// Ids and types of variables are taken from `var["gene_ids"]` and `var["feature_types"]`; without them the ids are the
/// names, and the type is "Gene Expression". The folder is written whole or not at all; it replaces one that holds nothing
/// but such files.
///
/// # Errors
/// [`Error::Missing`] where there is no `X`; [`Error::Io`] where the folder cannot be written or holds something else.
pub fn write_10x_mtx(adata: &AnnData, folder: impl AsRef<Path>) -> Result<()> {
    let target = folder.as_ref();
    let x = adata.matrix(None)?;
    if let Some(above) = target.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(above).map_err(|e| Error::io(above, e))?;
    }
    let folder = AtomicFolder::create(target, foreign)?;
    let text = |key: &str, i: usize| adata.var().get(key).map(|c| cell(c, i)).filter(|t| !t.is_empty());
    let put = |name: &str, write: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        folder.file(name).and_then(|file| gzipped(file, write)).map_err(|e| Error::io(target, e))
    };
    put(TENX[0], &|out| {
        for (i, name) in adata.var().index().iter().enumerate() {
            let id = text("gene_ids", i).unwrap_or_else(|| name.as_str().into());
            let kind = text("feature_types", i).unwrap_or_else(|| "Gene Expression".into());
            writeln!(out, "{id}\t{name}\t{kind}")?;
        }
        Ok(())
    })?;
    put(TENX[1], &|out| adata.obs().index().iter().try_for_each(|name| writeln!(out, "{name}")))?;
    put(TENX[2], &|out| entries(x, out))?;
    folder.commit()
}

/// The files of a 10x mtx folder.
const TENX: [&str; 3] = ["features.tsv.gz", "barcodes.tsv.gz", "matrix.mtx.gz"];

/// A name that no 10x mtx folder has.
fn foreign(names: &[String]) -> Option<&String> {
    names.iter().find(|n| !TENX.contains(&n.as_str()))
}

fn entries(x: &Matrix, out: &mut dyn Write) -> io::Result<()> {
    let stored = x.values().iter().filter(|v| **v != 0.0).count();
    let whole = x.values().iter().all(|v| v.fract() == 0.0);
    let kind = if whole { "integer" } else { "real" };
    writeln!(out, "%%MatrixMarket matrix coordinate {kind} general")?;
    writeln!(out, "{} {} {stored}", x.n_cols(), x.n_rows())?;
    for i in 0..x.n_rows() {
        let mut done = Ok(());
        x.for_row(i, |j, v| {
            if v != 0.0 && done.is_ok() {
                done = writeln!(out, "{} {} {v}", j + 1, i + 1);
            }
        });
        done?;
    }
    Ok(())
}

/// Writes a gzipped file, whole or not at all.
fn packed(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    gzipped(&mut file, write).map_err(|e| Error::io(path, e))?;
    file.commit()
}

fn gzipped(file: impl Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(GzEncoder::new(file, Compression::new(4)));
    write(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
    Ok(())
}
