//! Domains of real tissues beside the labels of those who made them. Skipped, aloud, where the data is not there.

use std::path::{Path, PathBuf};

use serde_json::json;
use tegula::algo::metrics::ari;
use tegula::core::{AnnData, Ctx, Labels};
use tegula::recipe::Recipe;
use tegula::registry;

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

/// The share of agreeing labels that `tl.cast_project` tells of.
fn projected(adata: &mut AnnData, label: &str, params: serde_json::Value) -> f64 {
    let outcome = registry::find("tl.cast_project").unwrap().step(params).unwrap().run(adata, &Ctx::default()).unwrap();
    outcome[&format!("accuracy_{label}")].as_f64().unwrap()
}

/// One half of the cells onto the other: 0.594 of 31 types agree at the default radius, 0.687 at four times that.
#[test]
fn types_of_one_half_of_a_tissue_are_found_on_the_other() {
    let Some(mut adata) = labelled("osmfish") else { return };
    let half: Vec<u32> = (0..adata.n_obs() as u32).map(|i| i.wrapping_mul(2_654_435_761) >> 20 & 1).collect();
    adata.set_obs("half", Labels::from_clusters(&half)).unwrap();
    let mut agree = |fold: f64| {
        let params = json!({"library_key": "half", "spatial_key": "spatial", "label_key": "cell_type",
            "distance_fold": fold});
        projected(&mut adata, "cell_type", params)
    };
    let (near, wide) = (agree(3.0), agree(12.0));
    assert!(near > 0.56 && wide > 0.65, "{near:.3} {wide:.3}");
}

/// A section onto the next, 50 µm away and laid over it by its centre alone: 0.653 of 16 types agree at the default
/// radius, 0.797 at four times that.
#[test]
#[ignore = "takes ten seconds"]
fn types_of_one_section_are_found_on_the_next() {
    let Some(mut adata) = labelled("merfish_poa_a1_p0.26_p0.21") else { return };
    let params = json!({"library_key": "bregma", "source": "0.26", "target": "0.21", "spatial_key": "spatial",
        "label_key": "cell_type", "distance_fold": 12.0});
    let agree = projected(&mut adata, "cell_type", params);
    assert!(agree > 0.77, "{agree:.3}");
}
