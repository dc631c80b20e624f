//! One partition from many: the clusters that the runs agree on, and how surely.

use rayon::prelude::*;
use tegula_core::{Graph, par};

use super::level::{compact, members};
use super::partition::{Partition, connected};
use super::runs::{Members, members_of, overlaps};

/// Rounds of voting at most; a handful is usual.
const ROUNDS: usize = 50;
/// What a vote must win by, so that rounding decides nothing.
const MARGIN: f64 = 1e-12;
/// Observations per block: each block has a sum per cluster.
const BLOCK: usize = 1 << 14;

/// For a run, where the row of each of its clusters starts, and the rows: `(consensus cluster, share)`.
type Shares = (Vec<usize>, Vec<(u32, f64)>);

/// Improves `start`, one of the runs, until no observation finds a cluster that the runs put it in more surely.
///
/// How surely observation `i` belongs to cluster `B` is `s(i, B) = mean over runs of |C(i) ∩ B| / |C(i) ∪ B|`, with `C(i)`
/// its cluster in a run. The mean of `s` over observations never falls below that of `start`.
pub(super) fn vote(runs: &[Partition], start: &Partition) -> Vec<u32> {
    let sorted: Vec<Members> = runs.par_iter().map(members_of).collect();
    let mut membership = start.membership.clone();
    let mut best = (f64::NEG_INFINITY, Vec::new());
    for _ in 0..ROUNDS {
        let k = compact(&mut membership);
        let (next, confidence) = choices(runs, &sorted, &membership, k);
        let total: f64 = confidence.iter().sum();
        if total <= best.0 {
            break;
        }
        let done = next == membership;
        best = (total, std::mem::replace(&mut membership, next));
        if done {
            break;
        }
    }
    best.1
}

/// How surely each observation belongs to its cluster; see [`vote`].
pub(super) fn confidence(runs: &[Partition], membership: &[u32], k: usize) -> Vec<f64> {
    let sorted: Vec<Members> = runs.par_iter().map(members_of).collect();
    choices(runs, &sorted, membership, k).1
}

/// The cluster each observation belongs to most surely (its own among equals, then the lower label), and how surely it
/// belongs to its own.
fn choices(runs: &[Partition], sorted: &[Members], membership: &[u32], k: usize) -> (Vec<u32>, Vec<f64>) {
    let mut size = vec![0u32; k];
    for &c in membership {
        size[c as usize] += 1;
    }
    let shares: Vec<Shares> = sorted
        .par_iter()
        .map(|of_run| {
            let mut start = vec![0; of_run.0.len()];
            let share = |(c, b, common): (u32, u32, u32)| {
                let c = c as usize;
                start[c + 1] += 1;
                let either = of_run.0[c + 1] - of_run.0[c] + (size[b as usize] - common) as usize;
                (b, f64::from(common) / either as f64)
            };
            let row = overlaps(of_run, membership, k).into_iter().map(share).collect();
            (1..start.len()).for_each(|c| start[c] += start[c - 1]);
            (start, row)
        })
        .collect();
    let blocks = par::map(membership.len(), BLOCK, |range| {
        let (mut sum, mut touched) = (vec![0.0f64; k], Vec::new());
        let choice = |i: usize| {
            for (run, (start, row)) in runs.iter().zip(&shares) {
                let c = run.membership[i] as usize;
                for &(b, share) in &row[start[c]..start[c + 1]] {
                    if sum[b as usize] == 0.0 {
                        touched.push(b);
                    }
                    sum[b as usize] += share;
                }
            }
            let own = sum[membership[i] as usize];
            let (mut to, mut top) = (membership[i], own + MARGIN);
            touched.sort_unstable();
            for b in touched.drain(..) {
                let s = std::mem::take(&mut sum[b as usize]);
                if s > top {
                    (to, top) = (b, s);
                }
            }
            (to, own / runs.len() as f64)
        };
        range.map(choice).collect::<Vec<_>>()
    });
    blocks.into_iter().flatten().unzip()
}

/// Gives every part that hangs apart from the largest part of its cluster to the cluster it is joined to most strongly;
/// what is joined to none becomes a cluster. Clusters are connected then; labels below the number of nodes.
pub(super) fn mend(graph: &Graph, membership: &[u32]) -> Vec<u32> {
    let n = membership.len();
    let part = connected(graph, membership);
    let k = part.iter().max().map_or(0, |&p| p as usize + 1);
    let (start, nodes) = members(&part, k);
    let of_part = |p: usize| &nodes[start[p]..start[p + 1]];
    let mut main = vec![usize::MAX; n];
    for p in 0..k {
        let c = membership[of_part(p)[0] as usize] as usize;
        if main[c] == usize::MAX || of_part(p).len() > of_part(main[c]).len() {
            main[c] = p;
        }
    }
    // A label is the part whose cluster it is; one not yet placed is its own.
    let mut label: Vec<usize> = (0..k).collect();
    let mut placed = vec![false; k];
    main.iter().filter(|&&p| p != usize::MAX).for_each(|&p| placed[p] = true);
    let (mut weight, mut touched) = (vec![0.0f64; k], Vec::new());
    let mut waiting: Vec<usize> = (0..k).filter(|&p| !placed[p]).collect();
    loop {
        let before = waiting.len();
        waiting.retain(|&p| {
            for &i in of_part(p) {
                for (&j, &w) in graph.neighbors(i as usize).iter().zip(graph.weights(i as usize)) {
                    let q = part[j as usize] as usize;
                    if placed[q] {
                        if weight[label[q]] == 0.0 {
                            touched.push(label[q]);
                        }
                        weight[label[q]] += f64::from(w);
                    }
                }
            }
            touched.sort_unstable();
            let mut best = (p, 0.0);
            for l in touched.drain(..) {
                let w = std::mem::take(&mut weight[l]);
                if w > best.1 {
                    best = (l, w);
                }
            }
            label[p] = best.0;
            placed[p] = best.0 != p;
            !placed[p]
        });
        if waiting.len() == before {
            break;
        }
    }
    part.iter().map(|&p| label[p as usize] as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::runs::tests::partition;

    #[test]
    fn the_majority_wins_and_confidence_is_the_mean_share() {
        let runs = [&[0, 0, 0, 1, 1, 1][..], &[0, 0, 1, 1, 1, 1], &[0, 0, 0, 1, 1, 1], &[1, 1, 1, 0, 0, 0]];
        let runs = runs.map(partition);
        // Started from the odd one out, observation 2 is outvoted.
        let found = vote(&runs, &runs[1]);
        assert_eq!(found, [0, 0, 0, 1, 1, 1]);
        let confidence = confidence(&runs, &found, 2);
        let wanted = [(3.0 + 2.0 / 3.0) / 4.0, (3.0 + 1.0 / 6.0) / 4.0, (3.0 + 3.0 / 4.0) / 4.0];
        for (i, at) in [(0, 0), (1, 0), (2, 1), (3, 2), (5, 2)] {
            assert!((confidence[i] - wanted[at]).abs() < 1e-15, "{i}: {}", confidence[i]);
        }
        assert!(vote(&[], &partition(&[])).is_empty());
    }

    #[test]
    fn parts_that_hang_apart_are_given_away() {
        // 0-1-2-3-4 a path with a heavy edge 2-3; node 5 has no edge.
        let e = [(0, 1, 1.0), (1, 2, 1.0), (2, 3, 2.0), (3, 4, 1.0)];
        let both: Vec<_> = e.iter().flat_map(|&(i, j, w)| [(i, j, w), (j, i, w)]).collect();
        let g = Graph::from_edges(6, &both).unwrap();
        let mut found = mend(&g, &[0, 0, 1, 0, 2, 0]);
        compact(&mut found);
        assert_eq!(found, [0, 0, 1, 1, 2, 3]);
        let mut same = mend(&g, &[7 % 6, 1, 1, 2, 2, 3]);
        compact(&mut same);
        assert_eq!(same, [0, 0, 0, 1, 1, 2]);
    }
}
