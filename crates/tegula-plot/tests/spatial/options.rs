//! What the options do to the figure, before it is placed on a page.

use super::{draw, lattice, points};
use serde_json::json;
use tegula_core::{Column, Dict, Labels, Value};
use tegula_plot::{Item, Key, Place, Rgb, Text};

#[test]
fn missing_categories_are_grey_below_and_listed_last() {
    let mut adata = lattice(2, 2, 1);
    let labels = Labels::new(vec![1, -1, 0, 1], vec!["a".into(), "b".into()], false).unwrap();
    adata.set_obs("k", labels).unwrap();
    let figure = draw(&adata, json!({"color": ["k"]})).unwrap();
    let panel = &figure.panels[0];
    assert_eq!(points(panel).draw, [(1, 2), (0, 1), (2, 0), (3, 1)]);
    let Key::Legend { entries, place: Place::Right } = &panel.key else { panic!("{:?}", panel.key) };
    let names: Vec<&str> = entries.iter().map(|e| e.0.as_str()).collect();
    assert_eq!(names, ["a", "b", "NA"]);
    assert_eq!(entries[2].1, Rgb([211; 3]));
}

#[test]
fn groups_keep_their_colours_and_the_rest_turns_grey() {
    let adata = lattice(3, 3, 3);
    let figure = draw(&adata, json!({"color": ["scc"], "groups": ["2"], "na_color": "#eeeeee"})).unwrap();
    let points = points(&figure.panels[0]);
    assert_eq!(points.draw.iter().filter(|d| d.1 == 2).count(), 3);
    assert_eq!(points.colors[3], Rgb([0xee; 3]));
    assert!(points.draw[..6].iter().all(|d| d.1 == 3));
}

#[test]
fn numbers_are_drawn_from_low_to_high_within_their_range() {
    let mut adata = lattice(2, 2, 1);
    adata.set_obs("v", Column::Float(vec![4.0, f64::NAN, 0.0, 2.0])).unwrap();
    let figure = draw(&adata, json!({"color": ["v"], "cmap": "magma"})).unwrap();
    assert_eq!(points(&figure.panels[0]).draw, [(1, 256), (2, 0), (3, 128), (0, 255)]);
    let bar = |params| match draw(&adata, params).unwrap().panels.remove(0).key {
        Key::Bar { lo, hi, .. } => [lo, hi],
        other => panic!("{other:?}"),
    };
    assert_eq!(bar(json!({"color": ["v"]})), [0.0, 4.0]);
    assert_eq!(bar(json!({"color": ["v"], "vmax": 3.0})), [0.0, 3.0]);
    assert_eq!(bar(json!({"color": ["v"], "vcenter": 1.0})), [-2.0, 4.0]);
    assert_eq!(bar(json!({"color": ["v"], "clip_percent": 40.0})), [2.0, 2.0]);
}

#[test]
fn y_grows_downwards_where_the_data_hold_an_image() {
    let mut adata = lattice(2, 2, 1);
    let down = |a: &_| points(&draw(a, json!({})).unwrap().panels[0]).y_down;
    assert!(!down(&adata));
    let images = Dict::from([("hires".to_owned(), Value::Float(0.0))]);
    let library = Dict::from([("images".to_owned(), Value::Dict(images))]);
    adata.set_uns("spatial", Dict::from([("slice".to_owned(), Value::Dict(library))]));
    assert!(down(&adata));
    assert!(!points(&draw(&adata, json!({"invert_y": false})).unwrap().panels[0]).y_down);
}

#[test]
fn spots_of_a_lattice_touch_and_axes_are_equal() {
    let adata = lattice(8, 4, 2);
    let scene = draw(&adata, json!({"marker": "square"})).unwrap().scene();
    let Item::Dots(dots) = &scene.items[0] else { panic!() };
    let [a, b, c] = [0, 1, 8].map(|i| dots.dots[i].0);
    assert!((f64::from(b[0] - a[0]) - dots.diameter).abs() < 1e-3);
    assert!((f64::from(a[1] - c[1]) - dots.diameter).abs() < 1e-3, "y grows upwards");
    let [_, _, w, h] = dots.area;
    assert!((w - 4.0 * 72.0).abs() < 1e-6 && (w / h - 2.0).abs() < 1e-6, "{w} {h}");
}

#[test]
fn everything_stays_on_the_page() {
    for (nx, ny) in [(1, 1), (3, 1), (1, 3), (200, 2), (2, 200), (30, 30)] {
        let mut adata = lattice(nx, ny, 60);
        let n = adata.n_obs();
        let long = |i: usize| format!("excitatory neurons of the upper layers, number {}, of the mouse", i % 120);
        adata.set_obs("long", Column::Str((0..n).map(long).collect())).unwrap();
        for legend in ["right_margin", "on_data", "none", "upper_left"] {
            let options = json!({"color": ["scc", "depth", "long", "Plp1"], "legend_loc": legend, "ncols": 2,
                "frame": true, "scale_bar": 1, "title": ["a long title above a narrow tissue", "b", "c", ""]});
            let scene = draw(&adata, options).unwrap().scene();
            for item in &scene.items {
                let Item::Text(Text { x, y, size, text, .. }) = item else { continue };
                assert!(
                    *x >= 0.0 && *x < scene.width && *y <= scene.height && y - size >= -1.0,
                    "{nx}x{ny} {legend} {text} {x} {y}"
                );
            }
        }
    }
}
