//! Encodes what memory holds, in the encodings that anndata 0.10 and later read.

use tegula_core::{Array, ArrayData, Column, Csr, Dict, Frame, Labels, Matrix, Raw, Records, Result, Value};

use crate::store::writer::AttrData;
use crate::store::{Attr, Cells, Target, Type};

/// Names and addresses of what a group will hold.
pub(super) type Children = Vec<(String, u64)>;

pub(super) fn matrix<T: Target>(w: &mut T, m: &Matrix) -> Result<u64> {
    match m {
        Matrix::Dense(d) => w.array(&Type::F32, &[d.n_rows(), d.n_cols()], Cells::F32(d.data()), &plain()),
        Matrix::Csr(m) => csr(w, m),
    }
}

fn plain() -> Vec<Attr> {
    Attr::encoding("array", "0.2.0")
}

fn csr<T: Target>(w: &mut T, m: &Csr) -> Result<u64> {
    // SciPy wants both in one width; 32 bits as long as they suffice.
    let short = i32::try_from(m.nnz()).is_ok() && i32::try_from(m.n_cols()).is_ok();
    let data = w.array(&Type::F32, &[m.nnz()], Cells::F32(m.values()), &plain())?;
    let (indices, indptr) = if short {
        let indices = w.array(&Type::I32, &[m.nnz()], Cells::U32(m.indices()), &plain())?;
        (indices, w.array(&Type::I32, &[m.n_rows() + 1], Cells::Positions(m.indptr(), 4), &plain())?)
    } else {
        let wide: Vec<i64> = m.indices().iter().map(|&j| i64::from(j)).collect();
        let indices = w.array(&Type::I64, &[m.nnz()], Cells::I64(&wide), &plain())?;
        (indices, w.array(&Type::I64, &[m.n_rows() + 1], Cells::Positions(m.indptr(), 8), &plain())?)
    };
    let children = [("data".into(), data), ("indices".into(), indices), ("indptr".into(), indptr)];
    let mut attrs = Attr::encoding("csr_matrix", "0.1.0");
    attrs.push(Attr("shape".into(), AttrData::Sizes(vec![m.n_rows(), m.n_cols()])));
    w.group(&children, &attrs)
}

/// `None` for what files cannot hold: Python's `None`, which anndata reads only since 0.12.
pub(super) fn value<T: Target>(w: &mut T, v: &Value) -> Result<Option<u64>> {
    let number = Attr::encoding("numeric-scalar", "0.2.0");
    Ok(Some(match v {
        Value::Null => return Ok(None),
        Value::Bool(b) => w.array(&Type::bool(), &[], Cells::Bytes(&[u8::from(*b)]), &number)?,
        Value::Int(i) => w.array(&Type::I64, &[], Cells::I64(&[*i]), &number)?,
        Value::Float(x) => w.array(&Type::F64, &[], Cells::F64(&[*x]), &number)?,
        Value::Str(s) => w.texts(&[], &[s], &Attr::encoding("string", "0.2.0"))?,
        Value::Array(a) => array(w, a)?,
        Value::Labels(l) => labels(w, l)?,
        Value::Csr(m) => csr(w, m)?,
        Value::Frame(f) => {
            let (children, attrs) = frame(w, f)?;
            w.group(&children, &attrs)?
        }
        Value::Records(r) => records(w, r)?,
        Value::Dict(d) => {
            let children = dict(w, d)?;
            w.group(&children, &Attr::encoding("dict", "0.1.0"))?
        }
    }))
}

fn dict<T: Target>(w: &mut T, d: &Dict) -> Result<Children> {
    let mut out = Children::new();
    for (key, v) in d {
        if let Some(at) = value(w, v)? {
            out.push((key.clone(), at));
        }
    }
    Ok(out)
}

fn array<T: Target>(w: &mut T, a: &Array) -> Result<u64> {
    let (shape, attrs) = (a.shape(), plain());
    match a.data() {
        ArrayData::F32(v) => w.array(&Type::F32, shape, Cells::F32(v), &attrs),
        ArrayData::F64(v) => w.array(&Type::F64, shape, Cells::F64(v), &attrs),
        ArrayData::I32(v) => w.array(&Type::I32, shape, Cells::I32(v), &attrs),
        ArrayData::I64(v) => w.array(&Type::I64, shape, Cells::I64(v), &attrs),
        ArrayData::U8(v) => w.array(&Type::U8, shape, Cells::Bytes(v), &attrs),
        ArrayData::U32(v) => w.array(&Type::U32, shape, Cells::U32(v), &attrs),
        ArrayData::U64(v) => w.array(&Type::U64, shape, Cells::U64(v), &attrs),
        ArrayData::Bool(v) => w.array(&Type::bool(), shape, Cells::Bytes(&flags(v)), &attrs),
        ArrayData::Str(v) => w.texts(shape, v, &Attr::encoding("string-array", "0.2.0")),
    }
}

/// One dataset of records, as anndata stores NumPy's structured arrays.
fn records<T: Target>(w: &mut T, r: &Records) -> Result<u64> {
    if r.fields().is_empty() {
        return w.group(&[], &Attr::encoding("dict", "0.1.0"));
    }
    let mut fields = Vec::with_capacity(r.fields().len());
    let mut lanes = Vec::with_capacity(r.fields().len());
    let mut size = 0;
    for (name, values) in r.fields() {
        let (t, lane) = match values {
            ArrayData::F32(v) => (Type::F32, stored(Cells::F32(v), 4)),
            ArrayData::F64(v) => (Type::F64, stored(Cells::F64(v), 8)),
            ArrayData::I32(v) => (Type::I32, stored(Cells::I32(v), 4)),
            ArrayData::I64(v) => (Type::I64, stored(Cells::I64(v), 8)),
            ArrayData::U8(v) => (Type::U8, v.to_vec()),
            ArrayData::U32(v) => (Type::U32, stored(Cells::U32(v), 4)),
            ArrayData::U64(v) => (Type::U64, stored(Cells::U64(v), 8)),
            ArrayData::Bool(v) => (Type::bool(), flags(v)),
            ArrayData::Str(v) => w.field_of_texts(v)?,
        };
        lanes.push((size, t.size(), lane));
        fields.push((name.clone(), size as u64, t));
        size += lanes[lanes.len() - 1].1;
    }
    let mut bytes = vec![0u8; size * r.len()];
    for (at, width, lane) in lanes {
        for (record, value) in bytes.chunks_exact_mut(size).zip(lane.chunks_exact(width)) {
            record[at..at + width].copy_from_slice(value);
        }
    }
    let t = Type::Compound { size: size as u32, fields };
    w.array(&t, &[r.len()], Cells::Bytes(&bytes), &Attr::encoding("rec-array", "0.2.0"))
}

fn stored(cells: Cells<'_>, width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    cells.put(0..cells.len(width), width, &mut out);
    out
}

fn flags(v: &[bool]) -> Vec<u8> {
    v.iter().map(|&b| u8::from(b)).collect()
}

fn labels<T: Target>(w: &mut T, l: &Labels) -> Result<u64> {
    let (n, k) = (l.len(), l.categories().len());
    // The width pandas would choose.
    let codes = if i8::try_from(k).is_ok() {
        let bytes: Vec<u8> = l.codes().iter().map(|&c| c as u8).collect();
        w.array(&Type::I8, &[n], Cells::Bytes(&bytes), &plain())?
    } else if i16::try_from(k).is_ok() {
        let bytes: Vec<u8> = l.codes().iter().flat_map(|&c| (c as i16).to_le_bytes()).collect();
        w.array(&Type::I16, &[n], Cells::Bytes(&bytes), &plain())?
    } else {
        w.array(&Type::I32, &[n], Cells::I32(l.codes()), &plain())?
    };
    let categories = w.texts(&[k], l.categories(), &Attr::encoding("string-array", "0.2.0"))?;
    let mut attrs = Attr::encoding("categorical", "0.2.0");
    attrs.push(Attr("ordered".into(), AttrData::Flag(l.ordered())));
    w.group(&[("categories".into(), categories), ("codes".into(), codes)], &attrs)
}

/// The columns of a table and the attributes of its group.
fn frame<T: Target>(w: &mut T, f: &Frame) -> Result<(Children, Vec<Attr>)> {
    let key = index_key(f);
    let mut children = vec![(key.clone(), index(w, f)?)];
    for (name, c) in f.columns() {
        children.push((name.clone(), column(w, c)?));
    }
    Ok((children, frame_attrs(&key, f.columns().keys().cloned().collect())))
}

/// The name under which the index is stored: its own, unless a column has that already.
pub(super) fn index_key(f: &Frame) -> String {
    f.index_name().filter(|n| !n.is_empty() && f.get(n).is_none()).unwrap_or("_index").to_owned()
}

pub(super) fn index<T: Target>(w: &mut T, f: &Frame) -> Result<u64> {
    w.texts(&[f.n_rows()], f.index(), &Attr::encoding("string-array", "0.2.0"))
}

pub(super) fn frame_attrs(index_key: &str, order: Vec<String>) -> Vec<Attr> {
    let mut attrs = Attr::encoding("dataframe", "0.2.0");
    attrs.push(Attr::text("_index", index_key));
    attrs.push(Attr("column-order".into(), AttrData::Texts(order)));
    attrs
}

pub(super) fn column<T: Target>(w: &mut T, c: &Column) -> Result<u64> {
    let shape = [c.len()];
    match c {
        Column::Float(v) => w.array(&Type::F64, &shape, Cells::F64(v), &plain()),
        Column::Float32(v) => w.array(&Type::F32, &shape, Cells::F32(v), &plain()),
        Column::Int(v) => w.array(&Type::I64, &shape, Cells::I64(v), &plain()),
        Column::Int32(v) => w.array(&Type::I32, &shape, Cells::I32(v), &plain()),
        Column::Bool(v) => w.array(&Type::bool(), &shape, Cells::Bytes(&flags(v)), &plain()),
        Column::Str(v) => w.texts(&shape, v, &Attr::encoding("string-array", "0.2.0")),
        Column::Labels(l) => labels(w, l),
        Column::NullableInt(v) => {
            let values: Vec<i64> = v.iter().map(|x| x.unwrap_or(0)).collect();
            let values = w.array(&Type::I64, &shape, Cells::I64(&values), &plain())?;
            nullable(w, "nullable-integer", values, &v.iter().map(Option::is_none).collect::<Vec<_>>())
        }
        Column::NullableBool(v) => {
            let values: Vec<u8> = v.iter().map(|x| u8::from(x.unwrap_or(false))).collect();
            let values = w.array(&Type::bool(), &shape, Cells::Bytes(&values), &plain())?;
            nullable(w, "nullable-boolean", values, &v.iter().map(Option::is_none).collect::<Vec<_>>())
        }
        // anndata reads nullable strings only since 0.11; a categorical says the same to all.
        Column::NullableStr(_) => match c.to_labels() {
            Some(l) => labels(w, &l),
            None => unreachable!("texts always make categories"),
        },
    }
}

fn nullable<T: Target>(w: &mut T, kind: &str, values: u64, missing: &[bool]) -> Result<u64> {
    let mask = w.array(&Type::bool(), &[missing.len()], Cells::Bytes(&flags(missing)), &plain())?;
    w.group(&[("mask".into(), mask), ("values".into(), values)], &Attr::encoding(kind, "0.1.0"))
}

pub(super) fn raw<T: Target>(w: &mut T, r: &Raw) -> Result<u64> {
    let x = matrix(w, &r.x)?;
    let (children, attrs) = frame(w, &r.var)?;
    let var = w.group(&children, &attrs)?;
    let varm = dict(w, &r.varm)?;
    let varm = w.group(&varm, &Attr::encoding("dict", "0.1.0"))?;
    let children = [("X".into(), x), ("var".into(), var), ("varm".into(), varm)];
    w.group(&children, &Attr::encoding("raw", "0.1.0"))
}
