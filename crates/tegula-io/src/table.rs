//! Tables of text: csv, tsv, gzipped or not, as pandas and R write them.

mod column;

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tegula_core::{Error, Frame, Result};

pub(crate) use column::typed;

/// Names of a first column that holds the names of the rows, beside the empty one that pandas and R write.
const INDEX: [&str; 10] =
    ["index", "barcode", "barcodes", "cell", "cell_id", "cellid", "spot", "spot_id", "obs_names", "unnamed: 0"];

/// Reads a table. Columns of numbers become numbers, of `true` and `false` flags, of texts that repeat categories.
///
/// The first column holds the names of the rows where its heading is empty (as pandas and R write it) or says so
/// (`barcode`, `cell_id`, …). The separator is the one of comma, tab and semicolon that the heading has most of. Gzip is
/// recognised by content.
///
/// ```
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("meta.csv");
/// std::fs::write(&path, ",x,type\nc1,1.5,tumor\nc2,2,tumor\n").unwrap();
/// let table = tegula_io::read_table(&path)?;
/// assert_eq!(table.index(), ["c1", "c2"]);
/// assert_eq!(table.get("x").unwrap().to_f64().unwrap(), [1.5, 2.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] with the line, for rows of different lengths, text that is not UTF-8, names that
/// repeat, and files without a heading.
pub fn read_table(path: impl AsRef<Path>) -> Result<Frame> {
    let path = path.as_ref();
    let Text { headings, columns, index } = Text::read(path)?;
    let mut frame = match index {
        Some(names) => Frame::new(names),
        None => Frame::with_range_index(columns.first().map_or(0, Vec::len)),
    };
    for (name, values) in headings.iter().zip(columns) {
        frame.insert(name, typed(values))?;
    }
    Ok(frame)
}

/// Reads a table whose rows are named by the columns `keys`, joined by `_`; by its first column where `keys` is empty.
pub(crate) fn read_keyed(path: &Path, keys: &[&str]) -> Result<Frame> {
    let Text { mut headings, mut columns, index } = Text::read(path)?;
    let places: Option<Vec<usize>> = keys.iter().map(|k| headings.iter().position(|h| h == k)).collect();
    let rows = columns.first().map_or(0, Vec::len);
    let names: Vec<String> = match (index, places) {
        (Some(names), _) if keys.len() < 2 => names,
        (None, Some(places)) if !keys.is_empty() => {
            (0..rows).map(|i| places.iter().map(|&k| columns[k][i].trim()).collect::<Vec<_>>().join("_")).collect()
        }
        (None, _) if keys.is_empty() && headings.len() > 1 => {
            headings.remove(0);
            columns.remove(0)
        }
        (_, _) => {
            let reason = format!("lacks one of the columns `{}`; copy or make the file again", keys.join("`, `"));
            return Err(Error::format(path, "line 1", reason));
        }
    };
    unique(&names).map_err(|name| Error::format(path, "", format!("`{name}` names two rows; name rows apart")))?;
    let mut frame = Frame::new(names);
    for (name, values) in headings.iter().zip(columns) {
        frame.insert(name, typed(values))?;
    }
    Ok(frame)
}

/// A table as text, by columns; the column with the names of the rows by itself.
struct Text {
    headings: Vec<String>,
    columns: Vec<Vec<String>>,
    index: Option<Vec<String>>,
}

impl Text {
    fn read(path: &Path) -> Result<Self> {
        let bytes = bytes(path)?;
        let wrong = |line: u64, reason: String| Error::format(path, format!("line {line}"), reason);
        let first = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
        if first.iter().all(u8::is_ascii_whitespace) {
            return Err(wrong(1, "there is no heading: the first line must name the columns".to_owned()));
        }
        let separator = separator(first).unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(&bytes[..]);
        let line = |e: &csv::Error| e.position().map_or(1, csv::Position::line);
        let headings = reader.headers().map_err(|e| wrong(line(&e), why(&e)))?;
        let mut headings: Vec<String> = headings.iter().map(|h| h.trim().to_owned()).collect();
        let mut columns: Vec<Vec<String>> = vec![Vec::new(); headings.len()];
        for (k, record) in reader.into_records().enumerate() {
            let record = record.map_err(|e| wrong(line(&e), why(&e)))?;
            if k == 0 && record.len() == headings.len() + 1 {
                // R leaves out the heading of the names.
                headings.insert(0, String::new());
                columns.push(Vec::new());
            }
            if record.len() != headings.len() {
                let reason = format!("has {} cells where the heading has {}", record.len(), headings.len());
                return Err(wrong(record.position().map_or(k as u64 + 2, csv::Position::line), reason));
            }
            for (column, value) in columns.iter_mut().zip(&record) {
                column.push(value.to_owned());
            }
        }
        let named = headings.first().is_some_and(|h| names_rows(h));
        let index = (named && headings.len() > 1).then(|| {
            headings.remove(0);
            columns.remove(0)
        });
        unique(&headings).map_err(|name| wrong(1, format!("two columns are called `{name}`; name them apart")))?;
        if let Some(names) = &index {
            unique(names).map_err(|name| {
                let at = names.iter().rposition(|n| n == name).unwrap_or(0) as u64 + 2;
                wrong(at, format!("`{name}` names a row for the second time; name rows apart"))
            })?;
        }
        Ok(Self { headings, columns, index })
    }
}

/// What parts the cells of a heading: the one of comma, tab and semicolon that it has most of.
pub(crate) fn separator(heading: &[u8]) -> Option<u8> {
    let count = |s: &u8| heading.split(|b| b == s).count();
    [b';', b'\t', b','].into_iter().filter(|s| heading.contains(s)).max_by_key(count)
}

/// True for the heading of a column that holds the names of the rows.
pub(crate) fn names_rows(heading: &str) -> bool {
    heading.is_empty() || INDEX.contains(&heading.to_lowercase().as_str())
}

/// The first name that is there twice, as the error.
fn unique(names: &[String]) -> std::result::Result<(), &String> {
    let mut seen = std::collections::HashSet::new();
    names.iter().find(|n| !seen.insert(n.as_str())).map_or(Ok(()), Err)
}

/// The file's bytes, unpacked, without a byte order mark.
fn bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain).map_err(|e| broken(path, e))?;
        bytes = plain;
    }
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        bytes.drain(..3);
    }
    Ok(bytes)
}

/// What is wrong with a line.
fn why(e: &csv::Error) -> String {
    match e.kind() {
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8; save the table as UTF-8".to_owned(),
        _ => e.to_string(),
    }
}

/// The error for a text that cannot be read or unpacked.
pub(crate) fn broken(path: &Path, e: std::io::Error) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    if [UnexpectedEof, InvalidInput, InvalidData].contains(&e.kind()) {
        let reason = format!("the gzip stream is damaged or cut short ({e}); copy or make the file again");
        return Error::format(path, "", reason);
    }
    Error::io(path, e)
}
