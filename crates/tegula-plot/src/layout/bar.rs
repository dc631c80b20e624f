//! The bar that says what colours of numbers mean.

use super::{HAIRLINE, LABEL, text_left};
use crate::{Item, Rect, Rgb, font, ticks};

/// Width of the bar.
const WIDTH: f64 = 7.0;
/// Length of a tick.
const TICK: f64 = 2.5;
/// From a tick to its number.
const SPACE: f64 = 2.5;

/// A colour bar that knows its size.
pub(super) struct Bar<'a> {
    colors: &'a [Rgb],
    range: [f64; 2],
    ticks: Vec<(f64, String)>,
    height: f64,
}

impl<'a> Bar<'a> {
    /// A bar for a tissue of the given height.
    pub(super) fn measure(lo: f64, hi: f64, colors: &'a [Rgb], height: f64) -> Self {
        let height = (0.6 * height).clamp(60.0, 150.0);
        Self { colors, range: [lo, hi], ticks: ticks::ticks(lo, hi, if height < 90.0 { 3 } else { 5 }), height }
    }

    pub(super) fn width(&self) -> f64 {
        let text = self.ticks.iter().map(|t| font::width(&t.1, LABEL)).fold(0.0, f64::max);
        WIDTH + TICK + SPACE + text
    }

    pub(super) fn height(&self) -> f64 {
        self.height + LABEL
    }

    /// Draws it with its left upper corner at `(x, y)`.
    pub(super) fn draw(&self, [x, y]: [f64; 2], items: &mut Vec<Item>) {
        let (top, h) = (y + LABEL / 2.0, self.height);
        let n = self.colors.len();
        // Every strip reaches down to the foot and is covered by the next: no seams in any viewer.
        for (k, color) in self.colors.iter().rev().enumerate() {
            let from = h * k as f64 / n as f64;
            let strip = Rect { x, y: top + from, w: WIDTH, h: h - from, fill: Some((*color, 1.0)), stroke: None };
            items.push(Item::Rect(strip));
        }
        let frame = Rect { x, y: top, w: WIDTH, h, fill: None, stroke: Some((Rgb::LINE, HAIRLINE)) };
        items.push(Item::Rect(frame));
        let [lo, hi] = self.range;
        for (value, text) in &self.ticks {
            let t = if hi > lo { (value - lo) / (hi - lo) } else { 0.5 };
            let at = top + h * (1.0 - t);
            let end = x + WIDTH + TICK;
            items.push(Item::Line { from: [x + WIDTH, at], to: [end, at], width: HAIRLINE, color: Rgb::LINE });
            text_left(items, text, [end + SPACE, at], LABEL);
        }
    }
}
