//! The field of the Cauchy kernel `q = 1 / (1 + ‖y_i − y_j‖²)` in 2 or 3 dimensions: what t-SNE and its kin sum over all
//! pairs of points at every step.
//!
//! Both sums are gradients. With `φ(s) = ½ log(1 + s)` of the squared distance, `q_ij (y_i − y_j) = ∇φ`, and
//! `q_ij² (y_i − y_j) = −½ ∇q`: one scalar field for each channel of charges, and its derivative at the points. That halves
//! the transforms of the usual way (two or three fields for each charge) and loses no digits to differences of them.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

mod convolve;
mod expansion;
mod mesh;
mod spline;
mod stencil;
mod tree;

use rayon::prelude::*;
use tegula_core::{Error, Result, par};

use mesh::Mesh;
use tree::Tree;

/// Cells of a tree see each other from where their radii together are this part of their distance.
const THETA: f64 = 0.5;
/// Channels of charges on a mesh at a time.
const CHANNELS: usize = 8;
/// Widest cell of the mesh for forces: their error is some 1e-5, or 2e-4 between few tight clusters. Twice this size
/// would be ten times worse.
const FORCES: f64 = 1.0 / 3.0;
/// Widest cell for repulsion, whose kernel is narrower (error 1e-4); one channel, so that small
/// cells cost little.
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
}

/// A way to sum a kernel over all points, `G` channels of charges at a time.
trait Sums<const D: usize, const G: usize> {
    /// Takes the points.
    fn place(&mut self, y: &[[f64; D]]);

    /// Takes the first `channels` of their charges.
    fn solve(&mut self, channels: usize, charge: impl Fn(usize) -> [f64; G] + Sync + Send);

    /// Hands the gradient of the field at every point, the channels weighed by `target`, to `write` with the point's place
    /// in `out`; returns the sum of the field over the points.
    fn gather(
        &mut self,
        target: impl Fn(usize) -> [f64; G] + Sync,
        out: &mut [[f64; D]],
        write: impl Fn(&mut [f64; D], [f64; D]) + Sync + Send,
    ) -> f64;
}

/// Sums of the Cauchy kernel over all pairs of points in `O(N log N)`; keeps its plans and its room between calls.
///
/// In 2 dimensions by a mesh, as particle-mesh Ewald sums: charges spread over nodes by B-splines of order 6, a convolution
/// by Fourier transforms, the gradient of the spline through the field's values. All in `f64`: a field of the logarithm
/// is some thousand times the force it makes. Where points are few for their extent, as with one far away from all, by the
/// tree that also serves 3 dimensions: a fast multipole method with expansions to the fifth derivative.
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
    mesh: Option<(Mesh<CHANNELS>, Mesh<1>)>,
    flat: (Tree<2, CHANNELS>, Tree<2, 1>),
    solid: (Tree<3, CHANNELS>, Tree<3, 1>),
}

impl Field {
    /// For points of `dim` dimensions: by a mesh in 2 where that pays, else by a tree with a `theta` of 0.5.
    ///
    /// # Errors
    /// [`Error::Param`] for a dimension other than 2 or 3.
    pub fn new(dim: usize) -> Result<Self> {
        let field = Self::by_tree(dim, THETA)?;
        let forces = Mesh::new(|s| 0.5 * s.ln_1p(), FORCES);
        Ok(Self { mesh: Some((forces, Mesh::new(|s| -s / (1.0 + s), REPULSION))), ..field })
    }

    /// By a tree in 2 dimensions too: cells see each other as wholes where their radii together are below `theta` times
    /// their distance. Smaller is more exact; 0 sums all pairs.
    ///
    /// # Errors
    /// [`Error::Param`] for a dimension other than 2 or 3, or a `theta` outside 0…1.
    pub fn by_tree(dim: usize, theta: f64) -> Result<Self> {
        if !(2..=3).contains(&dim) {
            return Err(Error::param("field", "n_components", dim, "2 or 3"));
        }
        if !(0.0..=1.0).contains(&theta) {
            return Err(Error::param("field", "theta", theta, "0 to 1"));
        }
        let (flat, solid) = ((Tree::new(0, theta), Tree::new(1, theta)), (Tree::new(0, theta), Tree::new(1, theta)));
        Ok(Self { dim, mesh: None, flat, solid })
    }

    /// t-SNE's repulsion: writes `Σ_j q_ij² (y_i − y_j)` to row i of `out` and returns `Z = Σ_i Σ_{j≠i} q_ij`.
    ///
    /// `y` and `out` hold point after point.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Data`] where a position is not finite, or beyond all measure.
    pub fn repulsion(&mut self, y: &[f64], out: &mut [f64]) -> Result<f64> {
        self.check(y, out)?;
        if self.dim == 3 {
            return Ok(repulsion(&mut self.solid.1, y.as_chunks().0, out.as_chunks_mut().0));
        }
        let (y, out) = (y.as_chunks().0, out.as_chunks_mut().0);
        Ok(match &mut self.mesh {
            Some((_, mesh)) if mesh.reaches(y) => repulsion(mesh, y, out),
            _ => repulsion(&mut self.flat.1, y, out),
        })
    }

    /// Writes `Σ_j A_ij q_ij (y_i − y_j)` to row i of `out`.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Data`] where a position is not finite, or beyond all measure.
    pub fn forces(&mut self, y: &[f64], weights: &LowRank<'_>, out: &mut [f64]) -> Result<()> {
        let n = self.check(y, out)?;
        if weights.targets.len() != n * weights.rank {
            let rows = weights.targets.len() / weights.rank;
            return Err(Error::shape("weights of pairs", format!("{rows} rows"), format!("{n} rows")));
        }
        if self.dim == 3 {
            forces(&mut self.solid.0, y.as_chunks().0, weights, out.as_chunks_mut().0);
            return Ok(());
        }
        let (y, out) = (y.as_chunks().0, out.as_chunks_mut().0);
        match &mut self.mesh {
            Some((mesh, _)) if mesh.reaches(y) => forces(mesh, y, weights, out),
            _ => forces(&mut self.flat.0, y, weights, out),
        }
        Ok(())
    }

    /// The number of points.
    fn check(&self, y: &[f64], out: &[f64]) -> Result<usize> {
        if y.len() != out.len() || !y.len().is_multiple_of(self.dim) {
            let shape = format!("{} and {} values", y.len(), out.len());
            return Err(Error::shape("field", shape, format!("(n_obs, {}) twice", self.dim)));
        }
        // Beyond, powers of distances are no numbers.
        if let Some(at) = y.par_iter().position_first(|v| v.is_nan() || v.abs() > 1e50) {
            let reason = format!("observation {} is at {}; lower the learning rate", at / self.dim, y[at]);
            return Err(Error::data("embedding", reason));
        }
        Ok(y.len() / self.dim)
    }
}

fn repulsion<const D: usize>(sums: &mut impl Sums<D, 1>, y: &[[f64; D]], out: &mut [[f64; D]]) -> f64 {
    let n = y.len() as f64;
    sums.place(y);
    sums.solve(1, |_| [1.0]);
    // The field is that of q − 1, so that a crowd, whose q are all nearly 1, loses no digits.
    n * (n - 1.0) + sums.gather(|_| [1.0], out, |o, gradient| *o = gradient.map(|v| -0.5 * v))
}

fn forces<const D: usize>(
    sums: &mut impl Sums<D, CHANNELS>,
    y: &[[f64; D]],
    weights: &LowRank<'_>,
    out: &mut [[f64; D]],
) {
    sums.place(y);
    out.fill([0.0; D]);
    for first in (0..weights.rank).step_by(CHANNELS) {
        let count = CHANNELS.min(weights.rank - first);
        let read = |rows: &[f32], i: usize| {
            let mut of = [0.0; CHANNELS];
            let row = &rows[i * weights.rank + first..][..count];
            of.iter_mut().zip(row).for_each(|(o, &v)| *o = f64::from(v));
            of
        };
        sums.solve(count, |i| read(weights.sources, i));
        let add = |o: &mut [f64; D], gradient: [f64; D]| (0..D).for_each(|a| o[a] += gradient[a]);
        sums.gather(|i| read(weights.targets, i), out, add);
    }
}

/// The lowest and the highest coordinates.
fn bounds(y: &[[f64; 2]]) -> ([f64; 2], [f64; 2]) {
    let none = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    let join = |a: ([f64; 2], [f64; 2]), b: ([f64; 2], [f64; 2])| {
        ([a.0[0].min(b.0[0]), a.0[1].min(b.0[1])], [a.1[0].max(b.1[0]), a.1[1].max(b.1[1])])
    };
    let parts = par::map(y.len(), par::BLOCK, |range| y[range].iter().fold(none, |box_, &p| join(box_, (p, p))));
    parts.into_iter().fold(none, join)
}
