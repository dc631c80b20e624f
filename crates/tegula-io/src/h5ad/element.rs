//! What `uns`, `obsm` and their siblings hold.

use tegula_core::{Array, ArrayData, Dict, Records, Result, Value};

use super::frame::{categorical, frame, masked};
use super::matrix::{sparse, sparse_kind};
use crate::formats::Notes;
use crate::store::{Branch, Leaf, Node, Store, Type};

/// Reads elements and remembers the paths of those it could not, and what its user should know.
pub(super) struct Elements<'a> {
    pub(super) store: &'a Store,
    pub(super) unread: Vec<String>,
    pub(super) notes: &'a mut Notes,
}

impl Elements<'_> {
    /// Every entry of a group; those we do not understand are left out and remembered.
    pub(super) fn dict(&mut self, group: &Branch) -> Result<Dict> {
        let mut out = Dict::new();
        for (key, node) in &group.children {
            match self.value(node)? {
                Some(v) => drop(out.insert(key.clone(), v)),
                None => self.unread.push(node.path().to_owned()),
            }
        }
        Ok(out)
    }

    /// One element; `None` where it is of a kind we do not understand.
    pub(super) fn value(&mut self, node: &Node) -> Result<Option<Value>> {
        match node {
            Node::Data(l) => data(self.store, l),
            Node::Group(g) if sparse_kind(g).is_some() => sparse(self.store, g).map(|m| Some(m.into())),
            Node::Group(g) => match g.attrs.encoding() {
                "" | "dict" | "raw" | "anndata" => self.dict(g).map(|d| Some(d.into())),
                "dataframe" => frame(self, g).map(|f| Some(f.into())),
                "categorical" => Ok(categorical(self.store, g)?.map(Value::Labels)),
                kind if kind.starts_with("nullable-") => complete(self.store, g),
                _ => Ok(None),
            },
        }
    }
}

/// A masked array in which nothing is masked; `None` for others, which have no like among our values.
fn complete(store: &Store, group: &Branch) -> Result<Option<Value>> {
    match masked(store, group)? {
        Some((values, mask)) if !mask.contains(&true) => data(store, values),
        _ => Ok(None),
    }
}

fn data(store: &Store, leaf: &Leaf) -> Result<Option<Value>> {
    if leaf.attrs.encoding() == "null" {
        return Ok(Some(Value::Null));
    }
    let Some(t) = &leaf.dtype else { return Ok(None) };
    if leaf.shape.is_empty() {
        return scalar(store, leaf, t);
    }
    if let Type::Compound { fields, size } = t {
        return records(store, leaf, fields, *size as usize);
    }
    let data = match t {
        Type::Int { size: 1 | 2 | 4, signed: true, .. } => ArrayData::I32(store.numbers(leaf)?.into()),
        Type::Int { signed: true, .. } => ArrayData::I64(store.numbers(leaf)?.into()),
        Type::Int { size: 1, .. } => ArrayData::U8(store.numbers(leaf)?.into()),
        Type::Int { size: 2 | 4, .. } => ArrayData::U32(store.numbers(leaf)?.into()),
        Type::Int { .. } => ArrayData::U64(store.numbers(leaf)?.into()),
        Type::Float { size: 8, .. } => ArrayData::F64(store.numbers(leaf)?.into()),
        Type::Float { .. } => ArrayData::F32(store.numbers(leaf)?.into()),
        t if t.is_bool() => ArrayData::Bool(store.numbers(leaf)?),
        t if t.is_text() => ArrayData::Str(store.texts(leaf)?),
        _ => return Ok(None),
    };
    Array::new(leaf.shape.clone(), data).map(|a| Some(a.into()))
}

/// A list of records; `None` where a field is neither number, flag nor text.
fn records(store: &Store, leaf: &Leaf, fields: &[(String, u64, Type)], size: usize) -> Result<Option<Value>> {
    let known = |t: &Type| matches!(t, Type::Int { .. } | Type::Float { .. }) || t.is_bool() || t.is_text();
    if leaf.shape.len() != 1 || !fields.iter().all(|f| known(&f.2)) {
        return Ok(None);
    }
    let raw = store.raw(leaf)?;
    let mut out = Records::default();
    for (name, at, t) in fields {
        let at = *at as usize;
        let values = match t {
            Type::Int { size: 1 | 2 | 4, signed: true, .. } => {
                ArrayData::I32(store.field::<i32>(leaf, t, &raw, at, size)?.into())
            }
            Type::Int { signed: true, .. } => ArrayData::I64(store.field::<i64>(leaf, t, &raw, at, size)?.into()),
            Type::Int { size: 1, .. } => ArrayData::U8(store.field::<u8>(leaf, t, &raw, at, size)?.into()),
            Type::Int { size: 2 | 4, .. } => ArrayData::U32(store.field::<u32>(leaf, t, &raw, at, size)?.into()),
            Type::Int { .. } => ArrayData::U64(store.field::<u64>(leaf, t, &raw, at, size)?.into()),
            Type::Float { size: 8, .. } => ArrayData::F64(store.field::<f64>(leaf, t, &raw, at, size)?.into()),
            Type::Float { .. } => ArrayData::F32(store.field::<f32>(leaf, t, &raw, at, size)?.into()),
            t if t.is_bool() => ArrayData::Bool(store.field(leaf, t, &raw, at, size)?),
            t => ArrayData::Str(store.texts_in(&leaf.path, t, &raw, at, size)?),
        };
        out.insert(name, values)?;
    }
    Ok(Some(out.into()))
}

fn scalar(store: &Store, leaf: &Leaf, t: &Type) -> Result<Option<Value>> {
    let one = || store.bad(&leaf.path, "holds nothing; make the file again");
    Ok(Some(match t {
        Type::Int { size: 8, signed: false, .. } => {
            let x: u64 = *store.numbers(leaf)?.first().ok_or_else(one)?;
            i64::try_from(x).map_or(Value::Float(x as f64), Value::Int)
        }
        Type::Int { .. } => Value::Int(*store.numbers(leaf)?.first().ok_or_else(one)?),
        Type::Float { .. } => Value::Float(*store.numbers(leaf)?.first().ok_or_else(one)?),
        t if t.is_bool() => Value::Bool(*store.numbers(leaf)?.first().ok_or_else(one)?),
        t if t.is_text() => Value::Str(store.texts(leaf)?.into_iter().next().ok_or_else(one)?),
        _ => return Ok(None),
    }))
}
