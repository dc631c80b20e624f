//! What the pipeline chooses from the data, and how it says so.

use serde_json::{Value as Json, json};

use tegula_algo::graph::{LatticeKind, lattice};
use tegula_algo::pp;
use tegula_core::{AnnData, Error, Result, Value, keys};

use super::ways::{self, Way};
use super::{RunOptions, Said};
use crate::recipe::StepCall;

/// Names under which positions are found in `obsm`, best first.
const OBSM: &[&str] = &[keys::SPATIAL, "X_spatial", "spatial_aligned", "coords", "X_coords"];

/// Cells a gene must be seen in to be kept.
const MIN_CELLS: usize = 3;

/// Components where the user asks for no other number; fewer where the data has fewer.
pub(super) const N_COMPS: usize = 30;

/// Resolutions that are compared where the user names none.
const RESOLUTIONS: [f64; 3] = [0.5, 1.0, 1.5];

/// Most observations for which `run` compares parameters by itself: it takes as long as 9 to 27 runs of Leiden.
const MOST_SWEPT: usize = 50_000;

/// Most observations for which communities are sought until nothing is gained, and the rounds beyond.
const MOST_THOROUGH: usize = 200_000;
const ROUNDS: usize = 3;

/// A stage looks at the data as the stages before left it and names the steps to run.
type Stage = fn(&AnnData, &RunOptions, &str, &mut dyn FnMut(Said<'_>)) -> Result<Vec<StepCall>>;

/// The stages of the pipeline, in order.
pub(super) const STAGES: [Stage; 6] = [filter, expression, domains, ways::features, ways::groups, comparison];

pub(super) fn call(id: &str, params: &Json) -> StepCall {
    StepCall { id: id.to_owned(), params: params.as_object().cloned().unwrap_or_default() }
}

/// Finds the positions; those in columns of `obs` are copied into `obsm["spatial"]`. Returns their key.
///
/// # Errors
/// [`Error::Missing`] where there are none under any of the usual names.
pub fn find_coordinates(adata: &mut AnnData, say: &mut dyn FnMut(Said<'_>)) -> Result<String> {
    if let Some(key) = OBSM.iter().find(|k| adata.obsm().contains_key(**k)) {
        say(Said::Note(&format!("positions: obsm[\"{key}\"]")));
        return Ok((*key).to_owned());
    }
    for [x, y] in keys::PLACES {
        if adata.place(&[x, y])? {
            say(Said::Note(&format!("positions: obs[\"{x}\"], obs[\"{y}\"] → obsm[\"spatial\"]")));
            return Ok(keys::SPATIAL.to_owned());
        }
    }
    let slot = tegula_core::Slot::obsm(keys::SPATIAL);
    Err(adata.missing(&slot, "no positions found; store them there, or name their entry with --spatial-key"))
}

/// First stage: genes nobody expresses and observations that express nothing go.
fn filter(adata: &AnnData, _: &RunOptions, _: &str, _: &mut dyn FnMut(Said<'_>)) -> Result<Vec<StepCall>> {
    let x = adata.matrix(None)?;
    if x.n_rows() == 0 || x.n_cols() == 0 {
        let reason = format!("is empty ({} observations × {} variables); nothing to do", x.n_rows(), x.n_cols());
        return Err(Error::data("X", reason));
    }
    Ok(vec![
        call("pp.filter_genes", &json!({"min_cells": MIN_CELLS.min(x.n_rows())})),
        call("pp.filter_cells", &json!({"min_genes": 1})),
    ])
}

/// The steps to normalised and logged expression, unless it is that already.
pub(super) fn normalisation(adata: &AnnData, say: &mut dyn FnMut(Said<'_>)) -> Result<Vec<StepCall>> {
    let mut steps = Vec::new();
    if adata.uns().contains_key(keys::LOG1P) {
        say(Said::Note("expression: already logged (uns[\"log1p\"]); taken as it is"));
    } else {
        match pp::scale_of(adata.matrix(None)?) {
            pp::Scale::Counts => {
                say(Said::Note("expression: counts (whole numbers); normalised to the median total, then log1p"));
                steps.push(call("pp.normalize_total", &json!({})));
                steps.push(call("pp.log1p", &json!({})));
            }
            pp::Scale::Signed => {
                say(Said::Note("expression: has negative values (scaled or corrected); taken as it is"));
            }
            pp::Scale::Logged => say(Said::Note("expression: looks logged (small, not whole); taken as it is")),
            pp::Scale::Normalized => {
                say(Said::Note("expression: normalised, not logged (large, not whole); log1p only"));
                steps.push(call("pp.log1p", &json!({})));
            }
        }
    }
    Ok(steps)
}

/// Second stage: normalised and logged expression, and its principal components.
fn expression(adata: &AnnData, options: &RunOptions, _: &str, say: &mut dyn FnMut(Said<'_>)) -> Result<Vec<StepCall>> {
    let mut steps = normalisation(adata, say)?;
    let (n, m) = (adata.n_obs(), adata.n_vars());
    let most = n.min(m).saturating_sub(1);
    if most == 0 {
        let reason =
            format!("{n} observations × {m} variables are left after filtering; domains need at least 2 of each");
        return Err(Error::data("X", reason));
    }
    let n_comps = options.n_comps.unwrap_or_else(|| {
        if most < N_COMPS {
            say(Said::Note(&format!("components: {most}, all that {n} observations × {m} variables have")));
        }
        N_COMPS.min(most)
    });
    steps.push(call("pp.pca", &json!({"n_comps": n_comps})));
    Ok(steps)
}

/// How many neighbours to look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighborhoods {
    n_obs: usize,
    pub(super) e_neigh: usize,
    pub(super) s_neigh: usize,
    pub(super) smooth: usize,
}

impl Neighborhoods {
    /// As asked for, else the ring around on a lattice, else `loose` in space; never more than there are.
    pub(super) fn of(
        adata: &AnnData,
        options: &RunOptions,
        spatial_key: &str,
        loose: usize,
        say: &mut dyn FnMut(Said<'_>),
    ) -> Result<Self> {
        let most = adata.n_obs().saturating_sub(1);
        let arranged = if options.s_neigh.is_none() { lattice(&adata.coords(spatial_key)?) } else { None };
        if let Some(found) = &arranged {
            say(Said::Note(&format!("positions lie on a {} lattice, {:.4} apart", found.kind.name(), found.spacing)));
        }
        // The eight around a square bin, corners and all; six around a hexagonal spot.
        let around = arranged.map_or(loose, |l| if l.kind == LatticeKind::Square { 8 } else { 6 });
        let mut few = |asked: Option<usize>, usual: usize, what: &str| {
            asked.unwrap_or_else(|| {
                if most < usual {
                    say(Said::Note(&format!("{what}: {most} neighbours, all there are")));
                }
                usual.min(most)
            })
        };
        Ok(Self {
            n_obs: adata.n_obs(),
            e_neigh: few(options.e_neigh, 30, "expression graph"),
            s_neigh: few(options.s_neigh, around, "spatial graph"),
            smooth: few(options.smooth, 10, "smoothing"),
        })
    }

    /// Parameters of a search for communities.
    pub(super) fn communities(&self, options: &RunOptions, say: &mut dyn FnMut(Said<'_>)) -> Json {
        let mut params = json!({"resolution": options.resolution.unwrap_or(1.0)});
        if let Some(k) = options.n_clusters {
            params["n_clusters"] = json!(k);
        }
        if self.n_obs > MOST_THOROUGH {
            say(Said::Note(&format!(
                "more than {MOST_THOROUGH} observations: {ROUNDS} rounds of communities, the last bring little"
            )));
            params["n_iterations"] = json!(ROUNDS);
        }
        params
    }

    /// The step that smooths labels in space, unless none is wanted.
    pub(super) fn smoothing(&self, key: &str, spatial_key: &str) -> Option<StepCall> {
        let params = json!({"key": key, "n_neighbors": self.smooth, "spatial_key": spatial_key});
        (self.smooth > 0).then(|| call("tl.smooth", &params))
    }
}

/// Third stage: graphs, communities with and without position, smoothing.
fn domains(
    adata: &AnnData,
    options: &RunOptions,
    spatial_key: &str,
    say: &mut dyn FnMut(Said<'_>),
) -> Result<Vec<StepCall>> {
    let around = Neighborhoods::of(adata, options, spatial_key, 6, say)?;
    if !Way::all(options)?.contains(&Way::Scc) {
        return Ok(Vec::new());
    }
    let method = options.cluster_method.as_deref().unwrap_or("leiden");
    let cluster = around.communities(options, say);
    let mut scc = cluster.clone();
    scc["e_neigh"] = json!(around.e_neigh);
    scc["s_neigh"] = json!(around.s_neigh);
    scc["cluster_method"] = json!(method);
    scc["spatial_key"] = json!(spatial_key);
    scc["neighbors_key"] = json!(keys::NEIGHBORS);
    let mut steps = vec![
        call("pp.neighbors", &json!({"n_neighbors": around.e_neigh})),
        call(&format!("tl.{method}"), &cluster),
        call("tl.scc", &scc),
    ];
    steps.extend(around.smoothing("scc", spatial_key));
    Ok(steps)
}

/// Last stage: what other neighbourhoods and resolutions would give, where the user named none.
fn comparison(
    adata: &AnnData,
    options: &RunOptions,
    spatial_key: &str,
    say: &mut dyn FnMut(Said<'_>),
) -> Result<Vec<StepCall>> {
    let most = adata.n_obs().saturating_sub(1);
    let named = options.s_neigh.is_some() && (options.resolution.is_some() || options.n_clusters.is_some());
    if options.no_sweep || named || most == 0 || Way::all(options)? != [Way::Scc] {
        return Ok(Vec::new());
    }
    if adata.n_obs() > MOST_SWEPT {
        say(Said::Note(&format!("more than {MOST_SWEPT} observations: tl.sweep is left to you, it takes a while")));
        return Ok(Vec::new());
    }
    let rings = match options.s_neigh {
        Some(s) => vec![s],
        None => lattice(&adata.coords(spatial_key)?).map_or_else(|| vec![6, 12, 18], |l| l.kind.s_neigh().to_vec()),
    };
    let mut rings: Vec<usize> = rings.into_iter().map(|s| s.min(most)).collect();
    rings.dedup();
    let mut sweep = json!({
        "s_neigh": rings,
        "e_neigh": [options.e_neigh.unwrap_or(30).min(most)],
        "resolution": options.resolution.map_or(RESOLUTIONS.to_vec(), |r| vec![r]),
        "cluster_method": options.cluster_method.as_deref().unwrap_or("leiden"),
        "n_runs": 3,
        "n_iterations": 2,
        "spatial_key": spatial_key,
        "neighbors_key": keys::NEIGHBORS,
    });
    if let Some(k) = options.n_clusters {
        sweep["n_clusters"] = json!(k);
    }
    Ok(vec![call("tl.sweep", &sweep)])
}

/// Says what `tl.sweep` recommends, if it ran, beside what was run.
pub(super) fn recommendation(adata: &AnnData, ran: &[StepCall], say: &mut dyn FnMut(Said<'_>)) {
    let swept = ran.iter().any(|step| step.id == "tl.sweep");
    let entry = adata.uns().get("sweep").and_then(Value::as_dict).filter(|_| swept);
    let Some(best) = entry.and_then(|e| e.get("recommended")).and_then(Value::as_dict) else { return };
    let number = |name: &str| best.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let [s_neigh, resolution, n, stability] = ["s_neigh", "resolution", "n_clusters", "stability"].map(number);
    let scc = ran.iter().find(|step| step.id == "tl.scc").map(|step| &step.params);
    let was = |name: &str| scc.and_then(|p| p.get(name)).and_then(Json::as_f64);
    let searched = was("n_clusters").is_some();
    let advice = if was("s_neigh") == Some(s_neigh) && (searched || was("resolution") == Some(resolution)) {
        ", as was run".to_owned()
    } else if searched {
        format!(": --s-neigh {s_neigh}")
    } else {
        format!(": --s-neigh {s_neigh} --resolution {resolution}")
    };
    say(Said::Note(&format!(
        "most stable and compact of those compared{advice} ({n} domains, stability {stability:.2})"
    )));
}
