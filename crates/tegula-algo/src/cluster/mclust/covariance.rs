//! Covariances of the 14 models, given the scatter of each component (Celeux & Govaert 1995; the common orientation of
//! EVE and VVE as in Browne & `McNicholas` 2014).

use super::matrix::{
    add_outer, cholesky, compose, eigen, form, geometric_mean, inverse_lower, log_determinant, nearest_orthogonal,
    normalise, trace_with,
};
use super::model::Model;

/// Relative change at which the iterations inside an estimate end, as in R.
const TOLERANCE: f64 = 1.490_116_119_384_765_6e-8;

/// Rounds of them at most.
const ROUNDS: usize = 10_000;

/// Covariances of the components.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Covariances {
    /// The diagonals, one after the other.
    Diagonal(Vec<f64>),
    /// One matrix for all.
    Shared(Vec<f64>),
    /// The matrices, one after the other.
    Full(Vec<f64>),
}

/// Counts and scatters of the components (for a model with one covariance the scatter of all together).
pub(super) struct Scatter<'a> {
    pub(super) model: Model,
    pub(super) n: f64,
    pub(super) d: usize,
    pub(super) counts: &'a [f64],
    /// Diagonals for the diagonal models, else matrices.
    pub(super) sums: &'a [f64],
}

/// A volume, a shape or a variance so small that R gives up.
fn fine(values: &[f64]) -> bool {
    values.iter().all(|&v| v > f64::EPSILON && v.is_finite())
}

fn relative(new: &[f64], old: &[f64]) -> f64 {
    new.iter().zip(old).map(|(a, b)| (a - b).abs() / (1.0 + a.abs())).fold(0.0, f64::max)
}

impl Scatter<'_> {
    /// The covariances; `None` where one is singular. A common orientation is looked for from `axes` on, if there are
    /// any, and left there.
    pub(super) fn covariances(&self, axes: &mut Vec<f64>) -> Option<Covariances> {
        if self.counts.iter().any(|&c| c.is_nan() || c <= f64::EPSILON) {
            return None;
        }
        match self.model {
            Model::EII | Model::VII | Model::EEI | Model::VEI | Model::EVI | Model::VVI => self.diagonal(),
            Model::EEE => Some(Covariances::Shared(self.sums.iter().map(|s| s / self.n).collect())),
            Model::VEE => self.vee(),
            Model::EVE | Model::VVE => self.common_orientation(axes),
            Model::EEV | Model::VEV => self.own_orientations(),
            Model::EVV => self.evv(),
            Model::VVV => {
                let own = self.each().zip(self.counts);
                Some(Covariances::Full(own.flat_map(|(w, c)| w.iter().map(move |s| s / c)).collect()))
            }
        }
    }

    /// The scatter of each component.
    fn each(&self) -> std::slice::ChunksExact<'_, f64> {
        self.sums.chunks_exact(if self.model.is_diagonal() { self.d } else { self.d * self.d })
    }

    fn diagonal(&self) -> Option<Covariances> {
        let (d, g) = (self.d, self.counts.len());
        let mut values = Vec::with_capacity(g * d);
        match self.model {
            Model::EII => values = vec![self.sums.iter().sum::<f64>() / (self.n * d as f64); g * d],
            Model::EEI => values.extend(self.sums.iter().map(|s| s / self.n).cycle().take(g * d)),
            Model::VII => {
                for (w, c) in self.each().zip(self.counts) {
                    values.extend(std::iter::repeat_n(w.iter().sum::<f64>() / (c * d as f64), d));
                }
            }
            Model::VVI => {
                for (w, c) in self.each().zip(self.counts) {
                    values.extend(w.iter().map(|s| s / c));
                }
            }
            Model::EVI => {
                let volume = self.each().map(geometric_mean).sum::<f64>() / self.n;
                for w in self.each() {
                    let mean = geometric_mean(w);
                    values.extend(w.iter().map(|s| s / mean * volume));
                }
            }
            _ => {
                let all: Vec<f64> = self.sums.to_vec();
                let (volumes, shape) = self.volumes_and_shape(&all, vec![1.0; d])?;
                values.extend(volumes.iter().flat_map(|v| shape.iter().map(move |s| s * v)));
            }
        }
        fine(&values).then_some(Covariances::Diagonal(values))
    }

    /// Volumes of the components and their common shape, of the diagonals of their scatters: each from the other.
    fn volumes_and_shape(&self, diagonals: &[f64], mut shape: Vec<f64>) -> Option<(Vec<f64>, Vec<f64>)> {
        let d = self.d;
        let mut volumes = vec![f64::INFINITY; self.counts.len()];
        for _ in 0..ROUNDS {
            let new: Vec<f64> = diagonals
                .chunks_exact(d)
                .zip(self.counts)
                .map(|(w, c)| w.iter().zip(&shape).map(|(w, a)| w / a).sum::<f64>() / (c * d as f64))
                .collect();
            if !fine(&new) {
                return None;
            }
            let mut turn = vec![0.0; d];
            for (w, v) in diagonals.chunks_exact(d).zip(&new) {
                turn.iter_mut().zip(w).for_each(|(t, w)| *t += w / v);
            }
            normalise(&mut turn);
            if !fine(&turn) {
                return None;
            }
            let change = relative(&new, &volumes).max(relative(&turn, &shape));
            (volumes, shape) = (new, turn);
            if change < TOLERANCE {
                break;
            }
        }
        Some((volumes, shape))
    }

    fn vee(&self) -> Option<Covariances> {
        let d = self.d;
        let mut common = self.each().fold(vec![0.0; d * d], |mut sum, w| {
            sum.iter_mut().zip(w).for_each(|(s, w)| *s += w);
            sum
        });
        let (mut volumes, mut objective) = (Vec::new(), f64::INFINITY);
        for _ in 0..ROUNDS {
            let lower = cholesky(&common, d)?;
            let scale = (log_determinant(&lower, d) / d as f64).exp();
            for c in &mut common {
                *c /= scale;
            }
            // (L/√s)⁻¹ = √s L⁻¹.
            let inverse = inverse_lower(&lower, d);
            volumes = self
                .each()
                .zip(self.counts)
                .map(|(w, c)| trace_with(w, &inverse, d) * scale / (c * d as f64))
                .collect();
            if !fine(&volumes) {
                return None;
            }
            let terms = volumes.iter().zip(self.counts).map(|(v, c)| c * (1.0 + v.ln()));
            let new = terms.sum::<f64>() * d as f64;
            if (new - objective).abs() / (1.0 + new.abs()) < TOLERANCE {
                break;
            }
            objective = new;
            let next = self.each().zip(&volumes).fold(vec![0.0; d * d], |mut sum, (w, v)| {
                sum.iter_mut().zip(w).for_each(|(s, w)| *s += w / v);
                sum
            });
            common = next;
        }
        Some(Covariances::Full(volumes.iter().flat_map(|v| common.iter().map(move |c| c * v)).collect()))
    }

    /// EVE and VVE: one orientation. Two bounds of the objective are minimised in turn.
    fn common_orientation(&self, axes: &mut Vec<f64>) -> Option<Covariances> {
        let d = self.d;
        // Rows are the common axes.
        if axes.is_empty() {
            axes.extend((0..d * d).map(|e| f64::from(u8::from(e / d == e % d))));
        }
        let mut largest = Vec::new();
        for w in self.each() {
            largest.push(eigen(w, d)?.0[0]);
        }
        let along = |axes: &[f64]| -> Vec<f64> {
            self.each().flat_map(|w| axes.chunks_exact(d).map(move |a| form(w, a, a))).collect()
        };
        let mut objective = f64::INFINITY;
        let mut diagonals = along(axes);
        for _ in 0..ROUNDS {
            let mut shapes = diagonals.clone();
            let new = d as f64 * shapes.chunks_exact_mut(d).map(normalise).sum::<f64>();
            if !fine(&shapes) {
                return None;
            }
            if (new - objective).abs() / (1.0 + new.abs()) < TOLERANCE || d == 1 {
                break;
            }
            objective = new;
            *axes = self.turned(axes, &shapes, &largest)?;
            *axes = self.turned(axes, &shapes, &[])?;
            diagonals = along(axes);
        }
        if self.model == Model::EVE {
            let volume = diagonals.chunks_exact_mut(d).map(normalise).sum::<f64>() / self.n;
            for v in &mut diagonals {
                *v *= volume;
            }
        } else {
            for (own, c) in diagonals.chunks_exact_mut(d).zip(self.counts) {
                for v in own {
                    *v /= c;
                }
            }
        }
        fine(&diagonals).then(|| Covariances::Full(diagonals.chunks_exact(d).flat_map(|v| compose(v, axes)).collect()))
    }

    /// The axes that minimise the bound by the largest eigenvalues of the scatters, or of the inverse shapes (none given).
    fn turned(&self, axes: &[f64], shapes: &[f64], largest: &[f64]) -> Option<Vec<f64>> {
        let d = self.d;
        let mut pull = vec![0.0; d * d];
        for (k, w) in self.each().enumerate() {
            let shape = &shapes[k * d..(k + 1) * d];
            let bound = shape.iter().map(|a| 1.0 / a).fold(0.0, f64::max);
            for (j, axis) in axes.chunks_exact(d).enumerate() {
                for (i, row) in w.chunks_exact(d).enumerate() {
                    let product: f64 = row.iter().zip(axis).map(|(w, a)| w * a).sum();
                    pull[j * d + i] += match largest.get(k) {
                        Some(l) => (l * axis[i] - product) / shape[j],
                        None => product * (bound - 1.0 / shape[j]),
                    };
                }
            }
        }
        nearest_orthogonal(&pull, d)
    }

    /// EEV and VEV: every component has its own orientation.
    fn own_orientations(&self) -> Option<Covariances> {
        let d = self.d;
        let (mut values, mut axes) = (Vec::new(), Vec::new());
        for w in self.each() {
            let (own, vectors) = eigen(w, d)?;
            values.extend(own.iter().map(|v| v.max(0.0)));
            axes.push(vectors);
        }
        let mut shape = values.chunks_exact(d).fold(vec![0.0; d], |mut sum, v| {
            sum.iter_mut().zip(v).for_each(|(s, v)| *s += v);
            sum
        });
        let total = normalise(&mut shape);
        if !fine(&shape) {
            return None;
        }
        let volumes = if self.model == Model::EEV {
            vec![total / self.n; axes.len()]
        } else {
            let (volumes, common) = self.volumes_and_shape(&values, shape)?;
            shape = common;
            volumes
        };
        let of =
            |(axes, &volume): (&Vec<f64>, &f64)| compose(&shape.iter().map(|s| s * volume).collect::<Vec<_>>(), axes);
        fine(&volumes).then(|| Covariances::Full(axes.iter().zip(&volumes).flat_map(of).collect()))
    }

    fn evv(&self) -> Option<Covariances> {
        let d = self.d;
        let mut sizes = Vec::new();
        for w in self.each() {
            sizes.push((log_determinant(&cholesky(w, d)?, d) / d as f64).exp());
        }
        let volume = sizes.iter().sum::<f64>() / self.n;
        fine(&[volume]).then(|| {
            let own = self.each().zip(&sizes);
            Covariances::Full(own.flat_map(|(w, s)| w.iter().map(move |w| w / s * volume)).collect())
        })
    }
}

/// The scatter around the means: of all together, less that of the means.
pub(super) fn pooled(total: &[f64], counts: &[f64], means: &[f64], d: usize) -> Vec<f64> {
    let mut within = total.to_vec();
    for (&c, mean) in counts.iter().zip(means.chunks_exact(d)) {
        add_outer(&mut within, -c, mean);
    }
    within
}
