//! Visium: the folder that Space Ranger writes, of any version.

use std::fs;
use std::path::{Path, PathBuf};

use tegula_core::{AnnData, Column, Dict, Error, Frame, Result, Value, keys};

use super::names::several;
use super::pieces::{Pieces, number};
use super::png::read_png;
use super::positions::{indexed, join};
use super::source::names;
use super::{Format, Notes, ReadOptions, Reading, Source, read_as, tenx_h5, tenx_mtx};
use crate::parquet::read_parquet;
use crate::store::{Branch, Store};

pub(crate) const FORMAT: Format = Format {
    name: "visium",
    title: "Visium folder of Space Ranger",
    looks_for: "`spatial/tissue_positions*` (.csv or .parquet) beside `…feature_bc_matrix.h5` or a folder `…feature_bc_matrix` (also in `outs`)",
    is: |source| Outs::of(source).is_some(),
    read: |source, options, notes| match Outs::of(source) {
        Some(outs) => outs.read(source, options, notes),
        None => Err(Error::format(&source.path, "", "this is not a Visium folder")),
    },
};

/// Files of positions, newest version first.
const POSITIONS: [&str; 3] = ["tissue_positions.parquet", "tissue_positions.csv", "tissue_positions_list.csv"];
/// Columns of a file of positions.
const COLUMNS: [&str; 5] = ["in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"];

/// Reads a Visium folder as scanpy's `read_visium`: counts, positions, pictures and scale factors.
///
/// ```
/// let err = tegula_io::read_visium("no/such/folder", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_visium(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

/// The folder that holds `spatial` and the matrices.
pub(super) struct Outs {
    path: PathBuf,
    positions: PathBuf,
    names: Vec<String>,
}

impl Outs {
    pub(super) fn of(source: &Source) -> Option<Self> {
        let here = source.names();
        let path = if here.iter().any(|n| n == "spatial") {
            source.path.clone()
        } else if here.iter().any(|n| n == "outs") {
            source.path.join("outs")
        } else {
            return None;
        };
        let positions = POSITIONS.iter().map(|n| path.join("spatial").join(n)).find(|p| p.is_file())?;
        let names = names(&path).ok()?;
        names.iter().any(|n| is_matrix(n)).then_some(Self { path, positions, names })
    }

    pub(super) fn read(&self, source: &Source, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
        let (mut adata, about) = self.counts(options, notes)?;
        let table = positions(&self.positions)?;
        join(&mut adata, &table, &["pxl_col_in_fullres", "pxl_row_in_fullres"], &self.positions, options, notes)?;
        let library = options.library_id.clone().or(about.library).unwrap_or_else(|| source.stem());
        let section = section(&self.path.join("spatial"), about.metadata, options, notes)?;
        adata.set_uns(keys::SPATIAL, Dict::from_iter([(library, section.into())]));
        Ok(adata)
    }

    /// The matrix asked for, else the one there is; an HDF5 file rather than a folder.
    fn counts(&self, options: &ReadOptions, notes: &mut Notes) -> Result<(AnnData, About)> {
        let wanted = if options.raw { "raw_" } else { "filtered_" };
        let all = || self.names.iter().filter(|n| is_matrix(n));
        let asked = |n: &&String| n.contains(wanted);
        let h5 = |n: &&String| Path::new(n).extension().is_some_and(|e| e == "h5");
        let kinds: [&dyn Fn(&&String) -> bool; 4] = [&|n| asked(n) && h5(n), &asked, &h5, &|_| true];
        let best = kinds.iter().map(|is| all().filter(is).collect::<Vec<_>>()).find(|names| !names.is_empty());
        let name = match &best.unwrap_or_default()[..] {
            [one] => *one,
            [] => return Err(Error::format(&self.path, "", "holds no matrix of counts; copy the whole folder")),
            names => return Err(several(&self.path, "matrices", names, "keep that of one section in its folder")),
        };
        if !asked(&name) {
            notes.push(format!("there is no `{wanted}feature_bc_matrix`: `{name}` is read"));
        }
        let path = self.path.join(name);
        if h5(&name) {
            let (store, root) = Store::open(&path)?;
            let adata = tenx_h5::matrix(&store, &root, options, notes)?;
            return Ok((adata, About::of(&root)));
        }
        let names = names(&path)?;
        Ok((tenx_mtx::folder(&path, &names, options, notes)?, About::default()))
    }
}

/// True for what Space Ranger and 10x's downloads call a matrix of counts; never probes.
fn is_matrix(name: &str) -> bool {
    ["feature_bc_matrix", "feature_bc_matrix.h5"].iter().any(|end| name.ends_with(end))
}

/// What a file of counts says about itself.
#[derive(Default)]
struct About {
    library: Option<String>,
    metadata: Dict,
}

impl About {
    fn of(root: &Branch) -> Self {
        let first = |key: &str| {
            let listed = || root.attrs.texts(key).and_then(|v| v.into_iter().next());
            root.attrs.text(key).map(str::to_owned).or_else(listed)
        };
        let kept = ["chemistry_description", "software_version"];
        let metadata = kept.iter().filter_map(|k| Some(((*k).to_owned(), Value::from(first(k)?)))).collect();
        Self { library: first("library_ids"), metadata }
    }
}

/// True for a line of the positions that Space Ranger 1 lists, without a heading.
pub(super) fn is_position(line: &str) -> bool {
    let cells: Vec<&str> = line.split(',').collect();
    cells.len() == COLUMNS.len() + 1 && cells[1..].iter().all(|cell| number(cell.as_bytes()).is_some())
}

/// Positions: Parquet (Visium HD), or text with a heading (Space Ranger 2) or without (1).
pub(super) fn positions(path: &Path) -> Result<Frame> {
    if path.extension().is_some_and(|e| e == "parquet") {
        return indexed(read_parquet(path)?, "barcode", path);
    }
    let mut pieces = Pieces::open(path)?;
    let bad = |line: u64, reason: &str| Error::format(path, format!("line {line}"), reason);
    let (mut index, mut columns) = (Vec::new(), vec![Vec::new(); COLUMNS.len()]);
    while let Some(piece) = pieces.next()? {
        for (k, line) in piece.lines() {
            let line = std::str::from_utf8(line).map_err(|_| bad(k, "is not UTF-8; copy the file again"))?;
            let cells: Vec<&str> = line.split(',').map(|c| c.trim().trim_matches('"')).collect();
            if k == 1 && cells.get(1) == Some(&COLUMNS[0]) {
                continue;
            }
            if cells.len() != COLUMNS.len() + 1 {
                let reason = format!(
                    "has {} cells where positions have {}; copy the file again",
                    cells.len(),
                    COLUMNS.len() + 1
                );
                return Err(bad(k, &reason));
            }
            index.push(cells[0].to_owned());
            for ((to, cell), name) in columns.iter_mut().zip(&cells[1..]).zip(COLUMNS) {
                let value = number(cell.as_bytes());
                to.push(
                    value.ok_or_else(|| bad(k, &format!("`{cell}` is no number for `{name}`; copy the file again")))?,
                );
            }
        }
    }
    let mut table = Frame::new(index);
    for (name, values) in COLUMNS.iter().zip(columns) {
        table.insert(name, whole(values))?;
    }
    Ok(table)
}

/// Whole numbers where all are.
fn whole(values: Vec<f64>) -> Column {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if values.iter().all(|v| v.fract() == 0.0 && v.abs() <= EXACT) {
        Column::Int(values.into_iter().map(|v| v as i64).collect())
    } else {
        Column::Float(values)
    }
}

/// Pictures, scale factors and metadata of a section.
fn section(folder: &Path, metadata: Dict, options: &ReadOptions, notes: &mut Notes) -> Result<Dict> {
    let mut images = Dict::new();
    for size in ["hires", "lowres"] {
        let path = folder.join(format!("tissue_{size}_image.png"));
        if !options.images {
        } else if path.is_file() {
            images.insert(size.into(), read_png(&path)?.into());
        } else {
            notes.push(format!("there is no `{}`", path.display()));
        }
    }
    let path = folder.join("scalefactors_json.json");
    let text = fs::read(&path).map_err(|e| Error::io(&path, e))?;
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(|e| {
        Error::format(&path, format!("line {}", e.line()), format!("is no JSON ({e}); copy the file again"))
    })?;
    let mut out = Dict::new();
    out.insert("images".into(), images.into());
    out.insert("scalefactors".into(), Value::from_json(&json));
    out.insert("metadata".into(), metadata.into());
    Ok(out)
}
