//! What cannot be worked with is refused by name, with a way out.

use serde_json::json;
use tegula_algo::simulate::Placement;
use tegula_core::{AnnData, Column, Coords, Csr, Ctx, Dense, Frame};

use super::{cast_mark, embedding, refused};
use crate::tissue::tissue;

#[test]
fn parameters_out_of_range() {
    let adata = tissue(60, 20, Placement::Grid);
    let cases = [
        (json!({"hidden_dim": 0}), "`hidden_dim`"),
        (json!({"n_layers": 0}), "`n_layers`"),
        (json!({"n_layers": 600, "hidden_dim": 1024}), "hidden_dim smaller"),
        (json!({"n_epochs": 0}), "at least 1, unless load_weights"),
        (json!({"lr": 0.0}), "`lr`"),
        (json!({"alpha": 1.5}), "`alpha`"),
        (json!({"lambd": -1.0}), "`lambd`"),
        (json!({"gcn_lambda": -1.0}), "`gcn_lambda`"),
        (json!({"drop_edge": 1.0}), "`drop_edge`"),
        (json!({"drop_feature": -0.1}), "`drop_feature`"),
        (json!({"n_clusters": 61}), "at most 60, the number of observations"),
        (json!({"device": "cuda"}), "device `cuda`"),
        (json!({"library_key": "absent"}), "obs[\"absent\"] is missing"),
        (json!({"spatial_key": "absent"}), "obsm[\"absent\"] is missing"),
        (json!({"use_rep": "absent"}), "obsm[\"absent\"] is missing"),
        (json!({"layer": "absent"}), "is missing"),
        (json!({"use_rep": "spatial", "layer": "absent"}), "left out with `layer`"),
        (json!({"key_added": ""}), "`key_added`"),
        (json!({"use_highly_variable": true}), "run pp.highly_variable_genes first"),
    ];
    for (params, expected) in cases {
        let text = refused(&adata, params.clone());
        assert!(text.contains(expected), "{params}: {text}");
    }
}

#[test]
fn sections_too_small_or_of_nobody() {
    let mut adata = tissue(60, 20, Placement::Grid);
    let names: Vec<String> = (0..60).map(|i| if i < 2 { "few" } else { "many" }.to_owned()).collect();
    adata.set_obs("section", Column::Str(names)).unwrap();
    let text = refused(&adata, json!({"library_key": "section"}));
    assert!(text.contains("are 2 in the section `few` only, at least 3 are needed"), "{text}");
    let numbers = (0..60).map(|i| if i == 7 { f64::NAN } else { 0.5 }).collect();
    adata.set_obs("bregma", Column::Float(numbers)).unwrap();
    let text = refused(&adata, json!({"library_key": "bregma"}));
    assert!(text.contains("observation 7 belongs to none"), "{text}");
    adata.keep_obs(&[0]);
    let text = refused(&adata, json!({"n_clusters": 0}));
    assert!(text.contains("are 1 only, at least 3 are needed"), "{text}");
    adata.keep_obs(&[]);
    let text = refused(&adata, json!({"n_clusters": 0}));
    assert!(text.contains("is empty"), "{text}");
}

#[test]
fn numbers_that_are_none_or_too_large() {
    let mut adata = tissue(60, 20, Placement::Grid);
    let mut x = vec![1f32; 60 * 20];
    x[27] = f32::NAN;
    adata.set_x(Dense::new(60, 20, x.clone()).unwrap()).unwrap();
    let text = refused(&adata, json!({}));
    assert!(text.contains("NaN") && text.contains("observation `obs_1`"), "{text}");
    x[27] = 1e38;
    x[400] = 3e38;
    adata.set_x(Dense::new(60, 20, x).unwrap()).unwrap();
    let text = refused(&adata, json!({"drop_feature": 0.0}));
    assert!(text.contains("became NaN in epoch") && text.contains("lower lr"), "{text}");
}

#[test]
fn dull_data_are_dull_not_wrong() {
    let mut adata = tissue(60, 20, Placement::Grid);
    for x in [Csr::from_rows(20, &vec![Vec::new(); 60]).to_dense(), Dense::new(60, 20, vec![2.5; 1200]).unwrap()] {
        adata.set_x(x).unwrap();
        cast_mark(&mut adata, json!({}), &Ctx::new(0)).unwrap();
        assert!(embedding(&adata).iter().all(|v| v.is_finite()));
    }
}

#[test]
fn positions_on_one_line_or_at_one_place() {
    let mut adata = tissue(60, 20, Placement::Grid);
    for by in [1.0, 0.0] {
        let line = Coords::new(2, (0..60).flat_map(|i| [by * f64::from(i), 0.0]).collect()).unwrap();
        adata.set_obsm("spatial", &line).unwrap();
        for graph in ["voronoi", "delaunay"] {
            cast_mark(&mut adata, json!({"graph": graph}), &Ctx::new(0)).unwrap();
            assert!(embedding(&adata).iter().all(|v| v.is_finite()));
        }
    }
    let deep = Coords::new(3, (0..180).map(f64::from).collect()).unwrap();
    adata.set_obsm("spatial", &deep).unwrap();
    assert!(refused(&adata, json!({})).contains("to triangulate"));
}

#[test]
fn nothing_to_learn_from() {
    let mut adata = tissue(60, 20, Placement::Grid);
    adata.set_var("highly_variable", Column::Bool(vec![false; 20])).unwrap();
    assert!(refused(&adata, json!({})).contains("no gene is marked"));
    let mut bare = AnnData::new(None, Frame::with_range_index(60), Frame::default()).unwrap();
    bare.set_obsm("spatial", adata.obsm()["spatial"].clone()).unwrap();
    assert!(refused(&bare, json!({})).contains("there is no matrix"));
}
