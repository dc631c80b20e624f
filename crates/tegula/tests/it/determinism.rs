//! The same bits for 1, 2 and 8 threads, for every registered step.

use serde_json::json;
use tegula::core::{Ctx, history};
use tegula::{AnnData, registry};

use crate::tissue::tissue;

/// What each step needs to have run before it, and its parameters where the defaults do not fit a small tissue.
fn chain() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("pp.calculate_qc_metrics", json!({})),
        ("pp.filter_cells", json!({"min_genes": 1})),
        ("pp.filter_genes", json!({"min_cells": 3})),
        ("pp.copy_layer", json!({})),
        ("pp.normalize_total", json!({})),
        ("pp.log1p", json!({})),
        ("pp.highly_variable_genes", json!({"n_top_genes": 40})),
        ("pp.pca", json!({"n_comps": 12})),
        ("pp.neighbors", json!({"n_neighbors": 12})),
        ("pp.spatial_neighbors", json!({})),
        ("tl.diffmap", json!({"n_comps": 6})),
        ("tl.dpt", json!({"n_dcs": 5, "iroot": 0})),
        ("tl.psm", json!({"use_rep": "X_pca", "n_neighbors": 10, "n_comps": 6, "n_dcs": 6})),
        ("tl.louvain", json!({})),
        ("tl.leiden", json!({})),
        ("tl.leiden", json!({"n_clusters": 3, "key_added": "leiden3"})),
        ("tl.leiden", json!({"objective": "cpm", "resolution": 0.05, "key_added": "cpm"})),
        ("tl.leiden", json!({"restrict_to_key": "leiden3", "restrict_to_groups": ["0"]})),
        ("tl.scc", json!({"e_neigh": 12})),
        ("tl.consensus", json!({"n_runs": 4})),
        ("tl.consensus", json!({"keys": ["leiden", "scc"], "key_added": "both"})),
        ("pp.diffuse", json!({})),
        ("tl.sweep", json!({"s_neigh": [4, 6], "e_neigh": [6, 12], "resolution": [1.0], "n_runs": 3})),
        ("tl.smooth", json!({"key": "scc"})),
        ("tl.annotate", json!({"key": "scc", "default": "rest", "map": ["0=zero"]})),
        ("tl.rank_genes_groups", json!({"groupby": "leiden3", "method": "wilcoxon", "pts": true})),
        ("tl.spatial_autocorr", json!({"n_perms": 20})),
        ("tl.nhood_enrichment", json!({"cluster_key": "leiden3", "n_perms": 50})),
        ("tl.co_occurrence", json!({"cluster_key": "leiden3"})),
        ("tl.tsne", json!({"perplexity": 5.0, "n_iter": 260})),
        ("tl.spasne", json!({"perplexity": 5.0, "n_iter": 260, "method": "fast"})),
        (
            "tl.spasne_screen",
            json!({"alpha": [2.0, 5.0], "beta": [1.0], "n_rough": 2, "n_fine": 1, "n_tsne": 1, "perplexity": 5.0, "n_iter": 20}),
        ),
        ("tl.kmeans", json!({"n_clusters": 3})),
        ("tl.stagate", json!({"hidden_dims": [16, 4], "n_epochs": 5, "save_loss": true, "save_reconstruction": true})),
        (
            "tl.cast_mark",
            json!({"hidden_dim": 16, "n_layers": 2, "n_epochs": 3, "n_clusters": 3, "library_key": "stripe", "save_loss": true}),
        ),
        ("tl.mclust", json!({"n_components": [2, 3], "model_names": ["EEE", "VVV"], "n_pcs": 5})),
        ("tl.mclust", json!({"n_components": 3, "model_names": "VVV", "prior": true, "key_added": "regular"})),
        ("pp.normalize_pearson_residuals", json!({})),
        ("pp.scale", json!({})),
        ("pp.combat", json!({"key": "stripe"})),
        ("pp.harmony", json!({"key": "stripe", "max_iter": 2})),
        (
            "tl.cast_stack",
            json!({"library_key": "stripe", "use_rep": "X_pca", "require_match": false, "subsample": 200}),
        ),
        ("tl.apply_transform", json!({"library_key": "stripe"})),
        (
            "tl.cast_project",
            json!({"library_key": "stripe", "source": "0", "target": "1", "spatial_key": "spatial", "label_key": "leiden3",
                "n_neighbors": 3}),
        ),
        ("pp.bin", json!({"bin_size": 2.0})),
        ("pp.subsample", json!({"fraction": 0.5})),
    ]
}

fn run_with(threads: usize) -> AnnData {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut adata = tissue(30, 60);
        for (id, params) in chain() {
            let step = registry::find(id).unwrap().step(params).unwrap();
            step.run(&mut adata, &Ctx::new(5)).unwrap_or_else(|e| panic!("{id}: {e}"));
        }
        adata
    })
}

/// Every slot of two results: arrays with `==`, tables by their text, which tells any two floats apart and lets NaN be
/// NaN.
fn assert_same(a: &AnnData, b: &AnnData, threads: usize) {
    assert!(a.x() == b.x(), "X differs with {threads} threads");
    for (what, a, b) in [("obs", a.obs(), b.obs()), ("var", a.var(), b.var())] {
        for (key, column) in a.columns() {
            let same = b.get(key).is_some_and(|c| format!("{c:?}") == format!("{column:?}"));
            assert!(same, "{what}[{key}] differs with {threads} threads");
        }
    }
    for (what, a, b) in [
        ("obsm", a.obsm(), b.obsm()),
        ("varm", a.varm(), b.varm()),
        ("obsp", a.obsp(), b.obsp()),
        ("uns", a.uns(), b.uns()),
    ] {
        for (key, value) in a {
            assert!(Some(value) == b.get(key), "{what}[{key}] differs with {threads} threads");
        }
    }
}

#[test]
fn every_step_gives_the_same_bits_for_any_number_of_threads() {
    let one = run_with(1);
    assert_same(&one, &run_with(2), 2);
    assert_same(&one, &run_with(8), 8);
}

#[test]
fn no_step_is_left_out() {
    let tried: Vec<&str> = chain().iter().map(|s| s.0).collect();
    for m in registry::methods() {
        assert!(tried.contains(&m.id()), "{} is not in the thread test; add it to `chain`", m.id());
    }
}

#[test]
fn another_seed_may_differ_and_the_provenance_says_which_it_was() {
    let mut adata = tissue(10, 30);
    registry::find("pp.log1p").unwrap().step(json!({})).unwrap().run(&mut adata, &Ctx::new(77)).unwrap();
    assert_eq!(history(&adata)[0].1, 77);
}
