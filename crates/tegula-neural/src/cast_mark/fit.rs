//! The training, from matrix, graph and sections to embeddings.

use std::path::Path;

use tegula_core::{Coords, Csr, Ctx, Dense, Error, Labels, Matrix, Result, Step};

use super::CastMarkParams;
use super::net::{Net, Rule, Weights, Widths};
use super::views::{Dropout, Views};
use crate::adam::Adam;
use crate::checkpoint::Checkpoint;
use crate::fingerprint;
use crate::graph::along_curve;
use crate::problem::Problem;
use crate::train::{Curve, Plan, train};

/// Observations that a section has at least: correlations of fewer mean nothing.
const FEWEST: usize = 3;

/// The parameters that a training goes by; what data are taken and how long it lasts are others.
const SHAPING: [&str; 8] =
    ["hidden_dim", "n_layers", "alpha", "gcn_lambda", "lambd", "lr", "drop_feature", "drop_edge"];

/// What to train on.
#[derive(Debug, Clone, Copy)]
pub struct Fit<'a> {
    /// Expression: observations × genes.
    pub x: &'a Matrix,
    /// Neighbours of every observation in its own section.
    pub graph: &'a Csr,
    /// Positions: neighbours are kept together in memory.
    pub coords: &'a Coords,
    /// The section of every observation.
    pub sections: &'a Labels,
}

/// A trained network and what it makes of the observations.
#[derive(Debug)]
pub struct Trained {
    /// The network.
    pub net: Net<f32>,
    /// The embedding: observations × hidden.
    pub embedding: Dense,
    /// The loss of every epoch, the mean over the sections.
    pub curve: Curve,
}

/// Trains a network, from the given weights or from random ones, and embeds all observations.
///
/// # Errors
/// [`Error::Data`] where the loss is not finite or a section too small; [`Error::Cancelled`]; those of a checkpoint that
/// cannot be read or written.
///
/// ```
/// use tegula_algo::graph::voronoi;
/// use tegula_core::{Ctx, Labels};
/// use tegula_neural::cast_mark::{CastMarkParams, Fit, fit};
/// let adata = tegula_algo::simulate::simulate(
///     &tegula_algo::simulate::SimulateParams { n_obs: 60, n_vars: 20, ..Default::default() },
///     &Ctx::new(0),
/// )?;
/// let coords = adata.coords("spatial")?;
/// let graph = voronoi(&coords)?;
/// let sections = Labels::from_clusters(&[0; 60]);
/// let data = Fit { x: adata.matrix(None)?, graph: &graph, coords: &coords, sections: &sections };
/// let params = CastMarkParams { n_epochs: 2, hidden_dim: 8, n_layers: 2, ..Default::default() };
/// let trained = fit(&data, None, &params, &Ctx::new(0))?;
/// assert_eq!((trained.embedding.n_rows(), trained.embedding.n_cols()), (60, 8));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn fit(data: &Fit<'_>, start: Option<Weights<f32>>, params: &CastMarkParams, ctx: &Ctx<'_>) -> Result<Trained> {
    let (n, genes, hidden) = (data.x.n_rows(), data.x.n_cols(), params.hidden_dim);
    for (what, got) in [("graph", data.graph.n_rows()), ("positions", data.coords.len())] {
        if got != n {
            return Err(Error::shape(what, format!("({got})"), format!("({n})")));
        }
    }
    let orders = orders(data)?;
    let rule = Rule { alpha: params.alpha, lambda: params.gcn_lambda, penalty: params.lambd };
    let widths = Widths { genes, hidden, layers: params.n_layers };
    let checkpoint = params.checkpoint.as_deref().map(|path| {
        let described = [
            ("expression", fingerprint::matrix(data.x)),
            ("graph", fingerprint::graph(data.graph)),
            ("sections", fingerprint::lists(&orders)),
            ("first weights", fingerprint::weights(start.as_ref().map(Weights::tensors))),
        ];
        Checkpoint::new(Path::new(path), CastMarkParams::ID, params, &SHAPING, described, ctx)
    });
    let mut net = Net::new(start.unwrap_or_else(|| Weights::random(widths, ctx)), rule);
    let mut sections: Vec<Problem<f32>> = orders.iter().map(|order| Problem::new(data.x, data.graph, order)).collect();
    let curve = learn(&mut net, &mut sections, checkpoint, params, ctx)?;
    let mut embedding = Dense::zeros(n, hidden);
    for (section, order) in sections.iter_mut().zip(&orders) {
        let rows = net.embed(section, params.self_loops, &|| ctx.goes_on().is_ok());
        ctx.goes_on()?;
        for (k, &i) in order.iter().enumerate() {
            embedding.data_mut()[i as usize * hidden..][..hidden].copy_from_slice(&rows.row(k)[..hidden]);
        }
    }
    if embedding.data().iter().any(|v| !v.is_finite()) {
        let reason = "holds numbers that are not finite; lower lr, or look for very large values in the data";
        return Err(Error::data("embedding of tl.cast_mark", reason));
    }
    Ok(Trained { net, embedding, curve })
}

/// The observations of each section, neighbours near each other.
fn orders(data: &Fit<'_>) -> Result<Vec<Vec<u32>>> {
    let names = data.sections.categories();
    let mut orders = vec![Vec::new(); names.len()];
    for i in along_curve(data.coords) {
        let section = usize::try_from(data.sections.codes()[i as usize]).ok();
        let order = section
            .and_then(|s| orders.get_mut(s))
            .ok_or_else(|| Error::data("sections", format!("observation {i} belongs to none; name one or drop it")))?;
        order.push(i);
    }
    orders.retain(|order: &Vec<u32>| !order.is_empty());
    if let Some(small) = orders.iter().find(|order| order.len() < FEWEST) {
        let name = data.sections.get(small[0] as usize).unwrap_or_default();
        let of = if orders.len() > 1 { format!("in the section `{name}` ") } else { String::new() };
        let reason = format!("are {} {of}only, at least {FEWEST} are needed; drop them", small.len());
        return Err(Error::data("observations", reason));
    }
    Ok(orders)
}

/// All epochs. In each the gradients of the sections add up, one step of the optimiser after every section.
fn learn(
    net: &mut Net<f32>,
    sections: &mut [Problem<f32>],
    checkpoint: Option<Checkpoint<'_>>,
    params: &CastMarkParams,
    ctx: &Ctx<'_>,
) -> Result<Curve> {
    let plan = Plan { task: CastMarkParams::ID, n_epochs: params.n_epochs, tolerance: None, window: 1 };
    let adam = Adam { lr: params.lr, weight_decay: 0.0, clip: 0.0 };
    let drop = Dropout { genes: params.drop_feature, edges: params.drop_edge };
    let (genes, count) = (net.weights.widths.genes, sections.len());
    let views_of = if params.n_epochs == 0 { 1 } else { 2 };
    net.make_room(views_of * sections.iter().map(|s| s.input.n()).max().unwrap_or(0));
    let mut views = Views::default();
    train(&plan, checkpoint, net, ctx, |net, epoch| {
        net.forget();
        let mut total = 0.0;
        for (k, section) in sections.iter_mut().enumerate() {
            views.draw(section, genes, drop, net.rule, ctx, (epoch * count + k) as u64);
            let loss = net.differentiate(section, &views, &|| ctx.goes_on().is_ok());
            ctx.goes_on()?;
            if !loss.is_finite() || !net.gradient.length().is_finite() {
                return Ok(f64::NAN);
            }
            net.step(adam);
            total += loss;
        }
        Ok(total / count.max(1) as f64)
    })
}
