//! A smooth warp: cubic B-splines over a mesh.

use serde::{Deserialize, Serialize};

use super::Point;

/// A smooth warp of a box: cubic B-splines over `nodes` × `nodes` places. Beyond the box it goes on as at its edge.
///
/// ```
/// use tegula_algo::align::Mesh;
/// let mut mesh = Mesh::over([0.0, 0.0], [7.0, 7.0], 8);
/// assert_eq!(mesh.moved().len(), 100);
/// mesh.shift_all([0.5, 0.0]);
/// let there = mesh.apply([3.0, 3.0]);
/// assert!((there[0] - 3.5).abs() < 1e-12 && there[1] == 3.0);
/// assert!((mesh.jacobian([3.0, 3.0]) - 1.0).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mesh {
    low: Point,
    high: Point,
    nodes: usize,
    moved: Vec<Point>,
}

/// The splines that are not zero at a place: the first of them, and their values along x and y.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    first: usize,
    x: [f64; 4],
    y: [f64; 4],
}

impl Mesh {
    /// A mesh that moves nothing; `nodes` is at least 2 and the box has an extent.
    pub fn over(low: Point, high: Point, nodes: usize) -> Self {
        let nodes = nodes.max(2);
        Self { low, high, nodes, moved: vec![[0.0; 2]; (nodes + 2) * (nodes + 2)] }
    }

    /// A mesh as it was stored; `None` where the numbers do not fit.
    pub fn stored(low: Point, high: Point, moved: Vec<Point>) -> Option<Self> {
        let side = moved.len().isqrt();
        let fits = side >= 4 && side * side == moved.len() && high[0] > low[0] && high[1] > low[1];
        fits.then(|| Self { low, high, nodes: side - 2, moved })
    }

    /// The lower and the upper corner of the box.
    pub fn corners(&self) -> (Point, Point) {
        (self.low, self.high)
    }

    /// Nodes along each side of the box.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Displacements of the control points, x-major, one ring more than nodes on each side.
    pub fn moved(&self) -> &[Point] {
        &self.moved
    }

    /// Moves everything.
    pub fn shift_all(&mut self, by: Point) {
        self.moved.iter_mut().for_each(|m| *m = [m[0] + by[0], m[1] + by[1]]);
    }

    /// Sets the displacements of the control points.
    pub(super) fn set(&mut self, moved: Vec<Point>) {
        debug_assert_eq!(moved.len(), self.moved.len());
        self.moved = moved;
    }

    /// Where a place goes.
    pub fn apply(&self, p: Point) -> Point {
        let by = self.displacement(&self.spot(p));
        [p[0] + by[0], p[1] + by[1]]
    }

    /// How areas grow at a place: 0 or less where the warp folds.
    pub fn jacobian(&self, p: Point) -> f64 {
        let [dx, dy] = [self.slope(p, 0), self.slope(p, 1)];
        (1.0 + dx[0]) * (1.0 + dy[1]) - dx[1] * dy[0]
    }

    /// The smallest growth of areas anywhere in the box, looked for at 4 × 4 places of each piece.
    pub(super) fn least_jacobian(&self) -> f64 {
        let n = 4 * (self.nodes - 1) + 1;
        let at = |a: usize, k: usize| self.low[a] + (self.high[a] - self.low[a]) * k as f64 / (n - 1) as f64;
        let all = (0..n * n).map(|k| self.jacobian([at(0, k / n), at(1, k % n)]));
        all.fold(f64::INFINITY, f64::min)
    }

    /// The same warp in other units: places times `scale` plus `shift`.
    pub(super) fn rescaled(&self, scale: f64, shift: Point) -> Self {
        let out = |p: Point| [scale * p[0] + shift[0], scale * p[1] + shift[1]];
        let moved = self.moved.iter().map(|m| [scale * m[0], scale * m[1]]).collect();
        Self { low: out(self.low), high: out(self.high), nodes: self.nodes, moved }
    }

    /// Control points along each side.
    pub(super) fn side(&self) -> usize {
        self.nodes + 2
    }

    /// Distance of two nodes along x and y.
    pub(super) fn step(&self) -> Point {
        std::array::from_fn(|a| (self.high[a] - self.low[a]) / (self.nodes - 1) as f64)
    }

    /// The piece a place lies in along an axis, and how far in it, 0 to 1.
    fn piece(&self, p: Point, a: usize) -> (usize, f64) {
        let x = ((p[a] - self.low[a]) / self.step()[a]).clamp(0.0, (self.nodes - 1) as f64);
        let k = (x as usize).min(self.nodes - 2);
        (k, x - k as f64)
    }

    pub(super) fn spot(&self, p: Point) -> Spot {
        let ((i, u), (j, v)) = (self.piece(p, 0), self.piece(p, 1));
        Spot { first: i * self.side() + j, x: values(u), y: values(v) }
    }

    /// The splines at a spot: control point and value.
    pub(super) fn splines(&self, spot: &Spot) -> [(usize, f64); 16] {
        let side = self.side();
        std::array::from_fn(|k| (spot.first + k / 4 * side + k % 4, spot.x[k / 4] * spot.y[k % 4]))
    }

    pub(super) fn displacement(&self, spot: &Spot) -> Point {
        self.splines(spot).iter().fold([0.0; 2], |sum, &(k, w)| {
            let m = self.moved[k];
            [sum[0] + w * m[0], sum[1] + w * m[1]]
        })
    }

    /// The derivative of the displacement along an axis.
    fn slope(&self, p: Point, a: usize) -> Point {
        let mut spot = self.spot(p);
        let (_, u) = self.piece(p, a);
        let step = self.step()[a];
        let along = slopes(u).map(|s| s / step);
        if a == 0 {
            spot.x = along;
        } else {
            spot.y = along;
        }
        // Beyond the box nothing changes any more.
        if p[a] < self.low[a] || p[a] > self.high[a] { [0.0; 2] } else { self.displacement(&spot) }
    }
}

/// The four splines at `t` of a piece.
fn values(t: f64) -> [f64; 4] {
    let s = 1.0 - t;
    [
        s * s * s / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * s * s * s - 6.0 * s * s + 4.0) / 6.0,
        t * t * t / 6.0,
    ]
}

/// Their derivatives.
fn slopes(t: f64) -> [f64; 4] {
    let s = 1.0 - t;
    [-0.5 * s * s, 1.5 * t * t - 2.0 * t, 2.0 * s - 1.5 * s * s, 0.5 * t * t]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wavy() -> Mesh {
        let mut mesh = Mesh::over([-1.0, 2.0], [3.0, 5.0], 5);
        let n = mesh.moved().len();
        mesh.set((0..n).map(|k| [((k * 7) % 5) as f64 * 0.05, ((k * 3) % 7) as f64 * -0.04]).collect());
        mesh
    }

    #[test]
    fn splines_sum_to_one_and_slopes_are_their_derivatives() {
        for t in [0.0, 0.3, 0.99] {
            assert!((values(t).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let numeric: Vec<f64> = (0..4).map(|k| (values(t + 1e-6)[k] - values(t - 1e-6)[k]) / 2e-6).collect();
            assert!(slopes(t).iter().zip(numeric).all(|(a, b)| (a - b).abs() < 1e-8));
        }
    }

    #[test]
    fn the_jacobian_is_that_of_differences() {
        let (mesh, p, h) = (wavy(), [0.7, 3.1], 1e-6);
        let along = |a: usize| {
            let mut q = [p, p];
            q[0][a] -= h;
            q[1][a] += h;
            let [low, high] = q.map(|p| mesh.apply(p));
            [(high[0] - low[0]) / (2.0 * h), (high[1] - low[1]) / (2.0 * h)]
        };
        let (x, y) = (along(0), along(1));
        assert!((mesh.jacobian(p) - (x[0] * y[1] - x[1] * y[0])).abs() < 1e-6);
        assert!(mesh.least_jacobian() <= mesh.jacobian([0.0, 2.0]));
    }

    #[test]
    fn other_units_and_storing_change_nothing() {
        let mesh = wavy();
        let (there, big) = (mesh.apply([0.7, 3.1]), mesh.rescaled(10.0, [4.0, -2.0]).apply([11.0, 29.0]));
        assert!((big[0] - (10.0 * there[0] + 4.0)).abs() + (big[1] - (10.0 * there[1] - 2.0)).abs() < 1e-9);
        let (low, high) = mesh.corners();
        assert_eq!(Mesh::stored(low, high, mesh.moved().to_vec()), Some(mesh.clone()));
        assert_eq!(Mesh::stored(low, high, vec![[0.0; 2]; 17]), None);
    }
}
