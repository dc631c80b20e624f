//! Xenium: the folder of Xenium Onboard Analysis or Xenium Ranger.

use std::path::Path;

use tegula_core::{AnnData, Error, Frame, Result};

use super::positions::{indexed, join};
use super::source::names;
use super::{Format, Notes, ReadOptions, Reading, Source, read_as, tenx_h5, tenx_mtx};
use crate::parquet::read_parquet;
use crate::store::Store;
use crate::table::read_keyed;

/// Tables of cells, best first.
const CELLS: [&str; 3] = ["cells.parquet", "cells.csv.gz", "cells.csv"];

pub(crate) const FORMAT: Format = Format {
    name: "xenium",
    title: "Xenium folder",
    looks_for: "`cells.parquet` or `cells.csv` (also .gz) beside `cell_feature_matrix.h5` or a folder `cell_feature_matrix`",
    is: |source| {
        CELLS.iter().any(|n| source.holds(n))
            && ["cell_feature_matrix.h5", "cell_feature_matrix"].iter().any(|n| source.holds(n))
    },
    read: folder,
};

/// Reads a Xenium folder: counts per cell, the cells' table, their centroids in µm as `obsm["spatial"]`.
///
/// ```
/// let err = tegula_io::read_xenium("no/such/folder", &Default::default()).unwrap_err();
/// assert!(err.to_string().ends_with("no such file; check the path"));
/// ```
///
/// # Errors
/// As [`read_with`](crate::read_with).
pub fn read_xenium(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reading> {
    read_as(&FORMAT, path.as_ref(), options)
}

fn folder(source: &Source, options: &ReadOptions, notes: &mut Notes) -> Result<AnnData> {
    let mut adata = if source.holds("cell_feature_matrix.h5") {
        let (store, root) = Store::open(&source.path.join("cell_feature_matrix.h5"))?;
        tenx_h5::matrix(&store, &root, options, notes)?
    } else {
        let path = source.path.join("cell_feature_matrix");
        tenx_mtx::folder(&path, &names(&path)?, options, notes)?
    };
    let missing = || Error::format(&source.path, "", "holds no table of cells; copy the whole folder");
    let path = source.path.join(CELLS.iter().find(|n| source.holds(n)).ok_or_else(missing)?);
    let cells: Frame = if path.extension().is_some_and(|e| e == "parquet") {
        indexed(read_parquet(&path)?, "cell_id", &path)?
    } else {
        read_keyed(&path, &["cell_id"])?
    };
    join(&mut adata, &cells, &["x_centroid", "y_centroid"], &path, options, notes)?;
    Ok(adata)
}
