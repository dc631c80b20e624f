//! Which genes a step works with.

use tegula_core::{AnnData, Column, Error, Result, Slot, keys};

/// The variables to use, ascending: those that `var["highly_variable"]` marks, by default where it is there; `None` for
/// all.
///
/// # Errors
/// [`Error::Missing`] where they are `wanted` and not marked; [`Error::Data`] where none is, or the column holds no flags.
///
/// ```
/// use tegula_algo::pp::chosen_genes;
/// use tegula_core::{AnnData, Column, Frame};
/// let mut adata = AnnData::new(None, Frame::with_range_index(1), Frame::with_range_index(3))?;
/// assert_eq!(chosen_genes(&adata, None)?, None);
/// adata.set_var("highly_variable", Column::Bool(vec![true, false, true]))?;
/// assert_eq!(chosen_genes(&adata, None)?, Some(vec![0, 2]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn chosen_genes(adata: &AnnData, wanted: Option<bool>) -> Result<Option<Vec<usize>>> {
    let slot = Slot::var(keys::HIGHLY_VARIABLE);
    let flags = match (wanted, adata.var().get(keys::HIGHLY_VARIABLE)) {
        (Some(false), _) | (None, None) => return Ok(None),
        (Some(true), None) => {
            let hint = "run pp.highly_variable_genes first, or pass use_highly_variable = false";
            return Err(adata.missing(&slot, hint));
        }
        (_, Some(Column::Bool(flags))) => flags.clone(),
        (_, Some(Column::NullableBool(flags))) => flags.iter().map(|f| f.unwrap_or(false)).collect(),
        (_, Some(other)) => {
            let reason = format!("is {}, not flags; pass use_highly_variable = false", other.kind());
            return Err(Error::data(slot, reason));
        }
    };
    let genes: Vec<usize> = (0..flags.len()).filter(|&j| flags[j]).collect();
    if genes.is_empty() {
        return Err(Error::data(slot, "no gene is marked; pass use_highly_variable = false"));
    }
    Ok(if genes.len() == flags.len() { None } else { Some(genes) })
}
