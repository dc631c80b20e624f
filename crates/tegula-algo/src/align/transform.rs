//! The way from a section's own coordinates to the common ones.

use serde::{Deserialize, Serialize};
use tegula_core::{Coords, Result};

use super::{Affine, Mesh};

/// An affine map, and perhaps a smooth warp after it.
///
/// ```
/// use tegula_algo::align::{Affine, Transform};
/// use tegula_core::Coords;
/// let transform = Transform { affine: Affine([[0.0, -1.0, 5.0], [1.0, 0.0, 0.0]]), mesh: None };
/// // A third coordinate stays as it is.
/// let there = transform.apply(&Coords::new(3, vec![1.0, 2.0, 7.0])?)?;
/// assert_eq!(there.point(0), [3.0, 1.0, 7.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transform {
    /// The affine map.
    pub affine: Affine,
    /// The warp of what the affine map gives.
    pub mesh: Option<Mesh>,
}

impl Transform {
    /// Leaves everything where it is.
    pub const IDENTITY: Self = Self { affine: Affine::IDENTITY, mesh: None };

    /// Where a place goes.
    pub fn place(&self, p: [f64; 2]) -> [f64; 2] {
        let there = self.affine.apply(p);
        self.mesh.as_ref().map_or(there, |mesh| mesh.apply(there))
    }

    /// Where positions go: x and y; a third coordinate stays as it is.
    ///
    /// # Errors
    /// [`tegula_core::Error::Data`] where a place goes beyond all numbers.
    pub fn apply(&self, coords: &Coords) -> Result<Coords> {
        let mut data = coords.data().to_vec();
        for p in data.chunks_exact_mut(coords.dim()) {
            [p[0], p[1]] = self.place([p[0], p[1]]);
        }
        Coords::new(coords.dim(), data)
    }
}
