//! `X` and its kin: dense, or sparse by rows or by columns.

use tegula_core::{Csr, Dense, Error, Matrix, Result};

use crate::store::{Branch, Leaf, Node, Store};

/// Rows that a matrix by columns may have without a value in each.
const FREE_ROWS: usize = 1 << 25;

/// `csr` or `csc`, where the group is a sparse matrix.
pub(super) fn sparse_kind(group: &Branch) -> Option<&str> {
    match group.attrs.encoding() {
        "csr_matrix" => Some("csr"),
        "csc_matrix" => Some("csc"),
        _ => group.attrs.text("h5sparse_format").filter(|k| ["csr", "csc"].contains(k)),
    }
}

/// An expression matrix; `None` where it is stored as "none".
pub(super) fn matrix(store: &Store, node: &Node) -> Result<Option<Matrix>> {
    match node {
        Node::Group(g) => sparse(store, g).map(|m| Some(m.into())),
        Node::Data(l) if l.attrs.encoding() == "null" => Ok(None),
        Node::Data(l) => dense(store, l).map(|m| Some(m.into())),
    }
}

fn dense(store: &Store, leaf: &Leaf) -> Result<Dense> {
    match leaf.shape[..] {
        [n, m] => Dense::new(n, m, store.numbers::<f32>(leaf)?),
        _ => Err(store.bad(&leaf.path, format!("has {} dimensions; a matrix has 2", leaf.shape.len()))),
    }
}

/// A sparse matrix, whichever way it is stored.
pub(super) fn sparse(store: &Store, group: &Branch) -> Result<Csr> {
    let bad = |reason: &str| store.bad(&group.path, reason);
    let Some(kind) = sparse_kind(group) else { return Err(bad("is not a matrix; make the file again")) };
    let shape = group.attrs.sizes("shape").or_else(|| group.attrs.sizes("h5sparse_shape"));
    let Some(&[n, m]) = shape.as_deref() else { return Err(bad("does not state its shape; make the file again")) };
    let part = |name: &str| {
        let leaf = group.data(name).ok_or_else(|| bad(&format!("has no `{name}`; make the file again")))?;
        if leaf.shape.len() == 1 { Ok(leaf) } else { Err(bad(&format!("`{name}` is not a list; make the file again"))) }
    };
    let indptr = store.numbers::<usize>(part("indptr")?)?;
    let indices = store.numbers::<u32>(part("indices")?)?;
    let values = store.numbers::<f32>(part("data")?)?;
    if kind == "csc" && n > values.len().max(FREE_ROWS) {
        return Err(store.damaged(&group.path, "its shape does not fit its values"));
    }
    let (rows, cols) = if kind == "csr" { (n, m) } else { (m, n) };
    let out = Csr::canonical(rows, cols, indptr, indices, values).map_err(|e| match e {
        Error::Data { reason, .. } => bad(&format!("{reason}; make the file again")),
        other => other,
    })?;
    Ok(if kind == "csr" { out } else { out.transpose() })
}
