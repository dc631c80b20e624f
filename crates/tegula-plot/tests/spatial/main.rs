//! The spatial plot as its users see it: options in, files out.
#![allow(clippy::unwrap_used)]

mod files;
mod options;

use serde_json::{Value as Json, json};
use tegula_core::{AnnData, Column, Coords, Ctx, Dense, Error, Frame, Labels, Result};
use tegula_plot::{Body, Figure, Panel, Points, plot};

/// A square lattice with `k` clusters in stripes, a column of numbers and two genes.
fn lattice(nx: usize, ny: usize, k: u32) -> AnnData {
    let n = nx * ny;
    let genes = Frame::new(vec!["Plp1".into(), "Mbp".into()]);
    let x = Dense::new(n, 2, (0..2 * n).map(|i| (i % 7) as f32).collect::<Vec<_>>()).unwrap();
    let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(n), genes).unwrap();
    let xy = (0..n).flat_map(|i| [(i % nx) as f64 * 10.0, (i / nx) as f64 * 10.0]).collect();
    adata.set_obsm("spatial", &Coords::new(2, xy).unwrap()).unwrap();
    let clusters: Vec<u32> = (0..n).map(|i| (i / nx) as u32 % k).collect();
    adata.set_obs("scc", Labels::from_clusters(&clusters)).unwrap();
    adata.set_obs("depth", Column::Float((0..n).map(|i| i as f64 / n as f64).collect())).unwrap();
    adata
}

fn draw(adata: &AnnData, params: Json) -> Result<Figure> {
    plot("pl.spatial").unwrap().draw(params, adata, &Ctx::default())
}

/// The marks of a panel.
fn points(panel: &Panel) -> &Points {
    let Body::Points(points) = &panel.body else { panic!("no points: {:?}", panel.body) };
    points
}

fn error(adata: &AnnData, params: Json) -> String {
    draw(adata, params).unwrap_err().to_string()
}

#[test]
fn colours_chosen_by_a_figure_can_be_stored_and_are_used_again() {
    let mut adata = lattice(4, 4, 3);
    draw(&adata, json!({"color": ["scc"], "palette": "tab20"})).unwrap().store_colors(&mut adata);
    let kept = adata.uns()["scc_colors"].as_strings().unwrap();
    assert_eq!(kept, ["#1f77b4", "#aec7e8", "#ff7f0e"]);
    let again = draw(&adata, json!({"color": ["scc"]})).unwrap();
    assert_eq!(again.colors["scc"][1].to_string(), "#aec7e8");
}

#[test]
fn what_cannot_be_drawn_says_why_and_what_to_do() {
    let adata = lattice(4, 4, 3);
    assert_eq!(
        error(&adata, json!({"color": ["plp1"]})),
        "obs[\"plp1\"] is missing; it is neither a column nor a gene; name another in color; perhaps `Plp1`; genes \
         are named as `Plp1` (present: scc, depth)"
    );
    assert!(error(&adata, json!({"palette": "nope"})).contains("vega_20_scanpy"));
    assert!(error(&adata, json!({"cmap": "jet"})).contains("viridis"));
    assert!(error(&adata, json!({"color": ["Plp1"], "layer": "counts"})).starts_with("layers[\"counts\"] is missing"));
    assert!(error(&adata, json!({"spatial_key": "X_umap"})).contains("present: spatial"));
    assert!(error(&adata, json!({"color": ["scc"], "groups": ["9"]})).contains("a category of `scc`: 0, 1, 2"));
    assert!(error(&adata, json!({"title": ["a", "b"]})).contains("one title for each of the 1 panels"));
    assert!(error(&adata, json!({"vmin": 2.0, "vmax": 1.0})).contains("less than `vmax`, 1"));
    let mut names = lattice(40, 30, 1);
    names.set_obs("barcode", Column::Str((0..1200).map(|i| i.to_string()).collect())).unwrap();
    assert!(error(&names, json!({"color": ["barcode"]})).contains("has 1200 categories, more than 1000"));
    let empty = AnnData::new(None, Frame::default(), Frame::default()).unwrap();
    assert!(matches!(draw(&empty, json!({})), Err(Error::Missing { .. })));
    let mut nothing = lattice(2, 2, 1);
    nothing.keep_obs(&[]);
    assert!(error(&nothing, json!({})).contains("nothing to draw"));
}

#[test]
fn positions_that_are_not_finite_are_named() {
    let mut adata = lattice(2, 2, 1);
    let xy = tegula_core::ArrayData::F64(vec![0.0, 1.0, f64::NAN, 0.0, 0.0, 0.0, 1.0, 1.0].into());
    adata.set_obsm("spatial", tegula_core::Array::new(vec![4, 2], xy).unwrap()).unwrap();
    assert!(error(&adata, json!({})).contains("observation 1"), "{}", error(&adata, json!({})));
}

#[test]
fn an_image_that_is_too_large_is_refused() {
    let adata = lattice(4, 4, 2);
    let figure = draw(&adata, json!({"width": 40.0, "dpi": 2400.0})).unwrap();
    assert!(matches!(figure.to_png(), Err(Error::Param { .. })));
    assert!(figure.to_svg().is_ok());
}
