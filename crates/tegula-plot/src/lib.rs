//! Figures of Tegula: an annotated matrix in; PNG, SVG and PDF out.
//!
//! [`spatial()`] makes a [`Figure`] (plain data: panels, legends, colour bars), the figure is placed on a page as a
//! [`Scene`] of primitives, and every format draws that scene. No file is opened here, no system font is needed, and
//! the same input gives the same bytes.

pub mod align;
pub mod cast_project;
mod cmap;
mod color;
pub mod displacement;
pub mod embedding;
mod encode;
mod figure;
mod font;
mod grid;
mod layout;
pub mod links;
mod matching;
mod overlay;
mod palette;
mod plots;
mod scene;
mod spacing;
pub mod spasne_screen;
pub mod spatial;
pub mod sweep;
mod ticks;

pub use align::{AlignParams, align};
pub use cast_project::{CastProjectPlotParams, Normalize, cast_project};
pub use cmap::{cmap, cmap_names};
pub use color::Rgb;
pub use displacement::{DisplacementParams, displacement};
pub use embedding::{EmbeddingParams, embedding};
pub use encode::Format;
pub use figure::{Bars, Body, Figure, Grid, Key, Panel, Place, Points, ScaleBar, Stroke};
pub use links::{LinksParams, links};
pub use matching::match_colors;
pub use palette::{colors_for, colors_key, palette, palette_names, store_colors};
pub use plots::{Drawing, PLOTS, Plot, plot};
pub use scene::{Dots, Item, Rect, Scene, Text};
pub use spacing::spacing;
pub use spasne_screen::{ScreenGrid, SpasneScreenParams, spasne_screen};
pub use spatial::{LegendLoc, Marker, SpatialParams, spatial};
pub use sweep::{SweepParams, sweep};
