//! Parquet: flat tables, as Space Ranger, Xenium Ranger and pandas write them. Nested columns are left out.

mod page;
mod thrift;
mod write;

use std::fs;
use std::path::Path;

use rayon::prelude::*;
use tegula_core::{Column, Error, Frame, Result};

use crate::room::Room;
use page::{Chunk, Values};
use thrift::Thrift;

pub use write::write_parquet;

const MAGIC: &[u8] = b"PAR1";
/// What pandas calls the column of names that have no name themselves.
pub(crate) const NO_NAME: &str = "__index_level_0__";
/// Numbers of the physical types.
const BOOL: i64 = 0;
const I32: i64 = 1;
const I64: i64 = 2;
const F32: i64 = 4;
const F64: i64 = 5;
const BYTES: i64 = 6;
/// Rows that may be claimed without a byte of the file to back them; runs of one value take next to none.
const FREE_ROWS: usize = 1 << 24;

/// Reads a flat table of Parquet. Its rows are numbered; columns of texts stay texts.
///
/// ```
/// let err = tegula_io::read_parquet("no/such.parquet").unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// [`Error::Io`] where the file cannot be read; [`Error::Format`] where it is no Parquet file or damaged, or uses a
/// packing other than Snappy, gzip or Zstandard.
pub fn read_parquet(path: impl AsRef<Path>) -> Result<Frame> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
    let damaged =
        |why: &str| Error::format(path, "", format!("is no Parquet file, or damaged ({why}); copy or make it again"));
    let meta = footer(&bytes).ok_or_else(|| damaged("its end is missing"))?;
    let rows = meta.field(3).and_then(Thrift::size).ok_or_else(|| damaged("it does not state its rows"))?;
    if rows > FREE_ROWS.max(bytes.len().saturating_mul(1 << 10)) {
        return Err(damaged("it states more rows than it can hold"));
    }
    let columns = flat(&meta).ok_or_else(|| damaged("its columns are not listed"))?;
    let room = Room::packed(bytes.len());
    let groups = meta.field(4).map_or(&[][..], Thrift::list);
    let read = |(place, name, kind, optional): &(usize, String, i64, bool)| -> Result<(String, Option<Column>)> {
        let mut all = Values::of(*kind);
        let Some(values) = &mut all else { return Ok((name.clone(), None)) };
        for group in groups {
            let chunk = group.field(1).map_or(&[][..], Thrift::list).get(*place).and_then(|c| c.field(3));
            let chunk = chunk
                .and_then(|c| Chunk::of(c, *kind, *optional))
                .ok_or_else(|| damaged("a part of a column is not described"))?;
            chunk.read(&bytes, values, rows, &room).map_err(|why| {
                Error::format(path, name, format!("cannot be unpacked ({why}); copy or make the file again"))
            })?;
        }
        if values.len() != rows {
            let reason = format!("has {} values for {rows} rows; copy or make the file again", values.len());
            return Err(Error::format(path, name, reason));
        }
        Ok((name.clone(), all.map(Values::column)))
    };
    let read: Vec<_> = columns.par_iter().map(read).collect::<Result<_>>()?;
    let mut out = Frame::with_range_index(rows);
    for (name, column) in read {
        if let Some(column) = column {
            out.insert(&name, column)?;
        }
    }
    Ok(out)
}

fn footer(bytes: &[u8]) -> Option<Thrift<'_>> {
    if !bytes.starts_with(MAGIC) || !bytes.ends_with(MAGIC) || bytes.len() < 12 {
        return None;
    }
    let end = bytes.len() - 8;
    let size = u32::from_le_bytes(bytes[end..end + 4].try_into().ok()?) as usize;
    thrift::parse(&bytes[end.checked_sub(size)?..end]).map(|(t, _)| t)
}

/// The columns that are not nested: their place among all leaves, name, type and whether values may be missing.
fn flat(meta: &Thrift<'_>) -> Option<Vec<(usize, String, i64, bool)>> {
    const REPEATED: i64 = 2;
    let schema = meta.field(2)?.list();
    let (root, rest) = schema.split_first()?;
    let (mut out, mut leaf, mut k) = (Vec::new(), 0, 0);
    for _ in 0..root.field(5)?.size()? {
        let element = rest.get(k)?;
        if element.field(5).and_then(Thrift::size).unwrap_or(0) > 0 {
            // Leaves below a group are counted, not read.
            let mut open = element.field(5)?.size()?;
            while open > 0 {
                k += 1;
                let inner = rest.get(k)?.field(5).and_then(Thrift::size).unwrap_or(0);
                leaf += usize::from(inner == 0);
                open = open.checked_add(inner)? - 1;
            }
        } else {
            let repetition = element.field(3).and_then(Thrift::int).unwrap_or(0);
            if repetition != REPEATED {
                out.push((leaf, element.field(4)?.text()?, element.field(1)?.int()?, repetition == 1));
            }
            leaf += 1;
        }
        k += 1;
    }
    Some(out)
}
