//! LISI: how many groups are met around each observation.

use tegula_core::{Coords, Ctx, Dense, Error, Labels, Result, par};

use crate::graph::{Knn, knn, spatial_knn};
use crate::index::KdTree;
use crate::stats::shuffled;

/// The local inverse Simpson index of every labelled observation in an embedding: about how many groups are met around
/// it, from 1 to the number of groups.
///
/// With labels of batches, higher is better mixed; with labels of cell types, lower is better kept apart. Neighbours
/// are weighted by exp(−β distance), β such that their entropy is ln `perplexity`; there are 3 `perplexity` − 1 of them.
/// Observations without a label are left out. β is solved for to the last digits, where harmonypy stops at 1e-5.
/// Korsunsky et al. 2019, <https://doi.org/10.1038/s41592-019-0619-0>.
///
/// # Errors
/// [`Error::Shape`]; [`Error::Param`] for a perplexity below 1 or too large for the number of labelled observations.
///
/// ```
/// use tegula_algo::metrics::lisi;
/// use tegula_core::{Ctx, Dense, Labels};
/// let line = Dense::new(12, 1, (0..12).map(|i| if i < 6 { i as f32 } else { 100.0 + i as f32 }).collect::<Vec<_>>())?;
/// let labels = Labels::from_clusters(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
/// assert!(lisi(&line, &labels, 2.0, &Ctx::default())?.iter().all(|&l| (l - 1.0).abs() < 1e-12));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn lisi(data: &Dense, labels: &Labels, perplexity: f64, ctx: &Ctx<'_>) -> Result<Vec<f64>> {
    let (rows, codes) = labelled(labels, data.n_rows())?;
    let k = neighbors(perplexity, rows.len())?;
    let near = if rows.len() == data.n_rows() { knn(data, k, ctx)? } else { knn(&data.select_rows(&rows), k, ctx)? };
    Ok(all(&near, &codes, labels.categories().len(), perplexity))
}

/// The local inverse Simpson index in the tissue; see [`lisi`].
///
/// # Errors
/// As [`lisi`].
///
/// ```
/// use tegula_algo::metrics::lisi_coords;
/// use tegula_core::{Coords, Labels};
/// let ring = Coords::new(2, (0..12).flat_map(|i| [(i as f64).cos(), (i as f64).sin()]).collect())?;
/// let found = lisi_coords(&ring, &Labels::from_clusters(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), 3.0)?;
/// assert!(found.iter().all(|&l| l >= 1.0 && l <= 2.0));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn lisi_coords(coords: &Coords, labels: &Labels, perplexity: f64) -> Result<Vec<f64>> {
    let (rows, codes) = labelled(labels, coords.len())?;
    let k = neighbors(perplexity, rows.len())?;
    let points = rows.iter().flat_map(|&i| coords.point(i)).copied().collect();
    let near = spatial_knn(&Coords::new(coords.dim(), points)?, k)?;
    Ok(all(&near, &codes, labels.categories().len(), perplexity))
}

/// The mean of [`lisi_coords`], over a random sample of `size` observations where there are more.
pub(super) fn mean_lisi_coords(
    coords: &Coords,
    labels: &Labels,
    perplexity: f64,
    size: usize,
    ctx: &Ctx<'_>,
) -> Result<f64> {
    let (rows, codes) = labelled(labels, coords.len())?;
    if rows.len() <= size {
        let every = lisi_coords(coords, labels, perplexity)?;
        return Ok(every.iter().sum::<f64>() / every.len() as f64);
    }
    let k = neighbors(perplexity, rows.len())?;
    let points = rows.iter().flat_map(|&i| coords.point(i)).copied().collect();
    let points = Coords::new(coords.dim(), points)?;
    let tree = KdTree::new(&points);
    let mut sample = shuffled(rows.len(), &mut ctx.rng("lisi", 0));
    sample.truncate(size);
    let parts = par::map(size, 64, |range| {
        let mut scratch = Scratch::new(labels.categories().len());
        let of = |s: usize| {
            let mut near = tree.nearest(points.point(sample[s] as usize), k + 1);
            near.retain(|e| e.0 != sample[s]);
            let (others, distances): (Vec<u32>, Vec<f64>) = near.into_iter().take(k).unzip();
            local(&others, &distances, &codes, perplexity, &mut scratch)
        };
        range.map(of).sum::<f64>()
    });
    Ok(parts.into_iter().sum::<f64>() / size as f64)
}

fn labelled(labels: &Labels, n: usize) -> Result<(Vec<usize>, Vec<usize>)> {
    if labels.len() != n {
        return Err(Error::shape("labels", format!("({})", labels.len()), format!("({n})")));
    }
    Ok((0..n).filter_map(|i| Some((i, usize::try_from(labels.codes()[i]).ok()?))).unzip())
}

/// 3 perplexity − 1, itself not counted.
fn neighbors(perplexity: f64, n: usize) -> Result<usize> {
    let k = 3.0 * perplexity - 1.0;
    if perplexity >= 1.0 && k < n as f64 {
        return Ok(k as usize);
    }
    let must = format!("from 1 to a third of the labelled observations, of which there are {n}");
    Err(Error::param("lisi", "perplexity", perplexity, must))
}

fn all(near: &Knn, codes: &[usize], groups: usize, perplexity: f64) -> Vec<f64> {
    let parts = par::map(codes.len(), par::BLOCK, |range| {
        let mut scratch = Scratch::new(groups);
        range.map(|i| local(near.neighbors(i), near.distances(i), codes, perplexity, &mut scratch)).collect::<Vec<_>>()
    });
    parts.into_iter().flatten().collect()
}

/// Working memory of a thread.
struct Scratch {
    weights: Vec<f64>,
    share: Vec<f64>,
}

impl Scratch {
    fn new(groups: usize) -> Self {
        Self { weights: Vec::new(), share: vec![0.0; groups] }
    }
}

/// The inverse Simpson index of the groups of some neighbours.
fn local(others: &[u32], distances: &[f64], codes: &[usize], perplexity: f64, scratch: &mut Scratch) -> f64 {
    let Scratch { weights, share } = scratch;
    weigh(distances, perplexity.ln(), weights);
    share.fill(0.0);
    for (&j, w) in others.iter().zip(weights.iter()) {
        share[codes[j as usize]] += w;
    }
    let total: f64 = weights.iter().sum();
    total * total / share.iter().map(|s| s * s).sum::<f64>()
}

/// Weights exp(−β (d − least d)) of entropy `target`, or the nearest to it that there are: where many distances are the
/// least one, they alone count. β by Newton's steps inside a bracket; the entropy falls with β.
fn weigh(distances: &[f64], target: f64, weights: &mut Vec<f64>) {
    let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = distances.iter().map(|d| d - least).sum::<f64>() / distances.len() as f64;
    weights.clear();
    weights.resize(distances.len(), 1.0);
    if mean <= 0.0 {
        return;
    }
    let (mut low, mut high, mut beta) = (0.0f64, f64::INFINITY, 1.0 / mean);
    for _ in 0..200 {
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for (w, d) in weights.iter_mut().zip(distances) {
            let d = d - least;
            *w = (-beta * d).exp();
            sum += *w;
            first += *w * d;
            second += *w * d * d;
        }
        let (m, variance) = (first / sum, (second / sum - (first / sum).powi(2)).max(0.0));
        let excess = sum.ln() + beta * m - target;
        if excess.abs() < 1e-12 {
            return;
        }
        if excess > 0.0 {
            low = beta;
        } else {
            high = beta;
        }
        let step = beta + excess / (beta * variance);
        beta = if step > low && step < high {
            step
        } else if high.is_finite() {
            f64::midpoint(low, high)
        } else {
            2.0 * beta
        };
        if !beta.is_finite() || (high.is_finite() && high - low <= f64::EPSILON * high) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_comes_near_the_whole() {
        let place = |i: u32| [f64::from(i * 37 % 101), f64::from(i * 53 % 97)];
        let coords = Coords::new(2, (0..900).flat_map(place).collect()).unwrap();
        let labels = Labels::from_clusters(&(0..900u32).map(|i| (i * 37 % 101) / 34).collect::<Vec<_>>());
        let mean = |size| mean_lisi_coords(&coords, &labels, 10.0, size, &Ctx::default()).unwrap();
        let (whole, part) = (mean(900), mean(400));
        assert!(whole > 1.05 && (whole - part).abs() < 0.05, "{whole} and {part}");
        assert_ne!(whole, part);
    }
}
