//! Block Lanczos on the inner products of the centred matrix.

use rand::RngExt;
use tegula_core::{Csr, Ctx, Matrix, Result};

use super::Directions;
use super::centered::Centered;
use crate::linalg::panel::W;
use crate::linalg::{Symmetric, Wanted, lanczos, orthonormalise};

/// A component is found when its residual is this small against its eigenvalue: the Krylov space holds its nearest
/// neighbours too, so that what is wrong with it lies far off …
const AGAINST_VALUE: f64 = 5e-6;
/// … and, squared, this small against eigenvalue and gap: how far it mixes with its neighbours …
const SQUARE_AGAINST_GAP: f64 = 1e-5;
/// … or this small whatever the gap …
const NEVER_BELOW: f64 = 3e-7;
/// … or against the largest one: as far as single precision carries.
const AGAINST_LARGEST: f64 = 3e-9;
/// The task as progress bars name it.
const TASK: &str = "pca";

/// Size of the largest basis for `k` components: beyond it, it is compressed and goes on.
pub(super) fn room(k: usize) -> usize {
    (4 * k).max(320) + 4 * W
}

/// The matrix of inner products on the smaller side, as far as that pays.
enum Side<'a> {
    Genes(&'a Centered<'a>),
    /// With X and its transpose.
    Observations(&'a Centered<'a>, &'a Csr, Csr),
}

impl<'a> Side<'a> {
    fn of(op: &'a Centered<'a>) -> Self {
        match op.matrix() {
            Matrix::Csr(x) if op.n_obs() < op.n_vars() => Self::Observations(op, x, x.transpose()),
            _ => Self::Genes(op),
        }
    }

    /// Directions among the genes from the eigenvectors found.
    fn directions(&self, found: Vec<f64>) -> Vec<f64> {
        let Self::Observations(op, _, transposed) = self else { return found };
        let (n, g) = (op.n_obs(), op.n_vars());
        let k = found.len() / n;
        let mut out = Vec::with_capacity(g * k);
        for q in found.chunks(W * n) {
            let rows = op.transposed_times(transposed, q);
            out.extend((0..q.len() / n).flat_map(|l| rows.iter().map(move |r| f64::from(r.0[l]))));
        }
        // Lengths are the singular values; angles are right to single precision only.
        orthonormalise(&mut out, g, k);
        out
    }
}

impl Symmetric for Side<'_> {
    fn dim(&self) -> usize {
        match self {
            Self::Genes(op) => op.n_vars(),
            Self::Observations(op, ..) => op.n_obs(),
        }
    }

    fn times(&self, q: &[f64]) -> Vec<f64> {
        match self {
            Self::Genes(op) => op.gram_times::<f32>(q),
            Self::Observations(op, x, transposed) => op.outer_times(x, transposed, q),
        }
    }
}

pub(super) fn directions(op: &Centered<'_>, k: usize, ctx: &Ctx<'_>) -> Result<Directions> {
    let side = Side::of(op);
    let mut rng = ctx.rng("pp.pca.start", 0);
    let random = || (0..side.dim()).map(|_| rng.random::<f64>() - 0.5).collect();
    let allowed = |value: f64, gap: f64, largest: f64| {
        let value = value.max(0.0);
        let mixing = (SQUARE_AGAINST_GAP * value * gap.min(largest).max(0.0)).sqrt();
        (AGAINST_VALUE * value).min(mixing).max(NEVER_BELOW * value).max(AGAINST_LARGEST * largest)
    };
    let wanted = Wanted { k, block: W, room: room(k), by_size: false, allowed };
    let found = lanczos(&side, &wanted, random, TASK, ctx)?;
    Ok(Directions { vectors: side.directions(found.vectors), n_iter: found.n_iter, converged: found.converged })
}
