//! What `uns`, `obsm` and their siblings hold.

use tegula_core::{Array, ArrayData, Dict, Result, Value};

use super::frame::{categorical, frame, masked};
use super::matrix::{sparse, sparse_kind};
use crate::store::{Branch, Leaf, Node, Store, Type};

/// Reads elements and remembers the paths of those it could not.
pub(super) struct Elements<'a> {
    pub(super) store: &'a Store,
    pub(super) unread: Vec<String>,
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
    let data = match t {
        Type::Int { size: 1 | 2, signed: true, .. } | Type::Int { size: 4, signed: true, .. } => {
            ArrayData::I32(store.numbers(leaf)?.into())
        }
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
