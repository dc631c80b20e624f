//! Statistics: which genes mark a group, what varies over the tissue, who lives next to whom.

pub mod co_occurrence;
pub mod correction;
pub mod distribution;
pub mod nhood_enrichment;
mod pair_counts;
pub mod quantile;
pub mod rank_genes_groups;
pub mod spatial_autocorr;

pub use co_occurrence::{CoOccurrence, co_occurrence};
pub(crate) use nhood_enrichment::shuffled;
pub use nhood_enrichment::{NhoodEnrichment, nhood_enrichment};
pub use rank_genes_groups::{RankedGenes, Ranking, rank_genes_groups};
pub use spatial_autocorr::{Autocorr, autocorr};

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[
    &entry::<rank_genes_groups::RankGenesGroupsParams>(),
    &entry::<spatial_autocorr::SpatialAutocorrParams>(),
    &entry::<nhood_enrichment::NhoodEnrichmentParams>(),
    &entry::<co_occurrence::CoOccurrenceParams>(),
];
