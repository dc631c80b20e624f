//! `tl.smooth`: the majority among the nearest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Coords, Ctx, Dict, Error, Labels, Outcome, Result, Slot, Step, Value, keys, par};

use crate::graph::knn::check_k;
use crate::graph::spatial_knn;

/// Replaces every label by the majority among its nearest others in the tissue.
///
/// # What it does
/// Gives each observation the label that most of its `n_neighbors` nearest others have.
///
/// # When to use it
/// After clustering, where single observations inside a domain stand out for noise. Not where rare scattered cells are
/// what you look for: they disappear.
///
/// # How it works
/// The nearest others vote, the observation itself does not. Between labels with equally many votes the one with the
/// nearest member wins. All observations change at once. An observation without a label stays without one and has no
/// vote; one whose neighbours all lack a label keeps its own.
///
/// # Reads and writes
/// Reads `obs[key]` and `obsm[spatial_key]`. Writes `obs["<key>_smooth"]`, and `uns["<key>_smooth_colors"]` where the
/// labels have colours.
///
/// # Determinism
/// No randomness; the same bits for any number of threads.
///
/// # Cost
/// O(N (k + log N)) time, O(N k) memory.
///
/// # Differences from the reference
/// spateo calls `n_neighbors` `radius` and builds all N × N distances; the labels are the same.
///
/// # Example
/// `tegula tl smooth in.h5ad -o out.h5ad --key scc --n-neighbors 10`
///
/// # References
/// Chen et al. 2022, <https://doi.org/10.1016/j.cell.2022.04.003>; Qiu et al. 2024,
/// <https://doi.org/10.1016/j.cell.2024.10.011>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothParams {
    /// The labels in `obs`.
    pub key: String,
    /// Nearest others that vote (spateo calls it `radius`).
    pub n_neighbors: usize,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Name of the result in `obs`; `<key>_smooth` if not given.
    pub key_added: Option<String>,
}

impl Default for SmoothParams {
    fn default() -> Self {
        Self { key: "scc".into(), n_neighbors: 10, spatial_key: keys::SPATIAL.into(), key_added: None }
    }
}

/// Every label replaced by the majority among its `n_neighbors` nearest others; see [`SmoothParams`].
///
/// # Errors
/// [`Error::Param`] where there are not more than `n_neighbors` observations; [`Error::Shape`] where labels and
/// positions differ in number.
///
/// ```
/// use tegula_algo::smooth::smooth;
/// use tegula_core::{Coords, Labels};
/// let row = Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0])?;
/// let labels = Labels::from_clusters(&[0, 0, 1, 0]);
/// assert_eq!(smooth(&labels, &row, 2)?.codes(), &[0, 0, 0, 1]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn smooth(labels: &Labels, coords: &Coords, n_neighbors: usize) -> Result<Labels> {
    let n = coords.len();
    if labels.len() != n {
        return Err(Error::shape("labels", format!("({})", labels.len()), format!("({n})")));
    }
    check_k(SmoothParams::ID, "n_neighbors", n_neighbors, n)?;
    let nearest = spatial_knn(coords, n_neighbors)?;
    let codes = labels.codes();
    let parts = par::map(n, par::BLOCK, |range| {
        let mut votes = vec![0usize; labels.categories().len()];
        range.map(|i| majority(codes, i, nearest.neighbors(i), &mut votes)).collect::<Vec<i32>>()
    });
    Labels::new(parts.concat(), labels.categories().to_vec(), labels.ordered())
}

/// The majority among `voters`, nearest first. `votes` is all zero before and after.
fn majority(codes: &[i32], i: usize, voters: &[u32], votes: &mut [usize]) -> i32 {
    let own = codes[i];
    if own < 0 {
        return own;
    }
    let cast = || voters.iter().map(|&j| codes[j as usize]).filter(|&c| c >= 0);
    cast().for_each(|c| votes[c as usize] += 1);
    let most = cast().map(|c| votes[c as usize]).max();
    let winner = cast().find(|&c| Some(votes[c as usize]) == most).unwrap_or(own);
    cast().for_each(|c| votes[c as usize] = 0);
    winner
}

impl SmoothParams {
    fn result(&self) -> String {
        self.key_added.clone().unwrap_or_else(|| format!("{}_smooth", self.key))
    }
}

impl Step for SmoothParams {
    const ID: &'static str = "tl.smooth";
    const SUMMARY: &'static str = "Replaces every label by the majority among its nearest others in the tissue.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.key), Slot::obsm(&self.spatial_key), Slot::uns(&format!("{}_colors", self.key))]
    }

    fn writes(&self) -> Vec<Slot> {
        let result = self.result();
        vec![Slot::obs(&result), Slot::uns(&format!("{result}_colors"))]
    }

    fn validate(&self) -> Result<()> {
        if self.n_neighbors == 0 {
            return Err(Self::refuse("n_neighbors", 0, "at least 1"));
        }
        if self.key.is_empty() {
            return Err(Self::refuse("key", "empty", "a column of obs"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, _: &Ctx<'_>) -> Result<Outcome> {
        let labels = adata.labels(&self.key)?;
        let smoothed = smooth(&labels, &adata.coords(&self.spatial_key)?, self.n_neighbors)?;
        let changed = labels.codes().iter().zip(smoothed.codes()).filter(|(a, b)| a != b).count();
        let result = self.result();
        let colors = adata.uns().get(&format!("{}_colors", self.key)).cloned();
        adata.set_obs(&result, smoothed)?;
        if let Some(colors) = colors {
            adata.set_uns(&format!("{result}_colors"), colors);
        }
        let share = changed as f64 / labels.len().max(1) as f64;
        Ok(Dict::from([
            ("n_changed".to_owned(), Value::from(changed)),
            ("share_changed".to_owned(), Value::from(share)),
        ]))
    }
}
