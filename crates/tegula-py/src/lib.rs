//! The native module behind the Python package. Everything about pandas, scipy and `AnnData` is on the Python side
//! (`tegula/_bridge.py`); here arrive and leave plain arrays, lists and dictionaries.

mod errors;
mod lent;
mod measures;
mod names;
mod reading;
mod seen;
mod values;
mod watch;
mod writing;

use std::time::Instant;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use tegula::algo::simulate::SimulateParams;
use tegula::core::{Slot, Value};
use tegula::{Error, memory, registry};

use crate::errors::to_py;
use crate::lent::Lender;
use crate::names::Names;

/// One slot as Python names it: the attribute and the key inside it.
type Named = (String, Option<String>);

/// Every method with its parameter schema, as JSON.
#[pyfunction]
fn methods() -> String {
    let all = registry::methods().map(
        |m| serde_json::json!({"id": m.id(), "summary": m.summary(), "aliases": m.aliases(), "schema": m.schema()}),
    );
    all.collect::<serde_json::Value>().to_string()
}

/// The slots a step reads and those it writes, with the given parameters (JSON).
#[pyfunction]
fn plan(method: &str, params: &str) -> PyResult<(Vec<Named>, Vec<Named>)> {
    let step = bind(method, params).map_err(to_py)?;
    let named = |slots: Vec<Slot>| slots.iter().map(|s| (s.attr().to_owned(), s.key().map(str::to_owned))).collect();
    Ok((named(step.reads()), named(step.writes())))
}

fn bind(method: &str, params: &str) -> tegula::Result<Box<dyn tegula::core::BoundStep>> {
    let params = serde_json::from_str(params).map_err(|e| Error::config(format!("`{method}`"), e))?;
    registry::find(method)?.step(params)
}

/// Runs one step on plain slots.
///
/// `slots` maps `(attribute, key)` to a value (see `values.rs` for the forms). Returns the slots written in the same
/// form (X too where some of it was dropped), the kept observations and variables (or `None`), the outcome, the warnings,
/// and the seconds that the step itself took. `progress`, if given, is called every 100 ms with the tasks that moved:
/// `[(task, done, total, note, over)]`. `max_memory` is a size as `8G`.
#[pyfunction]
#[pyo3(signature = (method, params, obs_names, var_names, slots, seed, n_threads=None, progress=None, max_memory=None))]
#[expect(clippy::too_many_arguments, reason = "the shape of the Python call")]
fn run<'py>(
    py: Python<'py>,
    method: &str,
    params: &str,
    obs_names: &Names,
    var_names: &Names,
    slots: &Bound<'py, PyDict>,
    seed: u64,
    n_threads: Option<usize>,
    progress: Option<&Bound<'py, PyAny>>,
    max_memory: Option<&str>,
) -> PyResult<Bound<'py, PyTuple>> {
    let step = bind(method, params).map_err(to_py)?;
    let room = memory::room(max_memory.map(memory::parse).transpose().map_err(to_py)?);
    let mut lender = Lender::default();
    let mut adata = values::assembled(obs_names, var_names, slots, &mut lender)?;
    let ((mut adata, result, seconds), warnings) = watch::run(py, n_threads, seed, progress, move |ctx| {
        let start = Instant::now();
        let result = step.run(&mut adata, &ctx.with_room(room)).map(|outcome| (outcome, step.writes()));
        (adata, result, start.elapsed().as_secs_f64())
    })?;
    let (outcome, writes) = result.map_err(to_py)?;

    let kept = |k: Option<&[usize]>| k.map(|k| PyArray1::from_iter(py, k.iter().map(|&i| i as i64)));
    let (kept_obs, kept_var) = (kept(adata.kept_obs()), kept(adata.kept_var()));
    let cut = (kept_obs.is_some() || kept_var.is_some()).then_some(Slot::X);
    let written = PyDict::new(py);
    for slot in writes.into_iter().chain(cut).chain([Slot::uns(tegula::core::keys::TEGULA)]) {
        if let Some(value) = adata.take(&slot) {
            written.set_item((slot.attr(), slot.key()), lender.to_py(py, value)?)?;
        }
    }
    let outcome = lender.to_py(py, Value::Dict(outcome))?;
    let warnings = PyList::new(py, warnings)?;
    (written, kept_obs, kept_var, outcome, warnings, seconds).into_pyobject(py)
}

/// Makes a tissue: the names of its observations and variables, and its slots.
#[pyfunction]
#[pyo3(signature = (params, seed, n_threads=None))]
fn simulate<'py>(
    py: Python<'py>,
    params: &str,
    seed: u64,
    n_threads: Option<usize>,
) -> PyResult<(Vec<String>, Vec<String>, Bound<'py, PyDict>)> {
    let params: SimulateParams = serde_json::from_str(params).map_err(|e| to_py(Error::config("`simulate`", e)))?;
    let (made, _) = watch::run(py, n_threads, seed, None, |ctx| tegula::algo::simulate::simulate(&params, ctx))?;
    let mut adata = made.map_err(to_py)?;
    let slots = values::take_all(py, &mut adata, &Lender::default())?;
    Ok((adata.obs().index().to_vec(), adata.var().index().to_vec(), slots))
}

/// The native module.
#[pymodule]
fn _tegula(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<Names>()?;
    m.add_function(wrap_pyfunction!(methods, m)?)?;
    m.add_function(wrap_pyfunction!(plan, m)?)?;
    m.add_function(wrap_pyfunction!(simulate, m)?)?;
    m.add_function(wrap_pyfunction!(measures::measure, m)?)?;
    m.add_function(wrap_pyfunction!(measures::score, m)?)?;
    m.add_function(wrap_pyfunction!(reading::read, m)?)?;
    m.add_function(wrap_pyfunction!(writing::write, m)?)?;
    m.add_function(wrap_pyfunction!(writing::written_as, m)?)?;
    m.add_function(wrap_pyfunction!(run, m)?)
}
