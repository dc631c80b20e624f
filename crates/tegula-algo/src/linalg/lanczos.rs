//! Block Lanczos with thick restarts: some eigenvectors of a large symmetric matrix that is only multiplied with.

use faer::Mat;
use tegula_core::{Ctx, Result};

use super::{Basis, Eigh, dot, eigh, orthonormalise};

/// Products between two looks at the residuals, at most.
const AHEAD: usize = 96;

/// Blocks of products after which it ends whether all vectors are found or not.
const MAX_BLOCKS: usize = 1200;

/// A symmetric matrix as what it does.
pub(crate) trait Symmetric {
    /// Length of the vectors.
    fn dim(&self) -> usize;
    /// The products with a block of vectors, one after the other.
    fn times(&self, q: &[f64]) -> Vec<f64>;
}

/// Which eigenvectors to find, and how well.
pub(crate) struct Wanted<F> {
    /// How many.
    pub(crate) k: usize,
    /// Vectors multiplied at once, at most as many as a panel is wide: more find eigenvalues of higher multiplicity, fewer need less work.
    pub(crate) block: usize,
    /// Size of the largest basis: beyond it, it is compressed and goes on.
    pub(crate) room: usize,
    /// Those of the largest absolute values instead of the largest values.
    pub(crate) by_size: bool,
    /// The residual that is small enough for an eigenvalue, its distance to the nearest other and the largest of all.
    pub(crate) allowed: F,
}

/// What was found.
pub(crate) struct Found {
    /// Eigenvalues in the order wanted.
    pub(crate) values: Vec<f64>,
    /// The vectors, one after the other.
    pub(crate) vectors: Vec<f64>,
    /// Blocks of products.
    pub(crate) n_iter: usize,
    /// False where it was stopped early.
    pub(crate) converged: bool,
}

/// The state: basis, B in the basis, and what B leads out of it.
struct Lanczos {
    block: usize,
    basis: Basis,
    projected: Mat<f64>,
    /// The next block, orthonormal to the basis, and its coefficients in B · (last block).
    next: Vec<f64>,
    r: Mat<f64>,
}

/// Some eigenvectors of `matrix`, which has to be larger than the room; `random` gives vectors to start from.
pub(crate) fn lanczos(
    matrix: &impl Symmetric,
    wanted: &Wanted<impl Fn(f64, f64, f64) -> f64>,
    mut random: impl FnMut() -> Vec<f64>,
    task: &str,
    ctx: &Ctx<'_>,
) -> Result<Found> {
    let (dim, k, room, block) = (matrix.dim(), wanted.k, wanted.room, wanted.block);
    let mut next: Vec<f64> = (0..block).flat_map(|_| random()).collect();
    orthonormalise(&mut next, dim, block);
    let (projected, r) = (Mat::zeros(room, room), Mat::zeros(block, block));
    let mut l = Lanczos { block, basis: Basis::new(dim), projected, next, r };
    ctx.begin(task, 0);
    let mut schedule = Schedule::new(k, block);
    for n_iter in 1..=MAX_BLOCKS {
        l.step(matrix, &mut random);
        ctx.tick(task, 1)?;
        let full = l.basis.len() + block > room;
        let last = n_iter == MAX_BLOCKS || ctx.stopping();
        if !(full || last || schedule.due(n_iter)) || l.basis.len() < k {
            continue;
        }
        let e = l.eigen(wanted.by_size)?;
        let worst = l.worst(&e, wanted);
        ctx.metric(task, "residual", worst);
        if worst <= 1.0 || last {
            ctx.end(task);
            let vectors = l.basis.combine(e.vectors.as_ref().subcols(0, k));
            return Ok(Found { values: e.values[..k].to_vec(), vectors, n_iter, converged: worst <= 1.0 });
        }
        schedule.learn(n_iter, worst);
        if full {
            l.restart(&e, (k + 4 * block).min(room - 4 * block));
        }
    }
    unreachable!("the last round returns")
}

impl Lanczos {
    /// Takes the next block into the basis and multiplies it.
    fn step(&mut self, matrix: &impl Symmetric, random: &mut impl FnMut() -> Vec<f64>) {
        let (dim, block) = (matrix.dim(), self.block);
        self.basis.extend(&self.next);
        let mut w = matrix.times(&self.next);
        let h = self.basis.project_out(&mut w, block);
        let (len, first) = (self.basis.len(), self.basis.len() - block);
        for i in 0..len {
            for c in 0..block {
                let j = first + c;
                // Inside the last block both triangles are computed; the mean of the two is as good as it gets.
                let x = if i >= first { f64::midpoint(h[(i, c)], h[(j, i - first)]) } else { h[(i, c)] };
                self.projected[(i, j)] = x;
                self.projected[(j, i)] = x;
            }
        }
        self.r = orthonormalise(&mut w, dim, block);
        for c in 0..block {
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
            for other in (0..self.block).filter(|&o| o != c) {
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

    fn eigen(&self, by_size: bool) -> Result<Eigh> {
        let len = self.basis.len();
        let e = eigh(self.projected.as_ref().submatrix(0, 0, len, len))?;
        Ok(if by_size { e.by_size() } else { e })
    }

    /// The largest residual of the vectors wanted, each as a multiple of what is allowed.
    fn worst(&self, e: &Eigh, wanted: &Wanted<impl Fn(f64, f64, f64) -> f64>) -> f64 {
        let (len, block) = (self.basis.len(), self.block);
        let residual = |i: usize| {
            let row = |a: usize| (a..block).map(|b| self.r[(a, b)] * e.vectors[(len - block + b, i)]).sum::<f64>();
            (0..block).map(|a| row(a).powi(2)).sum::<f64>().sqrt()
        };
        let allowed = |i: usize| {
            let others = (0..len).filter(|&j| j != i).map(|j| (e.values[i] - e.values[j]).abs());
            (wanted.allowed)(e.values[i], others.fold(f64::INFINITY, f64::min), e.values[0])
        };
        let ratio = |i: usize| if residual(i) == 0.0 { 0.0 } else { residual(i) / allowed(i) };
        (0..wanted.k).map(ratio).fold(0.0, f64::max)
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
    ahead: f64,
    before: Option<(usize, f64)>,
}

impl Schedule {
    fn new(k: usize, block: usize) -> Self {
        Self { at: (3 * k).div_ceil(block).max(6), ahead: (AHEAD / block) as f64, before: None }
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
        self.at = n_iter + ((worst.ln() / rate).ceil().clamp(1.0, self.ahead) as usize);
        self.before = Some((n_iter, worst));
    }
}
