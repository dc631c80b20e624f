//! The training, from matrix, graph and tiles to weights.

use std::path::Path;

use tegula_core::{Coords, Csr, Ctx, Error, Matrix, Result, Step};

use super::net::{Net, Weights, Widths};
use super::{Mode, StagateParams};
use crate::adam::Adam;
use crate::checkpoint::Checkpoint;
use crate::fingerprint;
use crate::graph::{Edges, along_curve};
use crate::problem::Problem;
use crate::rows::Rows;
use crate::train::{Curve, Plan, train};

/// The parameters that a training goes by; what data are taken and how long it lasts are others.
const SHAPING: [&str; 5] = ["hidden_dims", "lr", "weight_decay", "gradient_clipping", "mode"];

/// What to train on.
#[derive(Debug, Clone, Copy)]
pub struct Fit<'a> {
    /// Expression: observations × genes.
    pub x: &'a Matrix,
    /// Neighbours of every observation.
    pub graph: &'a Csr,
    /// Positions, if known: neighbours are then kept together in memory.
    pub coords: Option<&'a Coords>,
    /// Tiles: the observations of each; all of them together if empty.
    pub tiles: &'a [Vec<u32>],
}

/// A trained network on all observations.
#[derive(Debug)]
pub struct Trained {
    /// The network, whose embedding of all observations was computed last.
    pub net: Net<f32>,
    /// All observations.
    pub problem: Problem<f32>,
    /// Which observation each row of the problem is.
    pub order: Vec<u32>,
    /// The embedding, by the order of the problem.
    pub embedding: Rows<f32>,
    /// The loss.
    pub curve: Curve,
}

/// Trains a network, from the given weights or from random ones, and embeds all observations.
///
/// # Errors
/// [`Error::Data`] where the loss is not finite; [`Error::Cancelled`]; those of a checkpoint that cannot be read or written.
pub fn fit(data: &Fit<'_>, start: Option<Weights<f32>>, params: &StagateParams, ctx: &Ctx<'_>) -> Result<Trained> {
    let (n, genes) = (data.x.n_rows(), data.x.n_cols());
    let &[hidden, latent] = &params.hidden_dims[..] else {
        return Err(StagateParams::refuse("hidden_dims", format!("{:?}", params.hidden_dims), "two widths"));
    };
    if data.graph.n_rows() != n || data.graph.n_cols() != n {
        let got = format!("({}, {})", data.graph.n_rows(), data.graph.n_cols());
        return Err(Error::shape("graph", got, format!("({n}, {n})")));
    }
    let order = data.coords.map_or_else(|| (0..n as u32).collect(), along_curve);
    let checkpoint = params.checkpoint.as_deref().map(|path| {
        let described = [
            ("expression", fingerprint::matrix(data.x)),
            ("graph", fingerprint::graph(data.graph)),
            ("positions", fingerprint::lists(std::slice::from_ref(&order))),
            ("tiles", fingerprint::lists(data.tiles)),
            ("first weights", fingerprint::weights(start.as_ref().map(Weights::tensors))),
        ];
        Checkpoint::new(Path::new(path), StagateParams::ID, params, &SHAPING, described, ctx)
    });
    let weights = start.unwrap_or_else(|| Weights::random(Widths { genes, hidden, latent }, ctx));
    let turned = (params.mode == Mode::Pyg).then(|| data.graph.transpose());
    let graph = turned.as_ref().unwrap_or(data.graph);
    let problem = |rows: &[u32]| Problem::new(data.x, graph, rows);
    let mut tiles: Vec<Problem<f32>> = data.tiles.iter().map(|tile| problem(&sorted(tile, &order))).collect();
    let mut whole = problem(&order);
    warn_of_parts(&whole.edges, ctx);
    let adam = Adam { lr: params.lr, weight_decay: params.weight_decay, clip: params.gradient_clipping };
    let plan = Plan {
        task: StagateParams::ID,
        n_epochs: params.n_epochs,
        tolerance: params.early_stop,
        window: params.early_stop_window,
    };
    let mut net = Net::new(weights, params.mode == Mode::Pyg);
    let curve = train(&plan, checkpoint, &mut net, ctx, |net, _| {
        if tiles.is_empty() {
            return net.learn(&mut whole, adam, ctx);
        }
        let mut total = 0.0;
        for tile in &mut tiles {
            total += net.learn(tile, adam, ctx)? * tile.input.n() as f64;
        }
        Ok(total / tiles.iter().map(|tile| tile.input.n()).sum::<usize>().max(1) as f64)
    })?;
    drop(tiles);
    let embedding = net.embed(&mut whole, &|| ctx.goes_on().is_ok());
    ctx.goes_on()?;
    if embedding.data().iter().any(|v| !v.is_finite()) {
        let reason = "holds numbers that are not finite; lower lr, or look for very large values in the data";
        return Err(Error::data("embedding of tl.stagate", reason));
    }
    Ok(Trained { net, problem: whole, order, embedding, curve })
}

impl Net<f32> {
    /// One step; the loss before it. Nothing changes where that or the gradient is not finite, or the user gives up.
    fn learn(&mut self, problem: &mut Problem<f32>, adam: Adam, ctx: &Ctx<'_>) -> Result<f64> {
        let loss = self.differentiate(problem, &|| ctx.goes_on().is_ok());
        ctx.goes_on()?;
        let length = self.gradient.length();
        if loss.is_finite() && length.is_finite() {
            self.step(adam);
            Ok(loss)
        } else {
            Ok(f64::NAN)
        }
    }
}

/// The observations of a tile in the order of all.
fn sorted(tile: &[u32], order: &[u32]) -> Vec<u32> {
    let mut inside = vec![false; order.len()];
    for &i in tile {
        inside[i as usize] = true;
    }
    order.iter().copied().filter(|&i| inside[i as usize]).collect()
}

/// Says how many observations have no neighbour, and of how many parts the graph is.
fn warn_of_parts(edges: &Edges, ctx: &Ctx<'_>) {
    let alone = (0..edges.n()).filter(|&i| edges.to(i).len() == 1).count();
    if alone > 0 {
        ctx.warn(&format!(
            "tl.stagate: {alone} of {} observations have no neighbour and are embedded by their own expression alone",
            edges.n()
        ));
    }
    let parts = edges.parts() - alone.min(edges.parts());
    if parts > 1 {
        ctx.warn(&format!(
            "tl.stagate: the graph has {parts} parts that no edge joins; where that is not meant (sections apart), take \
             a larger radius or more neighbours"
        ));
    }
}
