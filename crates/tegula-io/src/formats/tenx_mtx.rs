//! Matrix Market folders of 10x Genomics: Cell Ranger 2 (`genes.tsv`) and later (`features.tsv`), gzipped or not.

use std::path::{Path, PathBuf};

use tegula_core::{AnnData, Csr, Error, Frame, Result};

use super::names::{several, texts, unique, variables};
use super::pieces::{Piece, Pieces, number, whole};
use super::source::names;
use super::{Format, Notes, ReadOptions, Reading, Source, read_as, tenx_h5};

pub(crate) const FORMAT: Format = Format {
    name: "10x_mtx",
    title: "10x mtx folder",
    looks_for: "`matrix.mtx`, `barcodes.tsv` and `features.tsv` or `genes.tsv` (each also .gz, all with the same prefix)",
    is: |source| !Parts::all(source.names()).is_empty() || Parts::around(source).is_some(),
    read: |source, options, notes| match Parts::around(source) {
        Some((folder, parts)) => parts.read(&folder, options, notes),
        None => folder(&source.path, source.names(), options, notes),
    },
};

/// Reads a folder of `matrix.mtx`, `barcodes.tsv` and `features.tsv` or `genes.tsv`, as scanpy's `read_10x_mtx`.
///
/// Where a folder holds several matrices with prefixes, as `GSM1_matrix.mtx.gz`, the path of one of these files chooses.
///
/// ```
/// let err = tegula_io::read_10x_mtx("no/such/folder", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_10x_mtx(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

/// The names of the three files.
struct Parts {
    matrix: String,
    barcodes: String,
    features: String,
}

impl Parts {
    /// The matrices in a folder whose other files are there too.
    fn all(names: &[String]) -> Vec<Self> {
        let mut all: Vec<Self> = names.iter().filter_map(|n| Self::of(n, names)).collect();
        // The same, gzipped and not.
        all.dedup_by(|a, b| a.barcodes == b.barcodes);
        all
    }

    /// The files that belong to a matrix.
    fn of(matrix: &str, names: &[String]) -> Option<Self> {
        let plain = |n: &'_ str| n.strip_suffix(".gz").unwrap_or(n).to_owned();
        let find = |wanted: &str| names.iter().find(|n| plain(n) == wanted).cloned();
        let whole = plain(matrix);
        let prefix = whole.strip_suffix("matrix.mtx")?;
        let features = ["features.tsv", "genes.tsv"].iter().find_map(|f| find(&format!("{prefix}{f}")))?;
        Some(Self { matrix: matrix.to_owned(), barcodes: find(&format!("{prefix}barcodes.tsv"))?, features })
    }

    /// Where the source is a matrix: its folder and the files that belong to it.
    fn around(source: &Source) -> Option<(PathBuf, Self)> {
        is_matrix(source).then_some(())?;
        let folder = source.path.parent()?;
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let parts = Self::of(source.path.file_name()?.to_str()?, &names(folder).ok()?)?;
        Some((folder.to_path_buf(), parts))
    }

    fn read(&self, folder: &Path, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
        let var = features(&folder.join(&self.features), options, notes)?;
        let barcodes = columns(&folder.join(&self.barcodes))?.swap_remove(0);
        let obs = Frame::new(unique(barcodes, "observations", notes));
        let x = read_mtx(&folder.join(&self.matrix), var.n_rows(), obs.n_rows())?;
        let mut adata = AnnData::new(Some(x.into()), obs, var)?;
        tenx_h5::keep(&mut adata, false, options, notes)?;
        Ok(adata)
    }
}

/// True for a text in Matrix Market's format.
pub(super) fn is_matrix(source: &Source) -> bool {
    source.lines().first().is_some_and(|l| l.to_lowercase().starts_with("%%matrixmarket"))
}

/// Reads the folder.
pub(super) fn folder(path: &Path, names: &[String], options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
    match &Parts::all(names)[..] {
        [parts] => parts.read(path, options, notes),
        [] => Err(Error::format(path, "", format!("this is not a {}: it needs {}", FORMAT.title, FORMAT.looks_for))),
        all => {
            let names = all.iter().map(|parts| &parts.matrix);
            Err(several(path, "matrices", names, "name the one to read, not the folder"))
        }
    }
}

/// The variables: ids, symbols, types.
fn features(path: &Path, options: &ReadOptions, notes: &mut Notes) -> Result<Frame> {
    let mut columns = columns(path)?;
    let types = (columns.len() > 2).then(|| columns.swap_remove(2));
    // Some tools write names alone.
    let symbols = if columns.len() > 1 { columns.swap_remove(1) } else { columns[0].clone() };
    let ids = columns.swap_remove(0);
    let mut var = variables(ids, symbols, options, notes)?;
    if let Some(types) = types {
        var.insert("feature_types", texts(types))?;
    }
    Ok(var)
}

/// The columns of a table without a heading, separated by tabs; there is at least one.
fn columns(path: &Path) -> Result<Vec<Vec<String>>> {
    let pieces = Pieces::open(path)?;
    let at = |line: u64, reason: &str| Error::format(path, format!("line {line}"), reason);
    let mut columns: Vec<Vec<String>> = Vec::new();
    let parse = |piece: Piece| -> Result<Vec<(u64, Vec<String>)>> {
        let row = |(k, line): (u64, &[u8])| {
            let line = std::str::from_utf8(line).map_err(|_| at(k, "is not UTF-8; save the table as UTF-8"))?;
            Ok((k, line.split('\t').map(str::to_owned).collect()))
        };
        piece.lines().map(row).collect()
    };
    pieces.each(None, parse, |rows| {
        for (k, row) in rows {
            if columns.is_empty() {
                columns.resize_with(row.len(), Vec::new);
            }
            if row.len() != columns.len() {
                let reason =
                    format!("has {} cells where the first has {}; make the file again", row.len(), columns.len());
                return Err(at(k, &reason));
            }
            columns.iter_mut().zip(row).for_each(|(c, v)| c.push(v));
        }
        Ok(())
    })?;
    if columns.is_empty() { Err(at(1, "the file is empty; make it again")) } else { Ok(columns) }
}

/// A matrix of features × barcodes, as barcodes × features.
pub(super) fn read_mtx(path: &Path, n_vars: usize, n_obs: usize) -> Result<Csr> {
    let mut pieces = Pieces::open(path)?;
    let bad = |line: u64, reason: String| Error::format(path, format!("line {line}"), reason);
    let mut first = pieces.next()?.ok_or_else(|| bad(1, "the file is empty; make it again".into()))?;
    let (pattern, stated, head) = header(&mut first, &bad)?;
    let [rows, cols, entries] = stated;
    if [rows, cols] != [n_vars as u64, n_obs as u64] {
        let reason = format!(
            "the matrix is {rows} × {cols}, but there are {n_vars} features and {n_obs} barcodes; these files do not belong together"
        );
        return Err(bad(head, reason));
    }
    let parse = |piece: Piece| {
        let entry = |(k, line): (u64, &[u8])| {
            let mut cells = line.split(u8::is_ascii_whitespace).filter(|c| !c.is_empty());
            let place = |cell: Option<&[u8]>, most: u64| cell.and_then(whole).filter(|&i| (1..=most).contains(&i));
            let (row, col) = (place(cells.next(), rows), place(cells.next(), cols));
            let value = if pattern { Some(1.0) } else { cells.next().and_then(number) };
            if let (Some(i), Some(j), Some(v), None) = (row, col, value, cells.next()) {
                return Ok(((j - 1) as u32, (i - 1) as u32, v as f32));
            }
            let text = String::from_utf8_lossy(line).chars().take(60).collect::<String>();
            Err(bad(k, format!("`{text}` is no entry of a matrix of {rows} × {cols}; make the file again")))
        };
        piece.lines().map(entry).collect::<Result<Vec<_>>>()
    };
    let mut all: Vec<(u32, u32, f32)> = Vec::new();
    pieces.each(Some(first), parse, |part| {
        if (all.len() + part.len()) as u64 > entries {
            return Err(bad(head, format!("states {entries} entries, but there are more; make the file again")));
        }
        all.extend(part);
        Ok(())
    })?;
    if all.len() as u64 != entries {
        let reason =
            format!("states {entries} entries, but there are {}; the file is cut short, copy it again", all.len());
        return Err(bad(head, reason));
    }
    by_row(n_obs, n_vars, &all)
}

/// Reads up to the line with the sizes: whether entries have no value, the sizes, the number of that line.
fn header(piece: &mut Piece, bad: &dyn Fn(u64, String) -> Error) -> Result<(bool, [u64; 3], u64)> {
    let (mut pattern, mut last) = (false, 1);
    while let Some((k, line)) = piece.take_line() {
        let text = String::from_utf8_lossy(&line).to_lowercase();
        if k == 1 {
            let words: Vec<&str> = text.split_whitespace().collect();
            let ["%%matrixmarket", "matrix", "coordinate", kind @ ("integer" | "real" | "pattern"), "general"] =
                words[..]
            else {
                let usual = "`%%MatrixMarket matrix coordinate integer general`";
                return Err(bad(
                    k,
                    format!("is no heading of a sparse Matrix Market file ({usual}); make the file again"),
                ));
            };
            pattern = kind == "pattern";
        } else if !text.starts_with('%') && !text.trim().is_empty() {
            let sizes: Option<Vec<u64>> = text.split_whitespace().map(|c| whole(c.as_bytes())).collect();
            return match sizes.as_deref() {
                Some(&[rows, cols, n]) => Ok((pattern, [rows, cols, n], k)),
                _ => Err(bad(k, "does not state rows, columns and entries; make the file again".into())),
            };
        }
        last = k;
    }
    Err(bad(last, "the file ends before the sizes of the matrix; copy or make it again".into()))
}

/// Entries in any order as rows; what is there twice is summed.
pub(super) fn by_row(n_rows: usize, n_cols: usize, entries: &[(u32, u32, f32)]) -> Result<Csr> {
    let mut indptr = vec![0usize; n_rows + 1];
    for e in entries {
        indptr[e.0 as usize + 1] += 1;
    }
    for i in 0..n_rows {
        indptr[i + 1] += indptr[i];
    }
    let mut next = indptr.clone();
    let (mut indices, mut values) = (vec![0u32; entries.len()], vec![0f32; entries.len()]);
    for &(i, j, v) in entries {
        let at = &mut next[i as usize];
        (indices[*at], values[*at]) = (j, v);
        *at += 1;
    }
    Csr::canonical(n_rows, n_cols, indptr, indices, values)
}
