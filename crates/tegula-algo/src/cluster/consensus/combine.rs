//! One answer from labels that are there already.

use tegula_core::{Error, Labels, Result};

use crate::cluster::level::compact;
use crate::cluster::partition::{Partition, by_size};
use crate::cluster::runs::Agreements;
use crate::cluster::vote::{confidence, vote};

/// What labels of several methods agree on.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    /// The consensus, its clusters by falling size.
    pub labels: Labels,
    /// As [`Consensus::confidence`](super::Consensus::confidence).
    pub confidence: Vec<f64>,
    /// Mean adjusted Rand index over all pairs of labellings.
    pub mean_ari: f64,
    /// Mean adjusted Rand index of each labelling with the others.
    pub ari: Vec<f64>,
}

/// What labels of several methods agree on: a cluster and a confidence for each observation, as [`consensus`](super::consensus) finds them
/// for runs of its own, and the mean adjusted Rand index of each labelling with the others.
///
/// # Errors
/// [`Error::Shape`] where the labels differ in number, [`Error::Data`] where an observation has none.
///
/// ```
/// use tegula_algo::cluster::combine;
/// use tegula_core::Labels;
/// let [a, b, c] = ["xxxyyy", "xxyyyy", "pppqqq"].map(|s| Labels::from_strings(&s.chars().map(String::from).collect::<Vec<_>>()));
/// let found = combine(&[a, b, c])?;
/// assert_eq!(found.labels.codes(), [0, 0, 0, 1, 1, 1]);
/// assert!(found.confidence[2] < found.confidence[0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn combine(labellings: &[Labels]) -> Result<Combined> {
    let n = labellings.first().map_or(0, Labels::len);
    let partition = |labels: &Labels| {
        if labels.len() != n {
            return Err(Error::shape("labels", format!("({})", labels.len()), format!("({n})")));
        }
        let codes: Option<Vec<u32>> = labels.codes().iter().map(|&c| u32::try_from(c).ok()).collect();
        let reason = "has no label for some observations; drop these, or name a column without gaps";
        let mut membership = codes.ok_or_else(|| Error::data("labels", reason))?;
        let n_clusters = compact(&mut membership);
        Ok(Partition { membership, n_clusters, quality: f64::NAN, resolution: f64::NAN, n_iterations: 0 })
    };
    let runs = labellings.iter().map(partition).collect::<Result<Vec<_>>>()?;
    if runs.is_empty() {
        return Err(Error::data("labels", "there are none to combine"));
    }
    let agreements = Agreements::of(&runs);
    let mut membership = vote(&runs, &runs[agreements.medoid()]);
    let n_clusters = by_size(&mut membership);
    Ok(Combined {
        confidence: confidence(&runs, &membership, n_clusters),
        labels: Labels::from_clusters(&membership),
        mean_ari: agreements.mean,
        ari: agreements.of_run,
    })
}
