//! Many runs on one graph, and how far they agree.

use rayon::prelude::*;
use tegula_core::{Ctx, Error, Graph, Result};

use super::level::members;
use super::multilevel::{Settings, cluster};
use super::partition::Partition;
use super::resolution::search;
use crate::metrics::agreement::ari_of_squares;

/// Random streams kept for one run: the search for a number of clusters takes several.
const STREAMS: u64 = 32;

/// Clusters a symmetric graph `n_runs` times at each resolution, all at once, every run with a random stream of its own.
pub(super) fn many(
    graph: &Graph,
    s: &Settings<'_>,
    resolutions: &[f64],
    n_runs: usize,
    ctx: &Ctx<'_>,
) -> Result<Vec<Partition>> {
    let n = graph.n_nodes();
    if let Some(k) = s.n_clusters.filter(|&k| k > n) {
        return Err(Error::param(s.task, "n_clusters", k, format!("at most {n}, the number of observations")));
    }
    let run = |at: usize| {
        let first = STREAMS * at as u64;
        let go = |resolution, item| {
            cluster(graph, (0..n as u32).collect(), &Settings { resolution, ..*s }, first + item, ctx)
        };
        match s.n_clusters {
            None => go(resolutions[at / n_runs], 0),
            Some(k) => search((s.task, k), resolutions[at / n_runs], ctx, go),
        }
    };
    (0..resolutions.len() * n_runs).into_par_iter().with_max_len(1).map(run).collect()
}

/// Observations by cluster: where each cluster starts, and the observations.
pub(super) type Members = (Vec<usize>, Vec<u32>);

/// The observations of each cluster of a partition.
pub(super) fn members_of(p: &Partition) -> Members {
    members(&p.membership, p.n_clusters)
}

/// Sizes of the intersections of clusters with those of another partition, labels `0..k`: `(cluster, other, size)`, by
/// cluster. Linear in the observations: no table of all pairs of clusters.
pub(super) fn overlaps((start, order): &Members, other: &[u32], k: usize) -> Vec<(u32, u32, u32)> {
    let (mut cells, mut touched, mut size) = (Vec::new(), Vec::new(), vec![0u32; k]);
    for c in 0..start.len() - 1 {
        for &i in &order[start[c]..start[c + 1]] {
            let d = other[i as usize];
            if size[d as usize] == 0 {
                touched.push(d);
            }
            size[d as usize] += 1;
        }
        cells.extend(touched.drain(..).map(|d| (c as u32, d, std::mem::take(&mut size[d as usize]))));
    }
    cells
}

/// How far partitions agree.
pub(super) struct Agreements {
    /// Mean adjusted Rand index over all pairs; 1 where there is no pair.
    pub mean: f64,
    /// Mean adjusted Rand index of each partition with the others.
    pub of_run: Vec<f64>,
}

impl Agreements {
    /// Compares every two partitions.
    pub(super) fn of(runs: &[Partition]) -> Self {
        let sorted: Vec<Members> = runs.par_iter().map(members_of).collect();
        let pairs: Vec<(usize, usize)> = (0..runs.len()).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
        let found: Vec<f64> = pairs.par_iter().map(|&(a, b)| ari(&sorted[a], &sorted[b], &runs[b])).collect();
        let mut of_run = vec![0.0; runs.len()];
        for (&(a, b), x) in pairs.iter().zip(&found) {
            of_run[a] += x;
            of_run[b] += x;
        }
        if pairs.is_empty() {
            return Self { mean: 1.0, of_run: vec![1.0; runs.len()] };
        }
        for x in &mut of_run {
            *x /= (runs.len() - 1) as f64;
        }
        Self { mean: found.iter().sum::<f64>() / pairs.len() as f64, of_run }
    }

    /// The partition that agrees best with the others, the first of equals.
    pub(super) fn medoid(&self) -> usize {
        let better = |best: usize, i: usize| if self.of_run[i] > self.of_run[best] { i } else { best };
        (0..self.of_run.len()).fold(0, better)
    }
}

/// Adjusted Rand index of two partitions.
fn ari(a: &Members, b: &Members, partition: &Partition) -> f64 {
    let square = |x: usize| (x as f64).powi(2);
    let sizes = |m: &Members| m.0.windows(2).map(|w| square(w[1] - w[0])).sum::<f64>();
    let cells = overlaps(a, &partition.membership, partition.n_clusters);
    let cells = cells.iter().map(|c| square(c.2 as usize)).sum();
    ari_of_squares(partition.membership.len() as f64, cells, sizes(a), sizes(b))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::metrics::ari;

    pub(crate) fn partition(membership: &[u32]) -> Partition {
        let n_clusters = membership.iter().max().map_or(0, |&m| m as usize + 1);
        Partition { membership: membership.to_vec(), n_clusters, quality: 0.0, resolution: 1.0, n_iterations: 1 }
    }

    #[test]
    fn agreement_is_the_mean_of_the_adjusted_rand_indices() {
        let runs = [&[0, 0, 0, 1, 1, 2][..], &[0, 0, 1, 1, 1, 2], &[0, 1, 0, 2, 2, 1]].map(partition);
        let pair = |a: usize, b: usize| ari(&runs[a].labels(), &runs[b].labels()).unwrap();
        let found = Agreements::of(&runs);
        assert!((found.mean - (pair(0, 1) + pair(0, 2) + pair(1, 2)) / 3.0).abs() < 1e-15);
        assert!((found.of_run[2] - f64::midpoint(pair(0, 2), pair(1, 2))).abs() < 1e-15);
        assert_eq!(found.medoid(), 0);
        let one = Agreements::of(&runs[..1]);
        assert_eq!((one.mean, one.of_run[0], one.medoid()), (1.0, 1.0, 0));
    }

    #[test]
    fn overlaps_count_what_is_common() {
        let p = partition(&[0, 1, 0, 1, 0]);
        assert_eq!(overlaps(&members_of(&p), &[2, 0, 2, 2, 1], 3), [(0, 2, 2), (0, 1, 1), (1, 0, 1), (1, 2, 1)]);
    }
}
