//! Files of anndata before 0.7: tables as arrays of records, categories in `uns`.

use tegula_core::{Array, ArrayData, Column, Dict, Frame, Result, Value};

use super::element::Elements;
use super::frame::build_labels;
use crate::formats::names::{keyed, keys};
use crate::store::{Leaf, Type};

/// A table stored as one array of records. Categories are taken out of `uns`, where such files keep them.
pub(super) fn table(elements: &mut Elements<'_>, leaf: &Leaf, uns: &mut Dict) -> Result<Frame> {
    let store = elements.store;
    let Some(Type::Compound { fields, size }) = &leaf.dtype else {
        return Err(store.bad(&leaf.path, "is not a table; make the file again"));
    };
    let (raw, stride) = (store.raw(leaf)?, *size as usize);
    let named = |n: &str| fields.iter().find(|f| f.0 == n);
    let index = named("index").or_else(|| named("_index")).or_else(|| fields.first());
    let Some((key, at, t)) = index.filter(|f| f.2.is_text()) else {
        return Err(store.bad(&leaf.path, "has no index; make the file again"));
    };
    let names = store.texts_in(&leaf.path, t, &raw, *at as usize, stride)?;
    let mut out = Frame::new(names).named((key != "_index").then(|| key.clone()));
    for (name, at, t) in fields.iter().filter(|f| f.0 != *key) {
        let at = *at as usize;
        let categories = format!("{name}_categories");
        let known = uns.get(&categories).and_then(Value::as_strings).map(<[String]>::to_vec);
        let column = match (t, known) {
            (Type::Int { .. }, Some(known)) => {
                uns.shift_remove(&categories);
                let codes = store.field(leaf, t, &raw, at, stride)?;
                Column::Labels(build_labels(store, &leaf.path, codes, known, false)?)
            }
            (Type::Int { size: 1 | 2, .. } | Type::Int { size: 4, signed: true, .. }, _) => {
                Column::Int32(store.field(leaf, t, &raw, at, stride)?)
            }
            (Type::Int { .. }, _) => Column::Int(store.field(leaf, t, &raw, at, stride)?),
            (Type::Float { size: 8, .. }, _) => Column::Float(store.field(leaf, t, &raw, at, stride)?),
            (Type::Float { .. }, _) => Column::Float32(store.field(leaf, t, &raw, at, stride)?),
            (t, _) if t.is_bool() => Column::Bool(store.field(leaf, t, &raw, at, stride)?),
            (t, _) if t.is_text() => Column::Str(store.texts_in(&leaf.path, t, &raw, at, stride)?),
            _ => return Err(store.bad(&leaf.path, format!("its field `{name}` is not a column; make the file again"))),
        };
        out.insert(name, column)?;
    }
    keyed(out, &leaf.path, elements.notes)
}

/// An array of records whose fields are all small numeric arrays, field by field: how old files keep `obsm`.
pub(super) fn arrays(elements: &mut Elements<'_>, leaf: &Leaf) -> Result<Option<Dict>> {
    let store = elements.store;
    let Some(Type::Compound { fields, size }) = &leaf.dtype else { return Ok(None) };
    let n = leaf.len().unwrap_or(0);
    let raw = store.raw(leaf)?;
    let mut out = Dict::new();
    let names = keys(fields.iter().map(|f| f.0.clone()).collect(), "entry", &leaf.path, elements.notes);
    for (name, (_, at, t)) in names.into_iter().zip(fields) {
        let (base, dims) = match t {
            Type::Array { base, dims } => (&**base, dims.iter().map(|&d| d as usize).collect()),
            scalar => (scalar, vec![1]),
        };
        let per: usize = dims.iter().product();
        let mut values = vec![0f64; n * per];
        for k in 0..per {
            let lane: Vec<f64> = store.field(leaf, base, &raw, *at as usize + k * base.size(), *size as usize)?;
            lane.into_iter().enumerate().for_each(|(i, x)| values[i * per + k] = x);
        }
        let data = match base {
            Type::Float { size: 4, .. } => ArrayData::F32(values.into_iter().map(|x| x as f32).collect()),
            _ => ArrayData::F64(values.into()),
        };
        let shape = std::iter::once(n).chain(dims).collect();
        out.insert(name, Array::new(shape, data)?.into());
    }
    Ok(Some(out))
}
