//! Zarr, versions 2 and 3, in a folder or a zip archive, as the same tree of groups and arrays that HDF5 is.

mod array;
mod codec;
mod files;
mod meta;
mod write;

use std::sync::Mutex;

use hdf5_pure::AttrValue;
use indexmap::IndexMap;
use serde_json::Value as Json;
use tegula_core::Result;

pub(crate) use files::Files;
pub(super) use files::u32_at;
pub(crate) use meta::Array;
pub(crate) use write::ZarrWriter;

use super::file::{Attrs, Backing, Branch, DEEPEST, Data, Leaf, MOST_OBJECTS, Node, Store, take_one};
use crate::room::Room;

impl Store {
    /// Opens a zarr store below `inside` (empty for the root).
    pub(crate) fn open_zarr(files: Files, inside: &str) -> Result<(Self, Branch)> {
        let (path, room) = (files.path().to_path_buf(), files.room());
        let (backing, room_in_heaps) = (Backing::Zarr(files), Room::endless());
        let store = Self { path, backing, room, room_in_heaps, heaps: Mutex::default() };
        let mut left = MOST_OBJECTS;
        let root = store.zarr_node(inside, String::new(), 0, &mut left)?;
        match root {
            Some(Node::Group(b)) => Ok((store, b)),
            _ => Err(store.bad(inside, "holds no zarr group; copy or make it again")),
        }
    }

    /// What lies at a key; `None` where it is neither group nor array.
    fn zarr_node(&self, key: &str, path: String, depth: usize, left: &mut usize) -> Result<Option<Node>> {
        if depth > DEEPEST || take_one(left).is_none() {
            return Err(self.damaged(&path, "its groups nest without end"));
        }
        let json = |name: &str| self.zarr_json(&join(key, name));
        let (attrs, array) = if let Some(meta) = json("zarr.json")? {
            let group = meta.get("node_type").and_then(Json::as_str) == Some("group");
            let attrs = attributes(meta.get("attributes"));
            (attrs, (!group).then(|| Array::v3(key, &meta)))
        } else {
            let array = json(".zarray")?.map(|meta| Array::v2(key, &meta));
            if array.is_none() && json(".zgroup")?.is_none() {
                return Ok(None);
            }
            (attributes(json(".zattrs")?.as_ref()), array)
        };
        if let Some(array) = array {
            let array = array.map_err(|why| self.bad(&path, why))?;
            let (shape, dtype) = (array.shape.clone(), array.dtype.clone());
            return Ok(Some(Node::Data(Leaf { path, attrs, shape, dtype, data: Data::Zarr(Box::new(array)) })));
        }
        let mut children = IndexMap::new();
        for name in self.zarr()?.children(key)? {
            let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if let Some(node) = self.zarr_node(&join(key, &name), below, depth + 1, left)? {
                children.insert(name, node);
            }
        }
        children.sort_unstable_keys();
        Ok(Some(Node::Group(Branch { path, attrs, children })))
    }

    pub(super) fn zarr(&self) -> Result<&Files> {
        match &self.backing {
            Backing::Zarr(files) => Ok(files),
            Backing::Hdf5(_) => Err(self.bad("", "is not a zarr store")),
        }
    }

    fn zarr_json(&self, key: &str) -> Result<Option<Json>> {
        let Some(bytes) = self.zarr()?.read(key)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| self.damaged(key, e))
    }
}

/// A key below another.
pub(super) fn join(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}/{name}") }
}

fn attributes(json: Option<&Json>) -> Attrs {
    let of = |v: &Json| -> Option<AttrValue> {
        Some(match v {
            Json::Bool(b) => AttrValue::I64(i64::from(*b)),
            Json::Number(n) => {
                n.as_i64().map_or_else(|| AttrValue::F64(n.as_f64().unwrap_or(f64::NAN)), AttrValue::I64)
            }
            Json::String(s) => AttrValue::String(s.clone()),
            Json::Array(v) if v.is_empty() => AttrValue::I64Array(Vec::new()),
            Json::Array(v) if v.iter().all(Json::is_string) => {
                AttrValue::StringArray(v.iter().filter_map(|s| s.as_str().map(str::to_owned)).collect())
            }
            Json::Array(v) if v.iter().all(Json::is_i64) => {
                AttrValue::I64Array(v.iter().filter_map(Json::as_i64).collect())
            }
            _ => return None,
        })
    };
    let values = json.and_then(Json::as_object).into_iter().flatten();
    Attrs { values: values.filter_map(|(k, v)| Some((k.clone(), of(v)?))).collect(), ..Attrs::default() }
}
