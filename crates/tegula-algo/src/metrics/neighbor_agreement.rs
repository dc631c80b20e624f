//! How well sections lie on each other, by their labels.

use rayon::prelude::*;
use tegula_core::{AnnData, Coords, Error, Result};

use crate::graph::part;
use crate::index::KdTree;

/// The share of the labelled observations of a section whose nearest labelled observation of another section has the
/// same label; `None` where one of the two has no labels.
///
/// `names` are the section and the one it lies on, both in `obs[library_key]`; positions are the first two coordinates
/// of `obsm[spatial_key]`. O(N log N).
///
/// # Errors
/// [`Error::Missing`] where a slot is not there, [`Error::Data`] where a section is not.
///
/// ```
/// use tegula_algo::metrics::neighbor_agreement;
/// use tegula_core::{AnnData, Coords, Frame, Labels};
/// let mut adata = AnnData::new(None, Frame::with_range_index(4), Frame::default())?;
/// adata.set_obs("section", Labels::from_strings(&["a", "a", "b", "b"]))?;
/// adata.set_obs("layer", Labels::from_strings(&["L1", "L2", "L1", "L1"]))?;
/// adata.set_obsm("spatial", &Coords::new(2, vec![0.0, 0.0, 9.0, 0.0, 0.0, 1.0, 9.0, 1.0])?)?;
/// assert_eq!(neighbor_agreement(&adata, "section", ["a", "b"], "spatial", "layer")?, Some(0.5));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn neighbor_agreement(
    adata: &AnnData,
    library_key: &str,
    names: [&str; 2],
    spatial_key: &str,
    label_key: &str,
) -> Result<Option<f64>> {
    let (all, coords, labels) = (adata.sections(library_key)?, adata.coords(spatial_key)?, adata.labels(label_key)?);
    let labelled = |name: &str| -> Result<(Vec<u32>, Coords)> {
        let code = all.categories().iter().position(|c| c == name).ok_or_else(|| {
            Error::data(
                format!("section `{name}`"),
                format!("obs[\"{library_key}\"] has {}", all.categories().join(", ")),
            )
        })?;
        let here = |i: &u32| all.codes()[*i as usize] == code as i32 && labels.codes()[*i as usize] >= 0;
        let members: Vec<u32> = (0..all.len() as u32).filter(here).collect();
        let places = part(&coords, &members, 2)?;
        Ok((members, places))
    };
    let [(own, at), (other, ground)] = [labelled(names[0])?, labelled(names[1])?];
    if own.is_empty() || other.is_empty() {
        return Ok(None);
    }
    let tree = KdTree::new(&ground);
    let same = |k: usize| {
        let nearest = tree.nearest(at.point(k), 1).first().map(|found| other[found.0 as usize]);
        nearest.is_some_and(|j| labels.codes()[j as usize] == labels.codes()[own[k] as usize])
    };
    let agree = (0..own.len()).into_par_iter().filter(|&k| same(k)).count();
    Ok(Some(agree as f64 / own.len() as f64))
}
