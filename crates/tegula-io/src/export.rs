//! Writing for other programs: tables of text, and 10x mtx folders.

use std::borrow::Cow;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tegula_core::{AnnData, Column, Error, Frame, Matrix, Result};

use crate::atomic::AtomicFile;

/// Writes a table as csv, or as tsv where the name says so, whole or not at all; what is missing stays empty.
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
    let fail = |e: csv::Error| Error::io(path, e.into());
    let tabs = path.extension().is_some_and(|e| e == "tsv" || e == "tab");
    let file = BufWriter::new(AtomicFile::create(path)?);
    let mut out = csv::WriterBuilder::new().delimiter(if tabs { b'\t' } else { b',' }).from_writer(file);
    let names = table.columns().keys().map(String::as_str);
    out.write_record(std::iter::once(table.index_name().unwrap_or_default()).chain(names)).map_err(fail)?;
    for (i, name) in table.index().iter().enumerate() {
        out.write_field(name).map_err(fail)?;
        for column in table.columns().values() {
            out.write_field(cell(column, i).as_ref()).map_err(fail)?;
        }
        out.write_record(None::<&[u8]>).map_err(fail)?;
    }
    let file = out.into_inner().map_err(|e| Error::io(path, e.into_error()))?;
    file.into_inner().map_err(|e| Error::io(path, e.into_error()))?.commit()
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
/// names, and the type is "Gene Expression". Each file is written whole or not at all, the matrix last.
///
/// # Errors
/// [`Error::Data`] where there is no `X`; [`Error::Io`] where the folder cannot be written to.
pub fn write_10x_mtx(adata: &AnnData, folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    let x = adata.matrix(None)?;
    fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let text = |key: &str, i: usize| adata.var().get(key).map(|c| cell(c, i)).filter(|t| !t.is_empty());
    packed(&folder.join("features.tsv.gz"), |out| {
        for (i, name) in adata.var().index().iter().enumerate() {
            let id = text("gene_ids", i).unwrap_or_else(|| name.as_str().into());
            let kind = text("feature_types", i).unwrap_or_else(|| "Gene Expression".into());
            writeln!(out, "{id}\t{name}\t{kind}")?;
        }
        Ok(())
    })?;
    packed(&folder.join("barcodes.tsv.gz"), |out| {
        adata.obs().index().iter().try_for_each(|name| writeln!(out, "{name}"))
    })?;
    packed(&folder.join("matrix.mtx.gz"), |out| entries(x, out))
}

fn entries(x: &Matrix, out: &mut dyn Write) -> std::io::Result<()> {
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
fn packed(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let fail = |e| Error::io(path, e);
    let mut out = BufWriter::new(GzEncoder::new(AtomicFile::create(path)?, Compression::new(4)));
    write(&mut out).map_err(fail)?;
    let gzip = out.into_inner().map_err(|e| Error::io(path, e.into_error()))?;
    gzip.finish().map_err(fail)?.commit()
}
