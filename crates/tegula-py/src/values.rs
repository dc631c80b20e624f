//! Values between Python and the library.
//!
//! The forms, as `tegula/_bridge.py` makes them: `None`, `bool`, `int`, `float`, `str`, `list[str]`, `dict`, and
//! tuples whose first item is a tag: `("array", flat, shape)`, `("csr", data, indices, indptr, shape)`,
//! `("labels", codes, categories, ordered)`, `("frame", Names, {name: column})`, `("records", {name: flat})`.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use tegula::AnnData;
use tegula::core::{Array, ArrayData, Buf, Column, Dict, Error, Labels, Matrix, Raw, Records, Result, Slot, Value};

use crate::errors::to_py;
use crate::lent::Lender;
use crate::names::Names;
use crate::seen;

impl Lender {
    /// A Python value in one of the forms above.
    pub(crate) fn value(&mut self, v: &Bound<'_, PyAny>) -> PyResult<Value> {
        if v.is_none() {
            Ok(Value::Null)
        } else if let Ok(b) = v.cast::<PyBool>() {
            Ok(Value::Bool(b.is_true()))
        } else if v.cast::<PyInt>().is_ok() {
            Ok(Value::Int(v.extract()?))
        } else if v.cast::<PyFloat>().is_ok() {
            Ok(Value::Float(v.extract()?))
        } else if v.cast::<PyString>().is_ok() {
            Ok(Value::Str(v.extract()?))
        } else if v.cast::<PyList>().is_ok() {
            Ok(Value::Array(Array::strings(v.extract()?)))
        } else if let Ok(d) = v.cast::<PyDict>() {
            let items = d.iter().map(|(k, v)| Ok((k.extract::<String>()?, self.value(&v)?)));
            Ok(Value::Dict(items.collect::<PyResult<Dict>>()?))
        } else if let Ok(t) = v.cast::<PyTuple>() {
            self.tagged(t)
        } else {
            Err(PyTypeError::new_err(format!("a value of type {} cannot be passed", v.get_type())))
        }
    }

    fn tagged(&mut self, t: &Bound<'_, PyTuple>) -> PyResult<Value> {
        let tag: String = t.get_item(0)?.extract()?;
        match tag.as_str() {
            "array" => {
                let data = self.array(&t.get_item(1)?)?;
                Ok(Value::Array(Array::new(t.get_item(2)?.extract()?, data).map_err(to_py)?))
            }
            "csr" => {
                let data = self.lend(t.get_item(1)?.cast::<PyArray1<f32>>()?)?;
                let columns = t.get_item(2)?.cast_into::<PyArray1<i32>>()?;
                let indices = self.lend::<i32, u32>(&columns)?;
                let indptr = t.get_item(3)?;
                let indptr: Buf<usize> = match indptr.cast::<PyArray1<i32>>() {
                    Ok(p) => p.readonly().as_slice()?.iter().map(|&k| k as usize).collect(),
                    Err(_) => {
                        indptr.cast::<PyArray1<i64>>()?.readonly().as_slice()?.iter().map(|&k| k as usize).collect()
                    }
                };
                let (n, m): (usize, usize) = t.get_item(4)?.extract()?;
                seen::csr(&columns, n, m, indptr, indices, data).map(Value::Csr)
            }
            "labels" => {
                let codes = t.get_item(1)?.cast::<PyArray1<i32>>()?.readonly().as_slice()?.to_vec();
                let labels = Labels::new(codes, t.get_item(2)?.extract()?, t.get_item(3)?.extract()?);
                Ok(Value::Labels(labels.map_err(to_py)?))
            }
            "frame" => {
                let mut frame = t.get_item(1)?.cast::<Names>()?.get().frame();
                for (name, column) in t.get_item(2)?.cast::<PyDict>()? {
                    let name: String = name.extract()?;
                    let column = to_column(&name, self.value(&column)?).map_err(to_py)?;
                    frame.insert(&name, column).map_err(to_py)?;
                }
                Ok(Value::Frame(frame))
            }
            "records" => {
                let mut records = Records::default();
                for (name, values) in t.get_item(1)?.cast::<PyDict>()? {
                    let values = match values.cast::<PyList>() {
                        Ok(texts) => ArrayData::Str(texts.extract()?),
                        Err(_) => self.array(&values)?,
                    };
                    records.insert(&name.extract::<String>()?, values).map_err(to_py)?;
                }
                Ok(Value::Records(records))
            }
            other => Err(PyTypeError::new_err(format!("`{other}` is not a known form of value"))),
        }
    }

    fn array(&mut self, a: &Bound<'_, PyAny>) -> PyResult<ArrayData> {
        if let Ok(v) = a.cast::<PyArray1<f32>>() {
            Ok(ArrayData::F32(self.lend(v)?))
        } else if let Ok(v) = a.cast::<PyArray1<f64>>() {
            Ok(ArrayData::F64(self.lend(v)?))
        } else if let Ok(v) = a.cast::<PyArray1<i32>>() {
            Ok(ArrayData::I32(self.lend(v)?))
        } else if let Ok(v) = a.cast::<PyArray1<i64>>() {
            Ok(ArrayData::I64(self.lend(v)?))
        } else if let Ok(v) = a.cast::<PyArray1<u8>>() {
            Ok(ArrayData::U8(self.lend(v)?))
        } else if let Ok(v) = a.cast::<PyArray1<bool>>() {
            Ok(ArrayData::Bool(v.readonly().as_slice()?.to_vec()))
        } else {
            Err(PyTypeError::new_err(format!("an array of {a:?} cannot be passed; convert it to float32 or float64")))
        }
    }

    /// A value in one of the forms above. Arrays of our own move into NumPy without a copy; lent ones go back as they
    /// came.
    pub(crate) fn to_py<'py>(&self, py: Python<'py>, value: Value) -> PyResult<Bound<'py, PyAny>> {
        Ok(match value {
            Value::Null => py.None().into_bound(py),
            Value::Bool(b) => PyBool::new(py, b).to_owned().into_any(),
            Value::Int(i) => i.into_pyobject(py)?.into_any(),
            Value::Float(x) => PyFloat::new(py, x).into_any(),
            Value::Str(s) => PyString::new(py, &s).into_any(),
            Value::Array(a) => {
                let (shape, data) = a.into_parts();
                let (n_dims, shape) = (shape.len(), PyTuple::new(py, shape)?);
                match data {
                    ArrayData::Str(v) if n_dims <= 1 => PyList::new(py, v)?.into_any(),
                    data => ("array", self.array_to_py(py, data)?, shape).into_pyobject(py)?.into_any(),
                }
            }
            Value::Labels(l) => {
                let codes = PyArray1::from_slice(py, l.codes());
                ("labels", codes, l.categories().to_vec(), l.ordered()).into_pyobject(py)?.into_any()
            }
            Value::Csr(m) => {
                let shape = (m.n_rows(), m.n_cols());
                let (indptr, indices, values) = m.into_parts();
                let indptr = if i32::try_from(values.len()).is_ok() {
                    PyArray1::from_iter(py, indptr.iter().map(|&k| k as i32)).into_any()
                } else {
                    PyArray1::from_iter(py, indptr.iter().map(|&k| k as i64)).into_any()
                };
                let data = self.numpy(py, values);
                let indices = self.owner(py, &indices).unwrap_or_else(|| {
                    let signed: Vec<i32> = indices.into_vec().into_iter().map(u32::cast_signed).collect();
                    PyArray1::from_vec(py, signed).into_any()
                });
                ("csr", data, indices, indptr, shape).into_pyobject(py)?.into_any()
            }
            Value::Frame(f) => {
                let columns = PyDict::new(py);
                for (name, c) in f.columns() {
                    columns.set_item(name, self.to_py(py, c.clone().into())?)?;
                }
                ("frame", f.index().to_vec(), columns).into_pyobject(py)?.into_any()
            }
            Value::Records(r) => {
                let fields = PyDict::new(py);
                for (name, values) in r {
                    fields.set_item(name, self.array_to_py(py, values)?)?;
                }
                ("records", fields).into_pyobject(py)?.into_any()
            }
            Value::Dict(d) => {
                let out = PyDict::new(py);
                for (k, v) in d {
                    out.set_item(k, self.to_py(py, v)?)?;
                }
                out.into_any()
            }
        })
    }

    fn array_to_py<'py>(&self, py: Python<'py>, data: ArrayData) -> PyResult<Bound<'py, PyAny>> {
        Ok(match data {
            ArrayData::F32(v) => self.numpy(py, v),
            ArrayData::F64(v) => self.numpy(py, v),
            ArrayData::I32(v) => self.numpy(py, v),
            ArrayData::I64(v) => self.numpy(py, v),
            ArrayData::U8(v) => self.numpy(py, v),
            ArrayData::U32(v) => self.numpy(py, v),
            ArrayData::U64(v) => self.numpy(py, v),
            ArrayData::Bool(v) => PyArray1::from_vec(py, v).into_any(),
            ArrayData::Str(v) => PyList::new(py, v)?.into_any(),
        })
    }

    fn numpy<'py, T: numpy::Element + Clone>(&self, py: Python<'py>, buf: Buf<T>) -> Bound<'py, PyAny> {
        match self.owner(py, &buf) {
            Some(owner) => owner,
            None => PyArray1::from_vec(py, buf.into_vec()).into_any(),
        }
    }
}

fn to_column(name: &str, v: Value) -> Result<Column> {
    match v {
        Value::Labels(l) => Ok(Column::Labels(l)),
        Value::Array(a) => match a.data() {
            ArrayData::F32(v) => Ok(Column::Float32(v.to_vec())),
            ArrayData::I32(v) => Ok(Column::Int32(v.to_vec())),
            ArrayData::I64(v) => Ok(Column::Int(v.to_vec())),
            ArrayData::U8(v) => Ok(Column::Int32(v.iter().map(|&x| x.into()).collect())),
            ArrayData::Bool(v) => Ok(Column::Bool(v.clone())),
            ArrayData::Str(v) => Ok(Column::Str(v.clone())),
            other => other.to_f64().map(Column::Float).ok_or_else(|| Error::data(name, "is not a column")),
        },
        _ => Err(Error::data(format!("column `{name}`"), "holds something that is neither numbers nor labels")),
    }
}

fn to_matrix(what: &str, v: &Value) -> Result<Matrix> {
    match v {
        Value::Csr(m) => Ok(Matrix::Csr(m.clone())),
        other => other.to_dense().map(Matrix::Dense).ok_or_else(|| Error::data(what, "is not a matrix of numbers")),
    }
}

/// An annotated matrix with these names and slots.
pub(crate) fn assembled(
    obs_names: &Names,
    var_names: &Names,
    slots: &Bound<'_, PyDict>,
    lender: &mut Lender,
) -> PyResult<AnnData> {
    let mut adata = AnnData::new(None, obs_names.frame(), var_names.frame()).map_err(to_py)?;
    fill(&mut adata, slots, lender)?;
    Ok(adata)
}

/// Puts values into their slots, by `(attribute, key)`.
pub(crate) fn fill(adata: &mut AnnData, slots: &Bound<'_, PyDict>, lender: &mut Lender) -> PyResult<()> {
    for (name, value) in slots {
        let (attr, key): (String, Option<String>) = name.extract()?;
        let stored = if attr == "raw" {
            let (x, genes): (Bound<'_, PyAny>, Bound<'_, Names>) = value.extract()?;
            let raw = to_matrix("raw", &lender.value(&x)?);
            raw.and_then(|x| adata.set_raw(Some(Raw { x, var: genes.get().frame(), varm: Dict::new() })))
        } else {
            store(adata, &attr, key.as_deref().unwrap_or_default(), lender.value(&value)?)
        };
        stored.map_err(to_py)?;
    }
    Ok(())
}

fn store(adata: &mut AnnData, attr: &str, key: &str, v: Value) -> Result<()> {
    match attr {
        "X" => adata.set_x(to_matrix("X", &v)?),
        "layers" => adata.set_matrix(Some(key), to_matrix(key, &v)?),
        "obs" => adata.set_obs(key, to_column(key, v)?),
        "var" => adata.set_var(key, to_column(key, v)?),
        "obsm" => adata.set_obsm(key, v),
        "varm" => adata.set_varm(key, v),
        "obsp" => adata.set_obsp(key, v),
        "varp" => adata.set_varp(key, v),
        "uns" => {
            adata.set_uns(key, v);
            Ok(())
        }
        other => Err(Error::config(format!("slot `{other}`"), "is not known")),
    }
}

/// Takes what every slot but `raw` holds, by attribute and key.
pub(crate) fn take_all<'py>(py: Python<'py>, adata: &mut AnnData, lender: &Lender) -> PyResult<Bound<'py, PyDict>> {
    let slots = PyDict::new(py);
    for slot in all(adata) {
        if let Some(value) = adata.take(&slot) {
            slots.set_item((slot.attr(), slot.key()), lender.to_py(py, value)?)?;
        }
    }
    Ok(slots)
}

/// The slots that are filled, but for `raw`.
fn all(adata: &AnnData) -> Vec<Slot> {
    let mut slots: Vec<Slot> = adata.x().map(|_| Slot::X).into_iter().collect();
    slots.extend(adata.layers().keys().map(|k| Slot::Layer(k.clone())));
    slots.extend(adata.obs().columns().keys().map(|k| Slot::obs(k)));
    slots.extend(adata.var().columns().keys().map(|k| Slot::var(k)));
    slots.extend(adata.obsm().keys().map(|k| Slot::obsm(k)));
    slots.extend(adata.varm().keys().map(|k| Slot::Varm(k.clone())));
    slots.extend(adata.obsp().keys().map(|k| Slot::Obsp(k.clone())));
    slots.extend(adata.varp().keys().map(|k| Slot::Varp(k.clone())));
    slots.extend(adata.uns().keys().map(|k| Slot::uns(k)));
    slots
}
