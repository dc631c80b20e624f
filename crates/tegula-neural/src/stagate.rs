//! `tl.stagate`: the graph attention auto-encoder.

mod apply;
mod backward;
mod fit;
mod forward;
mod net;
mod network;
mod results;
mod step;
mod tiles;
mod weights;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::keys;

use crate::device::Device;

pub use crate::problem::Problem;
pub use fit::{Fit, Trained, fit};
pub use net::{Gradient, Net, Weights, Widths};

/// Embeds observations by expression and neighbours in the tissue: STAGATE, a graph attention auto-encoder.
///
/// # What it does
/// Learns to rebuild each observation's expression from a few numbers, which mix its own expression with that of its
/// neighbours as far as attention finds them alike. Those numbers are the embedding; what is rebuilt is expression freed
/// of noise.
///
/// # When to use it
/// For spatial domains of a tissue with some hundred to a million observations: then `tl.mclust` with model EEE on the
/// embedding. Input: log-normalised expression, of a targeted panel all genes, of a whole transcriptome some 3,000
/// highly variable ones. Choose `rad_cutoff` so that an observation has 6 to 15 neighbours. Compare with `pp.diffuse`,
/// which needs no training.
///
/// # How it works
/// With U = X W₁, the weight of j for i is a softmax over i's neighbours and itself of sigmoid(`u_j·a_src + u_i·a_dst`);
/// H₁ = ELU(A U), Z = H₁ W₂, and back with the same A and the same weights: H₃ = ELU(A Z W₂ᵀ), X̂ = H₃ W₁ᵀ. Adam
/// minimises the mean of (X − X̂)². X̂ is never made: `‖X − H₃W₁ᵀ‖² = ‖X‖² − 2⟨U, H₃⟩ + ⟨W₁ᵀW₁, H₃ᵀH₃⟩`, and the gradient of
/// W₁ is Xᵀ(dU − cH₃) + cW₁(H₃ᵀH₃): one product with X each way, on its non-zeros alone. The graph: within `rad_cutoff`,
/// the `k_cutoff` nearest, Delaunay, or one in `obsp`; if nothing is said, `obsp["spatial_connectivities"]`, else the ring
/// of neighbours on a lattice. Several sections: `library_key`, joined by `rad_cutoff_z`. With `num_batch_x` and
/// `num_batch_y` the tissue is cut into tiles by percentiles of the coordinates, one step of the optimiser each.
///
/// # Reads and writes
/// Reads `X`, `layers[layer]` or `obsm[use_rep]`, `var["highly_variable"]`, the graph or `obsm[spatial_key]`. Writes
/// `obsm[key_added]` and `uns["stagate"]` (`params`, `n_epochs`, `end`, `loss`, with `save_loss` `losses`); on request
/// `layers["STAGATE_ReX"]` (max(X̂, 0); where not all genes are rebuilt, a table of theirs in `obsm["STAGATE_ReX"]`) and
/// `uns["Spatial_Net"]` (`Cell1`, `Cell2`, `Distance`). `save_weights` and `load_weights` name safetensors files; genes
/// are matched by name. Loaded with `n_epochs` 0 the network is applied, else trained further, with new moments.
///
/// # Determinism
/// Seeded; the same bits for any number of threads. Ctrl-C ends the training and keeps what was learned. With `checkpoint`
/// the training is kept in a file, about once a minute and where it ends: after Ctrl-C, a crash or a power cut the same
/// command goes on from there and comes to the same bits as in one go. More `n_epochs` train it further, other data or
/// parameters are refused. The file stays until you remove it.
///
/// # Cost
/// Per epoch 4 H operations per non-zero, 3.25 (N + G) H², 14 N H D and 6 H per edge (H hidden, D latent width); memory
/// beside X as much again, two N × H matrices and 8 N D numbers. CPU seconds per epoch: 0.15 for Visium (3,611 × 3,000),
/// 0.3 for 7,765 × 2,000 with 278,000 edges, 26 for a million × 2,000 (5 % non-zero), which takes 6.6 GB.
///
/// # Differences from the reference
/// Weights of encoder and decoder are tied, as in the paper: one gradient, one Adam state. The reference in PyTorch
/// Geometric shares their storage but keeps two gradients and two states, so that weights move twice per step; `mode`
/// `pyg` does the same and follows its loss curve. In a directed graph an observation attends to its own neighbours; in
/// the reference, and in `pyg`, to those whose neighbour it is. Random numbers differ. Tiles: each has the edges of the
/// whole graph inside it.
///
/// # Example
/// `tegula tl stagate in.h5ad -o out.h5ad --rad-cutoff 150 --seed 0`
///
/// # References
/// Dong & Zhang 2022, <https://doi.org/10.1038/s41467-022-29439-6>; Kingma & Ba 2015, <https://arxiv.org/abs/1412.6980>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct StagateParams {
    /// Widths of the hidden layer and of the embedding.
    pub hidden_dims: Vec<usize>,
    /// Passes over the data at most.
    pub n_epochs: usize,
    /// Learning rate of Adam.
    pub lr: f64,
    /// This much of each weight is added to its gradient.
    pub weight_decay: f64,
    /// The longest gradient, all weights together; 0 for no limit.
    pub gradient_clipping: f64,
    /// Whether decoder and encoder learn as one.
    pub mode: Mode,
    /// Layer to use instead of `X`.
    pub layer: Option<String>,
    /// Entry of `obsm` to use instead of `X`, as components.
    pub use_rep: Option<String>,
    /// Use the highly variable genes only; by default where `var["highly_variable"]` is there.
    pub use_highly_variable: Option<bool>,
    /// Neighbours are all within this distance, in the unit of the positions.
    pub rad_cutoff: Option<f64>,
    /// Neighbours are so many nearest others.
    pub k_cutoff: Option<usize>,
    /// Neighbours are those in the Delaunay triangulation.
    pub delaunay: bool,
    /// The graph to use: an entry of `uns` as `pp.spatial_neighbors` writes it, or the name of a graph in `obsp`.
    pub neighbors_key: Option<String>,
    /// The column of `obs` that tells sections apart: neighbours are sought inside them.
    pub library_key: Option<String>,
    /// With `library_key`, also join observations of neighbouring sections within this distance in x and y.
    pub rad_cutoff_z: Option<f64>,
    /// The order of the sections for `rad_cutoff_z`; that of the categories or numbers if empty.
    pub library_order: Vec<String>,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Tiles along x, trained on in turn.
    pub num_batch_x: usize,
    /// Tiles along y.
    pub num_batch_y: usize,
    /// Stop when the mean loss of a window of epochs is less than this share below that of the window before.
    pub early_stop: Option<f64>,
    /// Epochs of such a window.
    pub early_stop_window: usize,
    /// Where the network is trained.
    pub device: Device,
    /// File with weights to begin with (or to apply, with 0 epochs), as `save_weights` writes it.
    pub load_weights: Option<String>,
    /// File for the weights, in the safetensors format.
    pub save_weights: Option<String>,
    /// File to keep the training in while it runs: where it is there already, the training goes on from it.
    pub checkpoint: Option<String>,
    /// Store the rebuilt expression: `layers["STAGATE_ReX"]`, or a table in `obsm` where not all genes are rebuilt.
    pub save_reconstruction: bool,
    /// Genes to rebuild; all that the network knows if empty.
    pub reconstruction_genes: Vec<String>,
    /// Store the loss of every epoch.
    pub save_loss: bool,
    /// Store the graph as STAGATE's table `uns["Spatial_Net"]`.
    pub save_spatial_net: bool,
    /// Name of the embedding in `obsm`.
    pub key_added: String,
}

/// Whether decoder and encoder learn as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One gradient and one Adam state for weights that both use: the paper.
    Tied,
    /// Two of each, and two steps on the same weights: the reference in PyTorch Geometric.
    Pyg,
}

impl Default for StagateParams {
    fn default() -> Self {
        Self {
            hidden_dims: vec![512, 30],
            n_epochs: 1000,
            lr: 1e-3,
            weight_decay: 1e-4,
            gradient_clipping: 5.0,
            mode: Mode::Tied,
            layer: None,
            use_rep: None,
            use_highly_variable: None,
            rad_cutoff: None,
            k_cutoff: None,
            delaunay: false,
            neighbors_key: None,
            library_key: None,
            rad_cutoff_z: None,
            library_order: Vec::new(),
            spatial_key: keys::SPATIAL.into(),
            num_batch_x: 1,
            num_batch_y: 1,
            early_stop: None,
            early_stop_window: 50,
            device: Device::Auto,
            load_weights: None,
            save_weights: None,
            checkpoint: None,
            save_reconstruction: false,
            reconstruction_genes: Vec::new(),
            save_loss: false,
            save_spatial_net: false,
            key_added: "STAGATE".into(),
        }
    }
}
