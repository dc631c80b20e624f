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
            let read = (&mut self.source).take(PIECE as u64).read_to_end(&mut bytes).map_err(|e| self.broken(e))?;
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

    fn broken(&self, e: std::io::Error) -> Error {
        match e.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                let reason = format!("the gzip stream is damaged or cut short ({e}); copy or make the file again");
                Error::format(&self.path, "", reason)
            }
            _ => Error::io(&self.path, e),
        }
    }
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
    let ends = bytes.split(|&b| b == b'\n').count() as u64 - 1;
    ends + u64::from(bytes.last().is_some_and(|&b| b != b'\n'))
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
    text.iter().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
}

/// A number.
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    match whole(text) {
        Some(n) => Some(n as f64),
        None => std::str::from_utf8(text).ok()?.trim().parse().ok(),
    }
}
