//! `tl.apply_transform`: the transforms of `tl.cast_stack` on any positions.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Coords, Ctx, Dict, Outcome, Result, Slot, Step, Value, keys};

use super::stored::Transforms;

/// Applies the transforms that `tl.cast_stack` found to any positions.
///
/// # What it does
/// Takes positions of one section, or of every section its own, through the affine map and the warp that
/// `tl.cast_stack` found, and writes common coordinates.
///
/// # When to use it
/// For positions that were not aligned themselves: landmarks, finer bins, molecules or a later version of the same section,
/// in the same file or in another.
///
/// # How it works
/// x and y go through the affine map, then through the B-spline mesh; beyond the mesh the warp goes on as at its edge. A third
/// coordinate stays as it is.
///
/// # Reads and writes
/// Reads `obsm[spatial_key]`, `uns["cast_stack"]` (`transform_key`) unless `load_transform` names a file that `tl.cast_stack`
/// wrote with `save_transform`, and `obs[library_key]` where it is given. Writes `obsm["spatial_transformed"]`
/// (`key_added`).
///
/// # Determinism
/// No randomness.
///
/// # Cost
/// O(N).
///
/// # Differences from the reference
/// CAST keeps the mesh of every iteration and applies one after the other; here the warp is one mesh.
///
/// # Example
/// `tegula tl apply_transform later.h5ad -o out.h5ad --section S2 --load-transform s.json`
///
/// # References
/// Tang et al. 2024, <https://doi.org/10.1038/s41592-024-02410-7>; Rueckert et al. 1999, <https://doi.org/10.1109/42.796284>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApplyTransformParams {
    /// The section whose transform all positions take; or give `library_key`.
    pub section: Option<String>,
    /// Column of `obs` that tells each observation's section, where every section takes its own transform.
    pub library_key: Option<String>,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Where the transforms lie in `uns`.
    pub transform_key: String,
    /// A file of transforms instead, as `tl.cast_stack` writes it with `save_transform`.
    pub load_transform: Option<String>,
    /// Name of the result in `obsm`.
    pub key_added: String,
}

impl Default for ApplyTransformParams {
    fn default() -> Self {
        Self {
            section: None,
            library_key: None,
            spatial_key: keys::SPATIAL.into(),
            transform_key: super::cast_stack::KEY.into(),
            load_transform: None,
            key_added: "spatial_transformed".into(),
        }
    }
}

impl Step for ApplyTransformParams {
    const ID: &'static str = "tl.apply_transform";
    const SUMMARY: &'static str = "Applies the transforms that tl.cast_stack found to any positions.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obsm(&self.spatial_key)];
        slots.extend(self.load_transform.is_none().then(|| Slot::uns(&self.transform_key)));
        slots.extend(self.library_key.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obsm(&self.key_added)]
    }

    fn validate(&self) -> Result<()> {
        match (&self.section, &self.library_key) {
            (None, None) => Err(Self::refuse("section", "not given", "the name of a section, or pass library_key")),
            (Some(_), Some(_)) => Err(Self::refuse("section", "given", "left out where library_key is given")),
            _ if self.key_added.is_empty() => Err(Self::refuse("key_added", "empty", "a name")),
            _ => Ok(()),
        }
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let coords = adata.coords(&self.spatial_key)?;
        let transforms = match &self.load_transform {
            Some(path) => Transforms::from_bytes(&ctx.files().read(Path::new(path))?, Path::new(path))?,
            None => Transforms::from_uns(adata, &self.transform_key)?,
        };
        let moved = match (&self.section, &self.library_key) {
            (Some(name), _) => transforms.of(name)?.apply(&coords)?,
            (None, key) => each(&transforms, &coords, adata, key.as_deref().unwrap_or_default())?,
        };
        let far = (0..coords.len()).map(|i| {
            let (a, b) = (coords.point(i), moved.point(i));
            (a[0] - b[0]).hypot(a[1] - b[1])
        });
        let mean = far.sum::<f64>() / coords.len().max(1) as f64;
        adata.set_obsm(&self.key_added, &moved)?;
        Ok(Dict::from([("n_obs".to_owned(), Value::from(coords.len())), ("mean_shift".to_owned(), Value::from(mean))]))
    }
}

/// Every position through the transform of its own section; those of no section stay.
fn each(transforms: &Transforms, coords: &Coords, adata: &AnnData, key: &str) -> Result<Coords> {
    let labels = adata.sections(key)?;
    let mut data = coords.data().to_vec();
    for (code, name) in (0..).zip(labels.categories()) {
        let mut rows = (0..labels.len()).filter(|&i| labels.codes()[i] == code).peekable();
        if rows.peek().is_none() {
            continue;
        }
        let transform = transforms.of(name)?;
        for i in rows {
            let p = &mut data[i * coords.dim()..];
            [p[0], p[1]] = transform.place([p[0], p[1]]);
        }
    }
    Coords::new(coords.dim(), data)
}
