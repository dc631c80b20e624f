//! Pixels: marks are stamped by hand, everything else is filled as paths.

use tegula_core::{Error, Result};
use tiny_skia::{Color, FillRule, LineJoin, Paint, PathBuilder, Pixmap, Stroke, Transform};

use crate::font::{self, Segment};
use crate::{Dots, Item, Rgb, Scene, Text};

/// The largest image: 64 million pixels take 256 MB while they are drawn.
const MAX_PIXELS: f64 = 6.4e7;

/// The scene as a PNG file.
pub(crate) fn encode(scene: &Scene, dpi: f64) -> Result<Vec<u8>> {
    let map = rasterize(scene, dpi)?;
    // A fifth larger than the default and four times faster: drawing should not outlast the analysis.
    compress(&map, dpi, png::Compression::Fast)
}

/// Marks alone, on white, with a margin of one pixel lost at most: for the vector formats.
pub(crate) fn dots_image(dots: &Dots, dpi: f64) -> Result<Pixmap> {
    let [x, y, width, height] = dots.area;
    let moved = dots.dots.iter().map(|&([px, py], c)| ([px - x as f32, py - y as f32], c)).collect();
    let item = Item::Dots(Dots { dots: moved, area: [0.0, 0.0, width, height], ..dots.clone() });
    rasterize(&Scene { width, height, items: vec![item] }, dpi)
}

/// Colours of all pixels, without opacity.
pub(crate) fn rgb(map: &Pixmap) -> Vec<u8> {
    let mut out = vec![0; map.data().len() / 4 * 3];
    for (to, from) in out.chunks_exact_mut(3).zip(map.data().chunks_exact(4)) {
        to.copy_from_slice(&from[..3]);
    }
    out
}

/// The pixels as a PNG file.
pub(crate) fn compress(map: &Pixmap, dpi: f64, packing: png::Compression) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, map.width(), map.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(packing);
    let per_metre = (dpi / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    let failed = |e: png::EncodingError| Error::data("figure", format!("could not be written as PNG: {e}; try SVG"));
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&rgb(map)).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

fn rasterize(scene: &Scene, dpi: f64) -> Result<Pixmap> {
    let scale = dpi / 72.0;
    let (w, h) = ((scene.width * scale).round().max(1.0), (scene.height * scale).round().max(1.0));
    let map = if w * h <= MAX_PIXELS { Pixmap::new(w as u32, h as u32) } else { None };
    let mut map = map.ok_or_else(|| {
        let must = format!("such that the image has at most {MAX_PIXELS:e} pixels, not {w} × {h}; or write SVG or PDF");
        Error::param("pl", "dpi", dpi, must)
    })?;
    map.fill(Color::WHITE);
    let to_pixels = Transform::from_scale(scale as f32, scale as f32);
    for item in &scene.items {
        match item {
            Item::Dots(dots) => stamp(&mut map, dots, scale),
            Item::Rect(r) => {
                let Some(rect) = tiny_skia::Rect::from_xywh(r.x as f32, r.y as f32, r.w as f32, r.h as f32) else {
                    continue;
                };
                if let Some((color, alpha)) = r.fill {
                    map.fill_rect(rect, &paint(color, alpha), to_pixels, None);
                }
                if let Some((color, width)) = r.stroke {
                    stroke(&mut map, &PathBuilder::from_rect(rect), color, width, to_pixels);
                }
            }
            Item::Line { from, to, width, color } => {
                let mut path = PathBuilder::new();
                path.move_to(from[0] as f32, from[1] as f32);
                path.line_to(to[0] as f32, to[1] as f32);
                if let Some(path) = path.finish() {
                    stroke(&mut map, &path, *color, *width, to_pixels);
                }
            }
            Item::Text(text) => write(&mut map, text, to_pixels),
        }
    }
    Ok(map)
}

fn paint(color: Rgb, alpha: f64) -> Paint<'static> {
    let [r, g, b] = color.0;
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(r, g, b, (alpha * 255.0).round() as u8);
    paint
}

fn stroke(map: &mut Pixmap, path: &tiny_skia::Path, color: Rgb, width: f64, transform: Transform) {
    let stroke = Stroke { width: width as f32, line_join: LineJoin::Round, ..Stroke::default() };
    map.stroke_path(path, &paint(color, 1.0), &stroke, transform, None);
}

fn write(map: &mut Pixmap, text: &Text, to_pixels: Transform) {
    let size = text.size;
    let scale = (size / font::em()) as f32;
    let mut at = Transform::from_translate(text.x as f32, text.y as f32);
    if text.upright {
        at = at.pre_rotate(-90.0);
    }
    let mut path = PathBuilder::new();
    for (glyph, x) in font::glyphs(&text.text).0 {
        let dx = x * font::em();
        let p = |q: [f64; 2]| ((q[0] + dx) as f32, q[1] as f32);
        for segment in font::outline(glyph) {
            match segment {
                Segment::Move(a) => path.move_to(p(a).0, p(a).1),
                Segment::Line(a) => path.line_to(p(a).0, p(a).1),
                Segment::Quad(a, b) => path.quad_to(p(a).0, p(a).1, p(b).0, p(b).1),
                Segment::Cubic(a, b, c) => path.cubic_to(p(a).0, p(a).1, p(b).0, p(b).1, p(c).0, p(c).1),
                Segment::Close => path.close(),
            }
        }
    }
    let path = path.finish().and_then(|p| p.transform(at.pre_scale(scale, -scale)));
    let Some(path) = path else { return };
    if text.halo {
        stroke(map, &path, Rgb::WHITE, size * 0.3, to_pixels);
    }
    map.fill_path(&path, &paint(text.color, 1.0), FillRule::Winding, to_pixels, None);
}

/// Stamps the marks: discs with soft edges; squares on whole pixels, so that neighbours leave no seam.
fn stamp(map: &mut Pixmap, dots: &Dots, scale: f64) {
    let (w, h) = (map.width() as i32, map.height() as i32);
    let scale = scale as f32;
    let radius = dots.diameter as f32 * scale / 2.0;
    let data = map.data_mut();
    for &([x, y], color) in &dots.dots {
        let rgb = dots.colors[usize::from(color)].0;
        let (x, y) = (x * scale, y * scale);
        if dots.round {
            let reach = radius + 0.5;
            // Marks smaller than a pixel are paler instead of smaller.
            let full = (std::f32::consts::PI * radius * radius).min(1.0);
            let inside = if radius > 0.5 { (radius - 0.5).powi(2) } else { -1.0 };
            for py in ((y - reach).floor() as i32).max(0)..((y + reach).ceil() as i32).min(h) {
                for px in ((x - reach).floor() as i32).max(0)..((x + reach).ceil() as i32).min(w) {
                    let (dx, dy) = (px as f32 + 0.5 - x, py as f32 + 0.5 - y);
                    let (square, pixel) = (dx * dx + dy * dy, &mut data[((py * w + px) * 4) as usize..][..3]);
                    if square <= inside {
                        pixel.copy_from_slice(&rgb);
                    } else if square < reach * reach {
                        blend(pixel, rgb, (reach - square.sqrt()).min(full));
                    }
                }
            }
        } else {
            const HAIR: f32 = 1e-3;
            let left = ((x - radius - HAIR).round() as i32).max(0);
            let right = ((x + radius + HAIR).round() as i32).max(left + 1).min(w);
            let top = ((y - radius - HAIR).round() as i32).max(0);
            let bottom = ((y + radius + HAIR).round() as i32).max(top + 1).min(h);
            for py in top..bottom {
                for px in left..right {
                    data[((py * w + px) * 4) as usize..][..3].copy_from_slice(&rgb);
                }
            }
        }
    }
}

fn blend(pixel: &mut [u8], rgb: [u8; 3], cover: f32) {
    for (p, c) in pixel.iter_mut().zip(rgb) {
        // Never below zero: half up is to the nearest.
        *p = (f32::from(*p) + (f32::from(c) - f32::from(*p)) * cover + 0.5) as u8;
    }
}
