//! Domains of real tissues beside the labels of those who made them. Skipped, aloud, where the data is not there.

use std::path::{Path, PathBuf};

use serde_json::json;
use tegula::algo::metrics::ari;
use tegula::core::{AnnData, Ctx, Labels};
use tegula::recipe::Recipe;

/// A labelled tissue, `name` in the folder beside the checkout or named by `TEGULA_DATA`.
fn labelled(name: &str) -> Option<AnnData> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("TEGULA_DATA").map_or(beside, PathBuf::from);
    let path = root.join("data/labelled").join(format!("{name}.h5ad"));
    if !path.exists() {
        eprintln!("skipped: no data at {}", path.display());
        return None;
    }
    Some(tegula::io::read(&path).unwrap())
}

/// The adjusted Rand index over the observations that have a known label.
fn agreement(adata: &AnnData, truth: &str, found: &str) -> f64 {
    let (truth, found) = (adata.labels(truth).unwrap(), adata.labels(found).unwrap());
    let known: Vec<usize> = (0..truth.len()).filter(|&i| truth.codes()[i] >= 0).collect();
    let part = |l: &Labels| {
        Labels::new(known.iter().map(|&i| l.codes()[i]).collect(), l.categories().to_vec(), false).unwrap()
    };
    ari(&part(&truth), &part(&found)).unwrap()
}

/// Two steps of diffusion over 15 of 20 components, then mclust EEE at the number of the labels: the baseline that
/// every trained method has to beat, with the figures it was measured at with R's mclust.
#[test]
fn diffused_components_and_mclust_reach_their_figures() {
    let sets = [
        ("starmap_by3_1207", "layer", 8, 7, 0.72),
        ("starmap_mpfc_BZ5", "domain_code", 8, 4, 0.56),
        ("dlpfc_151673", "layer", 6, 7, 0.53),
        ("dlpfc_151674", "layer", 6, 7, 0.44),
    ];
    for (name, truth, n_neighbors, k, least) in sets {
        let Some(mut adata) = labelled(name) else { continue };
        let mut recipe = Recipe::default();
        recipe.push("pp.filter_genes", &json!({"min_cells": 3}));
        recipe.push("pp.normalize_total", &json!({}));
        recipe.push("pp.log1p", &json!({}));
        recipe.push("pp.pca", &json!({"n_comps": 20}));
        recipe.push("pp.spatial_neighbors", &json!({"n_neighbors": n_neighbors, "coord_type": "generic"}));
        recipe.push("pp.diffuse", &json!({"n_steps": 2, "n_pcs": 15}));
        let mclust = json!({"use_rep": "X_pca_diffused", "model_names": "EEE", "n_components": k, "n_init": 5});
        recipe.push("tl.mclust", &mclust);
        recipe.run(&mut adata, &Ctx::default(), |_, _| ()).unwrap();
        let found = agreement(&adata, truth, "mclust");
        assert!(found >= least, "{name}: ARI {found:.3}, {least} is asked for");
    }
}
