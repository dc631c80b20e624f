//! Places a figure on a page: a grid of panels, each with its title above and its key on the right.

mod bar;
mod bars;
mod legend;
mod panel;
mod sheet;

use crate::{Figure, Item, Rgb, Scene, Text, font};
use panel::Cell;

/// White around the whole page.
const MARGIN: f64 = 8.0;
/// White between panels.
const GUTTER: f64 = 22.0;
/// Between a panel's body and its title or key.
const GAP: f64 = 10.0;
/// Size of titles, in points.
const TITLE: f64 = 10.0;
/// Size of everything else that is written.
const LABEL: f64 = 8.0;
/// Thickness of frames and ticks.
const HAIRLINE: f64 = 0.6;

/// The figure on a page.
pub(crate) fn scene(figure: &Figure) -> Scene {
    let cells: Vec<Cell> = figure.panels.iter().map(|p| Cell::measure(p, figure.panel_width * 72.0)).collect();
    let ncols = figure.ncols.clamp(1, cells.len().max(1));
    let greatest = |value: fn(&Cell) -> f64, of: &mut dyn Iterator<Item = &Cell>| of.map(value).fold(0.0, f64::max);
    let by_column = |value: fn(&Cell) -> f64| -> Vec<f64> {
        (0..ncols).map(|c| greatest(value, &mut cells.iter().skip(c).step_by(ncols))).collect()
    };
    let by_row = |value: fn(&Cell) -> f64| -> Vec<f64> {
        cells.chunks(ncols).map(|row| greatest(value, &mut row.iter())).collect()
    };
    let (left, wide, right) = (by_column(|c| c.left), by_column(|c| c.area[0]), by_column(|c| c.right));
    let (above, tall, below) = (by_row(|c| c.above), by_row(|c| c.area[1]), by_row(|c| c.below));

    let mut items = Vec::new();
    let mut y = MARGIN;
    for (row, cells) in cells.chunks(ncols).enumerate() {
        let mut x = MARGIN;
        for (col, cell) in cells.iter().enumerate() {
            let at =
                [x + left[col] + (wide[col] - cell.area[0]) / 2.0, y + above[row] + (tall[row] - cell.area[1]) / 2.0];
            cell.draw(at, &mut items);
            x += left[col] + wide[col] + right[col] + GUTTER;
        }
        y += above[row] + tall[row] + below[row] + GUTTER;
    }
    let sum = |v: &[f64]| v.iter().sum::<f64>();
    let gutters = |n: usize| GUTTER * n.saturating_sub(1) as f64;
    Scene {
        width: 2.0 * MARGIN + sum(&left) + sum(&wide) + sum(&right) + gutters(ncols),
        height: 2.0 * MARGIN + sum(&above) + sum(&tall) + sum(&below) + gutters(tall.len()),
        items,
    }
}

/// Text from its left end, centred on the height `y`.
fn text_left(items: &mut Vec<Item>, text: &str, [x, y]: [f64; 2], size: f64) {
    let y = y + font::CAP * size / 2.0;
    let text = text.to_owned();
    items.push(Item::Text(Text { x, y, size, text, color: Rgb::INK, halo: false, upright: false }));
}

/// Text centred on a point.
fn text_centred(items: &mut Vec<Item>, text: &str, [x, y]: [f64; 2], size: f64) {
    text_left(items, text, [x - font::width(text, size) / 2.0, y], size);
}
