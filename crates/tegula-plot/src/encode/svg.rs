//! Vectors as SVG. Letters are outlines, each kept once and used by reference, so that no font is needed.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tegula_core::Result;

use super::{MAX_VECTOR_POINTS, png};
use crate::font::{self, Segment};
use crate::{Dots, Item, Rgb, Scene, Text};

/// The scene as an SVG document.
pub(crate) fn encode(scene: &Scene, dpi: f64) -> Result<String> {
    let (w, h) = (num(scene.width), num(scene.height));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" \
         xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{w}pt\" height=\"{h}pt\" viewBox=\"0 0 {w} {h}\">\n"
    );
    define_letters(&mut out, scene);
    let _ = writeln!(out, "<rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>");
    for item in &scene.items {
        match item {
            Item::Dots(dots) if dots.dots.len() > MAX_VECTOR_POINTS => image(&mut out, dots, dpi)?,
            Item::Dots(dots) => marks(&mut out, dots),
            Item::Rect(r) => {
                let _ = write!(
                    out,
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
                    num(r.x),
                    num(r.y),
                    num(r.w),
                    num(r.h)
                );
                match r.fill {
                    None => out.push_str(" fill=\"none\""),
                    Some((c, 1.0)) => drop(write!(out, " fill=\"{c}\"")),
                    Some((c, a)) => drop(write!(out, " fill=\"{c}\" fill-opacity=\"{}\"", num(a))),
                }
                if let Some((c, width)) = r.stroke {
                    let _ = write!(out, " stroke=\"{c}\" stroke-width=\"{}\"", num(width));
                }
                out.push_str("/>\n");
            }
            Item::Line { from, to, width, color } => {
                let [x1, y1, x2, y2] = [from[0], from[1], to[0], to[1]].map(num);
                let width = num(*width);
                let _ = writeln!(
                    out,
                    "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{color}\" stroke-width=\"{width}\"/>"
                );
            }
            Item::Text(text) => write(&mut out, text),
        }
    }
    out.push_str("</svg>\n");
    Ok(out)
}

/// Marks in runs of one colour, in the order they are drawn.
fn marks(out: &mut String, dots: &Dots) {
    let r = num(dots.diameter / 2.0);
    // A hair of overlap closes the seams that viewers leave between squares that touch.
    let side = dots.diameter * 1.02;
    out.push_str("<g class=\"points\">\n");
    for run in dots.dots.chunk_by(|a, b| a.1 == b.1) {
        let _ = write!(out, "<g fill=\"{}\">", dots.colors[usize::from(run[0].1)]);
        for ([x, y], _) in run {
            let (x, y) = (f64::from(*x), f64::from(*y));
            if dots.round {
                let _ = write!(out, "<circle cx=\"{}\" cy=\"{}\" r=\"{r}\"/>", num(x), num(y));
            } else {
                let [x, y, side] = [x - side / 2.0, y - side / 2.0, side].map(num);
                let _ = write!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\"/>");
            }
        }
        out.push_str("</g>\n");
    }
    out.push_str("</g>\n");
}

fn image(out: &mut String, dots: &Dots, dpi: f64) -> Result<()> {
    let png = png::compress(&png::dots_image(dots, dpi)?, dpi, ::png::Compression::Balanced)?;
    let [x, y, w, h] = dots.area.map(num);
    let _ = write!(
        out,
        "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" \
         xlink:href=\"data:image/png;base64,"
    );
    base64(out, &png);
    out.push_str("\"/>\n");
    Ok(())
}

fn base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.reserve(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |b, k| b << 8 | u32::from(three.get(k).copied().unwrap_or(0)));
        for k in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * k) & 63) as usize] as char;
            out.push(if k <= three.len() { digit } else { '=' });
        }
    }
}

/// Every letter of the page once, in units of the font.
fn define_letters(out: &mut String, scene: &Scene) {
    let texts = scene.items.iter().filter_map(|i| if let Item::Text(t) = i { Some(t) } else { None });
    let used: BTreeSet<u16> = texts.flat_map(|t| font::glyphs(&t.text).0).map(|g| g.0.0).collect();
    out.push_str("<defs>\n");
    for id in used {
        let _ = write!(out, "<path id=\"g{id}\" d=\"");
        for segment in font::outline(ttf_parser::GlyphId(id)) {
            let _ = match segment {
                Segment::Move(a) => write!(out, "M{} {}", a[0], a[1]),
                Segment::Line(a) => write!(out, "L{} {}", a[0], a[1]),
                Segment::Quad(a, b) => write!(out, "Q{} {} {} {}", a[0], a[1], b[0], b[1]),
                Segment::Cubic(a, b, c) => write!(out, "C{} {} {} {} {} {}", a[0], a[1], b[0], b[1], c[0], c[1]),
                Segment::Close => write!(out, "Z"),
            };
        }
        out.push_str("\"/>\n");
    }
    out.push_str("</defs>\n");
}

fn write(out: &mut String, text: &Text) {
    let scale = text.size / font::em();
    let turn = if text.upright { " rotate(-90)" } else { "" };
    let _ = write!(
        out,
        "<g aria-label=\"{}\" fill=\"{}\" transform=\"translate({} {}){turn} scale({scale:.6} {:.6})\"",
        escape(&text.text),
        text.color,
        num(text.x),
        num(text.y),
        -scale
    );
    out.push('>');
    let letters = font::glyphs(&text.text).0;
    let mut row = |halo: bool| {
        if halo {
            let width = num(0.3 * font::em());
            let white = Rgb::WHITE;
            let _ = write!(out, "<g stroke=\"{white}\" stroke-width=\"{width}\" stroke-linejoin=\"round\">");
        }
        for (glyph, x) in &letters {
            let _ = write!(out, "<use xlink:href=\"#g{}\" x=\"{}\"/>", glyph.0, num(x * font::em()));
        }
        if halo {
            out.push_str("</g>");
        }
    };
    if text.halo {
        row(true);
    }
    row(false);
    out.push_str("</g>\n");
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Two decimals, trailing zeros dropped: a hundredth of a point is finer than any printer.
fn num(v: f64) -> String {
    let text = format!("{v:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standard_one() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            let mut out = String::new();
            base64(&mut out, bytes.as_bytes());
            assert_eq!(out, text);
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 0.5, -0.001, 12.346, 100.0].map(num), ["1", "0.5", "0", "12.35", "100"].map(str::to_owned));
    }
}
