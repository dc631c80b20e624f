//! Large texts in pieces: unpacked on one thread while the others parse.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rayon::prelude::*;
use tegula_core::{Error, Result};

use crate::table::broken;

/// Bytes read at a time.
const PIECE: usize = 1 << 23;
/// Bytes that one thread parses at a time.
const PART: usize = 1 << 18;
/// A line longer than this is none.
const LONGEST_LINE: usize = 1 << 28;
/// Bytes that are searched at once, one for each bit of a number.
const BLOCK: usize = 64;

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
pub(crate) struct Piece<'a> {
    all: Cow<'a, [u8]>,
    /// Bytes of the lines that were taken off.
    taken: usize,
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
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'static>>> {
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
        Ok(Some(Piece::new(bytes, line)))
    }

    /// Parses all that is left: `parse` on parts of whole lines on all threads, `take` with their results in order.
    /// While a piece is parsed, the one before is taken and the next one read.
    pub(crate) fn each<T: Send>(
        mut self,
        first: Option<Piece<'static>>,
        parse: impl Fn(Piece<'_>) -> Result<T> + Sync,
        mut take: impl FnMut(T) -> Result<()> + Send,
    ) -> Result<()> {
        let mut now = match first {
            Some(p) => Some(p),
            None => self.next()?,
        };
        let mut parsed = Vec::new();
        let mut take_all = |parsed: Vec<Result<T>>| parsed.into_iter().try_for_each(|one| take(one?));
        while let Some(piece) = now {
            let parse_all = || parts(&piece).into_par_iter().map(&parse).collect();
            let (taken, (next_parsed, next)) =
                rayon::join(|| take_all(parsed), || rayon::join(parse_all, || self.next()));
            taken?;
            parsed = next_parsed;
            now = match next {
                Ok(next) => next,
                // What is wrong in the lines before comes first.
                Err(e) => return take_all(parsed).and(Err(e)),
            };
        }
        take_all(parsed)
    }

    /// The error for something wrong in a line.
    pub(crate) fn bad(&self, line: u64, reason: impl std::fmt::Display) -> Error {
        Error::format(&self.path, format!("line {line}"), reason)
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
    // In bytes, many at a time; of so few at once that a byte holds their number.
    let count = |few: &[u8]| u64::from(few.iter().map(|&b| u8::from(b == b'\n')).sum::<u8>());
    bytes.chunks(usize::from(u8::MAX)).map(count).sum::<u64>() + u64::from(bytes.last().is_some_and(|&b| b != b'\n'))
}

/// Cuts a piece into parts of whole lines.
fn parts<'a>(piece: &'a Piece<'_>) -> Vec<Piece<'a>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    let bytes = piece.bytes();
    while start < bytes.len() {
        let from = (start + PART).min(bytes.len());
        let end = bytes[from..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |k| from + k + 1);
        ranges.push(start..end);
        start = end;
    }
    let mut line = piece.line;
    let part = |r: Range<usize>| {
        let part = Piece::new(&bytes[r], line);
        line += count_lines(part.bytes());
        part
    };
    ranges.into_iter().map(part).collect()
}

/// Where either of two bytes stands. In a table they stand close together: each block is searched once for all in it.
struct Ends<'a> {
    either: [u8; 2],
    blocks: std::slice::Chunks<'a, u8>,
    /// Where the next block begins.
    next: usize,
    /// A bit for each byte of the block before that is still to be given.
    found: u64,
}

impl<'a> Ends<'a> {
    fn new(bytes: &'a [u8], either: [u8; 2]) -> Self {
        Self { either, blocks: bytes.chunks(BLOCK), next: 0, found: 0 }
    }
}

impl Iterator for Ends<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let block = self.blocks.next()?;
            self.next += BLOCK;
            self.found = match block.try_into() {
                Ok(whole) => marks(whole, self.either),
                Err(_) => block.iter().rev().fold(0, |all, b| all << 1 | u64::from(self.either.contains(b))),
            };
        }
        let first = self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(self.next - BLOCK + first)
    }
}

/// A bit for each byte that is either of two.
fn marks(block: &[u8; BLOCK], either: [u8; 2]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let [first, second] = either.map(|byte| ONES * u64::from(byte));
    let differs = |word: u64| ((word & (ONES * 0x7f)) + ONES * 0x7f) | word;
    let (words, _) = block.as_chunks::<8>();
    (0..).zip(words).fold(0, |all, (k, word)| {
        let word = u64::from_le_bytes(*word);
        let equal = (!(differs(word ^ first) & differs(word ^ second)) >> 7) & ONES;
        // The lowest bits of all bytes, brought together in the highest byte.
        all | (equal.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * k)
    })
}

impl<'a> Piece<'a> {
    fn new(bytes: impl Into<Cow<'a, [u8]>>, line: u64) -> Self {
        Self { all: bytes.into(), taken: 0, line }
    }

    /// What was not taken off.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.all[self.taken..]
    }

    /// The lines with their numbers, without line ends; empty ones are left out.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let trimmed = |l: &'_ [u8]| l.len() - usize::from(l.last() == Some(&b'\r'));
        let lines = self.bytes().split(|&b| b == b'\n').zip(self.line..);
        lines.map(move |(l, k)| (k, &l[..trimmed(l)])).filter(|(_, l)| !l.is_empty())
    }

    /// Calls `f` with every line's number and its columns, without line ends; empty lines are left out.
    pub(crate) fn each_line<'b>(
        &'b self,
        separator: u8,
        mut f: impl FnMut(u64, &[&'b [u8]]) -> Result<()>,
    ) -> Result<()> {
        let bytes = self.bytes();
        let unfinished = bytes.last().is_some_and(|&b| b != b'\n').then_some(bytes.len());
        let (mut cells, mut from, mut line) = (Vec::new(), 0, self.line);
        for end in Ends::new(bytes, [separator, b'\n']).chain(unfinished) {
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
        let bytes = self.bytes();
        if bytes.is_empty() {
            return None;
        }
        let end = bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |k| k + 1);
        let mut line = bytes[..end].to_vec();
        while line.last().is_some_and(|b| b"\r\n".contains(b)) {
            line.pop();
        }
        self.taken += end;
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
    let (few, fours) = text.as_rchunks::<4>();
    let (mut n, highest) = few.iter().fold((0, 0), digit);
    let mut wrong = u32::from(highest > 9);
    for four in fours {
        let digits = u32::from_le_bytes(*four) ^ 0x3030_3030;
        // A byte above 9 has one of its upper bits, or gets the highest one now.
        wrong |= (digits | (digits & 0x7f7f_7f7f).wrapping_add(0x7676_7676)) & 0x8080_8080;
        let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff;
        n = n.wrapping_mul(10_000).wrapping_add(u64::from(pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0xffff));
    }
    (wrong == 0).then_some(n)
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
        fn columns_of_lines_are_those_of_lines_split(text in "[ab\t\r\né]{0,200}") {
            let piece = Piece::new(text.as_bytes(), 7);
            let mut cut = Vec::new();
            piece.each_line(b'\t', |k, cells| {
                cut.push((k, cells.to_vec()));
                Ok(())
            }).unwrap();
            let split: Vec<_> = piece.lines().map(|(k, l)| (k, l.split(|&b| b == b'\t').collect::<Vec<_>>())).collect();
            prop_assert_eq!(cut, split);
            let lines = count_lines(piece.bytes());
            prop_assert_eq!(lines, String::from_utf8_lossy(piece.bytes()).split_inclusive('\n').count() as u64);
        }
    }

    #[test]
    fn taking_lines_off_takes_no_longer_the_more_there_are() {
        const LINES: u64 = 1 << 21;
        let mut piece = Piece::new(b"%\n".repeat(LINES as usize), 1);
        let start = std::time::Instant::now();
        for k in 1..LINES {
            assert_eq!(piece.take_line(), Some((k, b"%".to_vec())));
        }
        assert_eq!((piece.bytes(), piece.line), (&b"%\n"[..], LINES));
        // To move the rest up each time would take minutes.
        assert!(start.elapsed().as_secs() < 30);
    }

    #[test]
    fn whole_numbers_are_digits_alone() {
        for n in [0, 7, 10, 9_876, 12_000, 98_765_432, 4_294_967_296, 9_999_999_999_999_999_999] {
            assert_eq!(whole(n.to_string().as_bytes()), Some(n));
        }
        assert_eq!(whole(b"007"), Some(7));
        for wrong in
            ["", "-1", "1.0", "1 ", "x", "/", ":", "1:00", "/000", "12-4567", "000\u{b9}", "10000000000000000000"]
        {
            assert_eq!(whole(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(count_lines(&vec![b'\n'; 1000]), 1000);
    }
}
