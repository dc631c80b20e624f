//! Positions of observations.

use crate::{Error, Result};

/// Positions of observations in 2 or 3 dimensions, in the unit of the data (pixels or micrometres), `f64`.
#[derive(Debug, Clone, PartialEq)]
pub struct Coords {
    dim: usize,
    data: Vec<f64>,
}

impl Coords {
    /// Positions, one point after the other, all finite.
    ///
    /// # Errors
    /// [`Error::Shape`] where `dim` is not 2 or 3 or does not divide `data`; [`Error::Data`] where a value is not
    /// finite.
    pub fn new(dim: usize, data: Vec<f64>) -> Result<Self> {
        if !(2..=3).contains(&dim) || !data.len().is_multiple_of(dim) {
            return Err(Error::shape(
                "coordinates",
                format!("({}, {dim})", data.len() / dim.max(1)),
                "(n_obs, 2 or 3)",
            ));
        }
        if let Some(k) = data.iter().position(|v| !v.is_finite()) {
            let reason = format!("observation {} has the position {}; drop or locate it first", k / dim, data[k]);
            return Err(Error::data("coordinates", reason));
        }
        Ok(Self { dim, data })
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.data.len() / self.dim
    }

    /// True where there is no point.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// 2 or 3.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Point `i`.
    pub fn point(&self, i: usize) -> &[f64] {
        &self.data[i * self.dim..(i + 1) * self.dim]
    }

    /// All values, point after point.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// Squared distance between points `i` and `j`.
    pub fn distance2(&self, i: usize, j: usize) -> f64 {
        self.point(i).iter().zip(self.point(j)).map(|(a, b)| (a - b) * (a - b)).sum()
    }
}
