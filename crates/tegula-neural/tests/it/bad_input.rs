//! What cannot be worked with is refused by name, with a way out.

use std::sync::Mutex;

use serde_json::json;
use tegula_algo::simulate::Placement;
use tegula_core::{Column, Coords, Csr, Ctx, Dense, Progress};

use crate::tissue::{refused, stagate, tissue};

#[test]
fn parameters_out_of_range() {
    let adata = tissue(60, 20, Placement::Grid);
    let cases = [
        (json!({"hidden_dims": [24]}), "two widths"),
        (json!({"hidden_dims": [24, 0]}), "two widths"),
        (json!({"n_epochs": 0}), "`n_epochs` of `tl.stagate` is 0; it must be at least 1, unless load_weights"),
        (json!({"lr": 0.0}), "`lr`"),
        (json!({"num_batch_x": 0}), "`num_batch_x`"),
        (json!({"rad_cutoff": -1.0}), "`rad_cutoff`"),
        (json!({"rad_cutoff": 1.0, "k_cutoff": 3}), "left out with `rad_cutoff`"),
        (json!({"k_cutoff": 60}), "`k_cutoff` of `tl.stagate`"),
        (json!({"device": "cuda"}), "device `cuda`"),
        (json!({"early_stop": 1.5}), "`early_stop`"),
        (json!({"save_reconstruction": true, "reconstruction_genes": ["none"]}), "`none`"),
        (json!({"library_key": "section"}), "`library_key`"),
        (json!({"use_rep": "absent"}), "obsm[\"absent\"] is missing"),
        (json!({"neighbors_key": "absent"}), "is missing"),
        (json!({"use_highly_variable": true}), "run pp.highly_variable_genes first"),
    ];
    for (params, expected) in cases {
        let text = refused(&adata, params.clone());
        assert!(text.contains(expected), "{params}: {text}");
    }
}

#[test]
fn a_radius_that_leaves_most_alone_says_how_many_and_suggests_another() {
    let adata = tissue(100, 20, Placement::Grid);
    let text = refused(&adata, json!({"rad_cutoff": 0.5}));
    assert!(text.contains("100 of 100 observations have no neighbour: about 1.4"), "{text}");
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn warn(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

#[test]
fn observations_alone_and_parts_apart_are_told() {
    let mut adata = tissue(100, 20, Placement::Grid);
    let shifted: Vec<f64> = adata
        .coords("spatial")
        .unwrap()
        .data()
        .chunks(2)
        .enumerate()
        .flat_map(|(i, p)| {
            let by = match i {
                0 => -50.0,
                1..50 => 0.0,
                _ => 40.0,
            };
            [p[0], p[1] + by]
        })
        .collect();
    adata.set_obsm("spatial", &Coords::new(2, shifted).unwrap()).unwrap();
    let heard = Heard::default();
    stagate(&mut adata, json!({"rad_cutoff": 1.1}), &Ctx::new(0).with_progress(&heard)).unwrap();
    let heard = heard.0.into_inner().unwrap().join("\n");
    assert!(heard.contains("1 of 100 observations have no neighbour") && heard.contains("2 parts"), "{heard}");
}

#[test]
fn numbers_that_are_none_or_too_large() {
    let mut adata = tissue(60, 20, Placement::Grid);
    let mut x = vec![1f32; 60 * 20];
    x[27] = f32::NAN;
    adata.set_x(Dense::new(60, 20, x.clone()).unwrap()).unwrap();
    let text = refused(&adata, json!({}));
    assert!(text.contains("NaN") && text.contains("observation `obs_1`"), "{text}");
    x[27] = 1e30;
    adata.set_x(Dense::new(60, 20, x).unwrap()).unwrap();
    let text = refused(&adata, json!({}));
    assert!(text.contains("in epoch 1 of 4; lower lr"), "{text}");
}

#[test]
fn nothing_to_learn_from() {
    let mut adata = tissue(60, 20, Placement::Grid);
    adata.set_var("highly_variable", Column::Bool(vec![false; 20])).unwrap();
    assert!(refused(&adata, json!({})).contains("no gene is marked"));
    // Points on a diagonal leave tiles empty.
    let diagonal = Coords::new(2, (0..120).map(|k| f64::from(k / 2)).collect()).unwrap();
    adata.set_obsm("spatial", &diagonal).unwrap();
    let text =
        refused(&adata, json!({"use_highly_variable": false, "k_cutoff": 2, "num_batch_x": 2, "num_batch_y": 2}));
    assert!(text.contains("tile 2 of 2 × 2"), "{text}");
    let mut scattered = tissue(60, 20, Placement::Random);
    let text = refused(&scattered, json!({}));
    assert!(text.contains("on no lattice") && text.contains("rad_cutoff"), "{text}");
    scattered.set_x(Csr::from_rows(20, &vec![Vec::new(); 60])).unwrap();
    // All zero is dull, not wrong.
    stagate(&mut scattered, json!({"k_cutoff": 2}), &Ctx::new(0)).unwrap();
}
