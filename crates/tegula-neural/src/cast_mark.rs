//! `tl.cast_mark`: the graph network whose embeddings match sections.

mod backward;
mod fit;
mod forward;
mod loss;
mod net;
mod step;
mod views;
mod weights;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::keys;

use crate::device::Device;

pub use fit::{Fit, Trained, fit};
pub use net::{Net, Rule, Weights, Widths};
pub use views::{Dropout, Lists, Views};

/// Embeds sections so that their observations can be matched (CAST Mark).
///
/// # What it does
/// Learns, without labels, to describe every observation by what surrounds it in the tissue, so that observations at
/// corresponding places of different sections, donors or technologies get similar numbers. k-means on them gives regions
/// of the tissue.
///
/// # When to use it
/// Before sections are aligned (`tl.cast_stack`), and for regions that sections share; one section alone is welcome. Sections
/// have to share their genes; input is expression normalised to 10,000 per observation, best logged (the paper does not
/// log; on STARmap's visual cortex k-means then agrees with the layers by an ARI of 0.56, logged 0.64); of a whole
/// transcriptome the highly variable genes. For sections of different technologies give `pp.harmony`'s components as
/// `use_rep`.
///
/// # How it works
/// The graph of each section joins cells that border on each other. An encoder makes H₀ = ReLU(X W + b); `n_layers` layers
/// of GCNII follow: Z = (1 − α) D^-½ A D^-½ H + α H₀, H ← ReLU(Z ((1 − β) I + β Wₗ) + bₗ) with β = ln(λ/l + 1). Every step
/// looks at two views of a section: genes dropped with `drop_feature` (the same of all observations), edges with
/// `drop_edge`, each observation joined to itself. With the columns of both outputs standardised, the loss
/// −tr(Z₁ᵀZ₂)/N + `lambd` (‖I − Z₁ᵀZ₁/N‖² + ‖I − Z₂ᵀZ₂/N‖²) asks that both views agree and that columns differ (CCA-SSG).
/// Adam makes one step per section and epoch on weights that all sections share. The embedding is the last layer on the
/// whole graph.
///
/// # Reads and writes
/// Reads `X`, `layers[layer]` or `obsm[use_rep]`, `var["highly_variable"]`, `obsm[spatial_key]` and `obs[library_key]`.
/// Writes `obsm[key_added]`, with `n_clusters` `obs["CAST_clusters"]` (categories from `"0"`, the largest), and
/// `uns["cast_mark"]` (`params`, `n_epochs`, `end`, `loss`, with `save_loss` `losses`, the mean over the sections).
/// `save_weights` and `load_weights` name safetensors files; genes are matched by name. Loaded with `n_epochs` 0 the
/// network is applied, else trained further, with new moments.
///
/// # Determinism
/// Seeded; the same bits for any number of threads. Ctrl-C ends the training and keeps what was learned. With `checkpoint`
/// the training is kept in a file, about once a minute and where it ends: after Ctrl-C, a crash or a power cut the same
/// command goes on from there and comes to the same bits as in one go. More `n_epochs` train it further, other data or
/// parameters are refused. The file stays until you remove it.
///
/// # Cost
/// Per epoch 12 N L H² operations (H hidden, L layers) and little else; memory for the largest section 8 N H (L + 4)
/// bytes. Two sections of 1,207 and 1,086 cells × 1,020 genes: one CPU second per epoch, 160 MB in all.
///
/// # Differences from the reference
/// None in the mathematics: as there, the gradients of the sections add up within an epoch while every section is followed
/// by a step of Adam, training joins every observation to itself and the embedding does not (`self_loops`). The reference
/// logs the loss of the last section, this step the mean. A column that does not vary is 0 and gives no gradient; there it
/// is divided by 1e-12. Random numbers differ. k-means is that of `tl.kmeans`.
///
/// # Example
/// `tegula tl cast_mark in.h5ad -o out.h5ad --library-key section --n-clusters 10`
///
/// # References
/// Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>; Chen et al. 2020 (GCNII),
/// <https://arxiv.org/abs/2007.02133>; Zhang et al. 2021 (CCA-SSG), <https://arxiv.org/abs/2106.12484>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CastMarkParams {
    /// The column of `obs` that tells sections apart; all are one section if not given.
    pub library_key: Option<String>,
    /// Which observations of a section are neighbours.
    pub graph: CellGraph,
    /// Passes over all sections.
    pub n_epochs: usize,
    /// Width of the layers and of the embedding.
    pub hidden_dim: usize,
    /// Layers that mix neighbours: more look farther.
    pub n_layers: usize,
    /// The share of an observation's own expression in every layer, 0 to 1.
    pub alpha: f64,
    /// How much the layers' weights count: β of layer l is ln(`gcn_lambda` / l + 1).
    pub gcn_lambda: f64,
    /// What correlations between the columns of the embedding weigh in the loss.
    pub lambd: f64,
    /// Learning rate of Adam.
    pub lr: f64,
    /// The share of genes that a view leaves out.
    pub drop_feature: f64,
    /// The share of edges that a view leaves out.
    pub drop_edge: f64,
    /// Join every observation to itself in the graph of the embedding, too, as in that of the training.
    pub self_loops: bool,
    /// Layer to use instead of `X`.
    pub layer: Option<String>,
    /// Entry of `obsm` to use instead of `X`, as components.
    pub use_rep: Option<String>,
    /// Use the highly variable genes only; by default where `var["highly_variable"]` is there.
    pub use_highly_variable: Option<bool>,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Groups of the embedding by k-means, stored in `obs["CAST_clusters"]`; 0 for none.
    pub n_clusters: usize,
    /// Where the network is trained.
    pub device: Device,
    /// File with weights to begin with (or to apply, with 0 epochs), as `save_weights` writes it.
    pub load_weights: Option<String>,
    /// File for the weights, in the safetensors format.
    pub save_weights: Option<String>,
    /// File to keep the training in while it runs: where it is there already, the training goes on from it.
    pub checkpoint: Option<String>,
    /// Store the loss of every epoch.
    pub save_loss: bool,
    /// Name of the embedding in `obsm`.
    pub key_added: String,
}

/// Which observations of a section are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellGraph {
    /// Those whose Voronoi cells share a border inside the convex hull.
    Voronoi,
    /// Those that the Delaunay triangulation joins; along the hull they may lie far apart.
    Delaunay,
}

impl Default for CastMarkParams {
    fn default() -> Self {
        Self {
            library_key: None,
            graph: CellGraph::Voronoi,
            n_epochs: 400,
            hidden_dim: 512,
            n_layers: 9,
            alpha: 0.1,
            gcn_lambda: 1.0,
            lambd: 1e-3,
            lr: 1e-3,
            drop_feature: 0.3,
            drop_edge: 0.5,
            self_loops: false,
            layer: None,
            use_rep: None,
            use_highly_variable: None,
            spatial_key: keys::SPATIAL.into(),
            n_clusters: 20,
            device: Device::Auto,
            load_weights: None,
            save_weights: None,
            checkpoint: None,
            save_loss: false,
            key_added: "X_cast".into(),
        }
    }
}
