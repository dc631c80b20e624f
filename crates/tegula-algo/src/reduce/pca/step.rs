//! The slots of `pp.pca`.

use tegula_core::{AnnData, Array, ArrayData, Ctx, Dense, Dict, Outcome, Result, Slot, Step, Value, keys};

use super::{PcaParams, pca};
use crate::pp::{check_finite, chosen_genes};

impl PcaParams {
    /// Keys of scores, loadings and variances.
    fn keys(&self) -> (&str, &str, &str) {
        match self.key_added.as_deref() {
            Some(key) => (key, key, key),
            None => (keys::X_PCA, keys::PCS, keys::PCA),
        }
    }
}

impl Step for PcaParams {
    const ID: &'static str = "pp.pca";
    const SUMMARY: &'static str = "Principal components of the expression.";
    const ALIASES: &'static [&'static str] = &["tl.pca"];

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::matrix(self.layer.as_deref())];
        if self.use_highly_variable != Some(false) {
            slots.push(Slot::var(keys::HIGHLY_VARIABLE));
        }
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        let (scores, loadings, variances) = self.keys();
        vec![Slot::obsm(scores), Slot::varm(loadings), Slot::uns(variances)]
    }

    fn validate(&self) -> Result<()> {
        if self.n_comps == Some(0) { Err(Self::refuse("n_comps", 0, "at least 1")) } else { Ok(()) }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let layer = self.layer.as_deref();
        check_finite(adata, layer)?;
        let genes = chosen_genes(adata, self.use_highly_variable)?;
        let all = adata.matrix(layer)?;
        let found = match &genes {
            Some(genes) => pca(&all.select_cols(genes), self, ctx)?,
            None => pca(all, self, ctx)?,
        };
        if !found.converged {
            ctx.warn("pp.pca ended before all components were found to full precision");
        }
        let (k, n_vars) = (found.n_comps, adata.n_vars());
        let (scores_key, loadings_key, variances_key) = self.keys();
        let mut loadings = vec![0f32; n_vars * k];
        for (i, row) in found.loadings.chunks_exact(k).enumerate() {
            let j = genes.as_ref().map_or(i, |g| g[i]);
            for (x, &y) in loadings[j * k..(j + 1) * k].iter_mut().zip(row) {
                *x = y as f32;
            }
        }
        let scores = Dense::new(adata.n_obs(), k, found.scores)?;
        let loadings = Array::new(vec![n_vars, k], ArrayData::F32(loadings.into()))?;
        let used = adata.var().get(keys::HIGHLY_VARIABLE).is_some() && self.use_highly_variable != Some(false);
        let mut params = Dict::from([
            ("zero_center".to_owned(), Value::from(self.zero_center)),
            ("use_highly_variable".to_owned(), Value::from(used)),
        ]);
        if used {
            params.insert("mask_var".to_owned(), Value::from(keys::HIGHLY_VARIABLE));
        }
        params.extend(layer.map(|l| ("layer".to_owned(), Value::from(l))));
        let explained: f64 = found.variance_ratio.iter().sum();
        let uns = Dict::from([
            ("params".to_owned(), Value::Dict(params)),
            ("variance".to_owned(), Array::vector(found.variance).into()),
            ("variance_ratio".to_owned(), Array::vector(found.variance_ratio).into()),
        ]);
        adata.set_obsm(scores_key, scores)?;
        adata.set_varm(loadings_key, loadings)?;
        adata.set_uns(variances_key, uns);
        Ok(Dict::from([
            ("n_comps".to_owned(), Value::from(k)),
            ("n_genes".to_owned(), Value::from(genes.map_or(n_vars, |g| g.len()))),
            ("variance_explained".to_owned(), Value::from(explained)),
            ("n_iter".to_owned(), Value::from(found.n_iter)),
        ]))
    }
}
