//! Affine maps of the plane.

use serde::{Deserialize, Serialize};

use super::Point;

/// An affine map of the plane: two rows of three numbers, the last of each is the shift.
///
/// ```
/// use tegula_algo::align::Affine;
/// let turn = Affine([[0.0, -2.0, 1.0], [2.0, 0.0, 0.0]]);
/// assert_eq!(turn.apply([1.0, 0.0]), [1.0, 2.0]);
/// assert_eq!((turn.rotation(), turn.scale(), turn.mirrors()), (90.0, 2.0, false));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Affine(pub [[f64; 3]; 2]);

impl Affine {
    /// The map that leaves everything where it is.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);

    /// A turn and scaling by the complex number `by`, of the place itself or of its mirror image, that takes `from` to `to`.
    pub(super) fn similarity(by: Point, mirror: bool, from: Point, to: Point) -> Self {
        let sign = if mirror { -1.0 } else { 1.0 };
        let mut map = Self([[by[0], -by[1] * sign, 0.0], [by[1], by[0] * sign, 0.0]]);
        let there = map.apply(from);
        map.0[0][2] = to[0] - there[0];
        map.0[1][2] = to[1] - there[1];
        map
    }

    /// Where a place goes.
    pub fn apply(&self, [x, y]: Point) -> Point {
        self.0.map(|[a, b, t]| a * x + b * y + t)
    }

    /// First this map, then the next.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let [p, q] = self.0;
        Self(next.0.map(|[a, b, t]| [a * p[0] + b * q[0], a * p[1] + b * q[1], a * p[2] + b * q[2] + t]))
    }

    /// The map back; `None` where there is none.
    pub fn inverse(&self) -> Option<Self> {
        let [[a, b, s], [c, d, t]] = self.0;
        let det = self.determinant();
        let inverse = [[d / det, -b / det, (b * t - d * s) / det], [-c / det, a / det, (c * s - a * t) / det]];
        inverse.iter().flatten().all(|x| x.is_finite()).then_some(Self(inverse))
    }

    /// How areas grow; negative where the map mirrors.
    pub fn determinant(&self) -> f64 {
        let [[a, b, _], [c, d, _]] = self.0;
        a * d - b * c
    }

    /// Whether the map mirrors.
    pub fn mirrors(&self) -> bool {
        self.determinant() < 0.0
    }

    /// How lengths grow, on average over directions.
    pub fn scale(&self) -> f64 {
        self.determinant().abs().sqrt()
    }

    /// Degrees that the map turns by, after mirroring y where it mirrors; −180 to 180.
    pub fn rotation(&self) -> f64 {
        let [[a, b, _], [c, d, _]] = self.0;
        let sign = if self.mirrors() { -1.0 } else { 1.0 };
        (c - sign * b).atan2(a + sign * d).to_degrees()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_compose_and_go_back() {
        let map = Affine([[1.1, -0.3, 5.0], [0.2, 0.8, -7.0]]);
        let back = map.then(&map.inverse().unwrap());
        for (row, same) in back.0.iter().zip(Affine::IDENTITY.0) {
            assert!(row.iter().zip(same).all(|(a, b)| (a - b).abs() < 1e-12));
        }
        assert!(Affine([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]]).inverse().is_none());
    }

    #[test]
    fn a_similarity_meets_its_points_and_tells_its_angle() {
        for mirror in [false, true] {
            let (sin, cos) = 0.5f64.sin_cos();
            let map = Affine::similarity([2.0 * cos, 2.0 * sin], mirror, [3.0, 4.0], [1.0, -1.0]);
            let there = map.apply([3.0, 4.0]);
            assert!((there[0] - 1.0).abs() + (there[1] + 1.0).abs() < 1e-12);
            assert!((map.rotation() - 0.5f64.to_degrees()).abs() < 1e-9 && (map.scale() - 2.0).abs() < 1e-12);
            assert_eq!(map.mirrors(), mirror);
        }
    }
}
