//! Both sections in one space.

use tegula_core::{AnnData, Ctx, Dense, Result};

use super::pair::Pair;
use crate::pp::{
    Batches, HarmonyParams, Scale, check_counts, chosen_genes, harmony, log1p, normalize_total, scale, scale_of,
};
use crate::reduce::{PcaParams, pca};

/// Counts normalised and logged (what is logged already stays), genes scaled, principal components, Harmony over the
/// sections. Genes are divided by their deviation alone: the components are those of centred genes.
pub(super) fn space(adata: &AnnData, layer: Option<&str>, pair: &Pair, ctx: &Ctx<'_>) -> Result<Dense> {
    let batches = Batches::new(std::slice::from_ref(&pair.sections))?;
    let mut m = adata.matrix(layer)?.clone();
    if matches!(scale_of(&m), Scale::Counts | Scale::Normalized) {
        check_counts(adata, layer)?;
        normalize_total(&mut m, None);
        log1p(&mut m, None);
    }
    if let Some(genes) = chosen_genes(adata, None)? {
        m = m.select_cols(&genes);
    }
    let (m, _, _) = scale(m, false, None, None)?;
    let found = pca(&m, &PcaParams::default(), ctx)?;
    let z = Dense::new(adata.n_obs(), found.n_comps, found.scores)?;
    Ok(harmony(&z, &batches, &HarmonyParams::default(), ctx)?.z)
}
