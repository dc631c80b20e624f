//! Arrays of records: NumPy's structured arrays.

use indexmap::IndexMap;

use crate::{ArrayData, Error, Result, Value};

/// Named fields of one length: what NumPy calls a structured array, as scanpy keeps its ranked genes in (a field per
/// group).
///
/// ```
/// use tegula_core::{ArrayData, Records};
/// let mut scores = Records::default();
/// scores.insert("T cells", ArrayData::F64(vec![3.5, 1.0].into()))?;
/// assert_eq!(scores.len(), 2);
/// assert!(scores.insert("B cells", ArrayData::F64(vec![0.5].into())).is_err());
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records(IndexMap<String, ArrayData>);

impl Records {
    /// Sets a field; a new one goes to the end.
    ///
    /// # Errors
    /// [`Error::Shape`] where its length is not that of the other fields.
    pub fn insert(&mut self, name: &str, values: ArrayData) -> Result<()> {
        let others = self.0.iter().find(|f| f.0 != name);
        if let Some((_, other)) = others.filter(|f| f.1.len() != values.len()) {
            let (got, want) = (format!("({})", values.len()), format!("({})", other.len()));
            return Err(Error::shape(format!("field `{name}`"), got, want));
        }
        self.0.insert(name.to_owned(), values);
        Ok(())
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.0.first().map_or(0, |f| f.1.len())
    }

    /// True where there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fields in order.
    pub fn fields(&self) -> &IndexMap<String, ArrayData> {
        &self.0
    }

    /// A field.
    pub fn get(&self, name: &str) -> Option<&ArrayData> {
        self.0.get(name)
    }

    /// The given records, in the given order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self(self.0.iter().map(|(k, v)| (k.clone(), v.select(rows, 1))).collect())
    }
}

impl IntoIterator for Records {
    type Item = (String, ArrayData);
    type IntoIter = indexmap::map::IntoIter<String, ArrayData>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Records> for Value {
    fn from(r: Records) -> Self {
        Self::Records(r)
    }
}
