//! The native module behind the Python package. Everything about pandas, scipy and `AnnData` is on the Python side
//! (`tegula/_bridge.py`); here arrive and leave plain arrays, lists and dictionaries.

mod errors;
mod lent;
mod measures;
mod reading;
mod values;
mod watch;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use tegula::algo::simulate::SimulateParams;
use tegula::core::{AnnData, Frame, Slot, Value};
use tegula::{Error, registry};

use crate::errors::to_py;
use crate::lent::Lender;

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
/// form, the kept observations and variables (or `None`), the outcome and the warnings. `progress`, if given, is called
/// every 100 ms with the tasks that moved: `[(task, done, total, note, over)]`.
#[pyfunction]
#[pyo3(signature = (method, params, obs_names, var_names, slots, seed, n_threads=None, progress=None))]
#[expect(clippy::too_many_arguments, reason = "the shape of the Python call")]
fn run<'py>(
    py: Python<'py>,
    method: &str,
    params: &str,
    obs_names: Vec<String>,
    var_names: Vec<String>,
    slots: &Bound<'py, PyDict>,
    seed: u64,
    n_threads: Option<usize>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let step = bind(method, params).map_err(to_py)?;
    let mut lender = Lender::default();
    let mut adata = AnnData::new(None, Frame::new(obs_names), Frame::new(var_names)).map_err(to_py)?;
    values::fill(&mut adata, slots, &mut lender)?;
    let ((mut adata, result), warnings) = watch::run(py, n_threads, seed, progress, move |ctx| {
        let result = step.run(&mut adata, ctx).map(|outcome| (outcome, step.writes()));
        (adata, result)
    })?;
    let (outcome, writes) = result.map_err(to_py)?;

    let written = PyDict::new(py);
    for slot in writes.into_iter().chain([Slot::uns(tegula::core::keys::TEGULA)]) {
        if let Some(value) = values::take(&mut adata, &slot) {
            written.set_item((slot.attr(), slot.key()), lender.to_py(py, value)?)?;
        }
    }
    let kept = |k: Option<&[usize]>| k.map(<[usize]>::to_vec);
    let outcome = lender.to_py(py, Value::Dict(outcome))?;
    (written, kept(adata.kept_obs()), kept(adata.kept_var()), outcome, PyList::new(py, warnings)?).into_pyobject(py)
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
    let slots = PyDict::new(py);
    for slot in values::all(&adata) {
        if let Some(value) = values::take(&mut adata, &slot) {
            slots.set_item((slot.attr(), slot.key()), Lender::default().to_py(py, value)?)?;
        }
    }
    Ok((adata.obs().index().to_vec(), adata.var().index().to_vec(), slots))
}

/// The native module.
#[pymodule]
fn _tegula(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_function(wrap_pyfunction!(methods, m)?)?;
    m.add_function(wrap_pyfunction!(plan, m)?)?;
    m.add_function(wrap_pyfunction!(simulate, m)?)?;
    m.add_function(wrap_pyfunction!(measures::measure, m)?)?;
    m.add_function(wrap_pyfunction!(measures::score, m)?)?;
    m.add_function(wrap_pyfunction!(reading::read, m)?)?;
    m.add_function(wrap_pyfunction!(run, m)?)
}
