//! Stereo-seq GEM files: a line per gene and spot of the chip. Read as a stream, in memory for the result alone.

mod assemble;
mod head;
mod tally;

use std::collections::HashMap;
use std::path::Path;

use tegula_core::{AnnData, Error, Result};

use super::pieces::{Piece, Pieces, whole};
use super::{Format, Notes, ReadOptions, Reading, read_as};
pub(super) use assemble::{Positions, Sums, assemble};
use head::Head;
pub(super) use tally::{Entry, Tally};

/// Spots along the side of a bin, where nobody says: 25 µm.
pub(super) const BIN_SIZE: u32 = 50;

pub(crate) const FORMAT: Format = Format {
    name: "gem",
    title: "Stereo-seq GEM",
    looks_for: "a text (also .gz) with the columns `geneID`, `x`, `y` and `MIDCount` (or `UMICount`)",
    is: |source| Head::find(source.lines().iter().map(String::as_str)).is_some(),
    read: |source, options, notes| {
        let head = Head::find(source.lines().iter().map(String::as_str));
        let head = head.ok_or_else(|| Error::format(&source.path, "", "this is no GEM file"))?;
        match head.layers().len() {
            0 => stream::<1>(&source.path, &head, options, notes),
            1 => stream::<2>(&source.path, &head, options, notes),
            _ => stream::<3>(&source.path, &head, options, notes),
        }
    },
};

/// Reads a GEM file of Stereo-seq in bins of [`ReadOptions::bin_size`] spots, with the slots of spateo's `read_bgi`.
///
/// ```
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("tissue.gem");
/// std::fs::write(&path, "#BinSize=1\ngeneID\tx\ty\tMIDCounts\nActb\t10\t11\t2\nActb\t19\t10\t1\nMbp\t20\t10\t5\n").unwrap();
/// let options = tegula_io::ReadOptions { bin_size: Some(10), ..Default::default() };
/// let adata = tegula_io::read_gem(&path, &options)?.adata;
/// assert_eq!(adata.obs().index(), ["1-1", "2-1"]);
/// assert_eq!(adata.coords("spatial")?.point(1), [25.0, 15.0]);
/// assert_eq!(adata.x().unwrap().column(0), [3.0, 0.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_gem(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

/// Genes numbered in the order they come.
#[derive(Default)]
struct Genes {
    number: HashMap<String, u32>,
    names: Vec<(String, Option<String>)>,
}

/// Counts of some lines; genes numbered among themselves.
struct Part<const K: usize> {
    genes: Vec<(String, Option<String>)>,
    entries: Vec<Entry<K>>,
    /// Which spots belong to which cell.
    spots: Vec<Entry<1>>,
}

/// Sums a file with `K - 1` layers.
fn stream<const K: usize>(path: &Path, head: &Head, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
    let cell = head.cell_column(path, options)?;
    let bin = match (options.bin_size, cell) {
        (Some(0), _) => return Err(Error::config("bin_size", "is 0; a bin has at least 1 spot along its side")),
        (Some(n), None) => n,
        (Some(_), Some(_)) => {
            return Err(Error::config("bin_size", "goes with bins; `label_column` makes cells: pass one of them"));
        }
        (None, Some(_)) => 1,
        (None, None) => {
            let n = if head.bin_size > 1 { head.bin_size } else { BIN_SIZE };
            notes.push(format!(
                "summed in bins of {n} × {n} spots; choose another `bin_size` for finer or coarser ones"
            ));
            n
        }
    };
    let mut pieces = Pieces::open(path)?;
    let mut first = pieces.next()?;
    if let Some(piece) = &mut first {
        head.skip(piece);
    }
    let (mut genes, mut tally, mut spots) = (Genes::default(), Tally::<K>::default(), Tally::<1>::default());
    let parse = |piece: Piece<'_>| part::<K>(path, head, cell, bin, &piece);
    pieces.each(first, parse, |part| {
        let numbers: Vec<u32> = part.genes.into_iter().map(|(id, name)| genes.number(id, name)).collect();
        tally.add(part.entries.into_iter().map(|e| Entry { gene: numbers[e.gene as usize], ..e }));
        spots.add(part.spots.into_iter());
        Ok(())
    })?;
    if tally.is_empty() {
        return Err(Error::format(path, "", "holds no counts; make the file again"));
    }
    let positions = match cell {
        None => Positions::Bins(bin),
        Some(_) => Positions::Cells(spots.finish()),
    };
    let sums = Sums { genes: genes.names, entries: tally.finish(), layers: head.layers(), ids: head.has_names() };
    assemble(sums, &positions, options, notes)
}

impl Genes {
    fn number(&mut self, id: String, name: Option<String>) -> u32 {
        let next = self.names.len() as u32;
        if let Some(&n) = self.number.get(&id) {
            return n;
        }
        self.names.push((id.clone(), name));
        self.number.insert(id, next);
        next
    }
}

/// Parses whole lines.
fn part<const K: usize>(path: &Path, head: &Head, cell: Option<usize>, bin: u32, piece: &Piece<'_>) -> Result<Part<K>> {
    let bad = |line: u64, reason: String| Err(Error::format(path, format!("line {line}"), reason));
    let mut out = Part { genes: Vec::new(), entries: Vec::new(), spots: Vec::new() };
    let mut known: HashMap<&[u8], u32> = HashMap::new();
    let mut last: (&[u8], u32) = (&[], u32::MAX);
    piece.each_line(b'\t', |k, cells| {
        if cells.len() != head.width {
            return bad(
                k,
                format!("has {} columns where the heading has {}; copy the file again", cells.len(), head.width),
            );
        }
        let small = |c: usize| whole(cells[c]).and_then(|v| u32::try_from(v).ok());
        let (Some(x), Some(y)) = (small(head.x), small(head.y)) else {
            return bad(k, "`x` or `y` is no whole number; make the file again".into());
        };
        let mut counts = [0u32; K];
        for (to, &column) in counts.iter_mut().zip(&head.counts) {
            let Some(v) = small(column) else {
                let text = String::from_utf8_lossy(cells[column]).chars().take(40).collect::<String>();
                return bad(k, format!("`{text}` is no count; make the file again"));
            };
            *to = v;
        }
        let at = match cell {
            None => u64::from(x / bin) << 32 | u64::from(y / bin),
            Some(column) => {
                let Some(label) = whole(cells[column]) else {
                    return bad(k, "the label of the cell is no whole number; name another `label_column`".into());
                };
                // 0 is what lies outside all cells.
                if label == 0 {
                    return Ok(());
                }
                let spot = u64::from(x) << 32 | u64::from(y);
                let Ok(narrow) = u32::try_from(label) else {
                    return bad(k, "the label of the cell is above 4294967295; number cells from 1".into());
                };
                out.spots.push(Entry { gene: narrow, at: spot, counts: [1] });
                label
            }
        };
        let id = cells[head.gene];
        if last.1 == u32::MAX || last.0 != id {
            let next = out.genes.len() as u32;
            let gene = *known.entry(id).or_insert(next);
            if gene == next {
                let text = |c: usize| std::str::from_utf8(cells[c]).map(str::to_owned);
                match (text(head.gene), head.name.map(text).transpose()) {
                    (Ok(id), Ok(name)) => out.genes.push((id, name)),
                    _ => return bad(k, "is not UTF-8; save the table as UTF-8".into()),
                }
            }
            last = (id, gene);
        }
        out.entries.push(Entry { gene: last.1, at, counts });
        Ok(())
    })?;
    tally::combine(&mut out.entries);
    tally::combine(&mut out.spots);
    Ok(out)
}
