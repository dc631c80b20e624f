//! Carries objects over from one file to another as they stand, packed chunks included.

use std::io::{Seek, Write};

use hdf5_pure::{AttrValue, Datatype, Layout};
use tegula_core::Result;

use super::cells::Cells;
use super::file::{Attrs, Leaf, Node, Store};
use super::message::UNDEFINED;
use super::target::Target;
use super::tree::Placed;
use super::types::Type;
use super::writer::{Attr, AttrData, Writer};

/// True where an object and all below it can be carried over without loss.
pub(crate) fn can_copy(node: &Node) -> bool {
    match node {
        Node::Group(b) => b.children.values().all(can_copy),
        Node::Data(l) => {
            let mut slots = Vec::new();
            l.dtype.as_ref().is_some_and(|t| !t.holds_reference() && t.heap_slots(0, &mut slots).is_some())
        }
    }
}

/// Carries an object over, with all below it; gives its address in the new file.
pub(crate) fn copy<W: Write + Seek>(from: &Store, node: &Node, to: &mut Writer<W>, more: Vec<Attr>) -> Result<u64> {
    let mut attrs = attributes(node.attrs());
    attrs.extend(more);
    match node {
        Node::Group(b) => {
            let children: Result<Vec<(String, u64)>> =
                b.children.iter().map(|(k, n)| Ok((k.clone(), copy(from, n, to, Vec::new())?))).collect();
            to.group(&children?, &attrs)
        }
        Node::Data(l) => copy_data(from, l, to, &attrs),
    }
}

fn copy_data<W: Write + Seek>(from: &Store, leaf: &Leaf, to: &mut Writer<W>, attrs: &[Attr]) -> Result<u64> {
    let Some(t) = &leaf.dtype else {
        return Err(from.bad(&leaf.path, "has a type that cannot be carried over; remove it first"));
    };
    if leaf.attrs.encoding() == "null" {
        return to.contiguous(t, None, UNDEFINED, 0, attrs);
    }
    let mut slots = Vec::new();
    if t.holds_reference() || t.heap_slots(0, &mut slots).is_none() {
        return Err(from.bad(&leaf.path, "points at other objects and cannot be carried over; remove it first"));
    }
    if !slots.is_empty() {
        let raw = with_new_heap(from, leaf, t, &slots, to)?;
        return to.array(t, &leaf.shape, Cells::Bytes(&raw), attrs);
    }
    if let (Some(Layout::Chunked { .. }), Some((chunk, mut chunks))) = (leaf.layout(), leaf.chunks()) {
        chunks.sort_by(|a, b| a.offset.cmp(&b.offset));
        let mut placed = Vec::with_capacity(chunks.len());
        let mut stored = Vec::new();
        for c in chunks {
            let bytes = from.stored(&leaf.path, c.start, c.size, &mut stored)?;
            placed.push(Placed { offset: c.offset, size: c.size, mask: c.mask, address: to.append(bytes)? });
        }
        return to.chunked(t, &leaf.shape, &chunk, &leaf.filters(), &placed, attrs);
    }
    let raw = from.raw(leaf)?;
    to.array(t, &leaf.shape, Cells::Bytes(&raw), attrs)
}

/// The values with everything in heaps moved to heaps of the new file.
fn with_new_heap<W: Write + Seek>(
    from: &Store,
    leaf: &Leaf,
    t: &Type,
    slots: &[usize],
    to: &mut Writer<W>,
) -> Result<Vec<u8>> {
    let mut raw = from.raw(leaf)?;
    let at: Vec<usize> = (0..raw.len() / t.size()).flat_map(|i| slots.iter().map(move |s| i * t.size() + s)).collect();
    let mut heaps = from.heaps();
    let mut objects = Vec::with_capacity(at.len());
    for &k in &at {
        let bytes = from.in_heap(&leaf.path, &mut heaps, &raw[k..k + 16])?.to_vec();
        let length = u32::from_le_bytes([raw[k], raw[k + 1], raw[k + 2], raw[k + 3]]) as usize;
        objects.push((if bytes.is_empty() { 0 } else { length }, bytes));
    }
    let refs = to.place_in_heap(objects.iter().map(|(length, bytes)| (*length, &bytes[..])))?;
    for (k, r) in at.iter().zip(refs.chunks_exact(16)) {
        raw[*k..k + 16].copy_from_slice(r);
    }
    Ok(raw)
}

/// The attributes of an object, by name. Texts of fixed width become texts of any length.
fn attributes(attrs: &Attrs) -> Vec<Attr> {
    let mut names: Vec<&String> = attrs.values.keys().collect();
    names.sort();
    names.into_iter().filter_map(|n| Some(Attr(n.clone(), attribute(&attrs.values[n], attrs.types.get(n))?))).collect()
}

fn attribute(value: &AttrValue, stored: Option<&Datatype>) -> Option<AttrData> {
    macro_rules! numbers {
        ($t:expr, $v:expr, $shape:expr) => {
            AttrData::Raw($t, $shape, $v.iter().flat_map(|x| x.to_le_bytes()).collect())
        };
    }
    macro_rules! one {
        ($t:expr, $x:expr) => {
            numbers!($t, [$x], vec![])
        };
    }
    macro_rules! many {
        ($t:expr, $v:expr) => {
            numbers!($t, $v, vec![$v.len()])
        };
    }
    if stored.and_then(Type::from_stored).is_some_and(|t| t.is_bool())
        && let Some(x) = value.as_i64()
    {
        return Some(AttrData::Flag(x != 0));
    }
    if let Some(texts) = value.as_strings() {
        return Some(match value {
            AttrValue::String(_)
            | AttrValue::StringSized { .. }
            | AttrValue::AsciiString(_)
            | AttrValue::AsciiStringSized { .. }
            | AttrValue::VarLenString(_)
            | AttrValue::VarLenAsciiString(_) => AttrData::Text(texts.first()?.clone()),
            _ => AttrData::Texts(texts.to_vec()),
        });
    }
    Some(match value {
        AttrValue::F32(x) => one!(Type::F32, x),
        AttrValue::F32Array(v) => many!(Type::F32, v),
        AttrValue::F64(x) => one!(Type::F64, x),
        AttrValue::F64Array(v) => many!(Type::F64, v),
        AttrValue::I8(x) => one!(Type::I8, x),
        AttrValue::I8Array(v) => many!(Type::I8, v),
        AttrValue::I16(x) => one!(Type::I16, x),
        AttrValue::I16Array(v) => many!(Type::I16, v),
        AttrValue::I32(x) => one!(Type::I32, x),
        AttrValue::I32Array(v) => many!(Type::I32, v),
        AttrValue::I64(x) => one!(Type::I64, x),
        AttrValue::I64Array(v) => many!(Type::I64, v),
        AttrValue::U8(x) => one!(Type::U8, x),
        AttrValue::U8Array(v) => many!(Type::U8, v),
        AttrValue::U16(x) => one!(Type::U16, x),
        AttrValue::U16Array(v) => many!(Type::U16, v),
        AttrValue::U32(x) => one!(Type::U32, x),
        AttrValue::U32Array(v) => many!(Type::U32, v),
        AttrValue::U64(x) => one!(Type::U64, x),
        AttrValue::U64Array(v) => many!(Type::U64, v),
        _ => return None,
    })
}
