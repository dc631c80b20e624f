//! Reading.

use std::collections::BTreeSet;
use std::path::Path;

use tegula_core::{AnnData, Dict, Error, Frame, Matrix, Origin, Raw, Result};

use super::element::Elements;
use super::frame::{frame, index_key};
use super::matrix::matrix;
use super::{MAPS, UNREAD, legacy};
use crate::formats::{Format, Kind, Notes, ReadOptions, read_as};
use crate::store::{Branch, Node, Store};

/// Reads an h5ad file of any age.
///
/// Values become what Tegula computes with: expression `f32` (sparse by rows), categories text. Whatever is not
/// changed before [`write_h5ad`](crate::write_h5ad) is nevertheless written back exactly as it was, and so is what
/// Tegula does not understand (see [`Origin`]).
///
/// # Errors
/// [`Error::Io`] where the file cannot be read; [`Error::Format`] where it is not an h5ad file or is damaged.
pub fn read_h5ad(path: impl AsRef<Path>) -> Result<AnnData> {
    read_as(&FORMAT, path.as_ref(), &ReadOptions::default()).map(|r| r.adata)
}

/// The format, for recognition.
pub(crate) const FORMAT: Format = Format {
    name: "h5ad",
    title: "h5ad (AnnData in HDF5)",
    looks_for: "`obs` and `var` in an HDF5 file",
    is: |source| source.hdf5().is_some_and(|(_, root)| ["obs", "var"].iter().all(|k| root.children.contains_key(*k))),
    read: |source, _, notes| match &source.kind {
        Kind::Hdf5 { store, root, stamp } => {
            let (mut adata, unread) = annotated(store, root, notes)?;
            let path = std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
            adata.set_origin(Some(Origin { path, stamp: *stamp, pristine: pristine(root, &unread) }));
            Ok(adata)
        }
        _ => Err(Error::format(&source.path, "", "this is not an HDF5 file; name an h5ad file")),
    },
};

/// The annotated matrix in a tree of groups and arrays, and the paths in it that we could not read.
pub(crate) fn annotated(store: &Store, root: &Branch, notes: &mut Notes) -> Result<(AnnData, Vec<String>)> {
    let mut elements = Elements { store, unread: Vec::new(), notes };
    let mut uns = match root.children.get("uns") {
        Some(Node::Group(g)) => elements.dict(g)?,
        _ => Dict::new(),
    };
    let obs = table(&mut elements, root, "obs", &mut uns)?;
    let var = table(&mut elements, root, "var", &mut uns)?;
    let x = match root.children.get("X") {
        Some(node) => matrix(store, node)?.map(|x| squeezed(x, obs.n_rows(), var.n_rows())),
        None => None,
    };
    let fits = |at: &str, done: Result<()>| done.map_err(|e| in_file(store, at, e));
    let mut adata = AnnData::new(x, obs, var).map_err(|e| in_file(store, "X", e))?;
    if let Some(layers) = root.group("layers") {
        for (key, node) in &layers.children {
            if let Some(m) = matrix(store, node)? {
                fits(node.path(), adata.set_matrix(Some(key), m))?;
            }
        }
    }
    for attr in MAPS {
        let entries = match root.children.get(attr) {
            Some(Node::Group(g)) => elements.dict(g)?,
            Some(Node::Data(l)) => legacy::arrays(&mut elements, l)?.unwrap_or_default(),
            None => Dict::new(),
        };
        for (key, value) in entries {
            let done = match attr {
                "obsm" => adata.set_obsm(&key, value),
                "varm" => adata.set_varm(&key, value),
                "obsp" => adata.set_obsp(&key, value),
                _ => adata.set_varp(&key, value),
            };
            fits(&format!("{attr}/{key}"), done)?;
        }
    }
    let raw = raw(&mut elements, root, &mut uns)?;
    fits("raw", adata.set_raw(raw))?;
    for (key, value) in uns {
        adata.set_uns(&key, value);
    }
    Ok((adata, elements.unread))
}

fn table(elements: &mut Elements<'_>, root: &Branch, key: &str, uns: &mut Dict) -> Result<Frame> {
    match root.children.get(key) {
        Some(Node::Group(g)) => frame(elements, g),
        Some(Node::Data(l)) => legacy::table(elements, l, uns),
        None => Err(elements.store.bad(key, "is missing; make the file again")),
    }
}

/// Old files drop a dimension of length one.
fn squeezed(x: Matrix, n_obs: usize, n_vars: usize) -> Matrix {
    match x {
        Matrix::Dense(d) if d.data().len() == n_obs * n_vars && (n_obs == 1 || n_vars == 1) => {
            tegula_core::Dense::new(n_obs, n_vars, d.data().clone()).map_or(Matrix::Dense(d), Matrix::Dense)
        }
        other => other,
    }
}

fn raw(elements: &mut Elements<'_>, root: &Branch, uns: &mut Dict) -> Result<Option<Raw>> {
    let store = elements.store;
    let (x, var, varm) = match root.group("raw") {
        Some(g) => (g.children.get("X"), g.children.get("var"), g.children.get("varm")),
        None => (root.children.get("raw.X"), root.children.get("raw.var"), root.children.get("raw.varm")),
    };
    let (Some(x), Some(var)) = (x, var) else { return Ok(None) };
    let Some(x) = matrix(store, x)? else { return Ok(None) };
    let var = match var {
        Node::Group(g) => frame(elements, g)?,
        Node::Data(l) => legacy::table(elements, l, uns)?,
    };
    let varm = match varm {
        Some(Node::Group(g)) => elements.dict(g)?,
        Some(Node::Data(l)) => legacy::arrays(elements, l)?.unwrap_or_default(),
        None => Dict::new(),
    };
    Ok(Some(Raw { x, var, varm }))
}

/// A refusal of the data model, as a fault of the file.
pub(crate) fn in_file(store: &Store, at: &str, e: Error) -> Error {
    match e {
        Error::Shape { got, want, .. } => {
            store.bad(at, format!("has shape {got}, but the rest of the file needs {want}; make the file again"))
        }
        Error::Data { reason, .. } => store.bad(at, format!("{reason}; make the file again")),
        other => other,
    }
}

/// Every path that can be carried over as it is, and a mark for those that must be.
fn pristine(root: &Branch, unread: &[String]) -> BTreeSet<String> {
    const KNOWN: [&str; 13] =
        ["X", "layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns", "raw", "raw.X", "raw.var", "raw.varm"];
    let mut out = BTreeSet::new();
    for (key, node) in &root.children {
        if !KNOWN.contains(&key.as_str()) {
            out.insert(key.clone());
            out.insert(format!("{UNREAD}{key}"));
        }
        match node {
            Node::Group(_) if key == "raw" || key == "X" => drop(out.insert(key.clone())),
            Node::Group(g) if KNOWN.contains(&key.as_str()) => {
                out.extend(g.children.keys().map(|k| format!("{key}/{k}")));
                if key == "obs" || key == "var" {
                    out.remove(&format!("{key}/__categories"));
                    out.insert(format!("{key}/{}", index_key(g)));
                }
            }
            Node::Data(_) if key == "X" => drop(out.insert(key.clone())),
            _ => {}
        }
    }
    out.extend(unread.iter().map(|p| format!("{UNREAD}{p}")));
    out
}
