//! Heat maps of a table: a cell for every combination of two parameters.

use indexmap::{IndexMap, IndexSet};
use tegula_core::{Error, Frame, Result};

use crate::spacing::bounds;
use crate::{Body, Figure, Grid, Key, Panel, Rgb, cmap, ticks};

/// The colour of a cell without a number.
const EMPTY: Rgb = Rgb([228; 3]);

/// Which columns of a table span the map.
pub(crate) struct Axes<'a> {
    /// From top to bottom: every combination of these columns is a row.
    pub(crate) rows: &'a [&'a str],
    /// From left to right.
    pub(crate) columns: &'a str,
}

/// A figure with a panel for every one of `measures`, for the plot `id`; see [`panels`]. `size`: panels beside each other,
/// the longer side of one in inches, pixels per inch.
pub(crate) fn figure(
    id: &str,
    table: &Frame,
    axes: &Axes<'_>,
    measures: &[String],
    marked: Option<usize>,
    map: &str,
    (ncols, width, dpi): (usize, f64, f64),
) -> Result<Figure> {
    for (name, value, range) in [("width", width, 0.5..=100.0), ("dpi", dpi, 20.0..=2400.0)] {
        if !range.contains(&value) {
            return Err(Error::param(id, name, value, format!("between {} and {}", range.start(), range.end())));
        }
    }
    let panels = panels(table, axes, measures, marked, map)?;
    Ok(Figure { panels, ncols: ncols.max(1), panel_width: width, dpi, colors: IndexMap::new() })
}

/// A panel for every one of `measures`, with the line `marked` framed; where two lines of the table fall on one cell
/// the later is shown.
fn panels(table: &Frame, axes: &Axes<'_>, measures: &[String], marked: Option<usize>, map: &str) -> Result<Vec<Panel>> {
    let numbers = |name: &str| {
        let column = table.get(name).and_then(tegula_core::Column::to_f64);
        column.ok_or_else(|| {
            let names: Vec<&str> = table.columns().keys().map(String::as_str).collect();
            Error::config(format!("`{name}`"), format!("is no column of numbers; the table has {}", names.join(", ")))
        })
    };
    let written = |names: &[&str]| -> Result<Vec<String>> {
        let columns = names.iter().map(|n| numbers(n)).collect::<Result<Vec<_>>>()?;
        let line = |i: usize| columns.iter().map(|c| short(c[i])).collect::<Vec<_>>().join(" · ");
        Ok((0..table.n_rows()).map(line).collect())
    };
    // Of several columns only those that differ tell rows apart.
    let differs = |name: &&str| written(&[name]).is_ok_and(|w| w.iter().any(|v| *v != w[0]));
    let mut kept: Vec<&str> = axes.rows.iter().copied().filter(differs).collect();
    if kept.is_empty() {
        kept.extend(axes.rows.first());
    }
    let (down, across) = (written(&kept)?, written(&[axes.columns])?);
    let rows: IndexSet<&String> = down.iter().collect();
    let columns: IndexSet<&String> = across.iter().collect();
    let place = |i: usize| {
        let (r, c) = (rows.get_index_of(&down[i])?, columns.get_index_of(&across[i])?);
        Some(r * columns.len() + c)
    };
    let colors = cmap::cmap(map)?;
    let panel = |name: &String| {
        let values = numbers(name)?;
        let (lo, hi) = bounds(values.iter().copied().filter(|v| v.is_finite()));
        let mut cells = vec![(EMPTY, String::new()); rows.len() * columns.len()];
        for (i, &v) in values.iter().enumerate().filter(|v| v.1.is_finite()) {
            if let Some(k) = place(i) {
                cells[k] = (colors[cmap::step(v, lo, hi)], short(v));
            }
        }
        let names = |all: &IndexSet<&String>| all.iter().map(|&n| n.clone()).collect();
        let grid = Grid { rows: names(&rows), columns: names(&columns), cells, marked: marked.and_then(place) };
        let key = if lo <= hi { Key::Bar { lo, hi, colors: colors.clone() } } else { Key::None };
        let axes = Some([axes.columns.to_owned(), kept.join(" · ")]);
        Ok(Panel { title: Some(name.clone()), body: Body::Grid(grid), key, axes, scale_bar: None })
    };
    measures.iter().map(panel).collect()
}

/// A number in a few digits.
fn short(v: f64) -> String {
    if v.fract() == 0.0 {
        return ticks::number(v, 0);
    }
    let text = ticks::number(v, if v.abs() < 0.1 { 3 } else { 2 });
    let zeros = text.contains('.') && !text.contains('e');
    if zeros { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tegula_core::Column;

    fn table() -> Frame {
        let mut t = Frame::with_range_index(3);
        t.insert("a", Column::Int(vec![4, 4, 8])).unwrap();
        t.insert("b", Column::Int(vec![30, 30, 30])).unwrap();
        t.insert("x", Column::Float(vec![0.5, 1.0, 0.5])).unwrap();
        t.insert("score", Column::Float(vec![0.25, f64::NAN, 0.75])).unwrap();
        t
    }

    #[test]
    fn lines_of_the_table_become_cells() {
        let axes = Axes { rows: &["a", "b"], columns: "x" };
        let found = panels(&table(), &axes, &["score".to_owned()], Some(2), "viridis").unwrap();
        let Body::Grid(grid) = &found[0].body else { panic!("no grid") };
        assert_eq!(
            (&grid.rows[..], &grid.columns[..]),
            (&["4".to_owned(), "8".into()][..], &["0.5".into(), "1".into()][..])
        );
        let texts: Vec<&str> = grid.cells.iter().map(|c| c.1.as_str()).collect();
        assert_eq!(texts, ["0.25", "", "0.75", ""], "no number and no line: empty");
        assert_eq!(grid.marked, Some(2));
        assert_eq!(found[0].axes, Some(["x".to_owned(), "a".to_owned()]), "b is the same everywhere");
    }

    #[test]
    fn a_column_that_is_not_there_is_named_with_those_that_are() {
        let axes = Axes { rows: &["a"], columns: "x" };
        let e = panels(&table(), &axes, &["chaos".to_owned()], None, "viridis").unwrap_err().to_string();
        assert_eq!(e, "`chaos`: is no column of numbers; the table has a, b, x, score");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.5, 12.0, 0.06342, 0.948, -1.25].map(short), ["0.5", "12", "0.063", "0.95", "\u{2212}1.25"]);
    }
}
