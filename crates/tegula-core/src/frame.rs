//! Tables: one index, named columns of one length. What `obs` and `var` are.

use indexmap::IndexMap;

use crate::{Buf, Error, Labels, Result};

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// 64-bit floats.
    Float(Vec<f64>),
    /// 32-bit floats.
    Float32(Vec<f32>),
    /// Whole numbers.
    Int(Vec<i64>),
    /// 32-bit whole numbers.
    Int32(Vec<i32>),
    /// Flags.
    Bool(Vec<bool>),
    /// Text.
    Str(Vec<String>),
    /// Categories.
    Labels(Labels),
    /// Whole numbers, some missing.
    NullableInt(Vec<Option<i64>>),
    /// Flags, some missing.
    NullableBool(Vec<Option<bool>>),
    /// Text, some missing.
    NullableStr(Vec<Option<String>>),
}

impl Column {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(v) => v.len(),
            Self::Float32(v) => v.len(),
            Self::Int(v) => v.len(),
            Self::Int32(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Str(v) => v.len(),
            Self::Labels(v) => v.len(),
            Self::NullableInt(v) => v.len(),
            Self::NullableBool(v) => v.len(),
            Self::NullableStr(v) => v.len(),
        }
    }

    /// True where there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name of the kind, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Float(_) => "float64",
            Self::Float32(_) => "float32",
            Self::Int(_) => "int64",
            Self::Int32(_) => "int32",
            Self::Bool(_) => "bool",
            Self::Str(_) => "string",
            Self::Labels(_) => "categorical",
            Self::NullableInt(_) => "nullable integer",
            Self::NullableBool(_) => "nullable bool",
            Self::NullableStr(_) => "nullable string",
        }
    }

    /// The values as numbers, missing ones as NaN; `None` for text and categories.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        Some(match self {
            Self::Float(v) => v.clone(),
            Self::Float32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Self::Int(v) => v.iter().map(|&x| x as f64).collect(),
            Self::Int32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Self::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
            Self::NullableInt(v) => v.iter().map(|x| x.map_or(f64::NAN, |x| x as f64)).collect(),
            Self::NullableBool(v) => v.iter().map(|x| x.map_or(f64::NAN, |x| f64::from(u8::from(x)))).collect(),
            Self::Str(_) | Self::Labels(_) | Self::NullableStr(_) => return None,
        })
    }

    /// The values as categories: categories as they are, text and whole numbers by value; `None` for floats.
    pub fn to_labels(&self) -> Option<Labels> {
        fn numbers(v: impl Iterator<Item = Option<i64>> + Clone) -> Labels {
            let mut distinct: Vec<i64> = v.clone().flatten().collect();
            distinct.sort_unstable();
            distinct.dedup();
            let code = |x: Option<i64>| x.map_or(-1, |x| distinct.binary_search(&x).map_or(-1, |k| k as i32));
            let codes = v.map(code).collect();
            Labels::new(codes, distinct.iter().map(ToString::to_string).collect(), false).unwrap_or_else(|_| {
                unreachable!("codes come from the list of categories");
            })
        }
        Some(match self {
            Self::Labels(l) => l.clone(),
            Self::Str(v) => Labels::from_strings(v),
            Self::Int(v) => numbers(v.iter().map(|&x| Some(x))),
            Self::Int32(v) => numbers(v.iter().map(|&x| Some(i64::from(x)))),
            Self::NullableInt(v) => numbers(v.iter().copied()),
            Self::Bool(v) => {
                Labels::from_strings(&v.iter().map(|&b| if b { "True" } else { "False" }).collect::<Vec<_>>())
            }
            Self::NullableStr(v) => {
                let present: Vec<&str> = v.iter().flatten().map(String::as_str).collect();
                let all = Labels::from_strings(&present);
                let mut codes = all.codes().iter();
                let codes = v.iter().map(|x| x.as_ref().and_then(|_| codes.next().copied()).unwrap_or(-1)).collect();
                Labels::new(codes, all.categories().to_vec(), false).ok()?
            }
            Self::Float(_) | Self::Float32(_) | Self::NullableBool(_) => return None,
        })
    }

    /// The given rows, in the given order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(v: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&i| v[i].clone()).collect()
        }
        match self {
            Self::Float(v) => Self::Float(pick(v, rows)),
            Self::Float32(v) => Self::Float32(pick(v, rows)),
            Self::Int(v) => Self::Int(pick(v, rows)),
            Self::Int32(v) => Self::Int32(pick(v, rows)),
            Self::Bool(v) => Self::Bool(pick(v, rows)),
            Self::Str(v) => Self::Str(pick(v, rows)),
            Self::Labels(v) => Self::Labels(v.select(rows)),
            Self::NullableInt(v) => Self::NullableInt(pick(v, rows)),
            Self::NullableBool(v) => Self::NullableBool(pick(v, rows)),
            Self::NullableStr(v) => Self::NullableStr(pick(v, rows)),
        }
    }
}

impl From<Labels> for Column {
    fn from(l: Labels) -> Self {
        Self::Labels(l)
    }
}

/// A table with an index of names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    index: Buf<String>,
    index_name: Option<String>,
    columns: IndexMap<String, Column>,
}

impl Frame {
    /// A table without columns.
    pub fn new(index: Vec<String>) -> Self {
        Self::sharing(index.into())
    }

    /// A table without columns whose names are shared with others.
    pub fn sharing(index: Buf<String>) -> Self {
        Self { index, index_name: None, columns: IndexMap::new() }
    }

    /// A table with the index `"0"`, `"1"`, ….
    pub fn with_range_index(n: usize) -> Self {
        Self::new((0..n).map(|i| i.to_string()).collect())
    }

    /// The same table with a name for its index.
    #[must_use]
    pub fn named(mut self, index_name: Option<String>) -> Self {
        self.index_name = index_name;
        self
    }

    /// The same columns under other names of the rows.
    ///
    /// # Errors
    /// [`Error::Shape`] where there are not as many names as rows.
    ///
    /// ```
    /// use tegula_core::{Column, Frame};
    /// let mut table = Frame::with_range_index(2);
    /// table.insert("x", Column::Int(vec![3, 4]))?;
    /// let table = table.with_index(vec!["a".into(), "b".into()])?;
    /// assert_eq!((table.index()[1].as_str(), table.get("x")), ("b", Some(&Column::Int(vec![3, 4]))));
    /// assert!(table.with_index(vec![]).is_err());
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn with_index(self, index: Vec<String>) -> Result<Self> {
        if index.len() != self.n_rows() {
            return Err(Error::shape("index", format!("({})", index.len()), format!("({})", self.n_rows())));
        }
        Ok(Self { index: index.into(), index_name: None, ..self })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.index.len()
    }

    /// Names of the rows.
    pub fn index(&self) -> &[String] {
        &self.index
    }

    /// Name of the index, if it has one.
    pub fn index_name(&self) -> Option<&str> {
        self.index_name.as_deref()
    }

    /// The columns in order.
    pub fn columns(&self) -> &IndexMap<String, Column> {
        &self.columns
    }

    /// A column.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }

    /// Sets a column; a new one goes to the end.
    ///
    /// # Errors
    /// [`Error::Shape`] where its length is not the table's.
    pub fn insert(&mut self, name: &str, column: impl Into<Column>) -> Result<()> {
        let column = column.into();
        if column.len() != self.n_rows() {
            let want = format!("({})", self.n_rows());
            return Err(Error::shape(format!("column `{name}`"), format!("({})", column.len()), want));
        }
        self.columns.insert(name.to_owned(), column);
        Ok(())
    }

    /// Takes a column out.
    pub fn remove(&mut self, name: &str) -> Option<Column> {
        self.columns.shift_remove(name)
    }

    /// The given rows, in the given order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            index: rows.iter().map(|&i| self.index[i].clone()).collect(),
            index_name: self.index_name.clone(),
            columns: self.columns.iter().map(|(k, c)| (k.clone(), c.select(rows))).collect(),
        }
    }
}
