//! How compact a labelling is in the tissue.

use tegula_core::{Coords, Error, Labels, Result, par};

use crate::graph::spatial_knn;

/// Others that PAS looks at.
const PAS_NEIGHBORS: usize = 10;

/// CHAOS: mean distance to the nearest other of the same cluster, in coordinates scaled to unit variance; lower is more
/// compact.
///
/// Clusters of fewer than three add nothing, as in `SDMBench`. Observations without a label are left out. Shang & Zhou
/// 2022, <https://doi.org/10.1038/s41467-022-34879-1>.
///
/// # Errors
/// [`Error::Shape`] where labels and positions differ in number; [`Error::Data`] without any label.
///
/// ```
/// use tegula_algo::metrics::chaos;
/// use tegula_core::{Coords, Labels};
/// let coords = Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0])?;
/// assert!((chaos(&coords, &Labels::from_clusters(&[0, 0, 0, 0]))? - 2.0).abs() < 1e-12);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn chaos(coords: &Coords, labels: &Labels) -> Result<f64> {
    let (points, codes) = labelled(coords, labels)?;
    let (n, dim) = (codes.len(), coords.dim());
    let mut scaled = points;
    for a in 0..dim {
        let axis = || (0..n).map(|i| i * dim + a);
        let mean = axis().map(|k| scaled[k]).sum::<f64>() / n as f64;
        let deviation = (axis().map(|k| (scaled[k] - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        let unit = if deviation > 0.0 { deviation } else { 1.0 };
        axis().for_each(|k| scaled[k] = (scaled[k] - mean) / unit);
    }
    let mut members: Vec<Vec<f64>> = vec![Vec::new(); labels.categories().len()];
    for (point, &c) in scaled.chunks(dim).zip(&codes) {
        members[c as usize].extend_from_slice(point);
    }
    let mut total = 0.0;
    for cluster in members.into_iter().filter(|m| m.len() > 2 * dim) {
        let nearest = spatial_knn(&Coords::new(dim, cluster)?, 1)?;
        total += (0..nearest.n_obs()).map(|i| nearest.distances(i)[0]).sum::<f64>();
    }
    Ok(total / n as f64)
}

/// PAS: share of observations whose label differs from that of at least 6 of their 10 nearest others; lower is smoother.
///
/// Observations without a label are left out. Shang & Zhou 2022, <https://doi.org/10.1038/s41467-022-34879-1>.
///
/// # Errors
/// [`Error::Shape`] where labels and positions differ in number; [`Error::Data`] with fewer than 11 labels.
///
/// ```
/// use tegula_algo::metrics::pas;
/// use tegula_core::{Coords, Labels};
/// let line = Coords::new(2, (0..12).flat_map(|i| [i as f64, 0.0]).collect())?;
/// let mut clusters = [0; 12];
/// clusters[5] = 1;
/// assert_eq!(pas(&line, &Labels::from_clusters(&clusters))?, 1.0 / 12.0);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn pas(coords: &Coords, labels: &Labels) -> Result<f64> {
    let (points, codes) = labelled(coords, labels)?;
    let n = codes.len();
    if n <= PAS_NEIGHBORS {
        let reason = format!("{n} of them; PAS needs more than {PAS_NEIGHBORS}");
        return Err(Error::data("labelled observations", reason));
    }
    let nearest = spatial_knn(&Coords::new(coords.dim(), points)?, PAS_NEIGHBORS)?;
    let differ = |i: usize| nearest.neighbors(i).iter().filter(|&&j| codes[j as usize] != codes[i]).count();
    let abnormal: usize =
        par::map(n, par::BLOCK, |r| r.filter(|&i| 2 * differ(i) > PAS_NEIGHBORS).count()).iter().sum();
    Ok(abnormal as f64 / n as f64)
}

/// Positions and codes of the observations that have a label.
fn labelled(coords: &Coords, labels: &Labels) -> Result<(Vec<f64>, Vec<i32>)> {
    if labels.len() != coords.len() {
        return Err(Error::shape("labels", format!("({})", labels.len()), format!("({})", coords.len())));
    }
    let codes: Vec<i32> = labels.codes().iter().copied().filter(|&c| c >= 0).collect();
    if codes.is_empty() {
        return Err(Error::data("labels", "no observation has one; name another column"));
    }
    let with = (0..coords.len()).filter(|&i| labels.codes()[i] >= 0);
    Ok((with.flat_map(|i| coords.point(i)).copied().collect(), codes))
}
