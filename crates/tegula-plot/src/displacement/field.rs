//! What an affine map leaves of a displacement, and a mesh that goes along with it.

use crate::spacing::bounds;

/// Samples along a side of a square of the mesh.
const FINE: usize = 4;

/// Where an affine map puts the observations of a section, and how far they were moved beyond that.
pub(super) struct Field {
    start: Vec<[f64; 2]>,
    moved: Vec<[f64; 2]>,
}

impl Field {
    /// From positions before and after; `affine` is the best fit of the latter to the former if not given.
    pub(super) fn new(before: &[[f64; 2]], after: &[[f64; 2]], affine: Option<[f64; 6]>) -> Self {
        let [a, b, s, c, d, t] = affine.unwrap_or_else(|| fit(before, after));
        let start: Vec<[f64; 2]> = before.iter().map(|p| [a * p[0] + b * p[1] + s, c * p[0] + d * p[1] + t]).collect();
        let moved = start.iter().zip(after).map(|(p, q)| [q[0] - p[0], q[1] - p[1]]).collect();
        Self { start, moved }
    }

    pub(super) fn len(&self) -> usize {
        self.start.len()
    }

    /// Where an observation lies when it is displaced `scale` times.
    pub(super) fn place(&self, i: usize, scale: f64) -> [f64; 2] {
        [0, 1].map(|a| self.start[i][a] + scale * self.moved[i][a])
    }

    /// How far an observation is displaced.
    pub(super) fn length(&self, i: usize) -> f64 {
        self.moved[i][0].hypot(self.moved[i][1])
    }

    pub(super) fn largest(&self) -> f64 {
        (0..self.len()).map(|i| self.length(i)).fold(0.0, f64::max)
    }

    /// The longer side of the box around all.
    pub(super) fn extent(&self) -> f64 {
        let side = |a: usize| {
            let (low, high) = bounds(self.start.iter().map(|p| p[a]));
            high - low
        };
        side(0).max(side(1)).max(0.0)
    }

    /// The lines of a mesh of `squares` along the longer side, displaced `scale` times, where there are observations.
    pub(super) fn mesh(&self, squares: usize, scale: f64) -> Vec<[[f64; 2]; 2]> {
        let step = self.extent() / (squares * FINE) as f64;
        let low = [0, 1].map(|a| bounds(self.start.iter().map(|p| p[a])).0);
        let bin = |p: [f64; 2], a: usize| ((p[a] - low[a]) / step) as usize;
        let across = squares * FINE + 1;
        let mut sums = vec![[0.0f64; 3]; across * across];
        for (p, m) in self.start.iter().zip(&self.moved) {
            let sum = &mut sums[bin(*p, 0).min(across - 1) * across + bin(*p, 1).min(across - 1)];
            *sum = [sum[0] + m[0], sum[1] + m[1], sum[2] + 1.0];
        }
        // The node at the lower corner of bin (i, j), moved by the mean over the bins around it.
        let node = |i: usize, j: usize| {
            let reach = FINE + 1;
            let around = |k: usize| k.saturating_sub(reach)..(k + reach).min(across);
            let (mut sum, mut near) = ([0.0; 3], 0.0);
            for (k, l) in around(i).flat_map(|k| around(j).map(move |l| (k, l))) {
                let off = (k as f64 + 0.5 - i as f64).powi(2) + (l as f64 + 0.5 - j as f64).powi(2);
                let bin = sums[k * across + l];
                let weight = (-off / (FINE * FINE) as f64 * 2.0).exp();
                sum = [0, 1, 2].map(|c| sum[c] + weight * bin[c]);
                near += if off <= (FINE * FINE) as f64 / 2.0 { bin[2] } else { 0.0 };
            }
            let at = |a: usize, k: usize| low[a] + k as f64 * step + scale * sum[a] / sum[2];
            (near > 0.0).then(|| [at(0, i), at(1, j)])
        };
        let mut lines = Vec::new();
        for line in 0..=squares {
            for upright in [false, true] {
                let at = |k: usize| if upright { node(line * FINE, k) } else { node(k, line * FINE) };
                let nodes: Vec<_> = (0..across).map(at).collect();
                lines.extend(nodes.windows(2).filter_map(|w| Some([w[0]?, w[1]?])));
            }
        }
        lines
    }
}

/// The affine map that fits best: two rows of three numbers. On one line, where many fit equally well, a shift.
fn fit(before: &[[f64; 2]], after: &[[f64; 2]]) -> [f64; 6] {
    let n = before.len().max(1) as f64;
    let mean = |all: &[[f64; 2]]| [0, 1].map(|a| all.iter().map(|p| p[a]).sum::<f64>() / n);
    let (p, q) = (mean(before), mean(after));
    let sum = |of: &dyn Fn([f64; 2], [f64; 2]) -> f64| -> f64 {
        let centred = before.iter().zip(after).map(|(x, y)| of([x[0] - p[0], x[1] - p[1]], [y[0] - q[0], y[1] - q[1]]));
        centred.sum()
    };
    let (xx, xy, yy) = (sum(&|x, _| x[0] * x[0]), sum(&|x, _| x[0] * x[1]), sum(&|x, _| x[1] * x[1]));
    let det = xx * yy - xy * xy;
    let row = |a: usize| {
        let (x, y) = (sum(&|x, z| x[0] * z[a]), sum(&|x, z| x[1] * z[a]));
        if det > 1e-12 * xx * yy {
            [(x * yy - y * xy) / det, (y * xx - x * xy) / det]
        } else {
            [0, 1].map(|b| f64::from(u8::from(a == b)))
        }
    };
    let ([a, b], [c, d]) = (row(0), row(1));
    [a, b, q[0] - a * p[0] - b * p[1], c, d, q[1] - c * p[0] - d * p[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_affine_map_leaves_nothing_and_a_mesh_ends_where_nothing_is() {
        let before: Vec<[f64; 2]> = (0..400).map(|i| [f64::from(i % 20), f64::from(i / 20)]).collect();
        let after: Vec<[f64; 2]> = before.iter().map(|p| [2.0 * p[1] + 1.0, 0.5 * p[0] - p[1]]).collect();
        let field = Field::new(&before, &after, None);
        assert!(field.largest() < 1e-9 && (field.extent() - 38.0).abs() < 1e-9);
        let half: Vec<[f64; 2]> = before.iter().copied().filter(|p| p[0] < 10.0 || p[1] < 5.0).collect();
        let shifted: Vec<[f64; 2]> = half.iter().map(|p| [p[0] + 0.5, p[1]]).collect();
        let field = Field::new(&half, &shifted, Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]));
        let lines = field.mesh(10, 2.0);
        assert!(!lines.is_empty());
        for [from, _] in &lines {
            let place = [from[0] - 1.0, from[1]];
            assert!(half.iter().any(|p| (p[0] - place[0]).hypot(p[1] - place[1]) < 3.0), "{place:?}");
        }
    }
}
