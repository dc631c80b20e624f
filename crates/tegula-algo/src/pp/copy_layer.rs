//! `pp.copy_layer`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dict, Outcome, Result, Slot, Step, Value};

/// Keeps the expression as it is in a layer, before it is changed.
///
/// # What it does
/// Copies `X`, or a layer, into `layers[key_added]`.
///
/// # When to use it
/// Before `pp.normalize_total`, where raw counts are wanted later: by `pp.highly_variable_genes` (`seurat_v3`), by
/// `tl.cast_project`, by other tools.
///
/// # How it works
/// The values are copied, so that a change in place of one does not reach the other.
///
/// # Reads and writes
/// Reads `X` or `layers[layer]`; writes `layers[key_added]`, replacing what is there.
///
/// # Determinism
/// Exact.
///
/// # Cost
/// O(non-zeros); 4 bytes for each.
///
/// # Differences from the reference
/// scanpy's users write `adata.layers["counts"] = adata.X.copy()`.
///
/// # Example
/// `tegula pp copy_layer in.h5ad -o out.h5ad --key-added counts`
///
/// ```
/// use tegula_algo::pp::CopyLayerParams;
/// use tegula_core::{AnnData, Ctx, Dense, Frame, run};
/// let x = Dense::new(1, 2, vec![0.0, 3.0])?;
/// let mut adata = AnnData::new(Some(x.into()), Frame::with_range_index(1), Frame::with_range_index(2))?;
/// run(&CopyLayerParams::default(), &mut adata, &Ctx::default())?;
/// assert_eq!(adata.layers()["counts"].values(), [0.0, 3.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # References
/// Wolf et al., SCANPY, Genome Biology 2018, doi:10.1186/s13059-017-1382-0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CopyLayerParams {
    /// Layer to copy instead of `X`.
    pub layer: Option<String>,
    /// Name of the copy among the layers.
    pub key_added: String,
}

impl Default for CopyLayerParams {
    fn default() -> Self {
        Self { layer: None, key_added: "counts".to_owned() }
    }
}

impl Step for CopyLayerParams {
    const ID: &'static str = "pp.copy_layer";
    const SUMMARY: &'static str = "Keeps the expression as it is in a layer, before it is changed.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::matrix(self.layer.as_deref())]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::matrix(Some(&self.key_added))]
    }

    fn validate(&self) -> Result<()> {
        match self.key_added.as_str() {
            "" => Err(Self::refuse("key_added", "", "a name")),
            key if self.layer.as_deref() == Some(key) => {
                Err(Self::refuse("key_added", key, "another name than `layer`"))
            }
            _ => Ok(()),
        }
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        let mut copy = adata.matrix(self.layer.as_deref())?.clone();
        let n_values = copy.values().len();
        // Not shared any longer: in Python it would be one array, and others change arrays in place.
        copy.values_mut();
        adata.set_matrix(Some(&self.key_added), copy)?;
        Ok(Dict::from([("n_values".to_owned(), Value::from(n_values))]))
    }
}
