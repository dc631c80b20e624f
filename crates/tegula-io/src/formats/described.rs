//! A table that describes observations of any format: text, Parquet, or the positions that Space Ranger lists.

use std::path::Path;

use tegula_core::{AnnData, Column, Error, Frame, Result, keys};

use super::foreign::PARQUET;
use super::names::texts;
use super::positions::{indexed, join, matched};
use super::{Kind, Notes, ReadOptions, Source, visium};
use crate::parquet::{NO_NAME, read_parquet};
use crate::table::{names_rows, read_table};

/// The table, and where it lies.
pub(super) struct About<'a> {
    path: &'a Path,
    table: Frame,
}

impl<'a> About<'a> {
    /// Its rows are named where it names them.
    pub(super) fn read(path: &'a Path) -> Result<Self> {
        let source = Source::open(path)?;
        let table = match &source.kind {
            Kind::Text(lines) if lines.first().is_some_and(|line| visium::is_position(line)) => {
                visium::positions(path)?
            }
            Kind::Text(_) => read_table(path)?,
            Kind::Foreign(foreign) if **foreign == PARQUET => in_parquet(path)?,
            _ => {
                let reason = format!("this is no table of text or Parquet: found {}", source.found());
                return Err(Error::format(path, "", reason));
            }
        };
        Ok(Self { path, table })
    }

    /// True where it describes any of these.
    pub(super) fn knows(&self, names: &[String]) -> bool {
        matched(names, &self.table).iter().any(Option::is_some)
    }

    /// Takes its columns over by name.
    pub(super) fn join(&self, adata: &mut AnnData, options: &ReadOptions, notes: &mut Notes) -> Result<()> {
        join(adata, &self.table, &[], self.path, options, notes)?;
        self.place(adata, notes)
    }

    /// Takes its columns over in order, for observations that have no names.
    pub(super) fn follow(&self, adata: &mut AnnData, notes: &mut Notes) -> Result<()> {
        let (n, rows) = (adata.n_obs(), self.table.n_rows());
        if n != rows {
            let reason =
                format!("has {rows} rows, the matrix has {n} and names none; give both a first column of names");
            return Err(Error::data(format!("`{}`", self.path.display()), reason));
        }
        self.table.columns().iter().try_for_each(|(name, column)| adata.set_obs(name, column.clone()))?;
        self.place(adata, notes)
    }

    /// Takes positions from the columns taken over, where there are none yet.
    fn place(&self, adata: &mut AnnData, notes: &mut Notes) -> Result<()> {
        for [x, y] in keys::PLACES {
            if adata.obsm().contains_key(keys::SPATIAL) {
                break;
            }
            if self.table.get(x).is_some() && adata.place(&[x, y])? {
                notes.push(format!("positions are the columns `{x}` and `{y}` of `{}`", self.path.display()));
            }
        }
        Ok(())
    }
}

fn in_parquet(path: &Path) -> Result<Frame> {
    let table = read_parquet(path)?;
    let names = table.columns().keys().find(|name| *name == NO_NAME || names_rows(name)).cloned();
    let table = if let Some(names) = names { indexed(table, &names, path)? } else { table };
    let mut kinds = Frame::new(table.index().to_vec());
    for (name, column) in table.columns() {
        let column = if let Column::Str(values) = column { texts(values.clone()) } else { column.clone() };
        kinds.insert(name, column)?;
    }
    Ok(kinds)
}
