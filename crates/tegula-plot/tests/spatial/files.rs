//! The files themselves.

use super::{draw, lattice};
use serde_json::{Value as Json, json};
use tegula_plot::{Figure, Format};

fn decode(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    (info.width, info.height, pixels)
}

fn figure(options: Json) -> Figure {
    draw(&lattice(20, 12, 5), options).unwrap()
}

#[test]
fn png_has_the_size_asked_for_and_a_white_ground() {
    let figure = figure(json!({"color": ["scc"], "marker": "square", "width": 3.0, "dpi": 96}));
    let scene = figure.scene();
    let (w, h, pixels) = decode(&figure.to_png().unwrap());
    assert_eq!([w, h].map(f64::from), [scene.width, scene.height].map(|v| (v * 96.0 / 72.0).round()));
    assert_eq!(pixels[..3], [255; 3]);
    // Three rows of twenty spots each and the mark in the legend; a spot is 14 or 15 pixels wide.
    let blue = pixels.chunks(3).filter(|p| *p == [0x1f, 0x77, 0xb4]).count();
    assert!((60 * 14 * 14..61 * 15 * 15).contains(&blue), "{blue}");
}

#[test]
fn svg_is_well_formed_whatever_the_names() {
    let mut adata = lattice(4, 4, 3);
    let odd = ["<a & \"b\">", "\u{1}tab\t", "Ω µm² 中文"];
    let names: Vec<String> = (0..16).map(|i| odd[i % 3].to_owned()).collect();
    adata.set_obs("odd", tegula_core::Column::Str(names)).unwrap();
    for legend in ["right_margin", "on_data"] {
        let svg = draw(&adata, json!({"color": ["odd", "Mbp"], "legend_loc": legend, "frame": true})).unwrap();
        let svg = svg.to_svg().unwrap();
        let doc = roxmltree::Document::parse_with_options(&svg, roxmltree::ParsingOptions::default()).unwrap();
        let circles = doc.descendants().filter(|n| n.has_tag_name("circle")).count();
        assert!(circles >= 32, "{circles}");
        assert!(doc.descendants().any(|n| n.attribute("aria-label") == Some("<a & \"b\">")));
    }
}

#[test]
fn pdf_has_one_page_with_an_embedded_font() {
    let pdf = figure(json!({"color": ["scc", "depth"], "legend_loc": "upper_left"})).to_pdf().unwrap();
    assert!(pdf.starts_with(b"%PDF-") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
    let text = String::from_utf8_lossy(&pdf);
    assert_eq!(text.matches("/Type /Page\n").count(), 1);
    assert!(text.contains("/Count 1") && text.contains("/FontFile2"));
    assert!(!text.contains("CreationDate"), "time stamps would change the bytes");
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let all = || {
        let figure = figure(json!({"color": ["scc", "depth", "Plp1"], "scale_bar": 50, "scale_unit": "µm"}));
        [Format::Png, Format::Svg, Format::Pdf].map(|f| figure.encode(f).unwrap())
    };
    let once = all();
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(all) == once, "{threads} threads");
    }
}

#[test]
fn many_points_become_an_image_inside_vectors() {
    let figure = draw(&lattice(300, 200, 4), json!({"color": ["scc"], "dpi": 72})).unwrap();
    let (svg, pdf) = (figure.to_svg().unwrap(), figure.to_pdf().unwrap());
    assert!(svg.contains("<image ") && svg.len() < 200_000, "{}", svg.len());
    assert!(String::from_utf8_lossy(&pdf).contains("/Subtype /Image"));
    let start = svg.find("base64,").unwrap() + 7;
    assert!(svg[start..].starts_with("iVBORw0KGgo"), "a PNG");
}

#[test]
fn a_tiny_svg_stays_as_it_is() {
    let options = json!({"color": ["scc"], "title": [""], "legend_loc": "none", "width": 0.5, "marker": "square"});
    insta::assert_snapshot!(draw(&lattice(3, 2, 2), options).unwrap().to_svg().unwrap());
}

#[test]
fn a_single_observation_is_a_figure_too() {
    for format in [Format::Png, Format::Svg, Format::Pdf] {
        let figure = draw(&lattice(1, 1, 1), json!({"color": ["scc", "depth"], "frame": true})).unwrap();
        assert!(!figure.encode(format).unwrap().is_empty());
    }
}

#[test]
fn formats_are_told_from_file_names() {
    for (name, format) in [("a.png", Format::Png), ("b.SVG", Format::Svg), ("c/d.e.pdf", Format::Pdf)] {
        assert_eq!(Format::of_path(name.as_ref()).unwrap(), format);
    }
    let text = Format::of_path("fig.jpg".as_ref()).unwrap_err().to_string();
    assert_eq!(text, "figure format: `jpg` is not a format of figures; end the file's name in .png, .svg or .pdf");
}

#[test]
fn the_order_of_the_observations_does_not_show() {
    let adata = lattice(20, 12, 5);
    let mut turned = lattice(20, 12, 5);
    let back: Vec<usize> = (0..adata.n_obs()).rev().collect();
    turned.set_obsm("spatial", adata.obsm()["spatial"].select_rows(&back)).unwrap();
    for key in ["scc", "depth"] {
        turned.set_obs(key, adata.obs().get(key).unwrap().select(&back)).unwrap();
    }
    let png = |a: &_| draw(a, json!({"color": ["scc", "depth"], "marker": "square"})).unwrap().to_png().unwrap();
    assert!(png(&adata) == png(&turned));
}
