//! The bars of a histogram with both axes.

use super::{HAIRLINE, LABEL, text_centred, text_left};
use crate::spacing::bounds;
use crate::{Bars, Item, Rect, Rgb, font, ticks};

/// A histogram is so much wider than high.
const SHAPE: f64 = 1.4;
/// Length of a tick.
const TICK: f64 = 2.5;
/// Between a tick and its number.
const SPACE: f64 = 2.5;

/// A histogram that knows its size.
pub(super) struct Histogram<'a> {
    bars: &'a Bars,
    area: [f64; 2],
    x: (f64, f64),
    highest: f64,
    across: Vec<(f64, String)>,
    up: Vec<(f64, String)>,
}

impl<'a> Histogram<'a> {
    /// A histogram as wide as `side`.
    pub(super) fn measure(bars: &'a Bars, side: f64) -> Self {
        let x = bounds(bars.edges.iter().copied());
        let highest = bounds(bars.counts.iter().copied()).1.max(1.0);
        let (across, up) = (ticks::ticks(x.0, x.1, 4), ticks::ticks(0.0, highest, 3));
        Self { bars, area: [side, side / SHAPE], x, highest, across, up }
    }

    pub(super) fn area(&self) -> [f64; 2] {
        self.area
    }

    /// Room for the numbers on the left.
    pub(super) fn left(&self) -> f64 {
        TICK + SPACE + self.up.iter().map(|t| font::width(&t.1, LABEL)).fold(0.0, f64::max)
    }

    /// Room for the numbers below.
    pub(super) const BELOW: f64 = TICK + SPACE + LABEL;

    /// Draws it with its left upper corner at `(x, y)`.
    pub(super) fn draw(&self, [x, y]: [f64; 2], items: &mut Vec<Item>) {
        let [w, h] = self.area;
        let foot = y + h;
        let at =
            |v: f64| if self.x.1 > self.x.0 { x + w * (v - self.x.0) / (self.x.1 - self.x.0) } else { x + w / 2.0 };
        let tall = |count: f64| h * count / self.highest;
        for (edges, &count) in self.bars.edges.windows(2).zip(&self.bars.counts).filter(|b| *b.1 > 0.0) {
            let (left, right) = (at(edges[0]), at(edges[1]));
            let stroke = Some((Rgb::WHITE, HAIRLINE / 2.0));
            let fill = Some((self.bars.color, 1.0));
            items.push(Item::Rect(Rect {
                x: left,
                y: foot - tall(count),
                w: right - left,
                h: tall(count),
                fill,
                stroke,
            }));
        }
        let mut line = |from: [f64; 2], to: [f64; 2]| {
            items.push(Item::Line { from, to, width: HAIRLINE, color: Rgb::LINE });
        };
        line([x, y], [x, foot]);
        line([x, foot], [x + w, foot]);
        for (v, _) in &self.across {
            line([at(*v), foot], [at(*v), foot + TICK]);
        }
        for (v, _) in &self.up {
            line([x - TICK, foot - tall(*v)], [x, foot - tall(*v)]);
        }
        for (v, text) in &self.across {
            text_centred(items, text, [at(*v), foot + TICK + SPACE + LABEL / 2.0], LABEL);
        }
        for (v, text) in &self.up {
            let left = x - TICK - SPACE - font::width(text, LABEL);
            text_left(items, text, [left, foot - tall(*v)], LABEL);
        }
    }
}
