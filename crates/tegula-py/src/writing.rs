//! What `tegula.io.write` calls: slots as a file.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use tegula::io::{self, WriteOptions};

use crate::errors::to_py;
use crate::lent::Lender;
use crate::names::Names;
use crate::{values, watch};

/// The format that a file of this name gets.
#[pyfunction]
#[pyo3(signature = (path, format, slot))]
pub(crate) fn written_as(path: PathBuf, format: Option<String>, slot: Option<String>) -> PyResult<&'static str> {
    io::written_as(path, &WriteOptions { format, slot, ..WriteOptions::default() }).map_err(to_py)
}

/// Writes slots (see [`run`](crate::run)) in the format that the name or `format` tells.
#[pyfunction]
#[pyo3(signature = (path, obs_names, var_names, slots, format, slot, gzip, n_threads=None))]
#[expect(clippy::too_many_arguments, reason = "the shape of the Python call")]
pub(crate) fn write(
    py: Python<'_>,
    path: PathBuf,
    obs_names: &Names,
    var_names: &Names,
    slots: &Bound<'_, PyDict>,
    format: Option<String>,
    slot: Option<String>,
    gzip: Option<u32>,
    n_threads: Option<usize>,
) -> PyResult<()> {
    let options = WriteOptions { format, slot, gzip, ..WriteOptions::default() };
    let adata = values::assembled(obs_names, var_names, slots, &mut Lender::default())?;
    watch::run(py, n_threads, 0, None, move |_| io::write(&adata, path, &options))?.0.map_err(to_py)
}
