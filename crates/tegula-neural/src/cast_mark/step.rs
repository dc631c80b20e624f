//! The slots of `tl.cast_mark`.

use std::path::Path;

use tegula_algo::cluster::{KmeansParams, kmeans};
use tegula_algo::graph::{delaunay, voronoi, within_sections};
use tegula_core::{AnnData, Array, Ctx, Dict, Labels, Need, Outcome, Result, Slot, Step, Value};

use super::fit::{Fit, Trained, fit};
use super::{CastMarkParams, CellGraph, weights};
use crate::checkpoint;
use crate::source::Source;

/// Weights that all layers may have together; with what the training needs beside them 5 GB.
const MOST: usize = 1 << 28;
/// What the training tells of itself.
const UNS: &str = "cast_mark";
/// The groups of the embedding.
const CLUSTERS: &str = "CAST_clusters";

impl CastMarkParams {
    fn source(&self) -> Source<'_> {
        Source {
            layer: self.layer.as_deref(),
            use_rep: self.use_rep.as_deref(),
            use_highly_variable: self.use_highly_variable,
        }
    }

    fn clustering(&self) -> KmeansParams {
        let (use_rep, key_added) = (self.key_added.clone(), CLUSTERS.to_owned());
        KmeansParams { n_clusters: self.n_clusters, use_rep, key_added, ..KmeansParams::default() }
    }

    fn told(trained: &Trained, n_sections: usize, n_edges: usize, ctx: &Ctx<'_>) -> Dict {
        let curve = &trained.curve;
        let mut told = Dict::from([
            ("n_epochs".to_owned(), Value::from(curve.losses.len())),
            ("end".to_owned(), Value::from(curve.end.told())),
            ("n_sections".to_owned(), Value::from(n_sections)),
            ("n_edges".to_owned(), Value::from(n_edges)),
            ("mean_neighbors".to_owned(), Value::from(n_edges as f64 / trained.embedding.n_rows().max(1) as f64)),
            ("random_state".to_owned(), Value::Int(ctx.seed() as i64)),
        ]);
        if let Some(loss) = curve.losses.last() {
            told.insert("loss".to_owned(), Value::from(*loss));
        }
        told
    }

    /// What the training was asked for, beside the slots.
    fn asked(&self) -> Dict {
        let numbers = [
            ("alpha", self.alpha),
            ("gcn_lambda", self.gcn_lambda),
            ("lambd", self.lambd),
            ("lr", self.lr),
            ("drop_feature", self.drop_feature),
            ("drop_edge", self.drop_edge),
        ];
        let mut asked: Dict = numbers.into_iter().map(|(k, v)| (k.to_owned(), Value::from(v))).collect();
        asked.insert("hidden_dim".to_owned(), Value::from(self.hidden_dim));
        asked.insert("n_layers".to_owned(), Value::from(self.n_layers));
        asked.insert("self_loops".to_owned(), Value::from(self.self_loops));
        asked
    }
}

impl Step for CastMarkParams {
    const ID: &'static str = "tl.cast_mark";
    const SUMMARY: &'static str = "Embeds sections so that their observations can be matched (CAST Mark).";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = self.source().reads();
        slots.push(Slot::obsm(&self.spatial_key));
        slots.extend(self.library_key.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obsm(&self.key_added), Slot::uns(UNS)];
        if self.n_clusters > 0 {
            slots.push(Slot::obs(CLUSTERS));
        }
        slots
    }

    fn validate(&self) -> Result<()> {
        for (name, value, most) in [("hidden_dim", self.hidden_dim, 1 << 14), ("n_layers", self.n_layers, 1000)] {
            if !(1..=most).contains(&value) {
                return Err(Self::refuse(name, value, &format!("from 1 to {most}")));
            }
        }
        if self.n_layers.saturating_mul(self.hidden_dim.pow(2)) > MOST {
            let must = format!("fewer, or hidden_dim smaller: {MOST} weights are the most");
            return Err(Self::refuse("n_layers", self.n_layers, &must));
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(Self::refuse("lr", self.lr, "a number above 0"));
        }
        for (name, value) in [("gcn_lambda", self.gcn_lambda), ("lambd", self.lambd)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Self::refuse(name, value, "0 or more"));
            }
        }
        if !(0.0..=1.0).contains(&self.alpha) {
            return Err(Self::refuse("alpha", self.alpha, "from 0 to 1"));
        }
        for (name, value) in [("drop_feature", self.drop_feature), ("drop_edge", self.drop_edge)] {
            if !(0.0..1.0).contains(&value) {
                return Err(Self::refuse(name, value, "from 0 to below 1"));
            }
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
            return Err(Self::refuse("key_added", "empty", "a name, as `X_cast`"));
        }
        Ok(())
    }

    fn needs(&self, adata: &AnnData) -> Need {
        let sections = self.library_key.as_ref().and_then(|key| adata.sections(key).ok());
        let largest = sections.map_or(adata.n_obs(), |sections| sections.counts().into_iter().max().unwrap_or(0));
        let bytes = 8 * (largest * self.hidden_dim * (self.n_layers + 4)) as u64;
        Need { bytes, instead: "take a lower hidden_dim, or fewer observations of a section (pp.subsample)" }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        self.device.find()?;
        let (x, genes) = self.source().read(adata)?;
        let n = adata.n_obs();
        if self.n_clusters > n {
            return Err(Self::refuse(
                "n_clusters",
                self.n_clusters,
                &format!("at most {n}, the number of observations"),
            ));
        }
        let start = match &self.load_weights {
            Some(path) => {
                let path = Path::new(path);
                Some(weights::read(&ctx.files().read(path)?, path, &genes, self)?)
            }
            None => None,
        };
        let coords = adata.coords(&self.spatial_key)?;
        let sections = match &self.library_key {
            Some(key) => adata.sections(key)?,
            None => Labels::from_clusters(&vec![0; n]),
        };
        let build = match self.graph {
            CellGraph::Voronoi => voronoi,
            CellGraph::Delaunay => delaunay,
        };
        let graph = within_sections(&coords, &sections, build)?;
        let data = Fit { x: &x, graph: &graph, coords: &coords, sections: &sections };
        let trained = fit(&data, start, self, ctx)?;
        let mut told = Self::told(&trained, sections.n_used(), graph.nnz(), ctx);
        let groups = match self.n_clusters {
            0 => None,
            _ => Some(kmeans(&trained.embedding, &self.clustering(), ctx)?),
        };
        if let Some(path) = &self.save_weights {
            ctx.files().write(Path::new(path), &weights::bytes(&trained.net.weights, &genes, self)?)?;
        }
        adata.set_obsm(&self.key_added, trained.embedding)?;
        if let Some(groups) = groups {
            adata.set_obs(CLUSTERS, Labels::from_clusters(&groups.membership))?;
            told.insert("inertia".to_owned(), Value::from(groups.inertia));
        }
        let mut uns = told.clone();
        uns.insert("params".to_owned(), Value::Dict(self.asked()));
        if self.save_loss {
            uns.insert("losses".to_owned(), Value::from(Array::vector(trained.curve.losses)));
        }
        adata.set_uns(UNS, uns);
        Ok(told)
    }
}
