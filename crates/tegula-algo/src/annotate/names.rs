//! `tl.annotate`: names instead of numbers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Ctx, Dict, Error, Labels, Outcome, Result, Slot, Step, Value};

/// Gives clusters their names.
///
/// # What it does
/// Replaces each cluster of `obs[key]` by the name that `map` has for it. Several clusters may share a name.
///
/// # When to use it
/// When you know what the clusters are: `--map 0=DORsm,1=TEG`.
///
/// # How it works
/// Every cluster needs a name, unless `default` gives one to the rest; a name for a cluster that is not there is
/// refused too, so that a map made for another run does not pass unnoticed. Observations without a cluster stay
/// without a name.
///
/// # Reads and writes
/// Reads `obs[key]`. Writes `obs["<key>_anno"]`, its categories sorted by name.
///
/// # Determinism
/// No randomness.
///
/// # Cost
/// O(N).
///
/// # Differences from the reference
/// pandas' `map` leaves unmapped clusters empty without a word.
///
/// # Example
/// `tegula tl annotate in.h5ad -o out.h5ad --key scc --map 0=DORsm,1=TEG --default other`
///
/// # References
/// None.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AnnotateParams {
    /// The clusters in `obs`.
    pub key: String,
    /// Names as `cluster=name`, one per entry or several with commas between.
    pub map: Vec<String>,
    /// Name of every cluster that the map leaves out; without it such a cluster is an error.
    pub default: Option<String>,
    /// Name of the result in `obs`; `<key>_anno` if not given.
    pub key_added: Option<String>,
}

impl Default for AnnotateParams {
    fn default() -> Self {
        Self { key: "scc".into(), map: Vec::new(), default: None, key_added: None }
    }
}

/// The clusters under the names of `map`; see [`AnnotateParams`].
///
/// # Errors
/// [`Error::Config`] where the map names an unknown cluster, or leaves one out and there is no `default`.
///
/// ```
/// use std::collections::BTreeMap;
/// use tegula_algo::annotate::annotate;
/// use tegula_core::Labels;
/// let map = BTreeMap::from([("0".to_owned(), "cortex".to_owned())]);
/// let named = annotate(&Labels::from_clusters(&[0, 1, 0]), &map, Some("other"))?;
/// assert_eq!(named.get(1), Some("other"));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn annotate(labels: &Labels, map: &BTreeMap<String, String>, default: Option<&str>) -> Result<Labels> {
    let at = format!("`map` of `{}`", AnnotateParams::ID);
    let clusters = labels.categories();
    let unknown: Vec<&str> = map.keys().filter(|k| !clusters.contains(k)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let reason = format!("there is no cluster {}; the clusters are {}", unknown.join(", "), clusters.join(", "));
        return Err(Error::config(at, reason));
    }
    let mut used = vec![false; clusters.len()];
    labels.codes().iter().filter(|&&c| c >= 0).for_each(|&c| used[c as usize] = true);
    let names: Vec<Option<&str>> = clusters.iter().map(|c| map.get(c).map(String::as_str).or(default)).collect();
    let nameless: Vec<&str> =
        (0..clusters.len()).filter(|&c| used[c] && names[c].is_none()).map(|c| clusters[c].as_str()).collect();
    if !nameless.is_empty() {
        let reason = format!("no name for cluster {}; add it, or pass default for the rest", nameless.join(", "));
        return Err(Error::config(at, reason));
    }
    let mut sorted: Vec<&str> = (0..clusters.len()).filter(|&c| used[c]).filter_map(|c| names[c]).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let code = |c: i32| {
        let name = usize::try_from(c).ok().and_then(|c| names[c]);
        name.and_then(|n| sorted.binary_search(&n).ok()).map_or(-1, |k| k as i32)
    };
    let codes = labels.codes().iter().map(|&c| code(c)).collect();
    Labels::new(codes, sorted.into_iter().map(str::to_owned).collect(), false)
}

impl AnnotateParams {
    fn result(&self) -> String {
        self.key_added.clone().unwrap_or_else(|| format!("{}_anno", self.key))
    }

    /// The map, read from its entries. A comma starts a new pair only where a `=` follows before the next comma, so
    /// that names may hold commas.
    fn parse(&self) -> Result<BTreeMap<String, String>> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for entry in &self.map {
            for (nth, piece) in entry.split(',').enumerate() {
                match (piece.split_once('='), pairs.last_mut()) {
                    (Some((cluster, name)), _) => pairs.push((cluster.trim().into(), name.trim().into())),
                    (None, Some((_, name))) if nth > 0 => {
                        name.push(',');
                        name.push_str(piece);
                    }
                    _ => return Err(Self::refuse("map", format!("`{entry}`"), "`cluster=name` pairs")),
                }
            }
        }
        let mut map = BTreeMap::new();
        for (cluster, name) in pairs {
            if cluster.is_empty() || name.is_empty() {
                return Err(Self::refuse(
                    "map",
                    format!("`{cluster}={name}`"),
                    "`cluster=name`, neither of them empty",
                ));
            }
            if let Some(before) = map.insert(cluster.clone(), name.clone()).filter(|before| *before != name) {
                let value = format!("`{cluster}={before}` and `{cluster}={name}`");
                return Err(Self::refuse("map", value, "one name per cluster"));
            }
        }
        Ok(map)
    }
}

impl Step for AnnotateParams {
    const ID: &'static str = "tl.annotate";
    const SUMMARY: &'static str = "Gives clusters their names.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key)]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.result())]
    }

    fn validate(&self) -> Result<()> {
        if self.parse()?.is_empty() && self.default.is_none() {
            return Err(Self::refuse("map", "empty", "`cluster=name` pairs"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        let named = annotate(&adata.labels(&self.key)?, &self.parse()?, self.default.as_deref())?;
        let n = named.categories().len();
        adata.set_obs(&self.result(), named)?;
        Ok(Dict::from([("n_names".to_owned(), Value::from(n))]))
    }
}
