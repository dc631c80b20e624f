//! `tl.cast_mark`.

mod bad_input;
mod gradient;
mod reference;
mod step;

use serde_json::{Value as Json, json};
use tegula_core::{AnnData, Ctx, Error, Method, Outcome, entry};
use tegula_neural::cast_mark::CastMarkParams;

pub(crate) use step::two_sections;

/// Runs the step with quick parameters, some of them changed.
#[allow(clippy::needless_pass_by_value, reason = "json!(…) is written where it is used")]
fn cast_mark(adata: &mut AnnData, changed: Json, ctx: &Ctx<'_>) -> Result<Outcome, Error> {
    let mut params = json!({"hidden_dim": 24, "n_layers": 3, "n_epochs": 4, "n_clusters": 3});
    for (key, value) in changed.as_object().unwrap() {
        params[key] = value.clone();
    }
    entry::<CastMarkParams>().step(params)?.run(adata, ctx)
}

/// What it says where it does not run; nothing is stored then.
fn refused(adata: &AnnData, changed: Json) -> String {
    let mut copy = adata.clone();
    let error = cast_mark(&mut copy, changed, &Ctx::new(0)).unwrap_err();
    assert!(copy.obsm().keys().eq(adata.obsm().keys()) && copy.uns().keys().eq(adata.uns().keys()), "stored something");
    assert!(copy.obs().columns().keys().eq(adata.obs().columns().keys()), "stored something");
    error.to_string()
}

fn embedding(adata: &AnnData) -> Vec<f32> {
    adata.embedding("X_cast", "").unwrap().data().to_vec()
}
