//! `pp.pca`.

mod centered;
mod gram;
mod knee;
mod krylov;
mod step;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{Ctx, Error, Matrix, Result};

use centered::Centered;
pub use knee::knee;

/// How many components where nobody says.
const N_COMPS: usize = 50;

/// Up to this size the matrix of inner products is made and solved whole.
const SMALL: usize = 512;

/// Which way the components are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// By size: `gram` where there are few genes or few observations, `krylov` otherwise.
    #[default]
    Auto,
    /// All eigenvectors of the matrix of inner products, genes × genes or observations × observations.
    Gram,
    /// Block Lanczos with restarts on the sparse matrix.
    Krylov,
}

/// Principal components of the expression.
///
/// # What it does
/// Finds the `n_comps` orthogonal directions of largest variance among the genes, and each observation's place along
/// them.
///
/// # When to use it
/// After `pp.log1p` (and `pp.highly_variable_genes`), before `pp.neighbors`: neighbours are sought among 30–50
/// components instead of thousands of noisy genes.
///
/// # How it works
/// A truncated singular value decomposition of the centred matrix, which is never made dense: centring is done inside
/// the products. Few genes or observations (up to 512): the matrix of inner products in `f64` and all its
/// eigenvectors. Otherwise block Lanczos on it, 8 vectors at a time and on the smaller side of a sparse matrix,
/// reorthogonalised in full and restarted until every component's residual is small against its size and, squared,
/// against its gap. The largest absolute loading of each component is positive. With `knee` the variances of all
/// components come first (eigenvalues alone), and as many are kept as lie before the knee (Kneedle, sensitivity 1).
///
/// # Reads and writes
/// Reads `X` or `layers[layer]`, and `var["highly_variable"]` where it is there. Writes `obsm["X_pca"]`,
/// `varm["PCs"]` (zeros for genes left out), `uns["pca"]` (`variance`, `variance_ratio`, `params`); with `key_added`
/// all three under that key.
///
/// # Determinism
/// The same bits for any number of threads; the start of Lanczos depends on the seed, the result only in its last
/// digits.
///
/// # Cost
/// O(non-zeros × products), some 400 products of one vector, 16 at a time; memory beside X: with fewer observations
/// than genes its transpose and a basis of observations × 350, else 64 blocks of genes × 16 numbers and a basis of
/// genes × 350. `knee` without `n_comps` takes O(side³) for the smaller side, which it wants to be at most 4096.
///
/// # Differences from the reference
/// Singular values equal an exact decomposition to 1e-5 relative. scanpy's signs follow another rule, and its loadings
/// of a masked run are `f64`, here `f32`. `knee` is spateo's `compute_pca_components`; where its curve has no knee,
/// spateo fails and here the default number is kept. A component without variance has loadings of zero.
///
/// # Example
/// ```
/// use tegula_algo::reduce::PcaParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(3, 2, vec![1.0, 0.0, 2.0, 0.0, 3.0, 0.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(3), Frame::with_range_index(2))?;
/// run(&PcaParams { n_comps: Some(1), ..Default::default() }, &mut adata, &Ctx::default())?;
/// assert_eq!(&adata.embedding("X_pca", "")?.data()[..], [-1.0, 0.0, 1.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Golub & Underwood, The block Lanczos method, 1977, doi:10.1016/B978-0-12-587260-7.50018-2; Wu & Simon, Thick-restart
/// Lanczos, SIAM J. Matrix Anal. Appl. 2000, doi:10.1137/S0895479898334605; Satopää et al., Kneedle, 2011,
/// doi:10.1109/ICDCSW.2011.20.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PcaParams {
    /// Number of components; by default 50, or one less than the smaller side of the matrix.
    pub n_comps: Option<usize>,
    /// Keep the components up to the knee of the curve of their shares of the variance: of all components there are,
    /// or of the first `n_comps` where that is given.
    pub knee: bool,
    /// Use the highly variable genes only; by default where `var["highly_variable"]` is there.
    pub use_highly_variable: Option<bool>,
    /// Centre the genes first; `false` gives a plain truncated singular value decomposition.
    pub zero_center: bool,
    /// Which way the components are found.
    pub solver: Solver,
    /// Layer to use instead of `X`.
    pub layer: Option<String>,
    /// Key of the three results; by default `X_pca`, `PCs` and `pca`.
    pub key_added: Option<String>,
}

impl Default for PcaParams {
    fn default() -> Self {
        Self {
            n_comps: None,
            knee: false,
            use_highly_variable: None,
            zero_center: true,
            solver: Solver::Auto,
            layer: None,
            key_added: None,
        }
    }
}

/// What [`pca`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    /// Number of components.
    pub n_comps: usize,
    /// Observations × components, by rows.
    pub scores: Vec<f32>,
    /// Genes × components, by rows; the columns are orthonormal.
    pub loadings: Vec<f64>,
    /// Singular value of each component, falling.
    pub singular_values: Vec<f64>,
    /// Variance along each component (ddof 1; 0 without centring, as scikit-learn has it).
    pub variance: Vec<f64>,
    /// The same as a share of the total variance.
    pub variance_ratio: Vec<f64>,
    /// Blocks of products that Lanczos needed; 0 where all eigenvectors were found at once.
    pub n_iter: usize,
    /// False where Lanczos was stopped early.
    pub converged: bool,
}

/// Directions found: eigenvectors of the centred matrix' inner products over genes.
struct Directions {
    /// Genes × components, column after column.
    vectors: Vec<f64>,
    n_iter: usize,
    converged: bool,
}

/// The principal components of the rows of `m`.
///
/// # Errors
/// [`Error::Data`] for fewer than two rows or columns; [`Error::Param`] for more components than there can be;
/// [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::reduce::{PcaParams, pca};
/// let m = tegula_core::Dense::new(3, 2, vec![1.0, 1.0, 2.0, 2.0, 3.0, 3.0])?.into();
/// let p = pca(&m, &PcaParams::default(), &tegula_core::Ctx::default())?;
/// assert!((p.variance[0] - 2.0).abs() < 1e-6 && (p.variance_ratio[0] - 1.0).abs() < 1e-6);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn pca(m: &Matrix, params: &PcaParams, ctx: &Ctx<'_>) -> Result<Pca> {
    let (n, g) = (m.n_rows(), m.n_cols());
    let side = n.min(g);
    if side < 2 {
        let reason = format!("{n} observations × {g} genes have no components; at least 2 of each are needed");
        return Err(Error::data("X", reason));
    }
    let default = N_COMPS.min(side - 1);
    let k = params.n_comps.unwrap_or(default);
    if k >= side {
        let must = format!("below the smaller side of the matrix ({n} observations × {g} genes)");
        return Err(Error::param("pp.pca", "n_comps", k, must));
    }
    let op = Centered::new(m, params.zero_center);
    let k = if params.knee && params.n_comps.is_none() {
        knee(&knee::spectrum(&op)?).map_or_else(
            || {
                ctx.warn(&format!("the curve of variances has no knee; {default} components are kept"));
                default
            },
            |k| k.min(side - 1),
        )
    } else {
        k
    };
    let room = krylov::room(k);
    let whole = match params.solver {
        Solver::Gram => true,
        Solver::Krylov => room >= side,
        Solver::Auto => side <= SMALL || room >= side,
    };
    let found = if whole { gram::directions(&op, k)? } else { krylov::directions(&op, k, ctx)? };
    let mut pca = finish(&op, k, &found);
    if params.knee && params.n_comps.is_some() {
        match knee(&pca.variance_ratio) {
            Some(k) => pca.truncate(k),
            None => ctx.warn(&format!("the curve of variances has no knee; all {k} components are kept")),
        }
    }
    Ok(pca)
}

impl Pca {
    /// Keeps the first `k` components.
    fn truncate(&mut self, k: usize) {
        let all = std::mem::replace(&mut self.n_comps, k);
        let mut at = 0..;
        self.scores.retain(|_| at.next().is_some_and(|e: usize| e % all < k));
        let mut at = 0..;
        self.loadings.retain(|_| at.next().is_some_and(|e: usize| e % all < k));
        for list in [&mut self.singular_values, &mut self.variance, &mut self.variance_ratio] {
            list.truncate(k);
        }
    }
}

/// Scores, variances, order and signs, from the directions.
fn finish(op: &Centered<'_>, k: usize, found: &Directions) -> Pca {
    let (n, g) = (op.n_obs(), op.n_vars());
    let raw = op.scores(&found.vectors, k);
    let column = |c: usize| raw.iter().skip(c).step_by(k).copied();
    let squares: Vec<f64> = (0..k).map(|c| column(c).map(|x| x * x).sum()).collect();
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&a, &b| squares[b].total_cmp(&squares[a]));
    let sign: Vec<f64> = order.iter().map(|&c| sign_of(&found.vectors[c * g..(c + 1) * g])).collect();
    let take = |row: &[f64]| order.iter().zip(&sign).map(|(&c, s)| row[c] * s).collect::<Vec<f64>>();
    let variance: Vec<f64> = order
        .iter()
        .map(|&c| {
            if op.is_centered() {
                squares[c] / (n as f64 - 1.0)
            } else {
                let mean = column(c).sum::<f64>() / n as f64;
                squares[c] / n as f64 - mean * mean
            }
        })
        .collect();
    let total = op.total_variance();
    Pca {
        n_comps: k,
        scores: raw.chunks_exact(k.max(1)).flat_map(take).map(|x| x as f32).collect(),
        loadings: (0..g)
            .flat_map(|j| order.iter().zip(&sign).map(move |(&c, s)| (c, s, j)))
            .map(|(c, s, j)| found.vectors[c * g + j] * s)
            .collect(),
        singular_values: order.iter().map(|&c| squares[c].sqrt()).collect(),
        variance_ratio: variance.iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect(),
        variance,
        n_iter: found.n_iter,
        converged: found.converged,
    }
}

/// −1 where the entry of largest absolute value (the first of equals) is negative, else 1.
pub(super) fn sign_of(v: &[f64]) -> f64 {
    let most = v.iter().fold(0f64, |most, &x| if x.abs() > most.abs() { x } else { most });
    if most < 0.0 { -1.0 } else { 1.0 }
}
