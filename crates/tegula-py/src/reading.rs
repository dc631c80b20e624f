//! What `tegula.io` calls: files of any format as slots.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use tegula::io::{self, ReadOptions};

use crate::errors::to_py;
use crate::lent::Lender;
use crate::{values, watch};

/// Reads a file or folder: the names of its observations and variables, its slots, `raw` (or `None`), the format's name,
/// and what the user should know.
#[pyfunction]
#[pyo3(signature = (path, options, n_threads=None))]
pub(crate) fn read<'py>(
    py: Python<'py>,
    path: std::path::PathBuf,
    options: &Bound<'py, PyDict>,
    n_threads: Option<usize>,
) -> PyResult<Bound<'py, PyTuple>> {
    let options = read_options(options)?;
    let (reading, _) = watch::run(py, n_threads, 0, None, move |_| io::read_with(path, &options))?;
    let reading = reading.map_err(to_py)?;
    let (mut adata, lender) = (reading.adata, Lender::default());
    let raw = adata.raw().cloned();
    adata.set_raw(None).map_err(to_py)?;
    let raw = match raw {
        Some(raw) => Some((lender.to_py(py, raw.x.into())?, raw.var.index().to_vec())),
        None => None,
    };
    let slots = values::take_all(py, &mut adata, &lender)?;
    let names = (adata.obs().index().to_vec(), adata.var().index().to_vec());
    (names.0, names.1, slots, raw, reading.format, reading.notes).into_pyobject(py)
}

fn read_options(given: &Bound<'_, PyDict>) -> PyResult<ReadOptions> {
    let mut options = ReadOptions::default();
    for (name, value) in given {
        let name: String = name.extract()?;
        match name.as_str() {
            "format" => options.format = value.extract()?,
            "genome" => options.genome = value.extract()?,
            "gex_only" => options.gex_only = value.extract()?,
            "gene_ids" => options.gene_ids = value.extract()?,
            "raw" => options.raw = value.extract()?,
            "images" => options.images = value.extract()?,
            "library_id" => options.library_id = value.extract()?,
            "drop_unplaced" => options.drop_unplaced = value.extract()?,
            "bin_size" => options.bin_size = value.extract()?,
            "label_column" => options.label_column = value.extract()?,
            "obs" => options.obs = value.extract()?,
            "genes_in_rows" => options.genes_in_rows = value.extract()?,
            "table" => options.table = value.extract()?,
            other => return Err(PyTypeError::new_err(format!("read() has no argument `{other}`"))),
        }
    }
    Ok(options)
}
