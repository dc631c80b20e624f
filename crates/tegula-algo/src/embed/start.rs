//! Where an embedding starts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Coords, Ctx, Dense, Error, Result, Slot, keys};

use super::affinity::Points;
use super::run::Settings;
use crate::linalg::centre;
use crate::reduce::{PcaParams, pca};
use crate::simulate::normal;

/// The spread of every start but a given one.
const SMALL: f64 = 1e-4;

/// Where an embedding starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// At random, close together; the seed says where.
    #[default]
    Random,
    /// At the first principal components of the input, close together.
    Pca,
    /// At the positions in the tissue, close together.
    Spatial,
    /// At the points in `obsm[init_key]`, as they are.
    Array,
}

/// The slots that input and start come from, and what the result is measured by.
pub(super) fn reads(use_rep: Option<&str>, init: Init, init_key: &str, spatial_key: &str) -> Vec<Slot> {
    let mut slots = use_rep.map_or_else(|| vec![Slot::obsm(keys::X_PCA), Slot::X], |key| vec![Slot::rep(key)]);
    slots.push(Slot::obsm(spatial_key));
    slots.extend((init == Init::Array).then(|| Slot::obsm(init_key)));
    slots
}

/// Where to start: at `given` where that is there, else as `init` says; the random numbers are those of `<id>.init`.
pub(super) fn from(
    given: Option<Vec<f64>>,
    init: Init,
    points: &Points,
    coords: Option<&Coords>,
    settings: &Settings,
    ctx: &Ctx<'_>,
) -> Result<Vec<f64>> {
    let (n, dim, stream) = (points.n_obs(), settings.n_components, format!("{}.init", settings.id));
    match (given, init, coords) {
        (Some(given), ..) if given.len() == n * dim => Ok(given),
        (Some(given), ..) => {
            let got = format!("({}, {dim})", given.len() as f64 / dim as f64);
            Err(Error::shape("the points to start from", got, format!("({n}, {dim})")))
        }
        (None, Init::Random, _) => Ok(random(n * dim, &stream, 0, ctx)),
        (None, Init::Pca, _) => components(points, dim, ctx),
        (None, Init::Spatial, Some(coords)) => Ok(positions(coords, dim, &stream, ctx)),
        (None, Init::Spatial | Init::Array, _) => {
            Err(Error::param(settings.id, "init", "without points to start from", "random or pca"))
        }
    }
}

/// Fetches the points in `obsm[init_key]`.
pub(super) fn given(adata: &AnnData, init_key: &str, n_components: usize) -> Result<Vec<f64>> {
    let dense = adata.embedding(init_key, "make that embedding first, or start elsewhere")?;
    if dense.n_cols() != n_components {
        let (slot, got) = (Slot::obsm(init_key), format!("({}, {})", dense.n_rows(), dense.n_cols()));
        return Err(Error::shape(slot, got, format!("({}, {n_components}), n_components wide", dense.n_rows())));
    }
    Ok(dense.data().iter().map(|&x| f64::from(x)).collect())
}

/// Standard normal numbers of item `item` of the stream `stream`, close to 0.
pub(super) fn random(n: usize, stream: &str, item: u64, ctx: &Ctx<'_>) -> Vec<f64> {
    let mut rng = ctx.rng(stream, item);
    (0..n).map(|_| SMALL * normal(&mut rng)).collect()
}

/// The first principal components.
pub(super) fn components(points: &Points, n_components: usize, ctx: &Ctx<'_>) -> Result<Vec<f64>> {
    let (n, d) = (points.n_obs(), points.dim());
    if d <= n_components {
        let row = |row: &[f64]| (0..n_components).map(|k| row.get(k).copied().unwrap_or(0.0)).collect::<Vec<f64>>();
        return Ok(shrunk(points.rows().chunks(d).flat_map(row).collect(), n_components));
    }
    let dense = Dense::new(n, d, points.rows().iter().map(|&x| x as f32).collect::<Vec<_>>())?;
    let found = pca(&dense.into(), &PcaParams { n_comps: Some(n_components), ..PcaParams::default() }, ctx)?;
    Ok(shrunk(found.scores.iter().map(|&x| f64::from(x)).collect(), n_components))
}

/// The positions in the tissue; a third dimension that they lack is drawn from the stream `stream`.
pub(super) fn positions(coords: &Coords, n_components: usize, stream: &str, ctx: &Ctx<'_>) -> Vec<f64> {
    let (n, dim) = (coords.len(), coords.dim());
    let mut places = coords.data().to_vec();
    centre(&mut places, dim);
    let at = |i: usize, d: usize| if d < dim { places[i * dim + d] } else { 0.0 };
    let mut y = shrunk((0..n * n_components).map(|k| at(k / n_components, k % n_components)).collect(), n_components);
    if n_components > dim {
        let noise = random(n, stream, 0, ctx);
        y.iter_mut().skip(n_components - 1).step_by(n_components).zip(noise).for_each(|(y, x)| *y = x);
    }
    y
}

/// Scaled so that the first dimension has the standard deviation of a random start.
fn shrunk(mut y: Vec<f64>, dim: usize) -> Vec<f64> {
    let n = (y.len() / dim) as f64;
    let deviation = (y.iter().step_by(dim).map(|x| x * x).sum::<f64>() / n).sqrt();
    let scale = if deviation > 0.0 { SMALL / deviation } else { 1.0 };
    for x in &mut y {
        *x *= scale;
    }
    y
}
