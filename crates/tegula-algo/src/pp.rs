//! Preprocessing: from raw counts to normalised, logged, filtered expression.

pub mod bin;
mod check;
mod chosen_genes;
mod columns;
pub mod combat;
pub mod copy_layer;
mod dense;
pub mod diffuse;
mod fast_math;
pub mod filter_cells;
pub mod filter_genes;
pub mod harmony;
pub mod highly_variable_genes;
mod kind;
pub mod log1p;
pub mod normalize_pearson_residuals;
pub mod normalize_total;
mod pearson;
pub mod qc_metrics;
pub mod scale;
pub mod subsample;

pub use bin::{BinParams, Bins, bin, sum_rows};
pub use check::{check_counts, check_finite};
pub use chosen_genes::chosen_genes;
pub use columns::{Totals, moments};
pub use combat::{CombatParams, combat};
pub use copy_layer::CopyLayerParams;
pub use diffuse::{DiffuseParams, Steps, choose_steps, diffuse};
pub use filter_cells::{FilterCellsParams, filter_cells};
pub use filter_genes::{FilterGenesParams, filter_genes};
pub use harmony::{Batches, Harmonised, HarmonyParams, harmony};
pub use highly_variable_genes::{Flavor, HighlyVariableGenesParams, highly_variable_genes};
pub use kind::{Scale, looks_logged, scale_of};
pub use log1p::{Log1pParams, log1p};
pub use normalize_pearson_residuals::{NormalizePearsonResidualsParams, normalize_pearson_residuals};
pub use normalize_total::{NormalizeTotalParams, Normalized, normalize_total};
pub use qc_metrics::{CalculateQcMetricsParams, calculate_qc_metrics};
pub use scale::{ScaleParams, scale};
pub use subsample::{SubsampleParams, subsample};

use tegula_core::{Method, entry};

/// The methods of this room.
pub const METHODS: &[&dyn Method] = &[
    &entry::<CalculateQcMetricsParams>(),
    &entry::<FilterCellsParams>(),
    &entry::<FilterGenesParams>(),
    &entry::<CopyLayerParams>(),
    &entry::<NormalizeTotalParams>(),
    &entry::<Log1pParams>(),
    &entry::<HighlyVariableGenesParams>(),
    &entry::<NormalizePearsonResidualsParams>(),
    &entry::<ScaleParams>(),
    &entry::<CombatParams>(),
    &entry::<HarmonyParams>(),
    &entry::<DiffuseParams>(),
    &entry::<BinParams>(),
    &entry::<SubsampleParams>(),
];
