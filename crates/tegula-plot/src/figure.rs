//! A figure as plain data: what is shown, before anything is placed on a page.

use std::sync::Arc;

use indexmap::IndexMap;
use tegula_core::{AnnData, Array, Result};

use crate::{Format, Rgb, Scene, encode, layout, palette};

/// A figure: panels in a grid, all of them plain data. Placed on a page by [`Figure::scene`].
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// Panels beside each other.
    pub ncols: usize,
    /// The longer side of a panel's tissue, in inches.
    pub panel_width: f64,
    /// Pixels per inch, for PNG and for points that are drawn as an image.
    pub dpi: f64,
    /// The colours of the categories shown, per column of `obs`.
    pub colors: IndexMap<String, Vec<Rgb>>,
}

/// One tissue or heat map with its title and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What stands above.
    pub title: Option<String>,
    /// What is shown.
    pub body: Body,
    /// What the colours mean.
    pub key: Key,
    /// Names of the two axes; none: no frame.
    pub axes: Option<[String; 2]>,
    /// A bar of known length below the tissue.
    pub scale_bar: Option<ScaleBar>,
}

/// What a panel shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Observations where they lie.
    Points(Points),
    /// A heat map.
    Grid(Grid),
    /// A histogram.
    Bars(Bars),
}

/// A histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// Borders of the bars, one more than there are bars.
    pub edges: Vec<f64>,
    /// Height of each bar.
    pub counts: Vec<f64>,
    /// Colour of the bars.
    pub color: Rgb,
}

/// A straight line among the observations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// Both ends, in the unit of the data.
    pub ends: [[f64; 2]; 2],
    /// In points (1/72 inch).
    pub width: f64,
    /// In which colour.
    pub color: Rgb,
}

/// A heat map: a coloured cell with a number for every row and column.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Names of the rows, the first at the top.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Colour and text of every cell, row by row.
    pub cells: Vec<(Rgb, String)>,
    /// The cell that is framed.
    pub marked: Option<usize>,
}

/// The observations of a panel as marks.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// Positions, in the unit of the data.
    pub xy: Arc<Vec<[f64; 2]>>,
    /// Whether y grows downwards, as in images.
    pub y_down: bool,
    /// What is drawn, the topmost last: `(position, color)`.
    pub draw: Vec<(u32, u16)>,
    /// The colours that `draw` speaks of.
    pub colors: Vec<Rgb>,
    /// Diameter (or side) of a mark, in the unit of the data.
    pub diameter: f64,
    /// Shape of the marks.
    pub round: bool,
    /// Lines over the marks.
    pub lines: Vec<Stroke>,
}

/// What the colours of a panel mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// Nothing to explain.
    None,
    /// A list of names with their colours.
    Legend {
        /// The names in order.
        entries: Vec<(String, Rgb)>,
        /// Where the list stands; one that is larger than the tissue stands outside.
        place: Place,
    },
    /// Names written onto the tissue.
    OnData(Vec<(String, [f64; 2])>),
    /// A bar for numbers.
    Bar {
        /// The value at the lower end.
        lo: f64,
        /// The value at the upper end.
        hi: f64,
        /// The colours from the lower to the upper end.
        colors: Vec<Rgb>,
    },
}

/// Where a legend stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Outside, on the right.
    Right,
    /// Inside, in a corner.
    Inside {
        /// At the top (else at the bottom).
        top: bool,
        /// On the left (else on the right).
        left: bool,
    },
}

/// A bar of known length.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleBar {
    /// Length in the unit of the data.
    pub length: f64,
    /// What is written below it.
    pub label: String,
}

impl Figure {
    /// The figure placed on a page: lines, dots, texts with their positions.
    pub fn scene(&self) -> Scene {
        layout::scene(self)
    }

    /// The figure as a PNG image on white, at its `dpi`.
    ///
    /// # Errors
    /// [`tegula_core::Error::Param`] where the image would be larger than a machine can draw.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        encode::png::encode(&self.scene(), self.dpi)
    }

    /// The figure as an SVG document. More than 50,000 points are drawn as one embedded image.
    ///
    /// # Errors
    /// See [`Figure::to_png`].
    pub fn to_svg(&self) -> Result<String> {
        encode::svg::encode(&self.scene(), self.dpi)
    }

    /// The figure as a PDF of one page. More than 50,000 points are drawn as one embedded image.
    ///
    /// # Errors
    /// See [`Figure::to_png`].
    pub fn to_pdf(&self) -> Result<Vec<u8>> {
        encode::pdf::encode(&self.scene(), self.dpi)
    }

    /// The figure in the given format; the caller writes the bytes.
    ///
    /// # Errors
    /// See [`Figure::to_png`].
    pub fn encode(&self, format: Format) -> Result<Vec<u8>> {
        match format {
            Format::Png => self.to_png(),
            Format::Svg => self.to_svg().map(String::into_bytes),
            Format::Pdf => self.to_pdf(),
        }
    }

    /// Keeps the colours of the categories shown in `uns["<key>_colors"]`, as scanpy does.
    pub fn store_colors(&self, adata: &mut AnnData) {
        for (key, colors) in &self.colors {
            let text = colors.iter().map(ToString::to_string).collect();
            adata.set_uns(&palette::colors_key(key), Array::strings(text));
        }
    }
}
