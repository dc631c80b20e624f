//! `tl.tsne`: neighbours in expression side by side in the plane.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dense, Need, Outcome, Result, Slot, Step, keys};

use super::affinity::Points;
use super::run::{Embedding, Method, Settings, embed, input};
use super::start::{self, Init};
use super::terms::Balance;

/// Puts observations alike in expression side by side in the plane or in space.
///
/// # What it does
/// t-SNE: a point for every observation, near to each other where the expression is.
///
/// # When to use it
/// To see which groups there are. Distances between groups and the sizes of groups mean little; where they and the
/// place in the tissue should show, take `tl.spasne`.
///
/// # How it works
/// Gaussians around each observation, as wide as `perplexity` neighbours ask for, give the nearness P of every pair;
/// points with nearness q = 1 / (1 + distance²), Q = q / Σq, go down KL(P‖Q) with momentum 0.5, from step 250 on 0.8,
/// and P times `early_exaggeration` up to there. Up to 3,000 observations all pairs are looked at; above, P comes from
/// the 3 × `perplexity` nearest and the repulsion from a field, on a mesh in the plane, by a tree in space.
///
/// # Reads and writes
/// Reads `obsm[use_rep]`, else `obsm["X_pca"]`, else `X`; `obsm[spatial_key]` where it is there, and what `init` needs.
/// Writes `obsm["X_tsne"]` and `uns["tsne"]`: `params`; `kl_divergence`; how much is kept: `r1`, the correlation of all
/// pairwise distances with those in expression, with positions `r2`, that with those in the tissue, and `knn_recall`.
/// With `key_added` both under that key.
///
/// # Determinism
/// Seeded; the same bits for any number of threads.
///
/// # Cost
/// Exact: O(N²) a step and 2 N² bytes; 1,300 spots take half a second. Fast: O(N log N) a step, O(N) memory. Ctrl-C
/// keeps the points as they are.
///
/// # Differences from the reference
/// The same descent as `SpaSNE`'s with α = β = 0 and θ = 0: `bhtsne` with gains of 0.15 and 0.85 and exaggeration 4.
/// `learning_rate` is that of `bhtsne`: a gradient a quarter of scikit-learn's, so 4 times its number.
///
/// # Example
/// `tegula tl tsne in.h5ad -o out.h5ad --perplexity 30`
///
/// # References
/// van der Maaten & Hinton, Visualizing data using t-SNE, JMLR 2008; Belkina et al. 2019,
/// <https://doi.org/10.1038/s41467-019-13055-y>; Linderman et al. 2019, <https://doi.org/10.1038/s41592-018-0308-4>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TsneParams {
    /// Dimensions of the points: 2 or 3.
    pub n_components: usize,
    /// How many neighbours count, softly; at least 2, at most a third of the others.
    pub perplexity: f64,
    /// Factor of the nearness in the first 250 steps; more gathers groups more tightly.
    pub early_exaggeration: f64,
    /// Steps.
    pub n_iter: usize,
    /// Length of the steps; by default 500, or the number of observations over `early_exaggeration` where that is more.
    pub learning_rate: Option<f64>,
    /// How exact forces are in 3 dimensions where not all pairs are looked at, 0 to 1; 0 looks at all pairs.
    pub theta: f64,
    /// How forces are found.
    pub method: Method,
    /// Where the points start.
    pub init: Init,
    /// The points in `obsm` to start from, with `init` `array`.
    pub init_key: String,
    /// The input in `obsm`, or `X` itself; by default `X_pca`, or where that is absent 200 principal components of `X`.
    pub use_rep: Option<String>,
    /// Use only the first so many columns of the input; all if not given.
    pub n_pcs: Option<usize>,
    /// Where the positions lie in `obsm`, for `init` `spatial` and for `r2`.
    pub spatial_key: String,
    /// Name of the result in `obsm` and `uns`; by default `X_tsne` and `tsne`.
    pub key_added: Option<String>,
}

impl Default for TsneParams {
    fn default() -> Self {
        Self {
            n_components: 2,
            perplexity: 50.0,
            early_exaggeration: 4.0,
            n_iter: 1000,
            learning_rate: None,
            theta: 0.5,
            method: Method::Auto,
            init: Init::Random,
            init_key: KEYS.0.into(),
            use_rep: None,
            n_pcs: None,
            spatial_key: keys::SPATIAL.into(),
            key_added: None,
        }
    }
}

const KEYS: (&str, &str) = ("X_tsne", "tsne");

/// Embeds the rows of `data`; see [`TsneParams`]. `start` replaces `init` where given: point after point.
///
/// # Errors
/// [`tegula_core::Error::Param`] for a parameter out of range, also a perplexity too large for so few observations;
/// [`tegula_core::Error::Data`] where all rows are the same, or the points leave all bounds;
/// [`tegula_core::Error::Cancelled`].
///
/// ```
/// use tegula_algo::embed::{TsneParams, tsne};
/// use tegula_core::{Ctx, Dense};
/// let line = Dense::new(40, 1, (0..40).map(|i| i as f32).collect::<Vec<_>>())?;
/// let found = tsne(&line, None, &TsneParams { perplexity: 5.0, ..Default::default() }, &Ctx::new(0))?;
/// let x = |i: usize| &found.points[2 * i..2 * i + 2];
/// let distance = |a: &[f64], b: &[f64]| (a[0] - b[0]).hypot(a[1] - b[1]);
/// assert!(distance(x(0), x(1)) < distance(x(0), x(20)));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn tsne(data: &Dense, start: Option<Vec<f64>>, params: &TsneParams, ctx: &Ctx<'_>) -> Result<Embedding> {
    params.validate()?;
    let points = Points::scaled(data.n_cols(), data.data().iter().map(|&x| f64::from(x)).collect())?;
    let settings = params.settings();
    settings.check_size(points.n_obs())?;
    let start = start::from(start, params.init, &points, None, &settings, ctx)?;
    embed(&points, None, start, settings, ctx)
}

impl TsneParams {
    fn settings(&self) -> Settings {
        Settings {
            id: Self::ID,
            n_components: self.n_components,
            perplexity: self.perplexity,
            early_exaggeration: self.early_exaggeration,
            n_iter: self.n_iter,
            learning_rate: self.learning_rate,
            theta: self.theta,
            method: self.method,
            n_pcs: self.n_pcs,
            balance: Balance::default(),
        }
    }

    fn keys(&self) -> (&str, &str) {
        self.key_added.as_deref().map_or(KEYS, |key| (key, key))
    }
}

impl Step for TsneParams {
    const ID: &'static str = "tl.tsne";
    const SUMMARY: &'static str = "Puts observations alike in expression side by side (t-SNE).";

    fn reads(&self) -> Vec<Slot> {
        start::reads(self.use_rep.as_deref(), self.init, &self.init_key, &self.spatial_key)
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obsm(self.keys().0), Slot::uns(self.keys().1)]
    }

    fn validate(&self) -> Result<()> {
        self.settings().check()
    }

    fn needs(&self, adata: &AnnData) -> Need {
        self.settings().needs(adata.n_obs())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let (data, source) = input(adata, self.use_rep.as_deref(), self.n_pcs, Self::ID, ctx)?;
        let start = match self.init {
            Init::Random | Init::Pca => None,
            Init::Spatial => {
                let coords = adata.coords(&self.spatial_key)?;
                Some(start::positions(&coords, self.n_components, "tl.tsne.init", ctx))
            }
            Init::Array => Some(start::given(adata, &self.init_key, self.n_components)?),
        };
        let found = tsne(&data, start, self, ctx)?;
        let placed = adata.has(&Slot::obsm(&self.spatial_key));
        let coords = placed.then(|| adata.coords(&self.spatial_key).ok()).flatten();
        found.store(adata, self.keys(), self.settings().params(&found, &source), &data, coords.as_ref(), ctx)
    }
}
