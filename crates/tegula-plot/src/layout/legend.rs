//! A list of names with their colours, in as many columns as its height asks for.

use super::{LABEL, text_left};
use crate::{Dots, Item, Rgb, font};

/// From one line to the next.
const LEADING: f64 = 11.5;
/// Diameter of the marks.
const MARK: f64 = 6.5;
/// From the left edge to the names.
const INDENT: f64 = 11.0;
/// Between columns.
const BETWEEN: f64 = 14.0;
/// The longest name; longer ones are cut in the middle.
const LONGEST: f64 = 200.0;

/// A legend that knows its size.
pub(super) struct Legend {
    entries: Vec<(String, Rgb)>,
    columns: Vec<f64>,
    rows: usize,
    round: bool,
}

impl Legend {
    /// A legend about as high as `height`, or a little higher where the tissue is very flat.
    pub(super) fn measure(entries: &[(String, Rgb)], round: bool, height: f64) -> Self {
        let entries: Vec<(String, Rgb)> = entries.iter().map(|(n, c)| (font::fit(n, LABEL, LONGEST), *c)).collect();
        let most = ((height / LEADING) as usize).max(8);
        let n_columns = entries.len().div_ceil(most).max(1);
        let rows = entries.len().div_ceil(n_columns).max(1);
        let widest = |c: &[(String, Rgb)]| c.iter().map(|e| font::width(&e.0, LABEL)).fold(0.0, f64::max);
        let columns = entries.chunks(rows).map(|c| INDENT + widest(c)).collect();
        Self { entries, columns, rows, round }
    }

    pub(super) fn width(&self) -> f64 {
        self.columns.iter().sum::<f64>() + BETWEEN * self.columns.len().saturating_sub(1) as f64
    }

    pub(super) fn height(&self) -> f64 {
        self.rows as f64 * LEADING
    }

    /// Draws it with its left upper corner at `(x, y)`.
    pub(super) fn draw(&self, [x, y]: [f64; 2], items: &mut Vec<Item>) {
        let mut dots = Vec::new();
        let mut left = x;
        for (c, column) in self.entries.chunks(self.rows).enumerate() {
            for (r, (name, _)) in column.iter().enumerate() {
                let middle = y + (r as f64 + 0.5) * LEADING;
                let centre = [(left + MARK / 2.0) as f32, middle as f32];
                dots.push((centre, (c * self.rows + r) as u16));
                text_left(items, name, [left + INDENT, middle], LABEL);
            }
            left += self.columns[c] + BETWEEN;
        }
        let colors = self.entries.iter().map(|e| e.1).collect();
        let area = [x, y, self.width(), self.height()];
        items.push(Item::Dots(Dots { dots, colors, diameter: MARK, round: self.round, area }));
    }
}
