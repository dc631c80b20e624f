//! The annotated matrix: observations × variables with everything known about both.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use indexmap::IndexMap;

use crate::{
    Array, ArrayData, Column, Coords, Dense, Dict, Error, Frame, Graph, Labels, Matrix, Result, Slot, Value, keys,
};

/// The frozen copy of the matrix before variables were dropped (scanpy's `raw`).
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// Expression, observations × all variables.
    pub x: Matrix,
    /// The variables.
    pub var: Frame,
    /// Per-variable arrays.
    pub varm: Dict,
}

/// The file an [`AnnData`] came from, and which of its elements are still as they were there.
///
/// The writer copies those over as they stand, so that what Tegula does not understand (and types it would widen)
/// survives a round trip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// Its length and time of change when it was read; if they differ later, it is another file.
    pub stamp: (u64, Option<SystemTime>),
    /// Paths inside the file (`X`, `obs/n_genes`, `uns/spatial`) that nobody has changed since.
    pub pristine: BTreeSet<String>,
}

/// The annotated matrix: observations × variables with everything known about both.
///
/// Fields are private and shapes are checked at every insert, so a value of this type is always consistent.
///
/// ```
/// use tegula_core::{AnnData, Column, Dense, Frame};
/// let x = Dense::new(2, 3, vec![1.0, 0.0, 2.0, 0.0, 3.0, 0.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(2), Frame::with_range_index(3))?;
/// adata.set_obs("total", Column::Float(vec![3.0, 3.0]))?;
/// assert!(adata.set_obs("short", Column::Float(vec![3.0])).is_err());
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct AnnData {
    obs: Frame,
    var: Frame,
    x: Option<Matrix>,
    layers: IndexMap<String, Matrix>,
    obsm: Dict,
    varm: Dict,
    obsp: Dict,
    varp: Dict,
    uns: Dict,
    raw: Option<Raw>,
    origin: Option<Origin>,
    kept_obs: Option<Vec<usize>>,
    kept_var: Option<Vec<usize>>,
}

impl AnnData {
    /// An annotated matrix of the given observations and variables.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` is not observations × variables.
    pub fn new(x: Option<Matrix>, obs: Frame, var: Frame) -> Result<Self> {
        let mut adata = Self { obs, var, ..Self::default() };
        if let Some(x) = x {
            adata.set_x(x)?;
        }
        Ok(adata)
    }

    /// Number of observations.
    pub fn n_obs(&self) -> usize {
        self.obs.n_rows()
    }

    /// Number of variables.
    pub fn n_vars(&self) -> usize {
        self.var.n_rows()
    }

    // ---- matrices ----

    /// The main matrix, if there is one.
    pub fn x(&self) -> Option<&Matrix> {
        self.x.as_ref()
    }

    /// Sets the main matrix.
    ///
    /// # Errors
    /// [`Error::Shape`] where it is not `n_obs × n_vars`.
    pub fn set_x(&mut self, x: impl Into<Matrix>) -> Result<()> {
        let x = x.into();
        self.check_matrix("X", &x)?;
        self.touch(&Slot::X);
        self.x = Some(x);
        Ok(())
    }

    /// All layers.
    pub fn layers(&self) -> &IndexMap<String, Matrix> {
        &self.layers
    }

    /// `X` (`None`) or a layer.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not there.
    pub fn matrix(&self, layer: Option<&str>) -> Result<&Matrix> {
        match layer {
            None => self.x.as_ref().ok_or_else(|| Error::data("X", "there is no matrix; pass a layer")),
            Some(key) => {
                self.layers.get(key).ok_or_else(|| self.missing(&Slot::Layer(key.into()), "name another layer"))
            }
        }
    }

    /// Sets `X` (`None`) or a layer.
    ///
    /// # Errors
    /// [`Error::Shape`] where it is not `n_obs × n_vars`.
    pub fn set_matrix(&mut self, layer: Option<&str>, m: impl Into<Matrix>) -> Result<()> {
        let Some(key) = layer else { return self.set_x(m) };
        let m = m.into();
        self.check_matrix(&format!("layers[\"{key}\"]"), &m)?;
        self.touch(&Slot::Layer(key.into()));
        self.layers.insert(key.to_owned(), m);
        Ok(())
    }

    /// Takes `X` (`None`) or a layer out, to change it without a copy; give it back with [`AnnData::set_matrix`].
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not there.
    pub fn take_matrix(&mut self, layer: Option<&str>) -> Result<Matrix> {
        self.matrix(layer)?;
        let taken = match layer {
            None => self.x.take(),
            Some(key) => self.layers.shift_remove(key),
        };
        taken.ok_or_else(|| unreachable!("checked above"))
    }

    fn check_matrix(&self, what: &str, m: &Matrix) -> Result<()> {
        if (m.n_rows(), m.n_cols()) == (self.n_obs(), self.n_vars()) {
            return Ok(());
        }
        let want = format!("({}, {})", self.n_obs(), self.n_vars());
        Err(Error::shape(what, format!("({}, {})", m.n_rows(), m.n_cols()), want))
    }

    /// The frozen copy, if there is one.
    pub fn raw(&self) -> Option<&Raw> {
        self.raw.as_ref()
    }

    /// Sets the frozen copy.
    ///
    /// # Errors
    /// [`Error::Shape`] where it does not have `n_obs` rows, or its variables do not fit its matrix.
    pub fn set_raw(&mut self, raw: Option<Raw>) -> Result<()> {
        if let Some(r) = &raw {
            let (got, want) = ((r.x.n_rows(), r.x.n_cols()), (self.n_obs(), r.var.n_rows()));
            if got != want {
                return Err(Error::shape("raw", format!("{got:?}"), format!("{want:?}")));
            }
        }
        self.touch(&Slot::Raw);
        self.raw = raw;
        Ok(())
    }

    // ---- tables ----

    /// The observations.
    pub fn obs(&self) -> &Frame {
        &self.obs
    }

    /// The variables.
    pub fn var(&self) -> &Frame {
        &self.var
    }

    /// Sets a column of `obs`.
    ///
    /// # Errors
    /// [`Error::Shape`] where it is not `n_obs` long.
    pub fn set_obs(&mut self, key: &str, column: impl Into<Column>) -> Result<()> {
        self.obs.insert(key, column)?;
        self.touch(&Slot::obs(key));
        Ok(())
    }

    /// Sets a column of `var`.
    ///
    /// # Errors
    /// [`Error::Shape`] where it is not `n_vars` long.
    pub fn set_var(&mut self, key: &str, column: impl Into<Column>) -> Result<()> {
        self.var.insert(key, column)?;
        self.touch(&Slot::var(key));
        Ok(())
    }

    /// A column of `obs` as categories.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not there; [`Error::Data`] where it holds real numbers.
    pub fn labels(&self, key: &str) -> Result<Labels> {
        let column = self.obs.get(key).ok_or_else(|| self.missing(&Slot::obs(key), "name another column"))?;
        column.to_labels().ok_or_else(|| {
            let reason = format!("is {}, not a category; name a column of labels", column.kind());
            Error::data(format!("obs[\"{key}\"]"), reason)
        })
    }

    /// A column of `obs` that tells sections: categories in their order, real numbers by value.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not there; [`Error::Data`] where it tells nothing.
    pub fn sections(&self, key: &str) -> Result<Labels> {
        let slot = Slot::obs(key);
        let hint = "name the column that tells the sections";
        let column = self.obs.get(key).ok_or_else(|| self.missing(&slot, hint))?;
        match column {
            Column::Float(v) => Ok(Labels::from_numbers(v)),
            Column::Float32(_) => Ok(Labels::from_numbers(&column.to_f64().unwrap_or_default())),
            other => other.to_labels().ok_or_else(|| Error::data(&slot, "does not tell sections; name another")),
        }
    }

    // ---- arrays ----

    /// All of `obsm`.
    pub fn obsm(&self) -> &Dict {
        &self.obsm
    }

    /// All of `varm`.
    pub fn varm(&self) -> &Dict {
        &self.varm
    }

    /// All of `obsp`.
    pub fn obsp(&self) -> &Dict {
        &self.obsp
    }

    /// All of `varp`.
    pub fn varp(&self) -> &Dict {
        &self.varp
    }

    /// All of `uns`.
    pub fn uns(&self) -> &Dict {
        &self.uns
    }

    /// Sets an entry of `obsm`.
    ///
    /// # Errors
    /// [`Error::Shape`] where it does not have `n_obs` rows.
    pub fn set_obsm(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        let slot = Slot::obsm(key);
        let value = check_rows(&slot, value.into(), self.n_obs(), false)?;
        self.touch(&slot);
        self.obsm.insert(key.to_owned(), value);
        Ok(())
    }

    /// Sets an entry of `varm`.
    ///
    /// # Errors
    /// [`Error::Shape`] where it does not have `n_vars` rows.
    pub fn set_varm(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        let slot = Slot::varm(key);
        let value = check_rows(&slot, value.into(), self.n_vars(), false)?;
        self.touch(&slot);
        self.varm.insert(key.to_owned(), value);
        Ok(())
    }

    /// Sets an entry of `obsp`.
    ///
    /// # Errors
    /// [`Error::Shape`] where it is not `n_obs × n_obs`.
    pub fn set_obsp(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        let slot = Slot::obsp(key);
        let value = check_rows(&slot, value.into(), self.n_obs(), true)?;
        self.touch(&slot);
        self.obsp.insert(key.to_owned(), value);
        Ok(())
    }

    /// Sets an entry of `varp`.
    ///
    /// # Errors
    /// [`Error::Shape`] where it is not `n_vars × n_vars`.
    pub fn set_varp(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        let slot = Slot::Varp(key.into());
        let value = check_rows(&slot, value.into(), self.n_vars(), true)?;
        self.touch(&slot);
        self.varp.insert(key.to_owned(), value);
        Ok(())
    }

    /// Sets an entry of `uns`.
    pub fn set_uns(&mut self, key: &str, value: impl Into<Value>) {
        self.touch(&Slot::uns(key));
        self.uns.insert(key.to_owned(), value.into());
    }

    /// Takes what a slot holds out; `raw` and the axes stay.
    ///
    /// ```
    /// use tegula_core::{AnnData, Slot, Value};
    /// let mut adata = AnnData::default();
    /// adata.set_uns("a", 1.5);
    /// assert_eq!((adata.take(&Slot::uns("a")), adata.take(&Slot::X)), (Some(Value::Float(1.5)), None));
    /// ```
    pub fn take(&mut self, slot: &Slot) -> Option<Value> {
        self.touch(slot);
        match slot {
            Slot::X => self.x.take().map(Value::from),
            Slot::Layer(k) => self.layers.shift_remove(k).map(Value::from),
            Slot::Obs(k) => self.obs.remove(k).map(Value::from),
            Slot::Var(k) => self.var.remove(k).map(Value::from),
            Slot::Obsm(k) => self.obsm.shift_remove(k),
            Slot::Varm(k) => self.varm.shift_remove(k),
            Slot::Obsp(k) => self.obsp.shift_remove(k),
            Slot::Varp(k) => self.varp.shift_remove(k),
            Slot::Uns(k) => self.uns.shift_remove(k),
            Slot::Raw | Slot::ObsAxis | Slot::VarAxis => None,
        }
    }

    /// An entry of `obsm`, or for `X` the matrix itself, as a dense `f32` matrix; `hint` says which step makes it.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not there; [`Error::Data`] where it is not a numeric matrix or holds NaN.
    pub fn embedding(&self, key: &str, hint: &str) -> Result<Dense> {
        let slot = Slot::rep(key);
        let dense = match (&slot, &self.x) {
            (Slot::X, Some(Matrix::Dense(x))) => x.clone(),
            (Slot::X, Some(Matrix::Csr(x))) => x.to_dense(),
            _ => {
                let value = self.obsm.get(key).ok_or_else(|| self.missing(&slot, hint))?;
                value.to_dense().ok_or_else(|| Error::data(&slot, "is not a matrix of numbers; name another"))?
            }
        };
        if dense.data().iter().all(|v| v.is_finite()) {
            Ok(dense)
        } else {
            Err(Error::data(slot, "holds NaN or infinite values; make it again from clean data"))
        }
    }

    /// The positions of the observations, from `obsm[key]`.
    ///
    /// # Errors
    /// [`Error::Missing`] where there are none; [`Error::Data`] where one is not finite.
    pub fn coords(&self, key: &str) -> Result<Coords> {
        let slot = Slot::obsm(key);
        let hint = "positions of the observations are needed; store them there, or pass spatial_key";
        let value = self.obsm.get(key).ok_or_else(|| self.missing(&slot, hint))?;
        let (dim, data) =
            value.to_f64_rows().ok_or_else(|| Error::data(&slot, "is not a matrix of numbers; name another"))?;
        Coords::new(dim, data).map_err(|e| match e {
            Error::Data { reason, .. } => Error::data(&slot, reason),
            Error::Shape { got, want, .. } => Error::shape(&slot, got, want),
            other => other,
        })
    }

    /// Copies columns of numbers of `obs` into `obsm["spatial"]`; false where one of them is not there.
    ///
    /// # Errors
    /// None that can happen: columns are as long as the matrix is high.
    pub fn place(&mut self, columns: &[&str]) -> Result<bool> {
        let numbers = |c: &&str| self.obs.get(c).and_then(Column::to_f64);
        let Some(axes) = columns.iter().map(numbers).collect::<Option<Vec<_>>>() else { return Ok(false) };
        let flat: Vec<f64> = (0..self.n_obs()).flat_map(|i| axes.iter().map(move |axis| axis[i])).collect();
        self.set_obsm(keys::SPATIAL, Array::new(vec![self.n_obs(), columns.len()], ArrayData::F64(flat.into()))?)?;
        Ok(true)
    }

    /// A graph over the observations, from `obsp[key]`; `hint` says which step makes it.
    ///
    /// # Errors
    /// [`Error::Missing`] where it is not there; [`Error::Data`] where it is not a graph.
    pub fn graph(&self, key: &str, hint: &str) -> Result<Graph> {
        let slot = Slot::obsp(key);
        match self.obsp.get(key) {
            None => Err(self.missing(&slot, hint)),
            Some(Value::Csr(m)) => Graph::from_csr(m),
            Some(other) => match other.to_dense() {
                Some(d) => Graph::from_csr(&crate::Csr::from_dense(&d)),
                None => Err(Error::data(slot, "is not a matrix; name another")),
            },
        }
    }

    /// True where the slot holds something.
    pub fn has(&self, slot: &Slot) -> bool {
        match slot {
            Slot::X => self.x.is_some(),
            Slot::Raw => self.raw.is_some(),
            Slot::Layer(k) => self.layers.contains_key(k),
            Slot::Obs(k) => self.obs.get(k).is_some(),
            Slot::Var(k) => self.var.get(k).is_some(),
            Slot::Obsm(k) => self.obsm.contains_key(k),
            Slot::Varm(k) => self.varm.contains_key(k),
            Slot::Obsp(k) => self.obsp.contains_key(k),
            Slot::Varp(k) => self.varp.contains_key(k),
            Slot::Uns(k) => self.uns.contains_key(k),
            Slot::ObsAxis | Slot::VarAxis => true,
        }
    }

    /// The [`Error::Missing`] for a slot, with the keys that are there.
    pub fn missing(&self, slot: &Slot, hint: &str) -> Error {
        let keys = |d: &Dict| d.keys().cloned().collect();
        let present = match slot {
            Slot::Layer(_) => self.layers.keys().cloned().collect(),
            Slot::Obs(_) => self.obs.columns().keys().cloned().collect(),
            Slot::Var(_) => self.var.columns().keys().cloned().collect(),
            Slot::Obsm(_) => keys(&self.obsm),
            Slot::Varm(_) => keys(&self.varm),
            Slot::Obsp(_) => keys(&self.obsp),
            Slot::Varp(_) => keys(&self.varp),
            Slot::Uns(_) => keys(&self.uns),
            Slot::X | Slot::Raw | Slot::ObsAxis | Slot::VarAxis => Vec::new(),
        };
        Error::Missing {
            slot: slot.attr(),
            key: slot.key().unwrap_or_default().to_owned(),
            hint: hint.to_owned(),
            present,
        }
    }

    // ---- subsets ----

    /// Keeps the given observations, which must ascend.
    pub fn keep_obs(&mut self, keep: &[usize]) {
        debug_assert!(keep.is_sorted_by(|a, b| a < b), "kept observations ascend");
        self.obs = self.obs.select(keep);
        self.x = self.x.take().map(|m| m.select_rows(keep));
        for m in self.layers.values_mut() {
            *m = m.select_rows(keep);
        }
        for v in self.obsm.values_mut() {
            *v = v.select_rows(keep);
        }
        for v in self.obsp.values_mut() {
            *v = v.select_square(keep);
        }
        if let Some(raw) = &mut self.raw {
            raw.x = raw.x.select_rows(keep);
        }
        self.kept_obs = Some(compose(self.kept_obs.take(), keep));
        self.forget(&["X", "raw", "obs", "layers", "obsm", "obsp"]);
    }

    /// Keeps the given variables, which must ascend.
    pub fn keep_var(&mut self, keep: &[usize]) {
        debug_assert!(keep.is_sorted_by(|a, b| a < b), "kept variables ascend");
        self.var = self.var.select(keep);
        self.x = self.x.take().map(|m| m.select_cols(keep));
        for m in self.layers.values_mut() {
            *m = m.select_cols(keep);
        }
        for v in self.varm.values_mut() {
            *v = v.select_rows(keep);
        }
        for v in self.varp.values_mut() {
            *v = v.select_square(keep);
        }
        self.kept_var = Some(compose(self.kept_var.take(), keep));
        self.forget(&["X", "var", "layers", "varm", "varp"]);
    }

    /// Which of the observations it began with are still here; `None` where all are.
    pub fn kept_obs(&self) -> Option<&[usize]> {
        self.kept_obs.as_deref()
    }

    /// Which of the variables it began with are still here; `None` where all are.
    pub fn kept_var(&self) -> Option<&[usize]> {
        self.kept_var.as_deref()
    }

    // ---- origin ----

    /// The file this came from, if any.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Remembers the file this came from.
    pub fn set_origin(&mut self, origin: Option<Origin>) {
        self.origin = origin;
    }

    /// Marks a slot as changed since it was read.
    fn touch(&mut self, slot: &Slot) {
        if let Some(o) = &mut self.origin {
            o.pristine.remove(&slot.path());
        }
    }

    /// Marks everything under the given attributes as changed.
    fn forget(&mut self, attrs: &[&str]) {
        if let Some(o) = &mut self.origin {
            o.pristine.retain(|p| !attrs.contains(&p.split('/').next().unwrap_or(p)));
        }
    }
}

fn compose(before: Option<Vec<usize>>, keep: &[usize]) -> Vec<usize> {
    match before {
        Some(b) => keep.iter().map(|&i| b[i]).collect(),
        None => keep.to_vec(),
    }
}

fn check_rows(slot: &Slot, value: Value, n: usize, square: bool) -> Result<Value> {
    let fits = value.n_rows() == Some(n) && (!square || value.n_cols() == Some(n));
    if fits {
        return Ok(value);
    }
    let want = if square { format!("({n}, {n})") } else { format!("({n}, …)") };
    Err(Error::shape(slot, value.shape_text(), want))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, Csr};

    fn small() -> AnnData {
        let x = Dense::new(3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let mut a = AnnData::new(Some(x.into()), Frame::with_range_index(3), Frame::with_range_index(2)).unwrap();
        let g = Csr::new(3, 3, vec![0, 1, 3, 4], vec![1, 0, 2, 1], vec![1.0, 1.0, 2.0, 2.0]).unwrap();
        a.set_obsp("connectivities", g).unwrap();
        a.set_obsm("spatial", &Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 2.0, 0.0]).unwrap()).unwrap();
        a
    }

    #[test]
    fn keeping_observations_keeps_every_slot_in_step() {
        let mut a = small();
        a.keep_obs(&[1, 2]);
        a.keep_obs(&[1]);
        assert_eq!(a.kept_obs(), Some(&[2usize][..]));
        assert_eq!(a.x().unwrap().values(), &[5.0, 6.0]);
        assert_eq!(a.obs().index(), &["2"]);
        assert_eq!(a.coords("spatial").unwrap().point(0), &[2.0, 0.0]);
        assert_eq!(a.graph("connectivities", "").unwrap().n_edges(), 0);
    }

    #[test]
    fn a_slot_of_the_wrong_shape_is_refused_and_nothing_changes() {
        let mut a = small();
        assert!(matches!(a.set_obsm("bad", Array::vector(vec![1.0])), Err(Error::Shape { .. })));
        assert!(matches!(a.set_x(Dense::zeros(2, 2)), Err(Error::Shape { .. })));
        assert!(a.obsm().get("bad").is_none());
        assert_eq!(a.x().unwrap().n_rows(), 3);
    }

    #[test]
    fn only_untouched_slots_stay_pristine() {
        let mut a = small();
        let all = ["X", "obsm/spatial", "uns/odd", "var/name"].map(String::from);
        a.set_origin(Some(Origin { path: "f".into(), stamp: (0, None), pristine: all.into() }));
        a.set_uns("odd", 1usize);
        assert!(!a.origin().unwrap().pristine.contains("uns/odd"));
        a.keep_obs(&[0]);
        assert_eq!(a.origin().unwrap().pristine, ["var/name"].map(String::from).into());
    }

    #[test]
    fn coordinates_that_are_not_finite_are_named() {
        let mut a = small();
        let bad =
            Array::new(vec![3, 2], crate::ArrayData::F64(vec![0.0, 1.0, f64::NAN, 0.0, 0.0, 0.0].into())).unwrap();
        a.set_obsm("spatial", bad).unwrap();
        let text = a.coords("spatial").unwrap_err().to_string();
        assert!(text.starts_with("obsm[\"spatial\"]: observation 1 has the position NaN"), "{text}");
    }
}
