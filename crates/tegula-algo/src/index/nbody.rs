//! The field of the Cauchy kernel `q = 1 / (1 + ‖y_i − y_j‖²)` in 2 or 3 dimensions: what t-SNE and its kin sum over all
//! pairs of points at every step.
//!
//! Both sums are gradients. With `φ(s) = ½ log(1 + s)` of the squared distance, `q_ij (y_i − y_j) = ∇φ`, and
//! `q_ij² (y_i − y_j) = −½ ∇q`: one scalar field for each channel of charges, and its derivative at the points. That halves
//! the transforms of the usual way (two or three fields for each charge) and loses no digits to differences of them.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

mod convolve;
mod direct;
mod mesh;
mod spline;
mod stencil;

use rayon::prelude::*;
use tegula_core::{Error, Result};

use mesh::Mesh;

/// Channels of charges on a mesh at a time.
const CHANNELS: usize = 8;
/// Widest cell of the mesh for forces: its error is some 1e-4 of the force for sparse points, less for dense ones.
const FORCES: f64 = 0.4;
/// Widest cell for repulsion, whose kernel is narrower; one channel, so that small cells cost little.
const REPULSION: f64 = 0.25;

/// Weights of all pairs that are products of two narrow matrices: `A_ij = t_i · c_j`.
///
/// `SpaSNE`'s `α Pg + β Ps = c0 + ‖z_i − z_j‖²` is one: `t_i = (c0 + ‖z_i‖², 1, −2 z_i)`, `c_j = (1, ‖z_j‖², z_j)`.
#[derive(Debug, Clone, Copy)]
pub struct LowRank<'a> {
    rank: usize,
    targets: &'a [f32],
    sources: &'a [f32],
}

impl<'a> LowRank<'a> {
    /// Of the rows `t_i` and `c_j`, both `rank` wide, one after the other.
    ///
    /// # Errors
    /// [`Error::Shape`] where the two are not of one shape.
    pub fn new(rank: usize, targets: &'a [f32], sources: &'a [f32]) -> Result<Self> {
        if rank == 0 || targets.len() != sources.len() || !targets.len().is_multiple_of(rank) {
            let shape = format!("{} and {} values", targets.len(), sources.len());
            return Err(Error::shape("weights of pairs", shape, format!("(n_obs, {rank}) twice")));
        }
        Ok(Self { rank, targets, sources })
    }

    /// `A_ij`.
    fn of(&self, i: usize, j: usize) -> f64 {
        let (t, c) = (&self.targets[i * self.rank..][..self.rank], &self.sources[j * self.rank..][..self.rank]);
        t.iter().zip(c).map(|(&t, &c)| f64::from(t) * f64::from(c)).sum()
    }
}

/// Sums of the Cauchy kernel over all pairs of points in `O(N log N)`; keeps its plans and its room between calls.
///
/// In 2 dimensions by a mesh, as particle-mesh Ewald sums: charges spread over nodes by B-splines of order 6, a convolution
/// by Fourier transforms, the gradient of the spline through the field's values. All in `f64`: a field of the logarithm
/// is some thousand times the force it makes.
///
/// Same bits for any number of threads. Essmann et al. 1995, <https://doi.org/10.1063/1.470117>; Linderman et al. 2019,
/// <https://doi.org/10.1038/s41592-018-0308-4>.
///
/// ```
/// use tegula_algo::index::Field;
/// let mut force = [0.0; 4];
/// // Two points at distance 2: q = 1/5, so Z = 2/5 and the first is pushed by −2/25.
/// let z = Field::new(2)?.repulsion(&[0.0, 0.0, 2.0, 0.0], &mut force)?;
/// assert!((z - 0.4).abs() < 1e-4 && (force[0] + 0.08).abs() < 1e-4);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub struct Field {
    dim: usize,
    forces: Mesh<CHANNELS>,
    repulsion: Mesh<1>,
}

impl Field {
    /// For points of `dim` dimensions.
    ///
    /// # Errors
    /// [`Error::Param`] for a dimension other than 2 or 3.
    pub fn new(dim: usize) -> Result<Self> {
        if !(2..=3).contains(&dim) {
            return Err(Error::param("field", "n_components", dim, "2 or 3"));
        }
        let forces = Mesh::new(|s| 0.5 * s.ln_1p(), FORCES);
        Ok(Self { dim, forces, repulsion: Mesh::new(|s| 1.0 / (1.0 + s), REPULSION) })
    }

    /// t-SNE's repulsion: writes `Σ_j q_ij² (y_i − y_j)` to row i of `out` and returns `Z = Σ_i Σ_{j≠i} q_ij`.
    ///
    /// `y` and `out` hold point after point.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Data`] where a position is not finite.
    pub fn repulsion(&mut self, y: &[f64], out: &mut [f64]) -> Result<f64> {
        let n = self.check(y, out)?;
        if self.dim == 3 {
            return Ok(direct::repulsion(y.as_chunks::<3>().0, out.as_chunks_mut().0));
        }
        let (y, out) = (y.as_chunks().0, out.as_chunks_mut::<2>().0);
        let (low, high) = bounds(y);
        if collapsed(low, high) {
            out.fill([0.0; 2]);
            return Ok(n as f64 * n.saturating_sub(1) as f64);
        }
        if !self.repulsion.reaches(longest(low, high)) {
            return Ok(direct::repulsion(y, out));
        }
        self.repulsion.place(y, low, high);
        self.repulsion.solve(1, |_| [1.0]);
        let write = |o: &mut [f64; 2], f: [f64; 3]| *o = [-0.5 * f[1], -0.5 * f[2]];
        Ok(self.repulsion.gather(|_| [1.0], out, write) - n as f64)
    }

    /// Writes `Σ_j A_ij q_ij (y_i − y_j)` to row i of `out`.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Data`] where a position is not finite.
    pub fn forces(&mut self, y: &[f64], weights: &LowRank<'_>, out: &mut [f64]) -> Result<()> {
        let n = self.check(y, out)?;
        if weights.targets.len() != n * weights.rank {
            let rows = weights.targets.len() / weights.rank;
            return Err(Error::shape("weights of pairs", format!("{rows} rows"), format!("{n} rows")));
        }
        if self.dim == 3 {
            direct::forces(y.as_chunks::<3>().0, weights, out.as_chunks_mut().0);
            return Ok(());
        }
        let (y, out) = (y.as_chunks().0, out.as_chunks_mut::<2>().0);
        let (low, high) = bounds(y);
        out.fill([0.0; 2]);
        if collapsed(low, high) {
            return Ok(());
        }
        if !self.forces.reaches(longest(low, high)) {
            direct::forces(y, weights, out);
            return Ok(());
        }
        self.forces.place(y, low, high);
        for first in (0..weights.rank).step_by(CHANNELS) {
            let count = CHANNELS.min(weights.rank - first);
            let read = |rows: &[f32], i: usize| {
                let mut of = [0.0; CHANNELS];
                let row = &rows[i * weights.rank + first..][..count];
                of.iter_mut().zip(row).for_each(|(o, &v)| *o = f64::from(v));
                of
            };
            self.forces.solve(count, |i| read(weights.sources, i));
            self.forces.gather(
                |i| read(weights.targets, i),
                out,
                |o, f| {
                    o[0] += f[1];
                    o[1] += f[2];
                },
            );
        }
        Ok(())
    }

    /// The number of points.
    fn check(&self, y: &[f64], out: &[f64]) -> Result<usize> {
        if y.len() != out.len() || !y.len().is_multiple_of(self.dim) {
            let shape = format!("{} and {} values", y.len(), out.len());
            return Err(Error::shape("field", shape, format!("(n_obs, {}) twice", self.dim)));
        }
        if let Some(at) = y.par_iter().position_first(|v| !v.is_finite()) {
            let reason = format!("observation {} is at {}; lower the learning rate", at / self.dim, y[at]);
            return Err(Error::data("embedding", reason));
        }
        Ok(y.len() / self.dim)
    }
}

/// The lowest and the highest coordinates.
fn bounds<const D: usize>(y: &[[f64; D]]) -> ([f64; D], [f64; D]) {
    y.par_iter()
        .fold(
            || ([f64::INFINITY; D], [f64::NEG_INFINITY; D]),
            |(low, high), p| (std::array::from_fn(|a| low[a].min(p[a])), std::array::from_fn(|a| high[a].max(p[a]))),
        )
        .reduce(
            || ([f64::INFINITY; D], [f64::NEG_INFINITY; D]),
            |a, b| (std::array::from_fn(|k| a.0[k].min(b.0[k])), std::array::from_fn(|k| a.1[k].max(b.1[k]))),
        )
}

fn longest<const D: usize>(low: [f64; D], high: [f64; D]) -> f64 {
    (0..D).map(|a| high[a] - low[a]).fold(0.0, f64::max)
}

/// Where squared distances are no longer numbers, or there is no point at all: all points as one.
fn collapsed<const D: usize>(low: [f64; D], high: [f64; D]) -> bool {
    longest(low, high) < 1e-140
}
