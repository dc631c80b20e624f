//! One panel: how much room it needs, and how it is drawn.

use super::bar::Bar;
use super::bars::Histogram;
use super::legend::Legend;
use super::sheet::Sheet;
use super::{GAP, HAIRLINE, LABEL, TITLE, text_centred};
use crate::spacing::bounds;
use crate::{Body, Dots, Item, Key, Panel, Place, Points, Rect, Rgb, Text, font};

/// Marks are never smaller than this, nor larger than this part of the tissue.
const SMALLEST: f64 = 0.4;
const LARGEST: f64 = 1.0 / 8.0;
/// Opacity of the ground of a legend that lies on the tissue.
const GROUND: f64 = 0.85;

/// Room between a legend inside and the end of its ground.
const PAD: f64 = 4.0;

/// What is drawn beside the tissue.
enum Beside<'a> {
    Nothing,
    Legend(Legend),
    Bar(Bar<'a>),
}

/// A panel with the room it needs, in points.
pub(super) struct Cell<'a> {
    panel: &'a Panel,
    inside: Inside<'a>,
    beside: Beside<'a>,
    /// The corner a legend stands in, inside: whether at the top, whether on the left.
    corner: Option<(bool, bool)>,
    title: Option<String>,
    /// How far above the tissue the title begins.
    lift: f64,
    /// Room for the tissue.
    pub(super) area: [f64; 2],
    /// Room on its left, on its right, above and below.
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) above: f64,
    pub(super) below: f64,
}

/// What is drawn in the middle.
enum Inside<'a> {
    Points(&'a Points, View),
    Grid(Sheet<'a>),
    Bars(Histogram<'a>),
}

/// From the unit of the data to points.
struct View {
    low: [f64; 2],
    high: [f64; 2],
    scale: f64,
    y_down: bool,
    diameter: f64,
    pad: f64,
}

impl View {
    /// Fits all positions into a square of the given side.
    fn fit(points: &Points, side: f64, pad: f64) -> Self {
        let shown = || points.draw.iter().map(|d| points.xy[d.0 as usize]);
        let along = |a: usize| {
            let ends = points.lines.iter().flat_map(|l| l.ends);
            bounds(shown().chain(ends).map(|p| p[a]))
        };
        let (x, y) = (along(0), along(1));
        let (low, high) = ([x.0, y.0], [x.1, y.1]);
        let longer = (high[0] - low[0]).max(high[1] - low[1]);
        let inner = side - 2.0 * pad;
        let diameter = if longer > 0.0 { points.diameter * inner / (longer + points.diameter) } else { f64::MAX };
        let diameter = diameter.clamp(SMALLEST, (inner * LARGEST).max(SMALLEST));
        let scale = if longer > 0.0 { (inner - diameter).max(1.0) / longer } else { 1.0 };
        Self { low, high, scale, y_down: points.y_down, diameter, pad }
    }

    /// Width and height of the tissue on the page.
    fn area(&self) -> [f64; 2] {
        [0, 1].map(|a| (self.high[a] - self.low[a]) * self.scale + self.diameter + 2.0 * self.pad)
    }

    fn place(&self, p: [f64; 2], at: [f64; 2]) -> [f64; 2] {
        let inset = self.pad + self.diameter / 2.0;
        let y = if self.y_down { p[1] - self.low[1] } else { self.high[1] - p[1] };
        [at[0] + inset + (p[0] - self.low[0]) * self.scale, at[1] + inset + y * self.scale]
    }
}

impl<'a> Cell<'a> {
    /// How much room the panel needs when the longer side of its tissue is `side`.
    pub(super) fn measure(panel: &'a Panel, side: f64) -> Self {
        let framed = panel.axes.is_some();
        let (inside, area, round) = match &panel.body {
            Body::Points(points) => {
                let view = View::fit(points, side, if framed { 0.03 * side } else { 0.0 });
                let area = view.area();
                (Inside::Points(points, view), area, points.round)
            }
            Body::Grid(grid) => {
                let sheet = Sheet::measure(grid, side);
                let area = sheet.area();
                (Inside::Grid(sheet), area, false)
            }
            Body::Bars(bars) => {
                let histogram = Histogram::measure(bars, side);
                let area = histogram.area();
                (Inside::Bars(histogram), area, false)
            }
        };
        let beside = match &panel.key {
            Key::Legend { entries, .. } if !entries.is_empty() => {
                Beside::Legend(Legend::measure(entries, round, area[1]))
            }
            Key::Bar { lo, hi, colors } => Beside::Bar(Bar::measure(*lo, *hi, colors, area[1])),
            _ => Beside::Nothing,
        };
        let (wide, tall) = match &beside {
            Beside::Legend(l) => (l.width(), l.height()),
            Beside::Bar(b) => (b.width(), b.height()),
            Beside::Nothing => (0.0, 0.0),
        };
        // A legend that is larger than the tissue cannot stand inside.
        let corner = match panel.key {
            Key::Legend { place: Place::Inside { top, left }, .. }
                if wide + 2.0 * PAD < area[0] && tall + 2.0 * PAD < area[1] =>
            {
                Some((top, left))
            }
            _ => None,
        };
        let outside = wide > 0.0 && corner.is_none();
        let (left, right, above, below) = (0.0, 0.0, 0.0, 0.0);
        let mut cell = Self { panel, inside, beside, corner, title: None, lift: 0.0, area, left, right, above, below };
        if let Key::OnData(names) = &panel.key {
            let widest = names.iter().map(|n| font::width(&fit(&n.0), LABEL)).fold(0.0, f64::max);
            cell.left = ((widest - area[0]) / 2.0).max(0.0);
            cell.right = cell.left;
        }
        // A key that is taller than the tissue reaches above and below it.
        let over = if outside { ((tall - area[1]) / 2.0).max(0.0) } else { 0.0 };
        if outside {
            cell.right = GAP + wide;
        }
        if let Some(title) = &panel.title {
            let title = font::fit(title, TITLE, side.max(area[0] + cell.right));
            let aside = ((font::width(&title, TITLE) - area[0]) / 2.0).max(0.0);
            cell.left = cell.left.max(aside);
            cell.right = cell.right.max(aside);
            // A title that would run into the key goes above it.
            cell.lift = if aside > GAP / 2.0 { over } else { 0.0 };
            cell.above = cell.lift + TITLE + GAP * 0.6;
            cell.title = Some(title);
        }
        let (names, foot) = cell.labels();
        if framed {
            cell.left = cell.left.max(names + LABEL + 5.0);
            cell.below = foot + LABEL + 5.0;
        }
        if panel.scale_bar.is_some() {
            cell.below += LABEL + 12.0;
        }
        cell.above = cell.above.max(over);
        cell.below = cell.below.max(over);
        cell
    }

    /// Draws it with the left upper corner of the tissue's room at `at`.
    pub(super) fn draw(&self, at: [f64; 2], items: &mut Vec<Item>) {
        let [w, h] = self.area;
        match &self.inside {
            Inside::Points(points, view) => {
                items.push(Item::Dots(dots(points, view, at, self.area)));
                items.extend(points.lines.iter().map(|line| {
                    let [from, to] = line.ends.map(|p| view.place(p, at));
                    Item::Line { from, to, width: line.width, color: line.color }
                }));
            }
            Inside::Grid(sheet) => sheet.draw(at, items),
            Inside::Bars(histogram) => histogram.draw(at, items),
        }
        if let Some(title) = &self.title {
            let middle = at[1] - self.lift - GAP * 0.6 - TITLE * 0.3;
            text_centred(items, title, [at[0] + w / 2.0, middle], TITLE);
        }
        match &self.beside {
            Beside::Nothing => {}
            Beside::Bar(bar) => bar.draw([at[0] + w + GAP, at[1] + (h - bar.height()) / 2.0], items),
            Beside::Legend(legend) => self.draw_legend(legend, at, items),
        }
        if let Key::OnData(names) = &self.panel.key {
            self.draw_names(names, at, items);
        }
        if let Some(names) = &self.panel.axes {
            self.draw_axes(names, at, items);
        }
        self.draw_scale_bar(at, items);
    }

    /// Room for what is written along the axes, on the left and below.
    fn labels(&self) -> (f64, f64) {
        match &self.inside {
            Inside::Points(..) => (0.0, 0.0),
            Inside::Grid(sheet) => (sheet.left(), sheet.below()),
            Inside::Bars(histogram) => (histogram.left(), Histogram::BELOW),
        }
    }

    fn draw_axes(&self, names: &[String; 2], [x, y]: [f64; 2], items: &mut Vec<Item>) {
        let [w, h] = self.area;
        if matches!(self.inside, Inside::Points(..)) {
            items.push(Item::Rect(Rect { x, y, w, h, fill: None, stroke: Some((Rgb::LINE, HAIRLINE)) }));
        }
        let (left, below) = self.labels();
        text_centred(items, &names[0], [x + w / 2.0, y + h + below + 4.0 + LABEL * 0.6], LABEL);
        let (text, color) = (names[1].clone(), Rgb::INK);
        let start = y + h / 2.0 + font::width(&text, LABEL) / 2.0;
        items.push(Item::Text(Text {
            x: x - left - 5.0,
            y: start,
            size: LABEL,
            text,
            color,
            halo: false,
            upright: true,
        }));
    }

    fn draw_legend(&self, legend: &Legend, [x, y]: [f64; 2], items: &mut Vec<Item>) {
        const INSET: f64 = 1.5;
        let [w, h] = self.area;
        let (lw, lh) = (legend.width(), legend.height());
        let Some((top, left)) = self.corner else {
            return legend.draw([x + w + GAP, y + (h - lh) / 2.0], items);
        };
        let (lw, lh) = (lw + 2.0 * PAD, lh + 2.0 * PAD);
        let x = if left { x + INSET } else { x + w - lw - INSET };
        let y = if top { y + INSET } else { y + h - lh - INSET };
        let fill = Some((Rgb::WHITE, GROUND));
        items.push(Item::Rect(Rect { x, y, w: lw, h: lh, fill, stroke: None }));
        legend.draw([x + PAD, y + PAD], items);
    }

    fn draw_names(&self, names: &[(String, [f64; 2])], at: [f64; 2], items: &mut Vec<Item>) {
        const EDGE: f64 = 2.0;
        let Inside::Points(_, view) = &self.inside else { return };
        let mut wanted: Vec<(String, [f64; 2])> =
            names.iter().map(|(name, p)| (fit(name), view.place(*p, at))).collect();
        wanted.sort_by(|a, b| a.1[1].total_cmp(&b.1[1]));
        let mut taken: Vec<[f64; 3]> = Vec::new();
        for (name, [x, y]) in wanted {
            let wide = font::width(&name, LABEL);
            let room = self.area[0] - wide - 2.0 * EDGE;
            let x = if room > 0.0 {
                (x - wide / 2.0).clamp(at[0] + EDGE, at[0] + EDGE + room)
            } else {
                at[0] + (self.area[0] - wide) / 2.0
            };
            let y = free_height(&taken, [x, wide, y], [at[1], at[1] + self.area[1]]);
            taken.push([x, wide, y]);
            let (y, text) = (y + font::CAP * LABEL / 2.0, name);
            items.push(Item::Text(Text { x, y, size: LABEL, text, color: Rgb::INK, halo: true, upright: false }));
        }
    }

    fn draw_scale_bar(&self, [x, y]: [f64; 2], items: &mut Vec<Item>) {
        let (Some(bar), Inside::Points(_, view)) = (&self.panel.scale_bar, &self.inside) else { return };
        let length = bar.length * view.scale;
        let y = y + self.area[1] + if self.panel.axes.is_some() { LABEL + 10.0 } else { 6.0 };
        items.push(Item::Line { from: [x, y], to: [x + length, y], width: 1.5, color: Rgb::INK });
        let middle = (x + length / 2.0).max(x + font::width(&bar.label, LABEL) / 2.0);
        text_centred(items, &bar.label, [middle, y + 3.5 + LABEL * 0.6], LABEL);
    }
}

fn dots(points: &Points, view: &View, at: [f64; 2], [w, h]: [f64; 2]) -> Dots {
    let place = |i: u32| view.place(points.xy[i as usize], at).map(|v| v as f32);
    let dots = points.draw.iter().map(|&(i, color)| (place(i), color)).collect();
    let area = [at[0], at[1], w, h];
    Dots { dots, colors: points.colors.clone(), diameter: view.diameter, round: points.round, area }
}

/// A name as it is written onto the tissue.
fn fit(name: &str) -> String {
    const LONGEST: f64 = 140.0;
    font::fit(name, LABEL, LONGEST)
}

/// The height nearest to `y` where a name covers none of those written already: `(left, width, middle)`.
fn free_height(taken: &[[f64; 3]], [x, wide, y]: [f64; 3], [top, bottom]: [f64; 2]) -> f64 {
    const STEP: f64 = LABEL / 4.0;
    const FARTHEST: i32 = 24;
    let hits = |y: f64| {
        let beside = |t: &[f64; 3]| x < t[0] + t[1] + STEP && t[0] < x + wide + STEP;
        taken.iter().any(|t| beside(t) && (y - t[2]).abs() < LABEL + STEP / 2.0)
    };
    let steps = (0..=FARTHEST).flat_map(|k| [k, -k]);
    let mut heights = steps.map(|k| y + f64::from(k) * STEP).filter(|&y| y > top + STEP && y < bottom - STEP);
    heights.find(|&y| !hits(y)).unwrap_or(y)
}
