//! `tegula simulate -n N -o out.h5ad`: a tissue that never was.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::json;
use tegula::Error;
use tegula::algo::simulate::{SimulateParams, simulate as make};

use crate::writing::Target;
use crate::{Door, args, print_json};

/// Makes a tissue and writes it.
pub(crate) fn simulate(m: &ArgMatches, door: &Door) -> anyhow::Result<ExitCode> {
    let given = args::given(SimulateParams::schema().as_value(), m)?;
    let params: SimulateParams = serde_json::from_value(given).map_err(|e| Error::config("`simulate`", e))?;
    let output = m.get_one::<PathBuf>("output").expect("required");
    let target = Target::new(output)?;
    let ctx = door.ctx();
    let adata = make(&params, &ctx)?;
    target.write(&adata)?;

    let nnz = adata.x().map_or(0, |x| x.values().len());
    let share = nnz as f64 / adata.n_obs() as f64 / adata.n_vars() as f64;
    if m.get_flag("json") {
        print_json(&json!({
            "n_obs": adata.n_obs(),
            "n_vars": adata.n_vars(),
            "n_domains": params.n_domains,
            "n_sections": params.n_sections,
            "nnz": nnz,
            "density": share,
            "seed": ctx.seed(),
        }))?;
    }
    door.say(format!(
        "simulated {} observations × {} genes with seed {}: {nnz} counts ({:.2} %), {} domains in {} → {}",
        adata.n_obs(),
        adata.n_vars(),
        ctx.seed(),
        100.0 * share,
        params.n_domains,
        match params.n_sections {
            1 => "1 section".to_owned(),
            several => format!("{several} sections"),
        },
        output.display(),
    ));
    Ok(ExitCode::SUCCESS)
}
