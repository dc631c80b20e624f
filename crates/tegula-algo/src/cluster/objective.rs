//! What a partition is judged by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::Graph;

use super::level::{Level, numbered};
use crate::metrics::modularity;

/// What clusters are to maximise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Modularity with a resolution (the RB configuration model): more weight inside than chance would give.
    #[default]
    Modularity,
    /// The constant Potts model: denser inside than the resolution, whatever the size of the graph.
    Cpm,
}

impl Objective {
    /// The objective's name in parameters and files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Modularity => "modularity",
            Self::Cpm => "cpm",
        }
    }

    /// Quality of a partition of the nodes at a resolution γ: a share of all weight `2m`, 0 for a graph without edges.
    ///
    /// Modularity: `Σ_c [in_c / 2m − γ (tot_c / 2m)²]`. CPM: `Σ_c [in_c − γ n_c (n_c − 1)] / 2m`. leidenalg's numbers are
    /// `2m` times these; igraph's CPM counts every node as a pair with itself, `γ n / 2m` less. A graph that is
    /// not symmetric counts as `(W + Wᵀ) / 2`.
    ///
    /// # Panics
    /// Where `membership` does not have one label per node: a bug of the caller.
    ///
    /// ```
    /// use tegula_algo::cluster::Objective;
    /// use tegula_core::Graph;
    /// let path = Graph::from_edges(3, &[(0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0), (2, 1, 1.0)])?;
    /// // Two of four stored weights inside, one pair of nodes in both directions.
    /// assert_eq!(Objective::Cpm.quality(&path, &[0, 0, 1], 0.5), (2.0 - 0.5 * 2.0) / 4.0);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn quality(self, graph: &Graph, membership: &[u32], resolution: f64) -> f64 {
        match self {
            Self::Modularity => modularity(graph, membership, resolution),
            Self::Cpm => {
                assert_eq!(membership.len(), graph.n_nodes(), "one label per node");
                Level::of(graph, self, resolution).quality(&numbered(membership))
            }
        }
    }
}
