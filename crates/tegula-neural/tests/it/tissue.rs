//! Small tissues to train on.

use serde_json::{Value as Json, json};
use tegula_algo::pp::{log1p, normalize_total};
use tegula_algo::simulate::{Placement, SimulateParams, simulate};
use tegula_core::{AnnData, Ctx, Error, Method, Outcome, entry};
use tegula_neural::stagate::StagateParams;

/// A tissue with known domains, normalised and logged.
pub(crate) fn tissue(n_obs: usize, n_vars: usize, placement: Placement) -> AnnData {
    let params = SimulateParams { n_obs, n_vars, n_domains: 3, density: 0.2, placement, ..SimulateParams::default() };
    let mut adata = simulate(&params, &Ctx::new(3)).unwrap();
    let mut x = adata.take_matrix(None).unwrap();
    normalize_total(&mut x, Some(1e3));
    log1p(&mut x, None);
    adata.set_x(x).unwrap();
    adata
}

/// Quick parameters, with some changed.
pub(crate) fn quick(changed: &Json) -> Json {
    let mut params = json!({"hidden_dims": [24, 5], "n_epochs": 4});
    for (key, value) in changed.as_object().unwrap() {
        params[key] = value.clone();
    }
    params
}

/// Runs the step.
#[allow(clippy::needless_pass_by_value, reason = "json!(…) is written where it is used")]
pub(crate) fn stagate(adata: &mut AnnData, changed: Json, ctx: &Ctx<'_>) -> Result<Outcome, Error> {
    entry::<StagateParams>().step(quick(&changed))?.run(adata, ctx)
}

/// What it says where it does not run; nothing is stored then.
pub(crate) fn refused(adata: &AnnData, changed: Json) -> String {
    let mut copy = adata.clone();
    let error = stagate(&mut copy, changed, &Ctx::new(0)).unwrap_err();
    assert!(copy.obsm().keys().eq(adata.obsm().keys()) && copy.uns().keys().eq(adata.uns().keys()), "stored something");
    error.to_string()
}
