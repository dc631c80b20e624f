//! Large tables of counts in text: a row per observation or per variable, mostly zeros.

use std::path::Path;

use tegula_core::{Csr, Error, Result};

use super::pieces::{Piece, Pieces, number};

/// A table of counts with the names of its rows and columns.
pub(super) struct Counts {
    pub(super) rows: Vec<String>,
    pub(super) columns: Vec<String>,
    pub(super) x: Csr,
}

/// Some rows.
#[derive(Default)]
struct Part {
    names: Vec<String>,
    lens: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

/// What the heading says.
struct Head {
    separator: u8,
    /// Places of the columns that name rows.
    keys: Vec<usize>,
    /// Cells in a row.
    width: usize,
}

/// Reads counts; rows are named by the columns `keys`, joined by `_`, or by the first column where `keys` is empty.
///
/// Keys that the table lacks mean that it names no rows: these are numbered.
pub(super) fn read_counts(path: &Path, keys: &[&str]) -> Result<Counts> {
    let bad = |line: u64, reason: String| Error::format(path, format!("line {line}"), reason);
    let mut pieces = Pieces::open(path)?;
    let mut first = pieces.next()?;
    let empty = || bad(1, "there is no heading: the first line must name the columns".into());
    let (_, line) = first.as_mut().and_then(Piece::take_line).ok_or_else(empty)?;
    let text = std::str::from_utf8(&line).map_err(|_| bad(1, "is not UTF-8; save the table as UTF-8".into()))?;
    let parts = |s: &u8| line.split(|b| b == s).count();
    let separator = [b';', b'\t', b','].into_iter().max_by_key(parts).unwrap_or(b',');
    let mut names: Vec<String> =
        text.split(char::from(separator)).map(|n| n.trim().trim_matches('"').to_owned()).collect();
    let width = first.as_ref().map_or(0, |p| cells_in_first(p, separator));
    if width == names.len() + 1 {
        // R leaves out the heading of the names.
        names.insert(0, String::new());
    }
    let places: Option<Vec<usize>> = keys.iter().map(|k| names.iter().position(|n| n == k)).collect();
    let numbered = places.is_none();
    let keys = if keys.is_empty() { vec![0] } else { places.unwrap_or_default() };
    let head = Head { separator, width: names.len(), keys };
    let columns: Vec<String> =
        names.into_iter().enumerate().filter(|(k, _)| !head.keys.contains(k)).map(|(_, n)| n).collect();
    let mut all = Part::default();
    let parse = |piece: Piece| part(path, &head, &columns, &piece);
    pieces.each(first, parse, |part| {
        all.names.extend(part.names);
        all.lens.extend(part.lens);
        all.indices.extend(part.indices);
        all.values.extend(part.values);
        Ok(())
    })?;
    if all.lens.is_empty() {
        return Err(bad(2, "there are no rows below the heading; copy or make the file again".into()));
    }
    let mut indptr = vec![0usize];
    all.lens.iter().for_each(|n| indptr.push(indptr[indptr.len() - 1] + n));
    if numbered {
        all.names = (0..all.lens.len()).map(|i| i.to_string()).collect();
    }
    let x = Csr::canonical(all.lens.len(), columns.len(), indptr, all.indices, all.values)?;
    Ok(Counts { rows: all.names, columns, x })
}

fn cells_in_first(piece: &Piece, separator: u8) -> usize {
    piece.lines().next().map_or(0, |(_, l)| l.split(|&b| b == separator).count())
}

fn part(path: &Path, head: &Head, columns: &[String], piece: &Piece) -> Result<Part> {
    let bad = |line: u64, reason: String| Error::format(path, format!("line {line}"), reason);
    let mut out = Part::default();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(head.separator)
        .flexible(true)
        .from_reader(&piece.bytes[..]);
    let mut record = csv::ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|e| bad(piece.line, format!("cannot be read ({e}); make the file again")))?
    {
        let line = piece.line - 1 + record.position().map_or(1, csv::Position::line);
        if record.len() != head.width {
            let reason =
                format!("has {} cells where the heading has {}; copy or make the file again", record.len(), head.width);
            return Err(bad(line, reason));
        }
        let (before, mut column) = (out.indices.len(), 0u32);
        for (k, cell) in record.iter().enumerate() {
            if head.keys.contains(&k) {
                continue;
            }
            let value = if cell == b"0" { Some(0.0) } else { number(cell) };
            match value {
                Some(0.0) => {}
                Some(v) => {
                    out.indices.push(column);
                    out.values.push(v as f32);
                }
                None => {
                    let text = String::from_utf8_lossy(cell).chars().take(40).collect::<String>();
                    let reason =
                        format!("`{text}` in column `{}` is no number; make the file again", columns[column as usize]);
                    return Err(bad(line, reason));
                }
            }
            column += 1;
        }
        out.lens.push(out.indices.len() - before);
        let name: Option<Vec<&str>> = head.keys.iter().map(|&k| std::str::from_utf8(&record[k]).ok()).collect();
        out.names.push(name.ok_or_else(|| bad(line, "is not UTF-8; save the table as UTF-8".into()))?.join("_"));
    }
    Ok(out)
}
