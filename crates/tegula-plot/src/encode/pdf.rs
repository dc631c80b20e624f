//! Vectors as PDF: one page, the font embedded, texts that can be searched and edited.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{
    CidFontType, FontFlags, LineCapStyle, LineJoinStyle, SystemInfo, TextRenderingMode, UnicodeCmap,
};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect as Box, Ref, Str};
use tegula_core::Result;

use super::{MAX_VECTOR_POINTS, png};
use crate::font;
use crate::{Dots, Item, Rgb, Scene, Text};

const FONT: Name = Name(b"F1");
const FONT_NAME: Name = Name(b"TEGULA+Arimo");
const SYSTEM: SystemInfo = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The numbers of the objects in the file.
struct Refs(i32);

impl Refs {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// The scene as a PDF of one page.
pub(crate) fn encode(scene: &Scene, dpi: f64) -> Result<Vec<u8>> {
    let mut refs = Refs(0);
    let (catalog, pages, page, contents, font) = (refs.next(), refs.next(), refs.next(), refs.next(), refs.next());
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);

    let mut images: Vec<(String, Ref)> = Vec::new();
    let mut opacities: Vec<f64> = Vec::new();
    let mut content = Content::new();
    content.transform([1.0, 0.0, 0.0, -1.0, 0.0, scene.height as f32]);
    for item in &scene.items {
        match item {
            Item::Dots(dots) if dots.dots.len() > MAX_VECTOR_POINTS => {
                let (name, id) = (format!("I{}", images.len()), refs.next());
                image(&mut pdf, id, dots, dpi)?;
                let [x, y, w, h] = dots.area.map(|v| v as f32);
                content.save_state().transform([w, 0.0, 0.0, -h, x, y + h]);
                content.x_object(Name(name.as_bytes())).restore_state();
                images.push((name, id));
            }
            Item::Dots(dots) => marks(&mut content, dots),
            Item::Rect(r) => rect(&mut content, r, &mut opacities),
            Item::Line { from, to, width, color } => {
                pen(&mut content, *color);
                content.set_line_width(*width as f32).set_line_cap(LineCapStyle::ButtCap);
                content.move_to(from[0] as f32, from[1] as f32).line_to(to[0] as f32, to[1] as f32).stroke();
            }
            Item::Text(text) => write(&mut content, text),
        }
    }

    let mut dict = pdf.page(page);
    dict.parent(pages).contents(contents);
    dict.media_box(Box::new(0.0, 0.0, scene.width as f32, scene.height as f32));
    let mut resources = dict.resources();
    resources.fonts().pair(FONT, font);
    let mut objects = resources.x_objects();
    for (name, id) in &images {
        objects.pair(Name(name.as_bytes()), id);
    }
    objects.finish();
    let mut states = resources.ext_g_states();
    for (k, opacity) in opacities.iter().enumerate() {
        states
            .insert(Name(format!("A{k}").as_bytes()))
            .start::<pdf_writer::writers::ExtGraphicsState>()
            .non_stroking_alpha(*opacity as f32);
    }
    states.finish();
    resources.finish();
    dict.finish();
    let packed = deflate(&content.finish());
    pdf.stream(contents, &packed).filter(Filter::FlateDecode);
    embed_font(&mut pdf, font, &mut refs, scene);
    Ok(pdf.finish())
}

fn brush(content: &mut Content, color: Rgb) {
    let [r, g, b] = color.0.map(|c| f32::from(c) / 255.0);
    content.set_fill_rgb(r, g, b);
}

fn pen(content: &mut Content, color: Rgb) {
    let [r, g, b] = color.0.map(|c| f32::from(c) / 255.0);
    content.set_stroke_rgb(r, g, b);
}

fn rect(content: &mut Content, r: &crate::Rect, opacities: &mut Vec<f64>) {
    let [x, y, w, h] = [r.x, r.y, r.w, r.h].map(|v| v as f32);
    if let Some((color, opacity)) = r.fill {
        content.save_state();
        if opacity < 1.0 {
            let k = opacities.iter().position(|o| *o == opacity).unwrap_or_else(|| {
                opacities.push(opacity);
                opacities.len() - 1
            });
            content.set_parameters(Name(format!("A{k}").as_bytes()));
        }
        brush(content, color);
        content.rect(x, y, w, h).fill_nonzero().restore_state();
    }
    if let Some((color, width)) = r.stroke {
        pen(content, color);
        content.set_line_width(width as f32).rect(x, y, w, h).stroke();
    }
}

/// Discs are points of a round pen: the shortest way to say it, and exact at any size.
fn marks(content: &mut Content, dots: &Dots) {
    let side = dots.diameter as f32 * 1.02;
    content.set_line_width(dots.diameter as f32).set_line_cap(LineCapStyle::RoundCap);
    for run in dots.dots.chunk_by(|a, b| a.1 == b.1) {
        let color = dots.colors[usize::from(run[0].1)];
        if dots.round {
            pen(content, color);
        } else {
            brush(content, color);
        }
        for &([x, y], _) in run {
            let (x, y) = (hundredth(x), hundredth(y));
            if dots.round {
                content.move_to(x, y).line_to(x, y);
            } else {
                content.rect(hundredth(x - side / 2.0), hundredth(y - side / 2.0), side, side);
            }
        }
        if dots.round {
            content.stroke();
        } else {
            content.fill_nonzero();
        }
    }
}

/// A hundredth of a point is finer than any printer, and short to write.
fn hundredth(v: f32) -> f32 {
    (v * 100.0).round() / 100.0
}

fn write(content: &mut Content, text: &Text) {
    let (x, y) = (text.x as f32, text.y as f32);
    let place = if text.upright { [0.0, -1.0, -1.0, 0.0, x, y] } else { [1.0, 0.0, 0.0, -1.0, x, y] };
    let letters: Vec<u8> = font::glyphs(&text.text).0.iter().flat_map(|g| g.0.0.to_be_bytes()).collect();
    let show = |content: &mut Content, mode: TextRenderingMode| {
        content.begin_text().set_font(FONT, text.size as f32).set_text_rendering_mode(mode);
        content.set_text_matrix(place).show(Str(&letters)).end_text();
    };
    if text.halo {
        pen(content, Rgb::WHITE);
        content.set_line_width(text.size as f32 * 0.3).set_line_join(LineJoinStyle::RoundJoin);
        show(content, TextRenderingMode::Stroke);
    }
    brush(content, text.color);
    show(content, TextRenderingMode::Fill);
}

fn image(pdf: &mut Pdf, id: Ref, dots: &Dots, dpi: f64) -> Result<()> {
    let map = png::dots_image(dots, dpi)?;
    let packed = deflate(&png::rgb(&map));
    let mut image = pdf.image_xobject(id, &packed);
    image.filter(Filter::FlateDecode);
    image.width(map.width() as i32).height(map.height() as i32);
    image.color_space().device_rgb();
    image.bits_per_component(8).interpolate(true);
    Ok(())
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing into memory cannot fail; an error would leave an empty stream, which a test would see.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// The font with its widths and the way back from glyphs to characters.
fn embed_font(pdf: &mut Pdf, id: Ref, refs: &mut Refs, scene: &Scene) {
    let (cid, descriptor, file, to_unicode) = (refs.next(), refs.next(), refs.next(), refs.next());
    let face = font::face();
    let per_mille = |v: f64| (v / font::em() * 1000.0) as f32;

    let mut font = pdf.type0_font(id);
    font.base_font(FONT_NAME).encoding_predefined(Name(b"Identity-H")).descendant_font(cid).to_unicode(to_unicode);
    font.finish();

    let mut used: BTreeMap<u16, char> = BTreeMap::new();
    for item in &scene.items {
        if let Item::Text(t) = item {
            let glyphs = font::glyphs(&t.text).0;
            used.extend(glyphs.iter().map(|g| g.0.0).zip(t.text.chars()));
        }
    }
    let mut sub = pdf.cid_font(cid);
    sub.subtype(CidFontType::Type2).base_font(FONT_NAME).system_info(SYSTEM).font_descriptor(descriptor);
    sub.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = sub.widths();
    for &glyph in used.keys() {
        let width = face.glyph_hor_advance(ttf_parser::GlyphId(glyph)).unwrap_or(0);
        widths.consecutive(glyph, [per_mille(f64::from(width))]);
    }
    widths.finish();
    sub.finish();

    let b = face.global_bounding_box();
    let [x1, y1, x2, y2] = [b.x_min, b.y_min, b.x_max, b.y_max].map(|v| per_mille(f64::from(v)));
    pdf.font_descriptor(descriptor)
        .name(FONT_NAME)
        .flags(FontFlags::NON_SYMBOLIC)
        .bbox(Box::new(x1, y1, x2, y2))
        .italic_angle(0.0)
        .ascent(per_mille(f64::from(face.ascender())))
        .descent(per_mille(f64::from(face.descender())))
        .cap_height(per_mille(font::CAP * font::em()))
        .stem_v(80.0)
        .font_file2(file);

    let mut map = UnicodeCmap::new(Name(b"Custom"), SYSTEM);
    for (glyph, character) in used {
        map.pair(glyph, character);
    }
    pdf.cmap(to_unicode, &map.finish());
    let packed = deflate(font::TTF);
    pdf.stream(file, &packed).filter(Filter::FlateDecode).pair(Name(b"Length1"), font::TTF.len() as i32);
}
