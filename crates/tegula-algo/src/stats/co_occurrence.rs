//! `tl.co_occurrence`: how likely a group is met at a distance from another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{
    AnnData, Array, ArrayData, Coords, Ctx, Dict, Error, Labels, Outcome, Result, Slot, Step, Value, keys,
};

use super::pair_counts::pair_counts;

/// Tells how much likelier each group is met within a distance of another than anywhere.
///
/// # What it does
/// For growing distances, the share of group a among all observations within that distance of group b, over the share
/// of a among all pairs within it: 1 where b says nothing about a.
///
/// # When to use it
/// To see at which distance cell types or domains go together. Unlike `tl.nhood_enrichment` it needs no graph and looks
/// beyond the next neighbours.
///
/// # How it works
/// Pairs are counted by two groups and distance over a tree of boxes: two boxes whose pairs all fall between two
/// thresholds are counted at once.
///
/// # Reads and writes
/// Reads `obs[cluster_key]` and `obsm[spatial_key]`. Writes `uns["<cluster_key>_co_occurrence"]`: `occ` (groups ×
/// groups × intervals) and `interval` (the thresholds).
///
/// # Determinism
/// No randomness; pairs are whole numbers; the same bits for any number of threads.
///
/// # Cost
/// About O(thresholds × N^1.5) time, O(N × groups) memory; looking at every pair takes O(N²).
///
/// # Differences from the reference
/// The definition is squidpy's. Distances are compared in 64 bits, where squidpy rounds them to 32, so single pairs may
/// fall on the other side of a threshold. By default the thresholds start at the distance between the two observations
/// of smallest coordinate sum and end at half that to the one of largest; squidpy takes either of the two. Observations
/// without a label are left out; 3-D positions are welcome.
///
/// # Example
/// `tegula tl co_occurrence in.h5ad -o out.h5ad --cluster-key scc`
///
/// # References
/// Palla et al. 2022, <https://doi.org/10.1038/s41592-021-01358-2>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CoOccurrenceParams {
    /// Column of `obs` with the groups.
    pub cluster_key: String,
    /// Where the positions lie in `obsm`.
    pub spatial_key: String,
    /// Number of thresholds, evenly spaced.
    pub interval: usize,
    /// The thresholds themselves, in the unit of the positions; the first one only begins the first interval.
    pub thresholds: Vec<f64>,
}

impl Default for CoOccurrenceParams {
    fn default() -> Self {
        Self { cluster_key: "leiden".into(), spatial_key: keys::SPATIAL.into(), interval: 50, thresholds: Vec::new() }
    }
}

/// How much likelier groups are met near each other.
#[derive(Debug, Clone, PartialEq)]
pub struct CoOccurrence {
    /// `occ[(a × groups + b) × intervals + r]`: group a within threshold r + 1 of group b, over a anywhere.
    pub occ: Vec<f64>,
    /// The thresholds, one more than there are intervals.
    pub interval: Vec<f32>,
}

/// Co-occurrence of the groups in `labels` within each of `thresholds` but the first, which must ascend; see
/// [`CoOccurrenceParams`].
///
/// # Errors
/// [`Error::Shape`]; [`Error::Data`] for fewer than 2 thresholds or such that do not ascend; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::stats::co_occurrence;
/// use tegula_core::{Coords, Ctx, Labels};
/// let line = Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 5.0, 0.0, 6.0, 0.0])?;
/// let found = co_occurrence(&line, &Labels::from_clusters(&[0, 0, 1, 1]), &[0.0, 2.0], &Ctx::default())?;
/// assert_eq!(found.occ, [2.0, 0.0, 0.0, 2.0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn co_occurrence(coords: &Coords, labels: &Labels, thresholds: &[f32], ctx: &Ctx<'_>) -> Result<CoOccurrence> {
    if labels.len() != coords.len() {
        return Err(Error::shape("labels", format!("({})", labels.len()), format!("({})", coords.len())));
    }
    let good = thresholds.len() > 1 && thresholds.is_sorted() && thresholds.iter().all(|t| t.is_finite() && *t >= 0.0);
    if !good {
        let reason = format!("{} of them; at least 2 are needed, ascending from 0 or above", thresholds.len());
        return Err(Error::data("thresholds", reason));
    }
    let labelled = (0..labels.len()).filter(|&i| labels.codes()[i] >= 0);
    let groups: Vec<u32> = labels.codes().iter().filter(|&&c| c >= 0).map(|&c| c as u32).collect();
    let flat = labelled.flat_map(|i| coords.point(i)).copied().collect();
    let limits: Vec<f64> = thresholds[1..].iter().map(|&t| f64::from(t) * f64::from(t)).collect();
    let (k, l) = (labels.categories().len(), limits.len());
    let mut counts = pair_counts(&Coords::new(coords.dim(), flat)?, &groups, k, &limits, ctx)?;
    for within in counts.chunks_mut(l) {
        for r in 1..l {
            within[r] += within[r - 1];
        }
    }
    let count = |a: usize, b: usize, r: usize| counts[(a * k + b) * l + r] as f64;
    let mut occ = vec![0.0; k * k * l];
    for r in 0..l {
        let near: Vec<f64> = (0..k).map(|b| (0..k).map(|a| count(a, b, r)).sum()).collect();
        let all: f64 = near.iter().sum();
        for (a, b) in (0..k * k).map(|e| (e / k, e % k)) {
            if near[a] > 0.0 && near[b] > 0.0 {
                occ[(a * k + b) * l + r] = count(b, a, r) / near[b] / (near[a] / all);
            }
        }
    }
    Ok(CoOccurrence { occ, interval: thresholds.to_vec() })
}

/// `n` thresholds from the distance between the two points of smallest coordinate sum to half that to the one of
/// largest.
fn even_thresholds(coords: &Coords, n: usize) -> Vec<f32> {
    let sum = |i: usize| coords.point(i).iter().sum::<f64>();
    let mut order: Vec<usize> = (0..coords.len()).collect();
    order.sort_by(|&a, &b| sum(a).total_cmp(&sum(b)));
    let [first, second, .., last] = order[..] else { return Vec::new() };
    let distance = |i: usize, j: usize| coords.distance2(i, j).sqrt();
    let (a, b) = (distance(first, second), distance(first, last) / 2.0);
    let (a, b) = (a.min(b), a.max(b));
    (0..n).map(|t| (a + (b - a) * t as f64 / (n - 1) as f64) as f32).collect()
}

impl Step for CoOccurrenceParams {
    const ID: &'static str = "tl.co_occurrence";
    const SUMMARY: &'static str = "Tells how much likelier each group is met within a distance of another.";

    fn reads(&self) -> Vec<Slot> {
        vec![Slot::obs(&self.cluster_key), Slot::obsm(&self.spatial_key)]
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::uns(&format!("{}_co_occurrence", self.cluster_key))]
    }

    fn validate(&self) -> Result<()> {
        if self.interval < 2 {
            return Err(Self::refuse("interval", self.interval, "at least 2"));
        }
        let good = self.thresholds.iter().all(|t| t.is_finite() && *t >= 0.0);
        if self.thresholds.len() == 1 || !good {
            return Err(Self::refuse("thresholds", format!("{:?}", self.thresholds), "at least 2 distances"));
        }
        Ok(())
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let labels = adata.labels(&self.cluster_key)?;
        let coords = adata.coords(&self.spatial_key)?;
        let mut thresholds: Vec<f32> = self.thresholds.iter().map(|&t| t as f32).collect();
        thresholds.sort_by(f32::total_cmp);
        if thresholds.is_empty() {
            thresholds = even_thresholds(&coords, self.interval);
        }
        if thresholds.is_empty() {
            let reason = format!("holds {} observations; co-occurrence needs 3", coords.len());
            return Err(Error::data(Slot::obsm(&self.spatial_key), reason));
        }
        let found = co_occurrence(&coords, &labels, &thresholds, ctx)?;
        let (k, n) = (labels.categories().len(), thresholds.len());
        let entry = Dict::from([
            ("occ".to_owned(), Value::from(Array::new(vec![k, k, n - 1], ArrayData::F64(found.occ.into()))?)),
            ("interval".to_owned(), Value::from(Array::new(vec![n], ArrayData::F32(found.interval.into()))?)),
        ]);
        adata.set_uns(&format!("{}_co_occurrence", self.cluster_key), entry);
        let largest = thresholds.last().map_or(0.0, |&t| f64::from(t));
        Ok(Dict::from([("n_clusters".to_owned(), Value::from(k)), ("radius".to_owned(), Value::from(largest))]))
    }
}
