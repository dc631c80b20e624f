//! The same colours for the same groups in several columns.

use std::cmp::Reverse;

use tegula_core::{AnnData, Array, Result};

use crate::palette::{colors_for, colors_key};

/// Gives the categories of the columns `keys` the colours of the categories of the column `to` that they share most
/// observations with, one each, and keeps them in `uns["<key>_colors"]`; what is left over takes colours not taken yet.
/// Columns that have colours already keep them.
///
/// # Errors
/// See [`colors_for`].
///
/// ```
/// use tegula_core::{AnnData, Frame, Labels};
/// let mut adata = AnnData::new(None, Frame::with_range_index(4), Frame::default())?;
/// adata.set_obs("layer", Labels::from_strings(&["a", "a", "b", "b"]))?;
/// adata.set_obs("scc", Labels::from_strings(&["1", "1", "0", "0"]))?;
/// tegula_plot::match_colors(&mut adata, &["scc".to_owned()], "layer")?;
/// let [layer, scc] = ["layer", "scc"].map(|key| tegula_plot::colors_for(&adata, key, None).unwrap());
/// assert_eq!([&layer[0], &layer[1]], [&scc[1], &scc[0]]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn match_colors(adata: &mut AnnData, keys: &[String], to: &str) -> Result<()> {
    let (reference, known) = (adata.labels(to)?, colors_for(adata, to, None)?);
    for key in keys.iter().filter(|key| *key != to) {
        if adata.uns().contains_key(&colors_key(key)) {
            continue;
        }
        let labels = adata.labels(key)?;
        let (rows, columns) = (labels.categories().len(), known.len());
        let mut shared = vec![0usize; rows * columns];
        for (&a, &b) in labels.codes().iter().zip(reference.codes()) {
            if let (Ok(a), Ok(b)) = (usize::try_from(a), usize::try_from(b)) {
                shared[a * columns + b] += 1;
            }
        }
        let mut pairs: Vec<usize> = (0..shared.len()).filter(|&at| shared[at] > 0).collect();
        pairs.sort_by_key(|&at| Reverse(shared[at]));
        let (mut given, mut taken) = (vec![None; rows], vec![false; columns]);
        for at in pairs {
            let (a, b) = (at / columns, at % columns);
            if given[a].is_none() && !taken[b] {
                given[a] = Some(known[b].clone());
                taken[b] = true;
            }
        }
        let mut rest = colors_for(adata, key, None)?.into_iter().chain(known.iter().cloned());
        let used: Vec<String> = given.iter().flatten().cloned().collect();
        let mut fresh = std::iter::from_fn(|| rest.find(|color| !used.contains(color)));
        // Where every colour is taken, any will do: there are more groups than colours.
        let colors =
            given.into_iter().map(|c| c.or_else(|| fresh.next()).unwrap_or_else(|| known[0].clone())).collect();
        adata.set_uns(&colors_key(key), Array::strings(colors));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::{Frame, Labels};

    fn column(text: &str) -> Labels {
        Labels::from_strings(&text.chars().map(|c| c.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn every_group_has_a_colour_of_its_own_and_the_largest_overlap_wins() {
        let mut adata = AnnData::new(None, Frame::with_range_index(8), Frame::default()).unwrap();
        adata.set_obs("truth", column("aaaabbcc")).unwrap();
        adata.set_obs("found", column("yyxxxzwv")).unwrap();
        adata.set_obs("kept", column("00001111")).unwrap();
        adata.set_uns("kept_colors", Array::strings(vec!["#000000".into(), "#ffffff".into()]));
        let keys = ["found", "kept", "truth"].map(String::from);
        match_colors(&mut adata, &keys, "truth").unwrap();
        let truth = colors_for(&adata, "truth", None).unwrap();
        let found = colors_for(&adata, "found", None).unwrap();
        // Categories v, w, x, y, z: x and y share two with a; the earlier of equals, x, has it.
        assert_eq!((&found[2], &found[4]), (&truth[0], &truth[1]));
        let mut all = found.clone();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 5, "{found:?}");
        assert_eq!(colors_for(&adata, "kept", None).unwrap(), ["#000000", "#ffffff"]);
    }
}
