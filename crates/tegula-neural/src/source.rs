//! Which slots of the data a network learns from.

use std::borrow::Cow;

use tegula_algo::pp::{check_finite, chosen_genes};
use tegula_core::{AnnData, Error, Matrix, Result, Slot, keys};

/// Which slots of the data a network learns from: expression, all genes or the highly variable ones, or an embedding.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    /// Layer to use instead of `X`.
    pub layer: Option<&'a str>,
    /// Entry of `obsm` to use instead of `X`.
    pub use_rep: Option<&'a str>,
    /// The highly variable genes only; by default where they are marked.
    pub use_highly_variable: Option<bool>,
}

impl Source<'_> {
    /// The slots it may be found in.
    pub fn reads(self) -> Vec<Slot> {
        match self.use_rep {
            Some(key) => vec![Slot::obsm(key)],
            None => vec![Slot::matrix(self.layer), Slot::var(keys::HIGHLY_VARIABLE)],
        }
    }

    /// The matrix to learn, and the names of its columns.
    ///
    /// # Errors
    /// [`Error::Missing`] where a slot is not there; [`Error::Data`] where it is empty or holds numbers that are not
    /// finite.
    ///
    /// ```
    /// use tegula_core::{AnnData, Dense, Frame};
    /// use tegula_neural::source::Source;
    /// let x = Dense::new(1, 2, vec![1.0, 2.0])?;
    /// let adata = AnnData::new(Some(x.into()), Frame::with_range_index(1), Frame::new(vec!["a".into(), "b".into()]))?;
    /// assert_eq!(Source::default().read(&adata)?.1, ["a", "b"]);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn read(self, adata: &AnnData) -> Result<(Cow<'_, Matrix>, Vec<String>)> {
        let (matrix, names) = self.find(adata)?;
        if adata.n_obs() == 0 || names.is_empty() {
            return Err(Error::data(Slot::matrix(self.layer), "is empty; there is nothing to learn"));
        }
        Ok((matrix, names))
    }

    fn find(self, adata: &AnnData) -> Result<(Cow<'_, Matrix>, Vec<String>)> {
        if let Some(key) = self.use_rep {
            let dense = adata.embedding(key, "name an embedding, or leave use_rep out for the expression")?;
            let names = (1..=dense.n_cols()).map(|k| format!("{key}{k}")).collect();
            return Ok((Cow::Owned(dense.into()), names));
        }
        check_finite(adata, self.layer)?;
        let (matrix, names) = (adata.matrix(self.layer)?, adata.var().index());
        Ok(match chosen_genes(adata, self.use_highly_variable)? {
            None => (Cow::Borrowed(matrix), names.to_vec()),
            Some(chosen) => {
                (Cow::Owned(matrix.select_cols(&chosen)), chosen.iter().map(|&j| names[j].clone()).collect())
            }
        })
    }
}
