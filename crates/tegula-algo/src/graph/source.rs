//! Where a step finds its graph.

use tegula_core::{AnnData, Error, Graph, Result, Slot, Value, keys};

/// The graph a step was told to use, as scanpy names it.
///
/// ```
/// use tegula_algo::graph::Source;
/// use tegula_core::{AnnData, Csr, Frame};
/// let mut adata = AnnData::new(None, Frame::with_range_index(2), Frame::default())?;
/// adata.set_obsp("near_connectivities", Csr::from_rows(2, &[vec![(1, 1.0)], vec![]]))?;
/// let source = Source { neighbors_key: Some("near"), obsp: None };
/// assert_eq!(source.graph(&adata)?.n_edges(), 1);
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The entry of `uns` that names the graph, or the beginning of the graph's name, or that name.
    pub neighbors_key: Option<&'a str>,
    /// The name of the graph in `obsp`.
    pub obsp: Option<&'a str>,
}

impl Source<'_> {
    /// Refuses two names for one graph; `id` is that of the method.
    ///
    /// # Errors
    /// [`Error::Param`].
    pub fn validate(&self, id: &str) -> Result<()> {
        if self.obsp.is_some() && self.neighbors_key.is_some() {
            return Err(Error::param(id, "obsp", "given beside `neighbors_key`", "the only one; pass one of the two"));
        }
        Ok(())
    }

    /// The slots that may be looked at.
    pub fn reads(&self) -> Vec<Slot> {
        match (self.obsp, self.neighbors_key) {
            (Some(key), _) => vec![Slot::obsp(key)],
            (None, None) => vec![Slot::uns(keys::NEIGHBORS), Slot::obsp(keys::CONNECTIVITIES)],
            (None, Some(key)) => {
                vec![Slot::uns(key), Slot::obsp(&format!("{key}_{}", keys::CONNECTIVITIES)), Slot::obsp(key)]
            }
        }
    }

    /// The key in `obsp`: `obsp` itself, what `uns[neighbors_key]` points to, `<neighbors_key>_connectivities`, or
    /// `neighbors_key` where that is the name of a graph.
    fn key(&self, adata: &AnnData) -> String {
        if let Some(key) = self.obsp {
            return key.to_owned();
        }
        let noted = adata.uns().get(self.neighbors_key.unwrap_or(keys::NEIGHBORS)).and_then(Value::as_dict);
        if let Some(key) = noted.and_then(|d| d.get("connectivities_key")).and_then(Value::as_str) {
            return key.to_owned();
        }
        let Some(key) = self.neighbors_key else { return keys::CONNECTIVITIES.to_owned() };
        let made = format!("{key}_{}", keys::CONNECTIVITIES);
        if !adata.obsp().contains_key(&made) && adata.obsp().contains_key(key) { key.to_owned() } else { made }
    }

    /// The graph.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not there; [`Error::Data`] where it is no graph.
    pub fn graph(&self, adata: &AnnData) -> Result<Graph> {
        let key = self.key(adata);
        let graph = adata.graph(&key, "run pp.neighbors first, or pass neighbors_key or obsp");
        graph.map_err(|e| match e {
            Error::Data { reason, .. } => Error::data(Slot::obsp(&key), reason),
            other => other,
        })
    }
}
