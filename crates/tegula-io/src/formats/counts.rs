//! Large tables of counts in text: a row per observation or per variable, mostly zeros.

use std::path::Path;

use tegula_core::{Csr, Error, Result};

use super::pieces::{Piece, Pieces, number};
use crate::table::{names_rows, separator};

/// A table of counts with the names of its rows and columns.
pub(super) struct Counts {
    pub(super) rows: Vec<String>,
    /// Whether the table names its rows; else they are numbered.
    pub(super) named: bool,
    pub(super) columns: Vec<String>,
    pub(super) x: Csr,
    /// What columns of positions hold, if there are any: their names and a pair per row.
    pub(super) positions: Option<([&'static str; 2], Vec<[f64; 2]>)>,
}

/// What names the rows of a table.
pub(super) enum Rows<'a> {
    /// The first column.
    First,
    /// These columns, joined by `_`; where the table lacks one of them, nothing does.
    By(&'a [&'a str]),
    /// The first column, where its heading or its first cell says so; else nothing.
    Guessed,
}

/// Some rows.
#[derive(Default)]
struct Part {
    names: Vec<String>,
    lens: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
    positions: Vec<[f64; 2]>,
}

/// What the heading says.
struct Head {
    separator: u8,
    names: Vec<String>,
    /// Places of the columns that name rows.
    keys: Vec<usize>,
    /// Places of the columns with positions, if there are any.
    xy: Option<[usize; 2]>,
}

impl Head {
    fn is_count(&self, k: usize) -> bool {
        !self.keys.contains(&k) && !self.xy.is_some_and(|xy| xy.contains(&k))
    }
}

/// Reads counts, whose heading names the columns; the first of the pairs `places` that there is holds positions.
pub(super) fn read_counts(path: &Path, rows: &Rows, places: &[[&'static str; 2]]) -> Result<Counts> {
    let bad = |line: u64, reason: String| Error::format(path, format!("line {line}"), reason);
    let mut pieces = Pieces::open(path)?;
    let mut first = pieces.next()?;
    let empty = || bad(1, "there is no heading: the first line must name the columns".into());
    let (_, line) = first.as_mut().and_then(Piece::take_line).ok_or_else(empty)?;
    // R's write.table parts cells by blanks.
    let separator = separator(&line).unwrap_or(b' ');
    let not_utf8 = |line| bad(line, "is not UTF-8; save the table as UTF-8".into());
    let mut names = cells(&line, separator).ok_or_else(|| not_utf8(1))?;
    let row = first.as_ref().and_then(|p| p.lines().next()).map_or(&[][..], |(_, l)| l);
    let row = cells(row, separator).ok_or_else(|| not_utf8(2))?;
    if row.len() == names.len() + 1 {
        // R leaves out the heading of the names.
        names.insert(0, String::new());
    }
    let is_number = |cell: &String| number(cell.as_bytes()).is_some();
    // Numbers alone are no heading, but the first row of a table that has none.
    let first_names = || row.first().is_some_and(|cell| !is_number(cell)) && !names[1..].iter().all(is_number);
    let keys = match rows {
        Rows::First => vec![0],
        Rows::By(keys) => {
            keys.iter().map(|k| names.iter().position(|n| n == k)).collect::<Option<_>>().unwrap_or_default()
        }
        Rows::Guessed if names.len() > 1 && (names_rows(&names[0]) || first_names()) => vec![0],
        Rows::Guessed => vec![],
    };
    let named = !keys.is_empty();
    let found = |name: &str| names.iter().position(|n| n == name);
    let place = places.iter().find_map(|pair| Some((*pair, [found(pair[0])?, found(pair[1])?])));
    let head = Head { separator, names, keys, xy: place.map(|(_, xy)| xy) };
    let mut all = Part::default();
    let parse = |piece: Piece| part(path, &head, &piece);
    pieces.each(first, parse, |part| {
        all.names.extend(part.names);
        all.lens.extend(part.lens);
        all.indices.extend(part.indices);
        all.values.extend(part.values);
        all.positions.extend(part.positions);
        Ok(())
    })?;
    if all.lens.is_empty() {
        return Err(bad(2, "there are no rows below the heading; copy or make the file again".into()));
    }
    let mut indptr = vec![0usize];
    all.lens.iter().for_each(|n| indptr.push(indptr[indptr.len() - 1] + n));
    if !named {
        all.names = (0..all.lens.len()).map(|i| i.to_string()).collect();
    }
    let columns: Vec<String> =
        head.names.iter().enumerate().filter(|(k, _)| head.is_count(*k)).map(|(_, n)| n.clone()).collect();
    let x = Csr::canonical(all.lens.len(), columns.len(), indptr, all.indices, all.values)?;
    let positions = place.map(|(pair, _)| (pair, all.positions));
    Ok(Counts { rows: all.names, named, columns, x, positions })
}

/// The cells of a line; `None` where they are no text.
fn cells(line: &[u8], separator: u8) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(separator).from_reader(line);
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).ok()?;
    Some(record.iter().map(|cell| cell.trim().to_owned()).collect())
}

/// What a cell holds; R writes NA for what is not known.
fn value(cell: &[u8]) -> Option<f64> {
    match cell {
        b"0" => Some(0.0),
        b"NA" => Some(f64::NAN),
        _ => number(cell),
    }
}

/// Why a cell is no count.
fn why(cell: &[u8], column: &str) -> String {
    let text = String::from_utf8_lossy(cell).chars().take(40).collect::<String>();
    let with_point = text.replacen(',', ".", 1);
    match text.trim() {
        "" => format!("there is nothing in column `{column}`; write 0, or nan where it is not known"),
        _ if number(with_point.as_bytes()).is_some() => {
            format!("`{text}` in column `{column}` is no number; write decimals with a point")
        }
        _ => format!(
            "`{text}` in column `{column}` is no number; texts belong into a second table, that of the observations (`obs`)"
        ),
    }
}

fn part(path: &Path, head: &Head, piece: &Piece) -> Result<Part> {
    let bad = |line: u64, reason: String| Error::format(path, format!("line {line}"), reason);
    let mut out = Part::default();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(head.separator)
        .flexible(true)
        .from_reader(piece.bytes());
    let mut record = csv::ByteRecord::new();
    while reader
        .read_byte_record(&mut record)
        .map_err(|e| bad(piece.line, format!("cannot be read ({e}); make the file again")))?
    {
        let line = piece.line - 1 + record.position().map_or(1, csv::Position::line);
        if record.len() != head.names.len() {
            let reason = format!(
                "has {} cells where the heading has {}; copy or make the file again",
                record.len(),
                head.names.len()
            );
            return Err(bad(line, reason));
        }
        let (before, mut column) = (out.indices.len(), 0u32);
        if let Some(xy) = head.xy {
            let [x, y] = xy.map(|k| value(&record[k]).ok_or_else(|| bad(line, why(&record[k], &head.names[k]))));
            out.positions.push([x?, y?]);
        }
        for (k, cell) in record.iter().enumerate() {
            if !head.is_count(k) {
                continue;
            }
            match value(cell) {
                Some(0.0) => {}
                Some(v) => {
                    out.indices.push(column);
                    out.values.push(v as f32);
                }
                None => return Err(bad(line, why(cell, &head.names[k]))),
            }
            column += 1;
        }
        out.lens.push(out.indices.len() - before);
        let name: Option<Vec<&str>> = head.keys.iter().map(|&k| std::str::from_utf8(&record[k]).ok()).collect();
        out.names.push(name.ok_or_else(|| bad(line, "is not UTF-8; save the table as UTF-8".into()))?.join("_"));
    }
    Ok(out)
}
