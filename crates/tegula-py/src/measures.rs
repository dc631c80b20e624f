//! What `tegula.metrics` calls: measures of plain arrays, and everything that `tegula metrics` measures of slots.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use tegula::algo::metrics::{
    Agreement, ScoreOptions, asw, asw_batch, chaos, distance_correlation, knn_recall, lisi, modularity, pas, silhouette,
};
use tegula::core::{Array, Coords, Dense, Dict, Error, Frame, Graph, Labels, Result, Value};
use tegula::{AnnData, Ctx, pipeline};

use crate::errors::to_py;
use crate::lent::Lender;
use crate::{values, watch};

/// The arguments of a measure by their Python names.
struct Given(Dict);

impl Given {
    fn get(&self, name: &str) -> Result<&Value> {
        self.0.get(name).ok_or_else(|| Error::config(format!("`{name}`"), "is missing"))
    }

    fn labels(&self, name: &str) -> Result<&Labels> {
        match self.get(name)? {
            Value::Labels(labels) => Ok(labels),
            _ => Err(Error::data(format!("`{name}`"), "is not a column of labels")),
        }
    }

    fn dense(&self, name: &str) -> Result<Dense> {
        let dense = self.get(name)?.to_dense();
        dense.ok_or_else(|| Error::data(format!("`{name}`"), "is not a matrix of numbers, one row per observation"))
    }

    fn coords(&self, name: &str) -> Result<Coords> {
        let rows = self.get(name)?.to_f64_rows();
        let (dim, data) = rows.ok_or_else(|| Error::data(format!("`{name}`"), "are not positions, one row each"))?;
        Coords::new(dim, data)
    }

    fn number(&self, name: &str) -> Result<f64> {
        let number = self.get(name)?.as_f64();
        number.ok_or_else(|| Error::config(format!("`{name}`"), "is not a number"))
    }

    /// The groups of `found` on the nodes of `graph`.
    fn modularity(&self) -> Result<f64> {
        let (Value::Csr(graph), found) = (self.get("graph")?, self.labels("found")?) else {
            return Err(Error::data("`graph`", "is not a sparse matrix"));
        };
        let graph = Graph::from_csr(graph)?;
        if found.len() != graph.n_nodes() {
            let (got, expected) = (format!("({})", found.len()), format!("({})", graph.n_nodes()));
            return Err(Error::shape("`found`", got, expected));
        }
        let groups = found.codes().iter().map(|&c| u32::try_from(c));
        let groups = groups.collect::<Result<Vec<_>, _>>();
        let groups = groups.map_err(|_| Error::data("`found`", "leaves observations without a label"))?;
        Ok(modularity(&graph, &groups, self.number("resolution")?))
    }

    fn measure(&self, name: &str, ctx: &Ctx<'_>) -> Result<Value> {
        let agreement = || Agreement::of(self.labels("truth")?, self.labels("found")?);
        Ok(match name {
            "ari" => agreement()?.ari().into(),
            "nmi" => agreement()?.nmi().into(),
            "ami" => agreement()?.ami().into(),
            "homogeneity" => agreement()?.homogeneity().into(),
            "completeness" => agreement()?.completeness().into(),
            "v_measure" => agreement()?.v_measure().into(),
            "silhouette" => silhouette(&self.dense("x")?, self.labels("labels")?, ctx)?.into(),
            "asw" => asw(&self.dense("x")?, self.labels("labels")?, ctx)?.into(),
            "asw_batch" => asw_batch(&self.dense("x")?, self.labels("batch")?, self.labels("labels")?, ctx)?.into(),
            "lisi" => {
                let all = lisi(&self.dense("x")?, self.labels("labels")?, self.number("perplexity")?, ctx)?;
                Value::Array(Array::vector(all))
            }
            "chaos" => chaos(&self.coords("coords")?, self.labels("labels")?)?.into(),
            "pas" => pas(&self.coords("coords")?, self.labels("labels")?)?.into(),
            "modularity" => self.modularity()?.into(),
            "knn_recall" => knn_recall(&self.dense("a")?, &self.dense("b")?, self.number("k")? as usize, ctx)?.0.into(),
            "distance_correlation" => distance_correlation(&self.dense("a")?, &self.dense("b")?, ctx)?.r.into(),
            other => return Err(Error::config(format!("`{other}`"), "is not a measure")),
        })
    }
}

/// One measure of plain arrays.
#[pyfunction]
#[pyo3(signature = (name, given, seed, n_threads=None))]
pub(crate) fn measure<'py>(
    py: Python<'py>,
    name: &str,
    given: &Bound<'py, PyAny>,
    seed: u64,
    n_threads: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut lender = Lender::default();
    let Value::Dict(given) = lender.value(given)? else { unreachable!("the bridge passes a dictionary") };
    let given = Given(given);
    let (found, _) = watch::run(py, n_threads, seed, None, |ctx| given.measure(name, ctx))?;
    lender.to_py(py, found.map_err(to_py)?)
}

/// What `tegula metrics --json` says of the slots given, as JSON.
#[pyfunction]
#[pyo3(signature = (n_obs, slots, labels, embeddings, truth, spatial_key, use_rep, n_threads=None))]
#[expect(clippy::too_many_arguments, reason = "the shape of the Python call")]
pub(crate) fn score(
    py: Python<'_>,
    n_obs: usize,
    slots: &Bound<'_, PyDict>,
    labels: Vec<String>,
    embeddings: Vec<String>,
    truth: Option<String>,
    spatial_key: String,
    use_rep: Option<String>,
    n_threads: Option<usize>,
) -> PyResult<String> {
    let mut adata = AnnData::new(None, Frame::with_range_index(n_obs), Frame::default()).map_err(to_py)?;
    values::fill(&mut adata, slots, &mut Lender::default())?;
    let options = ScoreOptions { spatial_key, use_rep, ..ScoreOptions::default() };
    let work = move |ctx: &Ctx<'_>| -> Result<String> {
        let truth = truth.as_deref();
        let mut found = pipeline::measure(&adata, &labels, truth, &options, ctx)?;
        found["embeddings"] = pipeline::measure_embeddings(&adata, &embeddings, truth, &options, ctx)?;
        Ok(found.to_string())
    };
    watch::run(py, n_threads, 0, None, work)?.0.map_err(to_py)
}
