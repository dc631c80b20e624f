//! The cells of a heat map with the names of their rows and columns.

use super::{HAIRLINE, LABEL, text_centred};
use crate::{Grid, Item, Rect, Rgb, Text, font};

/// A cell's height lies between these.
const LOW: f64 = 13.0;
const TALL: f64 = 30.0;
/// A cell is so much wider than high.
const SHAPE: f64 = 1.5;
/// Between a cell and the name of its row or column.
const SPACE: f64 = 4.0;
/// Size of the numbers in the cells.
const NUMBER: f64 = 7.0;
/// The longest name of a row or column.
const LONGEST: f64 = 96.0;

/// A grid that knows its size.
pub(super) struct Sheet<'a> {
    grid: &'a Grid,
    cell: [f64; 2],
    /// Names of columns run upwards where they are wider than a cell.
    upright: bool,
}

impl<'a> Sheet<'a> {
    /// A grid whose longer side is about `side`.
    pub(super) fn measure(grid: &'a Grid, side: f64) -> Self {
        let height = (side / grid.rows.len().max(1) as f64).min(side / (SHAPE * grid.columns.len().max(1) as f64));
        let height = height.clamp(LOW, TALL);
        let cell = [SHAPE * height, height];
        let upright = widest(&grid.columns) > cell[0] - 2.0;
        Self { grid, cell, upright }
    }

    pub(super) fn area(&self) -> [f64; 2] {
        [self.grid.columns.len() as f64 * self.cell[0], self.grid.rows.len() as f64 * self.cell[1]]
    }

    /// Room for the names of the rows.
    pub(super) fn left(&self) -> f64 {
        SPACE + widest(&self.grid.rows)
    }

    /// Room for the names of the columns.
    pub(super) fn below(&self) -> f64 {
        SPACE + if self.upright { widest(&self.grid.columns) } else { LABEL }
    }

    /// Draws it with its left upper corner at `(x, y)`.
    pub(super) fn draw(&self, [x, y]: [f64; 2], items: &mut Vec<Item>) {
        let [w, h] = self.cell;
        let across = self.grid.columns.len();
        let corner = |k: usize| [x + (k % across) as f64 * w, y + (k / across) as f64 * h];
        for (k, (color, text)) in self.grid.cells.iter().enumerate() {
            let [left, top] = corner(k);
            let stroke = Some((Rgb::WHITE, HAIRLINE));
            items.push(Item::Rect(Rect { x: left, y: top, w, h, fill: Some((*color, 1.0)), stroke }));
            let wide = font::width(text, NUMBER);
            if wide < w - 2.0 {
                let (x, y) = (left + (w - wide) / 2.0, top + h / 2.0 + font::CAP * NUMBER / 2.0);
                let color = if dark(*color) { Rgb::WHITE } else { Rgb::INK };
                items.push(Item::Text(Text {
                    x,
                    y,
                    size: NUMBER,
                    text: text.clone(),
                    color,
                    halo: false,
                    upright: false,
                }));
            }
        }
        if let Some(k) = self.grid.marked {
            let [left, top] = corner(k);
            items.push(Item::Rect(Rect { x: left, y: top, w, h, fill: None, stroke: Some((Rgb([214, 39, 40]), 2.0)) }));
        }
        for (r, name) in self.grid.rows.iter().enumerate() {
            let name = font::fit(name, LABEL, LONGEST);
            let middle = x - SPACE - font::width(&name, LABEL) / 2.0;
            text_centred(items, &name, [middle, y + (r as f64 + 0.5) * h], LABEL);
        }
        let foot = y + self.area()[1] + SPACE;
        for (c, name) in self.grid.columns.iter().enumerate() {
            let text = font::fit(name, LABEL, LONGEST);
            let middle = x + (c as f64 + 0.5) * w;
            if self.upright {
                let (x, y) = (middle + font::CAP * LABEL / 2.0, foot + font::width(&text, LABEL));
                items.push(Item::Text(Text { x, y, size: LABEL, text, color: Rgb::INK, halo: false, upright: true }));
            } else {
                text_centred(items, &text, [middle, foot + LABEL / 2.0], LABEL);
            }
        }
    }
}

/// Whether white is read better than black on a colour.
fn dark(Rgb([r, g, b]): Rgb) -> bool {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b) < 140.0
}

fn widest(names: &[String]) -> f64 {
    names.iter().map(|n| font::width(&font::fit(n, LABEL, LONGEST), LABEL)).fold(0.0, f64::max)
}
