//! The ways to find domains that `tegula run --method` knows.

use serde_json::{Value as Json, json};
use tegula_algo::reduce::knee;
use tegula_core::{AnnData, Error, Result, Value, keys};

use super::choose::{Neighborhoods, call};
use super::{RunOptions, Said};
use crate::recipe::StepCall;

/// Components of the embedding that are diffused: those beyond are mostly noise.
const DIFFUSED: usize = 15;

/// Genes a network sees: the most variable.
const GENES: usize = 3000;

/// Numbers of domains that mclust compares where the user names none.
const COMPONENTS: std::ops::RangeInclusive<usize> = 2..=15;

/// The method where none is named.
const DEFAULT: &str = "scc";

/// Starts of mclust's EM, of which the likeliest end is kept.
const STARTS: usize = 5;

/// A way to find domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Communities of expression and position.
    Scc,
    /// Groups of features that know their surroundings.
    On(Features, Groups),
}

/// What makes the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Features {
    Diffuse,
    Stagate,
}

/// What groups them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Groups {
    Mclust,
    Leiden,
    Louvain,
}

impl Features {
    const ALL: [Self; 2] = [Self::Diffuse, Self::Stagate];

    fn name(self) -> &'static str {
        match self {
            Self::Diffuse => "diffuse",
            Self::Stagate => "stagate",
        }
    }

    /// Their place in `obsm`.
    fn rep(self) -> &'static str {
        match self {
            Self::Diffuse => "X_pca_diffused",
            Self::Stagate => "STAGATE",
        }
    }

    fn steps(self, adata: &AnnData, options: &RunOptions) -> Vec<StepCall> {
        match self {
            Self::Diffuse => {
                let have = adata.obsm().get(keys::X_PCA).and_then(Value::to_f64_rows).map_or(0, |(columns, _)| columns);
                let n_pcs = options.n_comps.unwrap_or(DIFFUSED).min(have.max(1));
                vec![call("pp.diffuse", &json!({"n_pcs": n_pcs}))]
            }
            Self::Stagate => {
                let mut steps = Vec::new();
                if adata.n_vars() > GENES {
                    steps.push(call("pp.highly_variable_genes", &json!({"n_top_genes": GENES})));
                }
                let mut params = json!({"neighbors_key": keys::SPATIAL_NEIGHBORS});
                if let Some(n) = options.n_epochs {
                    params["n_epochs"] = json!(n);
                }
                if let Some(file) = &options.checkpoint {
                    params["checkpoint"] = json!(file);
                }
                steps.push(call("tl.stagate", &params));
                steps
            }
        }
    }
}

impl Groups {
    const ALL: [Self; 3] = [Self::Mclust, Self::Leiden, Self::Louvain];

    fn name(self) -> &'static str {
        match self {
            Self::Mclust => "mclust",
            Self::Leiden => "leiden",
            Self::Louvain => "louvain",
        }
    }
}

impl Way {
    /// The ways that `--method` names.
    pub(super) fn all(options: &RunOptions) -> Result<Vec<Self>> {
        let named = options.method.as_deref().unwrap_or(DEFAULT);
        let pairs = Features::ALL.iter().flat_map(|&f| Groups::ALL.map(|g| Self::On(f, g)));
        match named {
            "scc" => Ok(vec![Self::Scc]),
            "all" => Ok(vec![
                Self::Scc,
                Self::On(Features::Diffuse, Groups::Mclust),
                Self::On(Features::Stagate, Groups::Mclust),
            ]),
            _ => pairs.clone().find(|way| way.name() == named).map(|way| vec![way]).ok_or_else(|| {
                let names: Vec<String> = pairs.map(Self::name).collect();
                Error::param("run", "method", named, format!("scc, {} or all", names.join(", ")))
            }),
        }
    }

    /// Whether a network is trained on the way.
    fn trains(self) -> bool {
        matches!(self, Self::On(Features::Stagate, _))
    }

    fn name(self) -> String {
        match self {
            Self::Scc => "scc".to_owned(),
            Self::On(features, groups) => format!("{}+{}", features.name(), groups.name()),
        }
    }

    /// The column of `obs` with its domains.
    fn key(self) -> String {
        self.name().replace('+', "_")
    }
}

/// Refuses what `--method` does not know, and to keep a training where there is none.
pub(super) fn check(options: &RunOptions) -> Result<()> {
    let ways = Way::all(options)?;
    match &options.checkpoint {
        Some(file) if options.recipe.is_none() && !ways.into_iter().any(Way::trains) => {
            let method = options.method.as_deref().unwrap_or(DEFAULT);
            let reason =
                format!("keeps a network's training, and {method} trains none: leave it out, or choose stagate");
            Err(Error::config(format!("checkpoint `{file}`"), reason))
        }
        _ => Ok(()),
    }
}

/// The features of every way, and where these are grouped by mclust and the number of domains is to be found, its table.
pub(super) fn features(
    adata: &AnnData,
    options: &RunOptions,
    spatial_key: &str,
    say: &mut dyn FnMut(Said<'_>),
) -> Result<Vec<StepCall>> {
    let ways = Way::all(options)?;
    let on: Vec<(Features, Groups)> =
        ways.iter().filter_map(|way| if let Way::On(f, g) = way { Some((*f, *g)) } else { None }).collect();
    if on.is_empty() {
        return Ok(Vec::new());
    }
    // More than for the graph of communities where there is no lattice: they are averaged over.
    let around = Neighborhoods::of(adata, options, spatial_key, 8, &mut |_| ())?;
    let near = json!({"n_neighbors": around.s_neigh, "coord_type": "generic", "spatial_key": spatial_key});
    let mut steps = vec![call("pp.spatial_neighbors", &near)];
    let mixed = on.iter().any(|way| way.1 == Groups::Mclust);
    let unknown = mixed && known_number(adata, options, say)?.is_none();
    for (features, groups) in on {
        steps.extend(features.steps(adata, options));
        if groups == Groups::Mclust && unknown {
            let range: Vec<usize> = COMPONENTS.filter(|&k| k < adata.n_obs()).collect();
            steps.push(mclust(Way::On(features, groups), features, &json!(range), 1));
        }
    }
    Ok(steps)
}

/// The groups of every way, smoothed; where there are several ways, what they agree on.
pub(super) fn groups(
    adata: &AnnData,
    options: &RunOptions,
    spatial_key: &str,
    say: &mut dyn FnMut(Said<'_>),
) -> Result<Vec<StepCall>> {
    let ways = Way::all(options)?;
    // SCC alone has its groups already: the lattice need not be looked for again.
    if ways == [Way::Scc] {
        return Ok(Vec::new());
    }
    let around = Neighborhoods::of(adata, options, spatial_key, 6, &mut |_| ())?;
    let mut steps = Vec::new();
    let mut found = Vec::new();
    for way in &ways {
        if let Way::On(features, groups) = *way {
            let key = way.key();
            if groups == Groups::Mclust {
                let number = match known_number(adata, options, &mut |_| ())? {
                    Some(number) => number,
                    None => best_number(adata, &key, say),
                };
                steps.push(mclust(*way, features, &json!([number]), STARTS));
            } else {
                let near = json!({"n_neighbors": around.e_neigh, "use_rep": features.rep(), "key_added": key});
                steps.push(call("pp.neighbors", &near));
                let mut cluster = around.communities(options, say);
                cluster["neighbors_key"] = json!(key);
                cluster["key_added"] = json!(key);
                steps.push(call(&format!("tl.{}", groups.name()), &cluster));
            }
            steps.extend(around.smoothing(&key, spatial_key));
        }
        found.push(if around.smooth > 0 { format!("{}_smooth", way.key()) } else { way.key() });
    }
    if found.len() > 1 {
        steps.push(call("tl.consensus", &json!({"keys": found})));
    }
    Ok(steps)
}

fn mclust(way: Way, features: Features, n_components: &Json, n_init: usize) -> StepCall {
    let params = json!({
        "use_rep": features.rep(),
        "model_names": ["EEE"],
        "n_components": n_components,
        "n_init": n_init,
        "key_added": way.key(),
    });
    call("tl.mclust", &params)
}

/// The number of domains that the user named, or that the known labels have.
fn known_number(adata: &AnnData, options: &RunOptions, say: &mut dyn FnMut(Said<'_>)) -> Result<Option<usize>> {
    if options.n_clusters.is_some() {
        return Ok(options.n_clusters);
    }
    let Some(key) = &options.labels else { return Ok(None) };
    let number = adata.labels(key)?.n_used();
    say(Said::Note(&format!("mclust: {number} domains, as obs[\"{key}\"] has; --n-clusters names another number")));
    Ok(Some(number.max(1)))
}

/// The number of domains at the knee of mclust's table, else that of the best BIC.
///
/// Neighbours that were averaged over are not independent, so the BIC rises on and on: what tells is where it rises less.
fn best_number(adata: &AnnData, key: &str, say: &mut dyn FnMut(Said<'_>)) -> usize {
    let entry = adata.uns().get(key).and_then(Value::as_dict);
    let table = entry.and_then(|e| e.get("bic_table")).and_then(Value::as_dict);
    let column = |name: &str| match table.and_then(|t| t.get(name)) {
        Some(Value::Array(array)) => array.data().to_f64().unwrap_or_default(),
        _ => Vec::new(),
    };
    let rows = column("n_components").into_iter().map(|k| k as usize).zip(column("bic"));
    let rows: Vec<(usize, f64)> = rows.filter(|row| row.1.is_finite()).collect();
    let curve: Vec<f64> = rows.iter().map(|row| -row.1).collect();
    let best = (0..rows.len()).min_by(|&a, &b| curve[a].total_cmp(&curve[b])).unwrap_or(0);
    let at = knee(&curve).map_or(best, |n| n - 1);
    let number = rows.get(at).map_or(*COMPONENTS.start(), |row| row.0);
    say(Said::Note(&format!(
        "mclust: {number} domains, where BIC stops rising fast; --n-clusters names another number"
    )));
    number
}
