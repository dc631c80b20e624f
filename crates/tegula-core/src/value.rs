//! What `uns`, `obsm` and their siblings may hold.

use indexmap::IndexMap;

use crate::{Buf, Column, Coords, Csr, Dense, Error, Frame, Labels, Matrix, Records, Result};

/// An ordered map of named values.
pub type Dict = IndexMap<String, Value>;

/// Anything an h5ad slot may hold, in memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Python's `None`.
    Null,
    /// A flag.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Text.
    Str(String),
    /// A dense array of any number of dimensions.
    Array(Array),
    /// A categorical array.
    Labels(Labels),
    /// A sparse matrix.
    Csr(Csr),
    /// A table.
    Frame(Frame),
    /// An array of records.
    Records(Records),
    /// A nested map.
    Dict(Dict),
}

/// A dense array, rows first (C order).
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    data: ArrayData,
}

/// The values of an [`Array`] in the type they came in.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrayData {
    /// 32-bit floats.
    F32(Buf<f32>),
    /// 64-bit floats.
    F64(Buf<f64>),
    /// 32-bit integers.
    I32(Buf<i32>),
    /// 64-bit integers.
    I64(Buf<i64>),
    /// Bytes.
    U8(Buf<u8>),
    /// Unsigned 32-bit integers.
    U32(Buf<u32>),
    /// Unsigned 64-bit integers.
    U64(Buf<u64>),
    /// Flags.
    Bool(Vec<bool>),
    /// Text.
    Str(Vec<String>),
}

impl ArrayData {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Str(v) => v.len(),
        }
    }

    /// True where there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as `f64`; `None` for text.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        Some(match self {
            Self::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Self::F64(v) => v.to_vec(),
            Self::I32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Self::I64(v) => v.iter().map(|&x| x as f64).collect(),
            Self::U8(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Self::U32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Self::U64(v) => v.iter().map(|&x| x as f64).collect(),
            Self::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
            Self::Str(_) => return None,
        })
    }

    pub(crate) fn select(&self, rows: &[usize], width: usize) -> Self {
        fn pick<T: Clone>(v: &[T], rows: &[usize], width: usize) -> Vec<T> {
            rows.iter().flat_map(|&i| &v[i * width..(i + 1) * width]).cloned().collect()
        }
        match self {
            Self::F32(v) => Self::F32(pick(v, rows, width).into()),
            Self::F64(v) => Self::F64(pick(v, rows, width).into()),
            Self::I32(v) => Self::I32(pick(v, rows, width).into()),
            Self::I64(v) => Self::I64(pick(v, rows, width).into()),
            Self::U8(v) => Self::U8(pick(v, rows, width).into()),
            Self::U32(v) => Self::U32(pick(v, rows, width).into()),
            Self::U64(v) => Self::U64(pick(v, rows, width).into()),
            Self::Bool(v) => Self::Bool(pick(v, rows, width)),
            Self::Str(v) => Self::Str(pick(v, rows, width)),
        }
    }
}

impl Array {
    /// An array of the given shape.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shape does not multiply to the number of values.
    pub fn new(shape: Vec<usize>, data: ArrayData) -> Result<Self> {
        let size = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
        if size == Some(data.len()) {
            Ok(Self { shape, data })
        } else {
            Err(Error::shape("array", format!("({})", data.len()), format!("{shape:?}")))
        }
    }

    /// A list of numbers.
    pub fn vector(values: Vec<f64>) -> Self {
        Self { shape: vec![values.len()], data: ArrayData::F64(values.into()) }
    }

    /// A list of texts.
    pub fn strings(values: Vec<String>) -> Self {
        Self { shape: vec![values.len()], data: ArrayData::Str(values) }
    }

    /// Length of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, rows first.
    pub fn data(&self) -> &ArrayData {
        &self.data
    }

    /// The shape and the values.
    pub fn into_parts(self) -> (Vec<usize>, ArrayData) {
        (self.shape, self.data)
    }
}

impl Value {
    /// Length along the first dimension; `None` for a scalar or a map.
    pub fn n_rows(&self) -> Option<usize> {
        match self {
            Self::Array(a) => a.shape.first().copied(),
            Self::Labels(l) => Some(l.len()),
            Self::Csr(m) => Some(m.n_rows()),
            Self::Frame(f) => Some(f.n_rows()),
            Self::Records(r) => Some(r.len()),
            _ => None,
        }
    }

    /// Length along the second dimension of a matrix.
    pub fn n_cols(&self) -> Option<usize> {
        match self {
            Self::Array(a) => a.shape.get(1).copied(),
            Self::Csr(m) => Some(m.n_cols()),
            Self::Frame(f) => Some(f.columns().len()),
            _ => None,
        }
    }

    /// The shape as text, for messages.
    pub fn shape_text(&self) -> String {
        match self {
            Self::Array(a) => format!("{:?}", a.shape).replace('[', "(").replace(']', ")"),
            other => match (other.n_rows(), other.n_cols()) {
                (Some(n), Some(m)) => format!("({n}, {m})"),
                (Some(n), None) => format!("({n})"),
                _ => "scalar".into(),
            },
        }
    }

    /// The given rows, in the given order. Scalars and maps stay as they are.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Array(a) if !a.shape.is_empty() => {
                let width = a.shape[1..].iter().product();
                let mut shape = a.shape.clone();
                shape[0] = rows.len();
                Self::Array(Array { shape, data: a.data.select(rows, width) })
            }
            Self::Labels(l) => Self::Labels(l.select(rows)),
            Self::Csr(m) => Self::Csr(m.select_rows(rows)),
            Self::Frame(f) => Self::Frame(f.select(rows)),
            Self::Records(r) => Self::Records(r.select(rows)),
            other => other.clone(),
        }
    }

    /// The given rows and the same columns of a square matrix.
    #[must_use]
    pub fn select_square(&self, keep: &[usize]) -> Self {
        match self.select_rows(keep) {
            Self::Csr(m) => {
                // Columns must ascend for `select_cols`; `keep` does, as every filter keeps the order.
                Self::Csr(m.select_cols(keep))
            }
            Self::Array(a) if a.shape.len() == 2 => {
                let n = a.shape[1];
                let flat: Vec<usize> = (0..keep.len()).flat_map(|i| keep.iter().map(move |&j| i * n + j)).collect();
                Self::Array(Array { shape: vec![keep.len(), keep.len()], data: a.data.select(&flat, 1) })
            }
            other => other,
        }
    }

    /// A 2-D numeric value as a dense `f32` matrix; `None` where it is something else.
    pub fn to_dense(&self) -> Option<Dense> {
        match self {
            Self::Array(a) if a.shape.len() == 2 => {
                let data: Buf<f32> = match &a.data {
                    ArrayData::F32(v) => v.clone(),
                    other => other.to_f64()?.into_iter().map(|x| x as f32).collect(),
                };
                Dense::new(a.shape[0], a.shape[1], data).ok()
            }
            Self::Csr(m) => Some(m.to_dense()),
            _ => None,
        }
    }

    /// A 2-D numeric array (or all-numeric table) as `f64` rows: `(n_cols, values)`; `None` for anything else.
    pub fn to_f64_rows(&self) -> Option<(usize, Vec<f64>)> {
        match self {
            Self::Array(a) if a.shape.len() == 2 => Some((a.shape[1], a.data.to_f64()?)),
            Self::Frame(f) => {
                let cols: Option<Vec<Vec<f64>>> = f.columns().values().map(crate::Column::to_f64).collect();
                let cols = cols?;
                let data = (0..f.n_rows()).flat_map(|i| cols.iter().map(move |c| c[i])).collect();
                Some((cols.len(), data))
            }
            _ => None,
        }
    }

    /// Text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(s) = self { Some(s) } else { None }
    }

    /// The number, if this is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Float(x) => Some(*x),
            Self::Array(a) if a.data.len() == 1 => a.data.to_f64().map(|v| v[0]),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_dict(&self) -> Option<&Dict> {
        if let Self::Dict(d) = self { Some(d) } else { None }
    }

    /// The texts, if this is a list of texts.
    pub fn as_strings(&self) -> Option<&[String]> {
        match self {
            Self::Array(Array { data: ArrayData::Str(v), .. }) => Some(v),
            _ => None,
        }
    }

    /// From JSON. `null` inside a map is left out, since h5ad files before 0.12 cannot hold it; a list becomes an
    /// array of numbers, of flags or of texts.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Self::Null,
            J::Bool(b) => Self::Bool(*b),
            J::Number(n) => n.as_i64().map_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)), Self::Int),
            J::String(s) => Self::Str(s.clone()),
            J::Array(v) if v.iter().all(J::is_i64) && !v.is_empty() => {
                let data = ArrayData::I64(v.iter().filter_map(J::as_i64).collect());
                Self::Array(Array { shape: vec![v.len()], data })
            }
            J::Array(v) if v.iter().all(J::is_number) && !v.is_empty() => {
                Self::Array(Array::vector(v.iter().filter_map(J::as_f64).collect()))
            }
            J::Array(v) => {
                let text = |x: &J| x.as_str().map_or_else(|| x.to_string(), str::to_owned);
                Self::Array(Array::strings(v.iter().map(text).collect()))
            }
            J::Object(o) => Self::Dict(
                o.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), Self::from_json(v))).collect(),
            ),
        }
    }

    /// To JSON; matrices and tables become their shape.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::{Value as J, json};
        match self {
            Self::Null => J::Null,
            Self::Bool(b) => json!(b),
            Self::Int(i) => json!(i),
            Self::Float(x) => json!(x),
            Self::Str(s) => json!(s),
            Self::Array(a) if a.shape.len() <= 1 => match &a.data {
                ArrayData::Str(v) => json!(v),
                ArrayData::Bool(v) => json!(v),
                ArrayData::I32(v) => json!(v[..]),
                ArrayData::I64(v) => json!(v[..]),
                other => json!(other.to_f64()),
            },
            Self::Dict(d) => J::Object(d.iter().map(|(k, v)| (k.clone(), v.to_json())).collect()),
            other => json!(other.shape_text()),
        }
    }
}

impl From<Dense> for Value {
    fn from(m: Dense) -> Self {
        Self::Array(Array { shape: vec![m.n_rows(), m.n_cols()], data: ArrayData::F32(m.data().clone()) })
    }
}

impl From<Matrix> for Value {
    fn from(m: Matrix) -> Self {
        match m {
            Matrix::Csr(m) => m.into(),
            Matrix::Dense(m) => m.into(),
        }
    }
}

impl From<Column> for Value {
    /// Numbers with gaps become floats, texts with gaps categories.
    fn from(c: Column) -> Self {
        let array = |data: ArrayData| Self::Array(Array { shape: vec![data.len()], data });
        match c {
            Column::Float(v) => array(ArrayData::F64(v.into())),
            Column::Float32(v) => array(ArrayData::F32(v.into())),
            Column::Int(v) => array(ArrayData::I64(v.into())),
            Column::Int32(v) => array(ArrayData::I32(v.into())),
            Column::Bool(v) => array(ArrayData::Bool(v)),
            Column::Str(v) => array(ArrayData::Str(v)),
            Column::Labels(l) => Self::Labels(l),
            Column::NullableInt(_) | Column::NullableBool(_) => {
                c.to_f64().map_or(Self::Null, |v| Self::Array(Array::vector(v)))
            }
            Column::NullableStr(_) => c.to_labels().map_or(Self::Null, Self::Labels),
        }
    }
}

impl From<&Coords> for Value {
    fn from(c: &Coords) -> Self {
        Self::Array(Array { shape: vec![c.len(), c.dim()], data: ArrayData::F64(c.data().to_vec().into()) })
    }
}

impl From<Csr> for Value {
    fn from(m: Csr) -> Self {
        Self::Csr(m)
    }
}

impl From<Frame> for Value {
    fn from(f: Frame) -> Self {
        Self::Frame(f)
    }
}

impl From<Dict> for Value {
    fn from(d: Dict) -> Self {
        Self::Dict(d)
    }
}

impl From<Array> for Value {
    fn from(a: Array) -> Self {
        Self::Array(a)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Str(s.to_owned())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Str(s)
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Self::Float(x)
    }
}

impl From<usize> for Value {
    fn from(x: usize) -> Self {
        Self::Int(x as i64)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}
