//! The slots of `tl.stagate`.

use std::path::Path;

use tegula_core::{AnnData, Array, Ctx, Dense, Dict, Need, Outcome, Result, Slot, Step, Value};

use super::fit::{Fit, Trained, fit};
use super::results::{Rebuilt, rebuild, spatial_net, wanted};
use super::{Mode, StagateParams, tiles, weights};
use crate::checkpoint;
use crate::source::Source;

/// Where rebuilt expression goes.
const REBUILT: &str = "STAGATE_ReX";
/// STAGATE's table of the graph.
const NET: &str = "Spatial_Net";
/// What the training tells of itself.
const UNS: &str = "stagate";

impl StagateParams {
    fn source(&self) -> Source<'_> {
        Source {
            layer: self.layer.as_deref(),
            use_rep: self.use_rep.as_deref(),
            use_highly_variable: self.use_highly_variable,
        }
    }

    fn told(trained: &Trained, ctx: &Ctx<'_>) -> Dict {
        let curve = &trained.curve;
        let mut told = Dict::from([
            ("n_epochs".to_owned(), Value::from(curve.losses.len())),
            ("end".to_owned(), Value::from(curve.end.told())),
            ("n_edges".to_owned(), Value::from(trained.problem.edges.len() - trained.problem.edges.n())),
            ("mean_neighbors".to_owned(), {
                let n = trained.problem.edges.n();
                Value::from((trained.problem.edges.len() - n) as f64 / n.max(1) as f64)
            }),
            ("random_state".to_owned(), Value::Int(ctx.seed() as i64)),
        ]);
        if let Some(loss) = curve.losses.last() {
            told.insert("loss".to_owned(), Value::from(*loss));
        }
        told
    }
}

impl Step for StagateParams {
    const ID: &'static str = "tl.stagate";
    const SUMMARY: &'static str = "Embeds observations by expression and neighbours in the tissue: STAGATE.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = self.source().reads();
        slots.extend(self.reads_for_graph());
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obsm(&self.key_added), Slot::uns(UNS)];
        if self.save_reconstruction {
            slots.extend([Slot::Layer(REBUILT.to_owned()), Slot::obsm(REBUILT)]);
        }
        if self.save_spatial_net {
            slots.push(Slot::uns(NET));
        }
        slots
    }

    fn validate(&self) -> Result<()> {
        if self.hidden_dims.len() != 2 || self.hidden_dims.contains(&0) {
            let must = "two widths of at least 1: of the hidden layer and of the embedding, as 512,30";
            return Err(Self::refuse("hidden_dims", format!("{:?}", self.hidden_dims), must));
        }
        if let Some(width) = self.hidden_dims.iter().find(|w| **w > 1 << 16) {
            return Err(Self::refuse("hidden_dims", width, "at most 65536"));
        }
        for (name, value) in [("num_batch_x", self.num_batch_x), ("num_batch_y", self.num_batch_y)] {
            if !(1..=10_000).contains(&value) {
                return Err(Self::refuse(name, value, "from 1 to 10000"));
            }
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(Self::refuse("lr", self.lr, "a number above 0"));
        }
        for (name, value) in [("weight_decay", self.weight_decay), ("gradient_clipping", self.gradient_clipping)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Self::refuse(name, value, "0 or more"));
            }
        }
        if let Some(share) = self.early_stop.filter(|share| !(0.0..1.0).contains(share)) {
            return Err(Self::refuse("early_stop", share, "from 0 to below 1"));
        }
        if self.early_stop.is_some() && self.early_stop_window == 0 {
            return Err(Self::refuse("early_stop_window", 0, "at least 1"));
        }
        if self.n_epochs == 0 && self.load_weights.is_none() {
            return Err(Self::refuse("n_epochs", 0, "at least 1, unless load_weights names a trained network"));
        }
        let weights = [self.load_weights.as_deref(), self.save_weights.as_deref()];
        checkpoint::check(Self::ID, self.checkpoint.as_deref(), self.n_epochs, weights)?;
        if self.use_rep.is_some() && self.layer.is_some() {
            return Err(Self::refuse("use_rep", "given", "left out with `layer`"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "a name, as `STAGATE`"));
        }
        if !self.reconstruction_genes.is_empty() && !self.save_reconstruction {
            return Err(Self::refuse("reconstruction_genes", "given", "used with `save_reconstruction`"));
        }
        self.agree()
    }

    fn needs(&self, adata: &AnnData) -> Need {
        let n = adata.n_obs() as u64;
        let rebuilt = match (self.save_reconstruction, self.reconstruction_genes.len()) {
            (false, _) => 0,
            (true, 0) => adata.n_vars() as u64,
            (true, chosen) => chosen as u64,
        };
        let [hidden, latent] = [0, 1].map(|l| self.hidden_dims[l] as u64);
        let bytes = n * (8 * hidden + 32 * latent + 4 * rebuilt);
        let instead = match rebuilt {
            0 => "take narrower hidden_dims",
            _ => "name few reconstruction_genes, or leave save_reconstruction out",
        };
        Need { bytes, instead }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        self.device.find()?;
        let (x, genes) = self.source().read(adata)?;
        let chosen = wanted(self, adata.n_obs(), &genes)?;
        let start = match &self.load_weights {
            Some(path) => {
                let path = Path::new(path);
                Some(weights::read(&ctx.files().read(path)?, path, &genes, &self.hidden_dims)?)
            }
            None => None,
        };
        let graph = self.graph(adata, ctx)?;
        let tiled = self.num_batch_x * self.num_batch_y > 1;
        let needed = tiled || self.save_spatial_net;
        let coords = match adata.coords(&self.spatial_key) {
            Err(e) if needed => return Err(e),
            found => found.ok(),
        };
        let tiles = match &coords {
            Some(coords) => tiles::tiles(coords, self.num_batch_x, self.num_batch_y)?,
            None => Vec::new(),
        };
        let data = Fit { x: &x, graph: &graph, coords: coords.as_ref(), tiles: &tiles };
        let mut trained = fit(&data, start, self, ctx)?;
        let told = Self::told(&trained, ctx);
        let net = match &coords {
            Some(coords) if self.save_spatial_net => Some(spatial_net(adata, &graph, coords)?),
            _ => None,
        };
        let whole = self.use_rep.is_none() && chosen.iter().map(|&g| &genes[g as usize]).eq(adata.var().index());
        let rebuilt = if self.save_reconstruction {
            Some(rebuild(adata, &mut trained, &chosen, &genes, whole, ctx)?)
        } else {
            None
        };
        if let Some(path) = &self.save_weights {
            let bytes = weights::bytes(&trained.net.weights, &genes, self)?;
            ctx.files().write(Path::new(path), &bytes)?;
        }
        self.store(adata, &trained, told, net.map(Value::from), rebuilt)
    }
}

impl StagateParams {
    fn store(
        &self,
        adata: &mut AnnData,
        trained: &Trained,
        told: Dict,
        net: Option<Value>,
        rebuilt: Option<Rebuilt>,
    ) -> Result<Outcome> {
        let (n, latent) = (adata.n_obs(), trained.net.weights.widths.latent);
        let mut embedding = vec![0f32; n * latent];
        for (k, &i) in trained.order.iter().enumerate() {
            embedding[i as usize * latent..][..latent].copy_from_slice(&trained.embedding.row(k)[..latent]);
        }
        adata.set_obsm(&self.key_added, Dense::new(n, latent, embedding)?)?;
        match rebuilt {
            Some(Rebuilt::Layer(layer)) => adata.set_matrix(Some(REBUILT), layer)?,
            Some(Rebuilt::Table(table)) => adata.set_obsm(REBUILT, table)?,
            None => (),
        }
        if let Some(net) = net {
            adata.set_uns(NET, net);
        }
        let mode = if self.mode == Mode::Tied { "tied" } else { "pyg" };
        let widths = self.hidden_dims.iter().map(|&w| w as f64).collect();
        let params = Dict::from([
            ("hidden_dims".to_owned(), Value::from(Array::vector(widths))),
            ("lr".to_owned(), Value::from(self.lr)),
            ("weight_decay".to_owned(), Value::from(self.weight_decay)),
            ("gradient_clipping".to_owned(), Value::from(self.gradient_clipping)),
            ("mode".to_owned(), Value::from(mode)),
        ]);
        let mut uns = told.clone();
        uns.insert("params".to_owned(), Value::Dict(params));
        if self.save_loss {
            uns.insert("losses".to_owned(), Value::from(Array::vector(trained.curve.losses.clone())));
        }
        adata.set_uns(UNS, uns);
        Ok(told)
    }
}
