//! A page of primitives with positions: what every output format draws. Units are points (1/72 inch), y downwards.

use crate::Rgb;

/// A page: everything on it in the order it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Width of the page in points.
    pub width: f64,
    /// Height of the page in points.
    pub height: f64,
    /// What is on it, the topmost last.
    pub items: Vec<Item>,
}

/// A primitive.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Many marks of one size.
    Dots(Dots),
    /// A filled or outlined box.
    Rect(Rect),
    /// A straight line.
    Line {
        /// Where it begins.
        from: [f64; 2],
        /// Where it ends.
        to: [f64; 2],
        /// How thick.
        width: f64,
        /// In which colour.
        color: Rgb,
    },
    /// A line of text.
    Text(Text),
}

/// Many marks of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Dots {
    /// Centre and colour of each, the topmost last.
    pub dots: Vec<([f32; 2], u16)>,
    /// The colours.
    pub colors: Vec<Rgb>,
    /// Diameter (or side).
    pub diameter: f64,
    /// Discs (else squares).
    pub round: bool,
    /// The box all of them lie in: left, top, width, height.
    pub area: [f64; 4],
}

/// A box.
#[derive(Debug, Clone, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
    /// Colour and opacity inside.
    pub fill: Option<(Rgb, f64)>,
    /// Colour and thickness of the outline.
    pub stroke: Option<(Rgb, f64)>,
}

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Left end of the base line.
    pub x: f64,
    /// The base line.
    pub y: f64,
    /// Size of the letters.
    pub size: f64,
    /// What is written.
    pub text: String,
    /// In which colour.
    pub color: Rgb,
    /// Whether a white rim sets it off from what is below.
    pub halo: bool,
    /// Whether it runs upwards.
    pub upright: bool,
}
