//! The formats a scene is drawn in.

pub(crate) mod pdf;
pub(crate) mod png;
pub(crate) mod svg;

use std::path::Path;
use std::str::FromStr;

use tegula_core::{Error, Result};

/// Above this many points the vector formats hold them as one image.
pub(crate) const MAX_VECTOR_POINTS: usize = 50_000;

/// A file format for figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An image of pixels.
    Png,
    /// Vectors for the web and for editing.
    Svg,
    /// Vectors for print.
    Pdf,
}

impl Format {
    /// The format a file's name asks for.
    ///
    /// ```
    /// use tegula_plot::Format;
    /// assert_eq!(Format::of_path("figures/scc.PDF".as_ref())?, Format::Pdf);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for any other ending than `.png`, `.svg` and `.pdf`.
    pub fn of_path(path: &Path) -> Result<Self> {
        path.extension().and_then(|e| e.to_str()).unwrap_or_default().parse()
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "svg" => Ok(Self::Svg),
            "pdf" => Ok(Self::Pdf),
            _ => Err(Error::config(
                "figure format",
                format!("`{s}` is not a format of figures; end the file's name in .png, .svg or .pdf"),
            )),
        }
    }
}
