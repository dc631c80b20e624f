//! Positions of barcodes in the tissue, joined to observations by name.

use std::collections::HashMap;
use std::path::Path;

use tegula_core::{AnnData, Array, ArrayData, Column, Error, Frame, Result, keys};

use super::names::examples;
use super::{Notes, ReadOptions};

/// Joins a table to the observations by name: its columns go to `obs`, those of `spatial`, if any, to `obsm["spatial"]`.
///
/// As scanpy does, observations that the table lacks stay, with NaN; so do whole numbers and flags become real then.
pub(super) fn join(
    adata: &mut AnnData,
    table: &Frame,
    spatial: &[&str],
    path: &Path,
    options: &ReadOptions,
    notes: &mut Notes,
) -> Result<()> {
    let rows = matched(adata.obs().index(), table);
    let placed = rows.iter().flatten().count();
    let without = || adata.obs().index().iter().zip(&rows).filter(|(_, r)| r.is_none()).map(|(n, _)| n);
    if placed == 0 && adata.n_obs() > 0 {
        let reason = format!(
            "holds none of the {} observations: they are named as {}, its rows as {}; these files do not belong together",
            adata.n_obs(),
            examples(without()),
            examples(table.index())
        );
        return Err(Error::data(format!("`{}`", path.display()), reason));
    }
    let lacking = adata.n_obs() - placed;
    if lacking > 0 {
        let done = if options.drop_unplaced { "are left out" } else { "stay, at NaN (they can be left out)" };
        let what = if spatial.is_empty() { "row" } else { "position" };
        notes.push(format!(
            "{lacking} of {} observations have no {what} in `{}` (as {}): they {done}",
            adata.n_obs(),
            path.display(),
            examples(without())
        ));
    }
    let positions = if spatial.is_empty() { None } else { Some(positions(table, spatial, &rows, path)?) };
    for (key, column) in table.columns() {
        if !spatial.contains(&key.as_str()) {
            adata.set_obs(key, gathered(column, &rows))?;
        }
    }
    if let Some(positions) = positions {
        adata.set_obsm(keys::SPATIAL, positions)?;
    }
    if options.drop_unplaced && lacking > 0 {
        let kept: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].is_some()).collect();
        adata.keep_obs(&kept);
    }
    Ok(())
}

/// The row of the table for each name, where it has one.
pub(super) fn matched(names: &[String], table: &Frame) -> Vec<Option<usize>> {
    let place: HashMap<&str, usize> = table.index().iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
    names.iter().map(|n| place.get(n.as_str()).copied()).collect()
}

/// The columns side by side at the given rows, NaN where there is none.
pub(super) fn positions(table: &Frame, columns: &[&str], rows: &[Option<usize>], path: &Path) -> Result<Array> {
    let mut xy: Vec<Vec<f64>> = Vec::new();
    for key in columns {
        let column = table.get(key).and_then(Column::to_f64).ok_or_else(|| {
            Error::format(path, "", format!("the column `{key}` is missing or holds no numbers; make the file again"))
        })?;
        xy.push(rows.iter().map(|r| r.map_or(f64::NAN, |i| column[i])).collect());
    }
    let flat = (0..rows.len()).flat_map(|i| xy.iter().map(move |c| c[i])).collect::<Vec<f64>>();
    Array::new(vec![rows.len(), columns.len()], ArrayData::F64(flat.into()))
}

/// The rows of a column, some of them missing.
fn gathered(column: &Column, rows: &[Option<usize>]) -> Column {
    if let Some(all) = rows.iter().copied().collect::<Option<Vec<usize>>>() {
        return column.select(&all);
    }
    if let Some(numbers) = column.to_f64() {
        return Column::Float(rows.iter().map(|r| r.map_or(f64::NAN, |i| numbers[i])).collect());
    }
    match column.to_labels() {
        Some(l) => {
            let codes = rows.iter().map(|r| r.map_or(-1, |i| l.codes()[i])).collect();
            tegula_core::Labels::new(codes, l.categories().to_vec(), l.ordered())
                .map_or_else(|_| column.clone(), Column::Labels)
        }
        None => column.clone(),
    }
}

/// The table with the names in one of its columns.
pub(super) fn indexed(mut table: Frame, key: &str, path: &Path) -> Result<Frame> {
    let missing =
        || Error::format(path, "", format!("the column `{key}` is missing or names nothing; make the file again"));
    let names = match table.remove(key).ok_or_else(missing)? {
        Column::Str(v) => v,
        Column::Int(v) => v.iter().map(ToString::to_string).collect(),
        other => match other.to_labels() {
            Some(l) => (0..l.len()).map(|i| l.get(i).unwrap_or_default().to_owned()).collect(),
            None => return Err(missing()),
        },
    };
    table.with_index(names)
}
