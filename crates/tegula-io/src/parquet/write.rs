//! Writing: plain values packed with Snappy, a page per column and group of rows.

use std::io::{BufWriter, Write};
use std::path::Path;

use rayon::prelude::*;
use serde_json::{Value as Json, json};
use tegula_core::{Column, Error, Frame, Result};

use super::thrift::{STRUCT, Writer};
use super::{BOOL, BYTES, F32, F64, I32, I64, MAGIC, NO_NAME};
use crate::atomic::AtomicFile;

/// Rows of a group.
const ROWS: usize = 1 << 17;

/// One column of the file.
struct Part<'a> {
    name: &'a str,
    column: &'a Column,
    /// The number of the physical type.
    kind: i32,
    optional: bool,
}

/// Where one column of one group of rows lies.
struct Placed {
    at: usize,
    unpacked: usize,
    packed: usize,
}

/// Writes a table as Parquet that pandas, Arrow and R read, whole or not at all.
///
/// The names of the rows become the index in pandas, a column elsewhere. Categories become texts; what is missing is
/// missing there too.
///
/// ```
/// use tegula_core::{Column, Frame};
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("obs.parquet");
/// let mut table = Frame::new(vec!["a".into(), "b".into()]);
/// table.insert("n", Column::NullableInt(vec![Some(7), None]))?;
/// tegula_io::write_parquet(&table, &path)?;
/// assert_eq!(tegula_io::read_parquet(&path)?.get("n"), table.get("n"));
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where the file cannot be written; [`Error::Data`] where the texts of a column are too long.
pub fn write_parquet(table: &Frame, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let index = Column::Str(table.index().to_vec());
    let named = table.index_name().filter(|n| !n.is_empty() && table.get(n).is_none());
    let key = named.unwrap_or(NO_NAME);
    let mut parts: Vec<Part<'_>> = table.columns().iter().map(|(name, c)| Part::new(name, c)).collect();
    parts.push(Part::new(key, &index));

    let fail = |e| Error::io(path, e);
    let mut out = BufWriter::new(AtomicFile::create(path)?);
    out.write_all(MAGIC).map_err(fail)?;
    let mut end = MAGIC.len();
    let mut groups = Vec::new();
    for start in (0..table.n_rows()).step_by(ROWS) {
        let rows: Vec<usize> = (start..(start + ROWS).min(table.n_rows())).collect();
        let pages: Vec<(Vec<u8>, usize)> = parts.par_iter().map(|p| p.page(&rows)).collect::<Result<_>>()?;
        let mut placed = Vec::with_capacity(pages.len());
        for (bytes, unpacked) in pages {
            out.write_all(&bytes).map_err(fail)?;
            placed.push(Placed { at: end, unpacked, packed: bytes.len() });
            end += bytes.len();
        }
        groups.push((rows.len(), placed));
    }
    let mut footer = footer(&parts, table.n_rows(), &groups, &pandas(&parts, key, named));
    let size = footer.len() as u32;
    footer.extend(size.to_le_bytes());
    footer.extend(MAGIC);
    out.write_all(&footer).map_err(fail)?;
    out.into_inner().map_err(|e| fail(e.into_error()))?.commit()
}

impl<'a> Part<'a> {
    fn new(name: &'a str, column: &'a Column) -> Self {
        let (kind, optional) = match column {
            Column::Bool(_) => (BOOL, false),
            Column::NullableBool(_) => (BOOL, true),
            Column::Int32(_) => (I32, false),
            Column::Int(_) => (I64, false),
            Column::NullableInt(_) => (I64, true),
            Column::Float32(_) => (F32, false),
            Column::Float(_) => (F64, false),
            Column::Str(_) => (BYTES, false),
            Column::Labels(_) | Column::NullableStr(_) => (BYTES, true),
        };
        Self { name, column, kind: kind as i32, optional }
    }

    /// The page of the given rows with its heading, and its size before packing.
    fn page(&self, rows: &[usize]) -> Result<(Vec<u8>, usize)> {
        let (mut values, mut there) = (Vec::new(), Vec::new());
        let text = |values: &mut Vec<u8>, t: &str| {
            values.extend((t.len() as u32).to_le_bytes());
            values.extend(t.as_bytes());
        };
        match self.column {
            Column::Float(v) => rows.iter().for_each(|&i| values.extend(v[i].to_le_bytes())),
            Column::Float32(v) => rows.iter().for_each(|&i| values.extend(v[i].to_le_bytes())),
            Column::Int(v) => rows.iter().for_each(|&i| values.extend(v[i].to_le_bytes())),
            Column::Int32(v) => rows.iter().for_each(|&i| values.extend(v[i].to_le_bytes())),
            Column::Bool(v) => values = bits(rows.iter().map(|&i| v[i])),
            Column::Str(v) => rows.iter().for_each(|&i| text(&mut values, &v[i])),
            Column::Labels(l) => {
                there = rows.iter().map(|&i| l.get(i).is_some()).collect();
                rows.iter().filter_map(|&i| l.get(i)).for_each(|t| text(&mut values, t));
            }
            Column::NullableStr(v) => {
                there = rows.iter().map(|&i| v[i].is_some()).collect();
                rows.iter().filter_map(|&i| v[i].as_deref()).for_each(|t| text(&mut values, t));
            }
            Column::NullableInt(v) => {
                there = rows.iter().map(|&i| v[i].is_some()).collect();
                rows.iter().filter_map(|&i| v[i]).for_each(|x| values.extend(x.to_le_bytes()));
            }
            Column::NullableBool(v) => {
                there = rows.iter().map(|&i| v[i].is_some()).collect();
                values = bits(rows.iter().filter_map(|&i| v[i]));
            }
        }
        if self.optional {
            // Levels: one run of packed bits, in groups of eight, with its length before it.
            let mut run = Writer::new();
            run.varint((there.len().div_ceil(8) as u64) << 1 | 1);
            run.bytes.extend(bits(there.iter().copied()));
            let mut levels = (run.bytes.len() as u32).to_le_bytes().to_vec();
            levels.extend(run.bytes);
            levels.extend(values);
            values = levels;
        }
        let long = || Error::data(format!("the column `{}`", self.name), "its texts are too long for Parquet");
        let size = i32::try_from(values.len()).map_err(|_| long())?;
        let packed = snap::raw::Encoder::new().compress_vec(&values).map_err(|_| long())?;
        let mut head = Writer::new();
        head.int(1, 0);
        head.int(2, size);
        head.int(3, i32::try_from(packed.len()).map_err(|_| long())?);
        head.open(5);
        head.int(1, rows.len() as i32);
        head.int(2, PLAIN);
        head.int(3, LEVELS);
        head.int(4, LEVELS);
        head.close();
        head.close();
        let unpacked = head.bytes.len() + values.len();
        head.bytes.extend(packed);
        Ok((head.bytes, unpacked))
    }

    /// What pandas calls the type.
    fn pandas(&self) -> (&'static str, &'static str) {
        match self.column {
            Column::Float(_) => ("float64", "float64"),
            Column::Float32(_) => ("float32", "float32"),
            Column::Int(_) => ("int64", "int64"),
            Column::Int32(_) => ("int32", "int32"),
            Column::Bool(_) => ("bool", "bool"),
            Column::NullableInt(_) => ("int64", "Int64"),
            Column::NullableBool(_) => ("bool", "boolean"),
            Column::Str(_) | Column::Labels(_) | Column::NullableStr(_) => ("unicode", "object"),
        }
    }
}

/// Encodings: plain values, and runs or packed bits for levels.
const PLAIN: i32 = 0;
const LEVELS: i32 = 3;

/// Flags as bits, the first lowest.
fn bits(flags: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut out = Vec::new();
    for (k, flag) in flags.enumerate() {
        if k % 8 == 0 {
            out.push(0);
        }
        if let Some(last) = out.last_mut() {
            *last |= u8::from(flag) << (k % 8);
        }
    }
    out
}

/// What tells pandas which column is the index, and which types hold missing values.
fn pandas(parts: &[Part<'_>], key: &str, named: Option<&str>) -> Json {
    let column = |p: &Part<'_>| {
        let (kind, numpy) = p.pandas();
        let name = if p.name == key { json!(named) } else { json!(p.name) };
        json!({"name": name, "field_name": p.name, "pandas_type": kind, "numpy_type": numpy, "metadata": null})
    };
    let columns: Vec<Json> = parts.iter().map(column).collect();
    json!({"index_columns": [key], "column_indexes": [], "columns": columns, "creator": {"library": "tegula"}})
}

fn footer(parts: &[Part<'_>], rows: usize, groups: &[(usize, Vec<Placed>)], pandas: &Json) -> Vec<u8> {
    const SNAPPY: i32 = 1;
    const UTF8: i32 = 0;
    let mut w = Writer::new();
    w.int(1, 1);
    w.list(2, STRUCT, parts.len() + 1);
    w.element();
    w.text(4, "schema");
    w.int(5, parts.len() as i32);
    w.close();
    for p in parts {
        w.element();
        w.int(1, p.kind);
        w.int(3, i32::from(p.optional));
        w.text(4, p.name);
        if p.kind == BYTES as i32 {
            w.int(6, UTF8);
        }
        w.close();
    }
    w.long(3, rows);
    w.list(4, STRUCT, groups.len());
    for (rows, placed) in groups {
        w.element();
        w.list(1, STRUCT, parts.len());
        for (p, at) in parts.iter().zip(placed) {
            w.element();
            w.long(2, at.at);
            w.open(3);
            w.int(1, p.kind);
            w.one_int(2, PLAIN);
            w.one_text(3, p.name);
            w.int(4, SNAPPY);
            w.long(5, *rows);
            w.long(6, at.unpacked);
            w.long(7, at.packed);
            w.long(9, at.at);
            w.close();
            w.close();
        }
        w.long(2, placed.iter().map(|p| p.unpacked).sum());
        w.long(3, *rows);
        w.close();
    }
    w.list(5, STRUCT, 1);
    w.element();
    w.text(1, "pandas");
    w.text(2, &pandas.to_string());
    w.close();
    w.text(6, "tegula");
    w.close();
    w.bytes
}
