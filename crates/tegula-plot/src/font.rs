//! The one embedded font: widths and outlines, so that text looks the same everywhere and needs no system font.

use std::sync::OnceLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// Arimo, which has the widths of Arial; licence beside it.
pub(crate) static TTF: &[u8] = include_bytes!("../assets/Arimo-Regular-subset.ttf");

/// Height of capitals, in ems: to centre a text on a height.
pub(crate) const CAP: f64 = 0.716;

/// A piece of an outline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Segment {
    Move([f64; 2]),
    Line([f64; 2]),
    Quad([f64; 2], [f64; 2]),
    Cubic([f64; 2], [f64; 2], [f64; 2]),
    Close,
}

/// The font.
pub(crate) fn face() -> &'static Face<'static> {
    static FACE: OnceLock<Face<'static>> = OnceLock::new();
    FACE.get_or_init(|| Face::parse(TTF, 0).expect("the embedded font is tested"))
}

/// Units of the font per em.
pub(crate) fn em() -> f64 {
    f64::from(face().units_per_em())
}

/// The glyph of each character and where it begins, in ems; then the width of the whole.
pub(crate) fn glyphs(text: &str) -> (Vec<(GlyphId, f64)>, f64) {
    let (face, em) = (face(), em());
    let mut x = 0.0;
    let glyphs = text
        .chars()
        .map(|c| {
            let glyph = face.glyph_index(c).unwrap_or_default();
            let at = x;
            x += f64::from(face.glyph_hor_advance(glyph).unwrap_or(0)) / em;
            (glyph, at)
        })
        .collect();
    (glyphs, x)
}

/// Width of a text of the given size.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    glyphs(text).1 * size
}

/// The text cut to a width, in the middle, where names of one family differ least.
pub(crate) fn fit(text: &str, size: f64, max: f64) -> String {
    if width(text, size) <= max {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let cut = |keep: usize| -> String {
        let tail = keep / 3;
        chars[..keep - tail].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect()
    };
    (1..chars.len()).rev().map(cut).find(|t| width(t, size) <= max).unwrap_or_else(|| "…".into())
}

/// The outline of a glyph in units of the font, y upwards.
pub(crate) fn outline(glyph: GlyphId) -> Vec<Segment> {
    let mut path = Path(Vec::new());
    face().outline_glyph(glyph, &mut path);
    path.0
}

struct Path(Vec<Segment>);

fn point(x: f32, y: f32) -> [f64; 2] {
    [f64::from(x), f64::from(y)]
}

impl OutlineBuilder for Path {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.push(Segment::Move(point(x, y)));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.push(Segment::Line(point(x, y)));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.push(Segment::Quad(point(x1, y1), point(x, y)));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.push(Segment::Cubic(point(x1, y1), point(x2, y2), point(x, y)));
    }

    fn close(&mut self) {
        self.0.push(Segment::Close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_font_has_what_figures_need() {
        for c in "AZaz09 ()[]{}/_-.,:;'\"+%°µαβγΔλ\u{2212}–—…²³±×≤≥→∞éÅßø".chars() {
            assert!(face().glyph_index(c).is_some(), "{c}");
        }
        assert!(TTF.len() < 200_000);
        assert!((f64::from(face().capital_height().unwrap()) / em() - CAP).abs() < 0.03);
    }

    #[test]
    fn widths_are_those_of_arial() {
        assert!((width("0", 1000.0) - 556.0).abs() < 1.0);
        assert!((width("Wi", 1000.0) - 944.0 - 222.0).abs() < 1.5);
        assert_eq!(width("", 10.0), 0.0);
    }

    #[test]
    fn long_names_are_cut_in_the_middle() {
        assert_eq!(fit("short", 8.0, 100.0), "short");
        let cut = fit("Excitatory neurons of layer 2/3 intratelencephalic CCN20230722", 8.0, 120.0);
        assert!(cut.starts_with("Excitatory") && cut.ends_with("0722") && cut.contains('…'), "{cut}");
        assert!(width(&cut, 8.0) <= 120.0);
        assert_eq!(fit("abc", 8.0, 0.0), "…");
    }
}
