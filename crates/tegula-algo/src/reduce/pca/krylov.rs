//! Block Lanczos with thick restarts on the inner products of the centred matrix.

use faer::Mat;
use rand::RngExt;
use tegula_core::{Csr, Ctx, Matrix, Result};

use super::Directions;
use super::centered::Centered;
use crate::linalg::panel::W;
use crate::linalg::{Basis, Eigh, dot, eigh, orthonormalise};

/// A component is found when its residual is this small against its eigenvalue: the Krylov space holds its nearest
/// neighbours too, so that what is wrong with it lies far off …
const AGAINST_VALUE: f64 = 5e-6;
/// … and, squared, this small against eigenvalue and gap: how far it mixes with its neighbours …
const SQUARE_AGAINST_GAP: f64 = 1e-5;
/// … or this small whatever the gap …
const NEVER_BELOW: f64 = 3e-7;
/// … or against the largest one: as far as single precision carries.
const AGAINST_LARGEST: f64 = 3e-9;
/// Blocks of products after which it ends whether all components are found or not.
const MAX_BLOCKS: usize = 1200;
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

    /// Length of the vectors.
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

/// The state: basis, B in the basis, and what B leads out of it.
struct Lanczos {
    basis: Basis,
    projected: Mat<f64>,
    /// The next block, orthonormal to the basis, and its coefficients in B · (last block).
    next: Vec<f64>,
    r: Mat<f64>,
}

pub(super) fn directions(op: &Centered<'_>, k: usize, ctx: &Ctx<'_>) -> Result<Directions> {
    let side = Side::of(op);
    let g = side.dim();
    let room = room(k);
    let mut rng = ctx.rng("pp.pca.start", 0);
    let mut random = move || (0..g).map(|_| rng.random::<f64>() - 0.5).collect::<Vec<f64>>();
    let mut next: Vec<f64> = (0..W).flat_map(|_| random()).collect();
    orthonormalise(&mut next, g, W);
    let mut l = Lanczos { basis: Basis::new(g), projected: Mat::zeros(room, room), next, r: Mat::zeros(W, W) };
    ctx.begin(TASK, 0);
    let mut schedule = Schedule::new(k);
    for n_iter in 1..=MAX_BLOCKS {
        l.step(&side, &mut random);
        ctx.tick(TASK, 1)?;
        let full = l.basis.len() + W > room;
        let last = n_iter == MAX_BLOCKS || ctx.stopping();
        if !(full || last || schedule.due(n_iter)) || l.basis.len() < k {
            continue;
        }
        let e = l.eigen()?;
        let worst = l.worst(&e, k);
        ctx.metric(TASK, "residual", worst);
        if worst <= 1.0 || last {
            ctx.end(TASK);
            let vectors = l.basis.combine(e.vectors.as_ref().subcols(0, k));
            return Ok(Directions { vectors: side.directions(vectors), n_iter, converged: worst <= 1.0 });
        }
        schedule.learn(n_iter, worst);
        if full {
            l.restart(&e, (k + 4 * W).min(room - 4 * W));
        }
    }
    unreachable!("the last round returns")
}

impl Lanczos {
    /// Takes the next block into the basis and multiplies it.
    fn step(&mut self, side: &Side<'_>, random: &mut impl FnMut() -> Vec<f64>) {
        let g = side.dim();
        self.basis.extend(&self.next);
        let mut w = side.times(&self.next);
        let h = self.basis.project_out(&mut w, W);
        let (len, first) = (self.basis.len(), self.basis.len() - W);
        for i in 0..len {
            for c in 0..W {
                let j = first + c;
                // Inside the last block both triangles are computed; the mean of the two is as good as it gets.
                let x = if i >= first { f64::midpoint(h[(i, c)], h[(j, i - first)]) } else { h[(i, c)] };
                self.projected[(i, j)] = x;
                self.projected[(j, i)] = x;
            }
        }
        self.r = orthonormalise(&mut w, g, W);
        for c in 0..W {
            if self.r[(c, c)] == 0.0 {
                self.replace(&mut w, c, random);
            }
        }
        self.next = w;
    }

    /// Column `c` of the next block holds nothing new: any direction orthogonal to all others does.
    fn replace(&self, w: &mut [f64], c: usize, random: &mut impl FnMut() -> Vec<f64>) {
        let mut fresh = random();
        let g = fresh.len();
        for _ in 0..2 {
            self.basis.project_out(&mut fresh, 1);
            for other in (0..W).filter(|&o| o != c) {
                let column = &w[other * g..(other + 1) * g];
                let h = dot(column, &fresh);
                fresh.iter_mut().zip(column).for_each(|(x, y)| *x -= h * y);
            }
        }
        let length = dot(&fresh, &fresh).sqrt();
        for (x, y) in w[c * g..(c + 1) * g].iter_mut().zip(fresh) {
            *x = y / length;
        }
    }

    fn eigen(&self) -> Result<Eigh> {
        let len = self.basis.len();
        eigh(self.projected.as_ref().submatrix(0, 0, len, len))
    }

    /// The largest residual of the first `k` components, each as a multiple of what is allowed.
    fn worst(&self, e: &Eigh, k: usize) -> f64 {
        let len = self.basis.len();
        let residual = |i: usize| {
            let row = |a: usize| (a..W).map(|b| self.r[(a, b)] * e.vectors[(len - W + b, i)]).sum::<f64>();
            (0..W).map(|a| row(a).powi(2)).sum::<f64>().sqrt()
        };
        let allowed = |i: usize| {
            let above = if i > 0 { e.values[i - 1] - e.values[i] } else { f64::INFINITY };
            let below = if i + 1 < len { e.values[i] - e.values[i + 1] } else { f64::INFINITY };
            let gap = above.min(below).min(e.values[0]);
            let value = e.values[i].max(0.0);
            let mixing = (SQUARE_AGAINST_GAP * value * gap.max(0.0)).sqrt();
            (AGAINST_VALUE * value).min(mixing).max(NEVER_BELOW * value).max(AGAINST_LARGEST * e.values[0])
        };
        let ratio = |i: usize| if residual(i) == 0.0 { 0.0 } else { residual(i) / allowed(i) };
        (0..k).map(ratio).fold(0.0, f64::max)
    }

    /// Compresses the basis to the first `p` approximate eigenvectors.
    fn restart(&mut self, e: &Eigh, p: usize) {
        let vectors = self.basis.combine(e.vectors.as_ref().subcols(0, p));
        self.basis = Basis::new(vectors.len() / p);
        self.basis.extend(&vectors);
        self.projected.fill(0.0);
        for i in 0..p {
            self.projected[(i, i)] = e.values[i];
        }
    }
}

/// When to look at the residuals: they fall geometrically, and each look costs an eigendecomposition.
struct Schedule {
    at: usize,
    before: Option<(usize, f64)>,
}

impl Schedule {
    fn new(k: usize) -> Self {
        Self { at: (3 * k).div_ceil(W).max(6), before: None }
    }

    fn due(&self, n_iter: usize) -> bool {
        n_iter >= self.at
    }

    /// Sets the next look to where the residual would be small enough if it went on falling as it did.
    fn learn(&mut self, n_iter: usize, worst: f64) {
        let rate = match self.before {
            Some((then, was)) if worst < was => (was / worst).ln() / (n_iter - then) as f64,
            _ => 1.0,
        };
        self.at = n_iter + ((worst.ln() / rate).ceil().clamp(1.0, 6.0) as usize);
        self.before = Some((n_iter, worst));
    }
}
