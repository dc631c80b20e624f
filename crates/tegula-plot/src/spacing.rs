//! How far apart the observations lie: what the size of the spots is made from.

/// Distances looked at: enough for a median good to a per cent.
const SAMPLE: usize = 4096;
/// Which neighbour is looked at. On a lattice the first four (square) or six (hexagons) are equally far; among cells
/// that lie anyhow the first is too close to stand for the spacing.
const NEIGHBOUR: usize = 3;

/// The median distance from a point to its third nearest neighbour; `None` where all lie on one spot.
///
/// On square and hexagonal lattices this is the distance between spots. Points on the very same position count as one.
/// Up to 4,096 points, evenly spread over the sorted order, are looked at.
///
/// ```
/// let lattice: Vec<[f64; 2]> = (0..100).map(|k| [f64::from(k % 10) * 2.0, f64::from(k / 10) * 2.0]).collect();
/// assert_eq!(tegula_plot::spacing(&lattice), Some(2.0));
/// ```
pub fn spacing(points: &[[f64; 2]]) -> Option<f64> {
    let extent = |a: usize| {
        let (lo, hi) = bounds(points.iter().map(|p| p[a]));
        hi - lo
    };
    // Sorted along the longer side, only points within the best distance so far need a look.
    let a = usize::from(extent(1) > extent(0));
    let mut sorted: Vec<[f64; 2]> = points.iter().map(|p| [p[a], p[1 - a]]).collect();
    sorted.sort_unstable_by(|p, q| p[0].total_cmp(&q[0]).then(p[1].total_cmp(&q[1])));
    sorted.dedup();
    let n = sorted.len();
    let m = n.min(SAMPLE);
    let k = NEIGHBOUR.min(n.saturating_sub(1));
    let mut distances: Vec<f64> = (0..m).filter_map(|s| to_neighbour(&sorted, s * n / m, k)).collect();
    let mid = distances.len() / 2;
    (!distances.is_empty()).then(|| distances.select_nth_unstable_by(mid, f64::total_cmp).1.sqrt())
}

/// Squared distance from point `i` to its `k`-th nearest neighbour among the sorted points.
fn to_neighbour(sorted: &[[f64; 2]], i: usize, k: usize) -> Option<f64> {
    let p = sorted[i];
    let mut best = [f64::INFINITY; NEIGHBOUR];
    let best = &mut best[..k];
    let mut look = |q: &[f64; 2]| {
        let (dx, dy) = (q[0] - p[0], q[1] - p[1]);
        let mut d = dx * dx + dy * dy;
        for b in best.iter_mut() {
            if d < *b {
                std::mem::swap(b, &mut d);
            }
        }
        best.last().is_some_and(|b| dx * dx <= *b)
    };
    let _ = sorted[i + 1..].iter().all(&mut look);
    let _ = sorted[..i].iter().rev().all(&mut look);
    best.last().copied().filter(|d| d.is_finite())
}

/// The least and the greatest value.
pub(crate) fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brute(points: &[[f64; 2]]) -> Option<f64> {
        let d = |p: &[f64; 2], q: &[f64; 2]| (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2);
        let mut all: Vec<[f64; 2]> = points.to_vec();
        all.sort_by(|p, q| p[0].total_cmp(&q[0]).then(p[1].total_cmp(&q[1])));
        all.dedup();
        let nth = NEIGHBOUR.min(all.len().max(1) - 1);
        let mut best: Vec<f64> = (0..if nth == 0 { 0 } else { all.len() })
            .map(|i| {
                let mut to: Vec<f64> = (0..all.len()).filter(|&j| j != i).map(|j| d(&all[i], &all[j])).collect();
                to.sort_by(f64::total_cmp);
                to[nth - 1]
            })
            .collect();
        best.sort_by(f64::total_cmp);
        best.get(best.len() / 2).map(|d| d.sqrt())
    }

    #[test]
    fn hexagons_lines_and_heaps() {
        let hex: Vec<[f64; 2]> = (0..400)
            .map(|k| {
                let (r, c) = (k / 20, k % 20);
                [f64::from(c) * 100.0 + f64::from(r % 2) * 50.0, f64::from(r) * 86.602_540_378_443_86]
            })
            .collect();
        assert!((spacing(&hex).unwrap() - 100.0).abs() < 1e-9);
        let line: Vec<[f64; 2]> = (0..50_000).map(|k| [3.0, f64::from(k)]).collect();
        assert_eq!(spacing(&line), Some(2.0));
        assert_eq!(spacing(&[[0.0, 0.0], [3.0, 4.0]]), Some(5.0));
        assert_eq!(spacing(&[[1.0, 1.0]; 5]), None);
        assert_eq!(spacing(&[]), None);
    }

    proptest! {
        #[test]
        fn it_is_the_median_over_all_pairs(xy in prop::collection::vec((0i32..20, 0i32..20), 0..60)) {
            let points: Vec<[f64; 2]> = xy.iter().map(|&(x, y)| [f64::from(x), f64::from(y)]).collect();
            prop_assert_eq!(spacing(&points), brute(&points));
        }
    }
}
