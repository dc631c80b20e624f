//! Tables of text by themselves: spots named by their places (legacy ST), and plain matrices of expression.

use std::path::Path;

use tegula_core::{AnnData, Array, ArrayData, Error, Frame, Result, keys};

use super::counts::{Counts, read_counts};
use super::names::unique;
use super::{Format, Notes, ReadOptions, Reading, Source, read_as};
use crate::table::read_tables;

pub(crate) const ST: Format = Format {
    name: "st",
    title: "Spatial Transcriptomics (ST) table",
    looks_for: "a text (also .gz) whose rows are named by their places, as `10x13`",
    is: |source| source.lines().get(1).is_some_and(|l| first(l).is_some_and(|n| place(n).is_some())),
    read: |source, _, notes| st(source, notes),
};

pub(crate) const TABLE: Format = Format {
    name: "table",
    title: "table of expression (csv, tsv)",
    looks_for: "a text (also .gz) with a heading and a row of numbers per observation, or a row per variable",
    is: |source| source.lines().len() > 1 && source.lines()[0].contains([',', '\t', ';']),
    read: |source, options, _| read_tables(&source.path, options.obs.as_deref()),
};

/// Reads a table of spots × genes whose spots are named by their places (`10x13`), as the first ST experiments wrote it.
///
/// ```
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("section.tsv");
/// std::fs::write(&path, "\tActb\tMbp\n10x13\t0\t3\n11.5x13\t2\t0\n").unwrap();
/// let adata = tegula_io::read_st(&path, &Default::default())?.adata;
/// assert_eq!(adata.coords("spatial")?.point(1), [11.5, 13.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_st(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&ST, path.as_ref(), options)
}

/// The first cell of a line.
fn first(line: &str) -> Option<&str> {
    line.split(['\t', ',']).next().map(|c| c.trim_matches('"'))
}

/// The place that a name says: `10x13` or `10.2x13.1`.
fn place(name: &str) -> Option<(f64, f64)> {
    let (x, y) = name.split_once('x')?;
    let digits = |t: &str| t.starts_with(|c: char| c.is_ascii_digit());
    (digits(x) && digits(y)).then_some(())?;
    Some((x.parse().ok()?, y.parse().ok()?))
}

fn st(source: &Source, notes: &mut Notes) -> Result<AnnData> {
    let Counts { rows, columns, x } = read_counts(&source.path, &[])?;
    let mut xy = Vec::with_capacity(2 * rows.len());
    for (i, name) in rows.iter().enumerate() {
        let Some((x, y)) = place(name) else {
            let reason = format!("`{name}` is no place as `10x13`; make the file again");
            return Err(Error::format(&source.path, format!("line {}", i + 2), reason));
        };
        xy.extend([x, y]);
    }
    let (obs, var) = (unique(rows, "observations", notes), unique(columns, "variables", notes));
    let mut adata = AnnData::new(Some(x.into()), Frame::new(obs), Frame::new(var))?;
    let xy = Array::new(vec![xy.len() / 2, 2], ArrayData::F64(xy.into()))?;
    adata.set_obsm(keys::SPATIAL, xy)?;
    Ok(adata)
}
