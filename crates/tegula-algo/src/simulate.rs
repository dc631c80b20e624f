//! Tissues that never were: counts, positions and domains to try things on, of any size.

mod counts;
mod draw;
mod genes;
mod place;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Column, Coords, Ctx, Dict, Error, Frame, Labels, Result, Value, keys};

pub use draw::normal;
use genes::Genes;
use place::Point;

/// Makes a tissue: counts of genes at positions, in domains that are known.
///
/// # What it does
/// Puts observations on a lattice or at random, parts the tissue into domains, and draws counts of genes, some of which
/// mark a domain.
///
/// # When to use it
/// For runs of any size, to see how long a pipeline takes and how well it finds domains that are known. Real tissues
/// are less regular: a method that fails here fails there, not the other way round.
///
/// # How it works
/// - Gene g has the mean `m`, log-normal over genes (`mean_sigma`); in the domain it marks, `fold_change` times that.
///   Observation i has the library size `s`, log-normal with mean 1 (`library_sigma`).
/// - The count is negative binomial with mean μ = sm and variance μ + φμ² (`dispersion` φ), as a gamma-mixed
///   Poisson number is. All means are scaled so that the share of non-zeros, on average over library sizes and domains,
///   is `density`.
/// - No variate is drawn for a count that is zero. A negative binomial number is a Poisson number of clusters whose
///   sizes are logarithmic (Quenouille 1949): the rate is ln(1 + φμ)/φ, and P(size k) ∝ pᵏ/k with p = φμ/(1 + φμ). The
///   sum of Poisson numbers is Poisson, so the clusters of all genes of an observation are drawn as one number and
///   dealt to genes by an alias table of their domain. The table is made for s = 1; as ln(1 + sx) ≤ max(1, s)·ln(1 + x),
///   max(1, s) times as many clusters are drawn and each is kept with the ratio of the two. Thinning a Poisson process
///   so is exact: counts of different genes are independent and exactly negative binomial.
/// - `layered` domains are bands of the same number of observations, gently curved; `voronoi` domains are the
///   observations nearest to sites among them. `border_noise` moves each observation before its domain is looked up.
/// - Sections are slices through one tissue: the same sites, the same genes, observations of their own.
///
/// # Reads and writes
/// Reads nothing. Makes `X` (counts, sparse), `obs["domain"]` (the truth), `obs["section"]`, `obs["library_size"]`,
/// `var["mean"]` (outside the domain it marks), `var["marker_of"]`, `obsm["spatial"]` and `uns["simulate"]` (seed and
/// parameters). Several sections lie side by side in `obsm["spatial"]`, too far apart to be neighbours, and above each
/// other in `obsm["spatial_3d"]`, whose third column is the number of the section. Neighbours on a lattice are at
/// distance 1; random positions have one observation per unit of area.
///
/// # Determinism
/// The same bits for any number of threads: every observation has its own random stream.
///
/// # Cost
/// O(non-zeros) time, not observations × genes; beside the result, less than 100 MB. 10⁸ non-zeros take seconds.
///
/// # Differences from the reference
/// There is none: the model is the one that scanpy's and squidpy's users know from Splat (Zappia et al. 2017) without
/// its outlier genes and its dropout.
///
/// # Example
/// `tegula simulate -n 1000000 --n-vars 2000 --density 0.05 -o tissue.h5ad`
///
/// # References
/// Quenouille 1949, Biometrics 5, 162; Kemp 1981, <https://doi.org/10.2307/2346348>; Vose 1991,
/// <https://doi.org/10.1109/32.92917>; Zappia et al. 2017, <https://doi.org/10.1186/s13059-017-1305-0>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateParams {
    /// Observations, all sections together.
    pub n_obs: usize,
    /// Genes.
    pub n_vars: usize,
    /// Domains.
    pub n_domains: usize,
    /// Sections, as equal in size as can be.
    pub n_sections: usize,
    /// What domains look like.
    pub domains: DomainShape,
    /// Where observations lie.
    pub placement: Placement,
    /// How far (standard deviation, in units of the distance between neighbours) an observation may be from the place
    /// that gives it its domain: 0 for sharp borders.
    pub border_noise: f64,
    /// Share of non-zeros among the counts.
    pub density: f64,
    /// Genes that mark each domain; if not given, half of all genes but at most 50 per domain.
    pub n_markers: Option<usize>,
    /// How many times more a marker is expressed in its domain.
    pub fold_change: f64,
    /// Dispersion φ of the counts, whose variance is μ + φμ².
    pub dispersion: f64,
    /// Standard deviation of the logarithm of the genes' means.
    pub mean_sigma: f64,
    /// Standard deviation of the logarithm of the observations' library sizes.
    pub library_sigma: f64,
}

impl Default for SimulateParams {
    fn default() -> Self {
        Self {
            n_obs: 10_000,
            n_vars: 2000,
            n_domains: 7,
            n_sections: 1,
            domains: DomainShape::Layered,
            placement: Placement::Grid,
            border_noise: 0.0,
            density: 0.05,
            n_markers: None,
            fold_change: 4.0,
            dispersion: 0.5,
            mean_sigma: 1.0,
            library_sigma: 0.3,
        }
    }
}

/// What domains look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainShape {
    /// Bands, gently curved, as the layers of a cortex.
    Layered,
    /// Patches around sites.
    Voronoi,
}

/// Where observations lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// On a square lattice, as bins.
    Grid,
    /// On a hexagonal lattice, as Visium spots.
    Hex,
    /// Anywhere, as cells.
    Random,
}

const ID: &str = "simulate";
const TASK: &str = "simulate";

/// Makes a tissue; the seed is the context's.
///
/// # Errors
/// [`Error::Param`]; [`Error::Data`] where the counts do not fit into memory; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::simulate::{SimulateParams, simulate};
/// use tegula_core::Ctx;
/// let adata = simulate(&SimulateParams { n_obs: 100, n_vars: 50, ..Default::default() }, &Ctx::new(7))?;
/// assert_eq!((adata.n_obs(), adata.n_vars()), (100, 50));
/// assert_eq!(adata.labels("domain")?.categories().len(), 7);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn simulate(params: &SimulateParams, ctx: &Ctx<'_>) -> Result<AnnData> {
    params.validate()?;
    ctx.begin(TASK, params.n_obs as u64);
    let made = make(params, ctx);
    ctx.end(TASK);
    made
}

fn make(params: &SimulateParams, ctx: &Ctx<'_>) -> Result<AnnData> {
    let (n, k) = (params.n_obs, params.n_domains);
    let tissue = Tissue::new(params, ctx);
    let mut share = vec![0.0; k];
    tissue.domain.iter().for_each(|&d| share[d as usize] += 1.0 / n as f64);
    let genes = Genes::new(params, &share, ctx)?;
    let (x, library_size) = counts::counts(&tissue.domain, &genes, params, ctx)?;

    let names = |prefix: &str, n: usize| Frame::new((0..n).map(|i| format!("{prefix}_{i}")).collect());
    let categories = |k: usize| (0..k).map(|c| c.to_string()).collect::<Vec<_>>();
    let codes = |of: &[u32]| of.iter().map(|&c| c as i32).collect();
    let mut adata = AnnData::new(Some(x.into()), names("obs", n), names("gene", params.n_vars))?;
    adata.set_obs("domain", Labels::new(codes(&tissue.domain), categories(k), false)?)?;
    adata.set_obs("section", Labels::new(codes(&tissue.section), categories(params.n_sections), false)?)?;
    adata.set_obs("library_size", Column::Float(library_size))?;
    adata.set_var("marker_of", Labels::new(genes.marker_of, categories(k), false)?)?;
    adata.set_var("mean", Column::Float(genes.mean))?;
    adata.set_obsm(keys::SPATIAL, &Coords::new(2, tissue.flat())?)?;
    if params.n_sections > 1 {
        adata.set_obsm("spatial_3d", &Coords::new(3, tissue.stacked())?)?;
    }
    let noted = serde_json::to_value(params).unwrap_or_default();
    let noted = [("seed", Value::Int(ctx.seed() as i64)), ("params", Value::from_json(&noted))];
    adata.set_uns(ID, noted.map(|(k, v)| (k.to_owned(), v)).into_iter().collect::<Dict>());
    Ok(adata)
}

/// Positions and domains of all observations, section after section.
struct Tissue {
    points: Vec<Point>,
    section: Vec<u32>,
    domain: Vec<u32>,
    /// From where one section starts to where the next one does.
    step: f64,
}

impl Tissue {
    fn new(params: &SimulateParams, ctx: &Ctx<'_>) -> Self {
        let (n, parts) = (params.n_obs, params.n_sections);
        let side = (n.div_ceil(parts) as f64).sqrt().ceil();
        // A tenth of its width, and never near enough to be among the nearest neighbours of the other side.
        let step = side + (0.1 * side).max(10.0);
        let mut tissue = Self { points: Vec::with_capacity(n), section: vec![], domain: vec![], step };
        let mut sites = None;
        for part in 0..parts {
            let (first, size) = (tissue.points.len(), n / parts + usize::from(part < n % parts));
            let points = place::points(params.placement, size, first, ctx);
            if part == 0 {
                sites = place::sites(params.domains, &points, params.n_domains, ctx);
            }
            let domain = place::domains(&points, sites.as_deref(), params.n_domains, params.border_noise, first, ctx);
            tissue.domain.extend(domain);
            tissue.section.extend(std::iter::repeat_n(part as u32, size));
            tissue.points.extend(points);
        }
        tissue
    }

    fn flat(&self) -> Vec<f64> {
        let placed = self.points.iter().zip(&self.section);
        placed.flat_map(|(&[x, y], &s)| [x + f64::from(s) * self.step, y]).collect()
    }

    fn stacked(&self) -> Vec<f64> {
        self.points.iter().zip(&self.section).flat_map(|(&[x, y], &s)| [x, y, f64::from(s)]).collect()
    }
}

impl SimulateParams {
    /// One line for lists and `--help`.
    pub const SUMMARY: &'static str = "Makes a tissue: counts of genes at positions, in domains that are known";

    /// JSON schema of the parameters: names, types, defaults, descriptions.
    ///
    /// ```
    /// let schema = tegula_algo::simulate::SimulateParams::schema();
    /// assert_eq!(schema.as_value()["properties"]["n_vars"]["default"], 2000);
    /// ```
    pub fn schema() -> Schema {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        settings.into_generator().into_root_schema_for::<Self>()
    }

    /// Genes that mark each domain.
    fn markers(&self) -> usize {
        self.n_markers.unwrap_or_else(|| (self.n_vars / (2 * self.n_domains)).min(50))
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Param`] for the first one that is out of range.
    pub fn validate(&self) -> Result<()> {
        let refuse = |name: &str, value: &dyn std::fmt::Display, must: String| Err(Error::param(ID, name, value, must));
        let counts = [
            ("n_obs", self.n_obs, 100_000_000),
            ("n_vars", self.n_vars, 1_000_000),
            ("n_domains", self.n_domains, 256),
            ("n_sections", self.n_sections, 10_000),
        ];
        for (name, value, most) in counts {
            if !(1..=most).contains(&value) {
                return refuse(name, &value, format!("from 1 to {most}"));
            }
        }
        let smallest = self.n_obs / self.n_sections;
        if self.n_domains > smallest {
            let must = format!("at most {smallest}, the observations of a section; or ask for more of them");
            return refuse("n_domains", &self.n_domains, must);
        }
        if self.markers().saturating_mul(self.n_domains) > self.n_vars {
            let must = format!("at most {}, since no gene marks two domains", self.n_vars / self.n_domains);
            return refuse("n_markers", &self.markers(), must);
        }
        let open = 0.0 < self.density && self.density < 1.0;
        if !open {
            return refuse("density", &self.density, "above 0 and below 1".into());
        }
        let reals = [
            ("border_noise", self.border_noise, 0.0, 1e6),
            ("fold_change", self.fold_change, 0.001, 1000.0),
            ("dispersion", self.dispersion, 1e-6, 100.0),
            ("mean_sigma", self.mean_sigma, 0.0, 5.0),
            ("library_sigma", self.library_sigma, 0.0, 2.0),
        ];
        for (name, value, least, most) in reals {
            if !(least..=most).contains(&value) {
                return refuse(name, &value, format!("from {least} to {most}"));
            }
        }
        Ok(())
    }
}
