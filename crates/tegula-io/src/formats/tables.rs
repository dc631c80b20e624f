//! Tables of text by themselves: spots named by their places (legacy ST), and plain matrices of expression.

use std::path::Path;

use tegula_core::{AnnData, Array, ArrayData, Error, Frame, Result, keys};

use super::counts::{Counts, Rows, read_counts};
use super::described::About;
use super::names::unique;
use super::{Format, Notes, ReadOptions, Reading, Source, read_as};
use crate::table::separator;

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
    is: |source| matches!(source.lines(), [head, row, ..] if separator(head.as_bytes()).is_some() || by_blanks(head, row)),
    read: table,
};

/// True for two lines of a table whose cells are parted by blanks, as R's `write.table` does.
fn by_blanks(head: &str, row: &str) -> bool {
    let (names, cells) = (head.split(' ').count(), row.split(' ').count());
    let ends_in_number = row.rsplit(' ').next().is_some_and(|cell| cell.parse::<f64>().is_ok());
    cells > 1 && (names..=names + 1).contains(&cells) && ends_in_number
}

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
    let Counts { rows, columns, x, .. } = read_counts(&source.path, &Rows::First, &[])?;
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

/// Reads a matrix of expression, observations in rows, with the table that describes the observations.
///
/// Rows of the table are found by name; those that the matrix does not have are left out. Where the matrix does not name
/// its rows, they are matched by order. Columns of positions (`x` and `y`, …) go to `obsm["spatial"]` too.
///
/// # Errors
/// As [`read_table`](crate::read_table); [`Error::Format`] for a cell of the matrix that is no number, with line and
/// column; [`Error::Data`] with examples where the table describes none of the observations.
pub fn read_tables(matrix: impl AsRef<Path>, obs: Option<&Path>) -> Result<AnnData> {
    let options = ReadOptions { obs: obs.map(Path::to_path_buf), ..ReadOptions::default() };
    read_as(&TABLE, matrix.as_ref(), &options).map(|reading| reading.adata)
}

fn table(source: &Source, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
    let places = if options.genes_in_rows { &[][..] } else { &keys::PLACES };
    let counts = read_counts(&source.path, &Rows::Guessed, places)?;
    let Counts { rows: mut obs, mut named, columns: mut var, mut x, positions } = counts;
    let about = options.obs.as_deref().map(About::read).transpose()?;
    let describes = |names: &[String]| about.as_ref().is_some_and(|about| about.knows(names));
    let guessed = !options.genes_in_rows && positions.is_none() && describes(&var) && !(named && describes(&obs));
    if guessed {
        notes.push("the second table describes the columns: genes are taken to be in rows".into());
    }
    if guessed || options.genes_in_rows {
        (obs, var, x, named) = (var, obs, x.transpose(), true);
    }
    let (obs, var) = (unique(obs, "observations", notes), unique(var, "variables", notes));
    let mut adata = AnnData::new(Some(x.into()), Frame::new(obs), Frame::new(var))?;
    if let Some(([x, y], positions)) = positions {
        notes.push(format!("the columns `{x}` and `{y}` are taken for positions, not for genes"));
        let flat = ArrayData::F64(positions.concat().into());
        adata.set_obsm(keys::SPATIAL, Array::new(vec![adata.n_obs(), 2], flat)?)?;
    }
    match about {
        Some(about) if named => about.join(&mut adata, options, notes)?,
        Some(about) => about.follow(&mut adata, notes)?,
        None => {}
    }
    Ok(adata)
}
