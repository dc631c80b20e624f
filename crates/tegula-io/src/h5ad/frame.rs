//! Tables: `obs`, `var`, and tables inside `obsm` and `uns`.

use tegula_core::{Column, Error, Frame, Labels, Result};

use super::element::Elements;
use crate::formats::names::keyed;
use crate::store::{Branch, Leaf, Node, Store, Type};

/// Where a table keeps the names of its rows.
pub(super) fn index_key(group: &Branch) -> String {
    let stated = group.attrs.text("_index").map(str::to_owned);
    stated.unwrap_or_else(|| if group.data("index").is_some() { "index" } else { "_index" }.into())
}

/// A table; columns of a kind we do not understand are left out and remembered.
pub(super) fn frame(elements: &mut Elements<'_>, group: &Branch) -> Result<Frame> {
    let store = elements.store;
    let key = index_key(group);
    let index = match group.find(&key) {
        Some(Node::Data(l)) => names(store, l)?,
        Some(Node::Group(g)) if g.attrs.encoding() == "categorical" => match categorical(store, g)? {
            Some(l) => (0..l.len()).map(|i| l.get(i).unwrap_or_default().to_owned()).collect(),
            None => return Err(store.bad(&g.path, "cannot name rows; make the file again")),
        },
        Some(Node::Group(g)) => match masked(store, g)? {
            Some((values, _)) => names(store, values)?,
            None => return Err(store.bad(&g.path, "cannot name rows; make the file again")),
        },
        None => return Err(store.bad(&group.path, format!("has no index `{key}`; make the file again"))),
    };
    let mut out = Frame::new(index).named((key != "_index").then(|| key.clone()));
    let order = group.attrs.texts("column-order").unwrap_or_else(|| {
        let plain = |k: &&String| **k != key && *k != "__categories";
        group.children.keys().filter(plain).cloned().collect()
    });
    for name in order {
        let Some(node) = group.find(&name) else {
            return Err(store.bad(&group.path, format!("has no column `{name}`, which it lists; make the file again")));
        };
        let old = group.group("__categories").and_then(|c| c.data(&name));
        match column(store, node, old)? {
            Some(c) if c.len() == out.n_rows() => out.insert(&name, c)?,
            Some(c) => {
                let reason = format!("has {} values for {} rows; make the file again", c.len(), out.n_rows());
                return Err(store.bad(node.path(), reason));
            }
            None => elements.unread.push(node.path().to_owned()),
        }
    }
    keyed(out, &group.path, elements.notes)
}

/// Names of rows: texts, or numbers as texts.
fn names(store: &Store, leaf: &Leaf) -> Result<Vec<String>> {
    let names = match &leaf.dtype {
        Some(_) if leaf.shape.len() != 1 => None,
        Some(t) if t.is_text() => Some(store.texts(leaf)?),
        Some(t) => number_names(store, leaf, t)?,
        None => None,
    };
    names.ok_or_else(|| store.bad(&leaf.path, "cannot name rows or categories; make the file again"))
}

/// Numbers as Python prints them.
fn number_names(store: &Store, leaf: &Leaf, t: &Type) -> Result<Option<Vec<String>>> {
    Ok(Some(match t {
        Type::Int { size: 8, signed: false, .. } => {
            store.numbers::<u64>(leaf)?.iter().map(ToString::to_string).collect()
        }
        Type::Int { .. } => store.numbers::<i64>(leaf)?.iter().map(ToString::to_string).collect(),
        Type::Float { size: 8, .. } => store.numbers::<f64>(leaf)?.iter().map(|x| format!("{x:?}")).collect(),
        Type::Float { .. } => store.numbers::<f32>(leaf)?.iter().map(|x| format!("{x:?}")).collect(),
        t if t.is_bool() => {
            store.numbers::<bool>(leaf)?.iter().map(|&b| if b { "True" } else { "False" }.into()).collect()
        }
        _ => return Ok(None),
    }))
}

fn column(store: &Store, node: &Node, old_categories: Option<&Leaf>) -> Result<Option<Column>> {
    let leaf = match node {
        Node::Group(g) => return group_column(store, g),
        Node::Data(l) => l,
    };
    let Some(t) = leaf.dtype.as_ref().filter(|_| leaf.shape.len() == 1) else { return Ok(None) };
    if let Some(categories) = old_categories.filter(|_| leaf.attrs.has("categories") || t.size() <= 4) {
        let ordered = categories.attrs.flag("ordered");
        return labels(store, leaf, categories, ordered).map(|l| l.map(Column::Labels));
    }
    plain_column(store, leaf, t)
}

fn plain_column(store: &Store, leaf: &Leaf, t: &Type) -> Result<Option<Column>> {
    Ok(Some(match t {
        Type::Int { size: 1 | 2, .. } | Type::Int { size: 4, signed: true, .. } => Column::Int32(store.numbers(leaf)?),
        Type::Int { size: 4, .. } | Type::Int { signed: true, .. } => Column::Int(store.numbers(leaf)?),
        Type::Int { .. } => {
            let v = store.numbers::<u64>(leaf)?;
            match v.iter().map(|&x| i64::try_from(x)).collect() {
                Ok(v) => Column::Int(v),
                Err(_) => return Ok(None),
            }
        }
        Type::Float { size: 8, .. } => Column::Float(store.numbers(leaf)?),
        Type::Float { .. } => Column::Float32(store.numbers(leaf)?),
        t if t.is_bool() => Column::Bool(store.numbers(leaf)?),
        t if t.is_text() => Column::Str(store.texts(leaf)?),
        _ => return Ok(None),
    }))
}

fn group_column(store: &Store, group: &Branch) -> Result<Option<Column>> {
    match group.attrs.encoding() {
        "categorical" => return Ok(categorical(store, group)?.map(Column::Labels)),
        "nullable-integer" | "nullable-boolean" | "nullable-string-array" => {}
        _ => return Ok(None),
    }
    let Some((values, mask)) = masked(store, group)? else { return Ok(None) };
    let Some(t) = &values.dtype else { return Ok(None) };
    Ok(Some(match t {
        Type::Int { .. } => Column::NullableInt(gaps(store.numbers(values)?, &mask)),
        t if t.is_bool() => Column::NullableBool(gaps(store.numbers(values)?, &mask)),
        t if t.is_text() => Column::NullableStr(gaps(store.texts(values)?, &mask)),
        _ => return Ok(None),
    }))
}

/// The values that are not masked.
fn gaps<T>(values: Vec<T>, mask: &[bool]) -> Vec<Option<T>> {
    values.into_iter().zip(mask).map(|(x, &missing)| (!missing).then_some(x)).collect()
}

/// The values and the mask of a nullable array.
pub(super) fn masked<'a>(store: &Store, group: &'a Branch) -> Result<Option<(&'a Leaf, Vec<bool>)>> {
    let (Some(values), Some(mask)) = (group.data("values"), group.data("mask")) else { return Ok(None) };
    if values.shape != mask.shape || values.shape.len() != 1 {
        return Err(store.bad(&group.path, "its values and its mask differ in length; make the file again"));
    }
    Ok(Some((values, store.numbers(mask)?)))
}

/// A categorical array of today's layout.
pub(super) fn categorical(store: &Store, group: &Branch) -> Result<Option<Labels>> {
    let Some(codes) = group.data("codes") else { return Ok(None) };
    let categories = match group.children.get("categories") {
        Some(Node::Data(l)) => l,
        Some(Node::Group(g)) => match masked(store, g)? {
            Some((l, _)) => l,
            None => return Ok(None),
        },
        None => return Ok(None),
    };
    labels(store, codes, categories, group.attrs.flag("ordered"))
}

fn labels(store: &Store, codes: &Leaf, categories: &Leaf, ordered: bool) -> Result<Option<Labels>> {
    if codes.shape.len() != 1 {
        return Ok(None);
    }
    let categories = names(store, categories)?;
    build_labels(store, &codes.path, store.numbers(codes)?, categories, ordered).map(Some)
}

/// Checked labels whose error names the place in the file.
pub(super) fn build_labels(
    store: &Store,
    path: &str,
    codes: Vec<i32>,
    categories: Vec<String>,
    ordered: bool,
) -> Result<Labels> {
    Labels::new(codes, categories, ordered).map_err(|e| match e {
        Error::Data { reason, .. } => store.bad(path, format!("{reason}; make the file again")),
        other => other,
    })
}
