//! Large texts in pieces: unpacked on one thread while the others parse.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rayon::prelude::*;
use tegula_core::{Error, Result};

/// Bytes read at a time.
const PIECE: usize = 1 << 23;
/// Bytes that one thread parses at a time.
const PART: usize = 1 << 18;
/// A line longer than this is none.
const LONGEST_LINE: usize = 1 << 28;

/// A text file, gzipped or not, in pieces that end with a line.
pub(crate) struct Pieces {
    path: PathBuf,
    source: Box<dyn Read + Send>,
    /// The beginning of a line whose end is still to come.
    rest: Vec<u8>,
    /// Lines given out so far.
    lines: u64,
    done: bool,
}

/// Whole lines, and the number of the first one (from 1).
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) line: u64,
}

impl Pieces {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let fail = |e| Error::io(path, e);
        let file = File::open(path).map_err(fail)?;
        let mut start = [0u8; 3];
        let mut file = BufReader::with_capacity(1 << 20, file);
        let n = fill(&mut file, &mut start).map_err(fail)?;
        let all = std::io::Cursor::new(start[..n].to_vec()).chain(file);
        let packed = start[..2] == [0x1f, 0x8b];
        let source: Box<dyn Read + Send> = if packed { Box::new(MultiGzDecoder::new(all)) } else { Box::new(all) };
        Ok(Self { path: path.to_path_buf(), source, rest: Vec::new(), lines: 0, done: false })
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>> {
        let mut bytes = std::mem::take(&mut self.rest);
        let end = loop {
            if self.done {
                break bytes.len();
            }
            let before = bytes.len();
            let read =
                (&mut self.source).take(PIECE as u64).read_to_end(&mut bytes).map_err(|e| broken(&self.path, e))?;
            self.done = read == 0;
            if self.lines == 0 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            if let Some(k) = bytes[before.min(bytes.len())..].iter().rposition(|&b| b == b'\n') {
                break before + k + 1;
            }
            if bytes.len() > LONGEST_LINE {
                return Err(self.bad(self.lines + 1, "is longer than any line of a table; make the file again"));
            }
        };
        self.rest = bytes.split_off(end);
        if bytes.is_empty() {
            return if self.done { Ok(None) } else { self.next() };
        }
        let line = self.lines + 1;
        self.lines += count_lines(&bytes);
        Ok(Some(Piece { bytes, line }))
    }

    /// Parses all that is left: `parse` on parts of whole lines on all threads, `take` with their results in order.
    pub(crate) fn each<T: Send>(
        mut self,
        first: Option<Piece>,
        parse: impl Fn(Piece) -> Result<T> + Sync,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let mut now = match first {
            Some(p) => Some(p),
            None => self.next()?,
        };
        while let Some(piece) = now {
            let (parsed, next) =
                rayon::join(|| parts(&piece).into_par_iter().map(&parse).collect::<Vec<_>>(), || self.next());
            for one in parsed {
                take(one?)?;
            }
            now = next?;
        }
        Ok(())
    }

    /// The error for something wrong in a line.
    pub(crate) fn bad(&self, line: u64, reason: impl std::fmt::Display) -> Error {
        Error::format(&self.path, format!("line {line}"), reason)
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

/// Reads until the buffer is full or the file ends.
fn fill(source: &mut impl Read, to: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < to.len() {
        match source.read(&mut to[n..])? {
            0 => break,
            k => n += k,
        }
    }
    Ok(n)
}

fn count_lines(bytes: &[u8]) -> u64 {
    // In bytes, many at a time; of so few at once that a byte holds their number.
    let count = |few: &[u8]| u64::from(few.iter().map(|&b| u8::from(b == b'\n')).sum::<u8>());
    bytes.chunks(usize::from(u8::MAX)).map(count).sum::<u64>() + u64::from(bytes.last().is_some_and(|&b| b != b'\n'))
}

/// Cuts a piece into parts of whole lines.
fn parts(piece: &Piece) -> Vec<Piece> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    while start < piece.bytes.len() {
        let from = (start + PART).min(piece.bytes.len());
        let end = piece.bytes[from..].iter().position(|&b| b == b'\n').map_or(piece.bytes.len(), |k| from + k + 1);
        ranges.push(start..end);
        start = end;
    }
    let mut line = piece.line;
    let mut out = Vec::with_capacity(ranges.len());
    for r in ranges {
        let bytes = piece.bytes[r].to_vec();
        let lines = count_lines(&bytes);
        out.push(Piece { bytes, line });
        line += lines;
    }
    out
}

impl Piece {
    /// The lines with their numbers, without line ends; empty ones are left out.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let trimmed = |l: &'_ [u8]| l.len() - usize::from(l.last() == Some(&b'\r'));
        let lines = self.bytes.split(|&b| b == b'\n').zip(self.line..);
        lines.map(move |(l, k)| (k, &l[..trimmed(l)])).filter(|(_, l)| !l.is_empty())
    }

    /// Calls `f` with every line's number and its columns, without line ends; empty lines are left out.
    pub(crate) fn each_line<'a>(
        &'a self,
        separator: u8,
        mut f: impl FnMut(u64, &[&'a [u8]]) -> Result<()>,
    ) -> Result<()> {
        let bytes = &self.bytes[..];
        let unfinished = bytes.last().is_some_and(|&b| b != b'\n').then_some(bytes.len());
        let (mut cells, mut from, mut line) = (Vec::new(), 0, self.line);
        for end in memchr::memchr2_iter(separator, b'\n', bytes).chain(unfinished) {
            let mut cell = &bytes[from..end];
            from = end + 1;
            if bytes.get(end) == Some(&separator) {
                cells.push(cell);
                continue;
            }
            cell = cell.strip_suffix(b"\r").unwrap_or(cell);
            cells.push(cell);
            if cells.len() > 1 || !cell.is_empty() {
                f(line, &cells)?;
            }
            cells.clear();
            line += 1;
        }
        Ok(())
    }

    /// Takes off the first line, without its end; `None` where there is none.
    pub(crate) fn take_line(&mut self) -> Option<(u64, Vec<u8>)> {
        if self.bytes.is_empty() {
            return None;
        }
        let end = self.bytes.iter().position(|&b| b == b'\n').map_or(self.bytes.len(), |k| k + 1);
        let mut line: Vec<u8> = self.bytes.drain(..end).collect();
        while line.last().is_some_and(|b| b"\r\n".contains(b)) {
            line.pop();
        }
        self.line += 1;
        Some((self.line - 1, line))
    }
}

/// A whole number.
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    // To the end whatever comes, so that the processor has one thing to guess: the length.
    let digit = |(n, highest): (u64, u8), b: &u8| {
        let d = b.wrapping_sub(b'0');
        (n.wrapping_mul(10).wrapping_add(d.into()), highest.max(d))
    };
    let (n, highest) = text.iter().fold((0, 0), digit);
    (highest <= 9).then_some(n)
}

/// A number.
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    match whole(text) {
        Some(n) => Some(n as f64),
        None => std::str::from_utf8(text).ok()?.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_of_lines_are_those_of_lines_split(text in "[ab\t\r\n]{0,60}") {
            let piece = Piece { bytes: text.into_bytes(), line: 7 };
            let mut cut = Vec::new();
            piece.each_line(b'\t', |k, cells| {
                cut.push((k, cells.to_vec()));
                Ok(())
            }).unwrap();
            let split: Vec<_> = piece.lines().map(|(k, l)| (k, l.split(|&b| b == b'\t').collect::<Vec<_>>())).collect();
            prop_assert_eq!(cut, split);
            let lines = count_lines(&piece.bytes);
            prop_assert_eq!(lines, String::from_utf8_lossy(&piece.bytes).split_inclusive('\n').count() as u64);
        }
    }

    #[test]
    fn whole_numbers_are_digits_alone() {
        for n in [0, 7, 10, 4_294_967_296, 9_999_999_999_999_999_999] {
            assert_eq!(whole(n.to_string().as_bytes()), Some(n));
        }
        assert_eq!(whole(b"007"), Some(7));
        for wrong in ["", "-1", "1.0", "1 ", "x", "/", ":", "10000000000000000000"] {
            assert_eq!(whole(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(count_lines(&vec![b'\n'; 1000]), 1000);
    }
}
