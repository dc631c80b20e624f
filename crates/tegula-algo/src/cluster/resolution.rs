//! The resolution that gives a wanted number of clusters.

use tegula_core::{Ctx, Result};

use super::partition::Partition;

/// Runs that may be spent on narrowing the resolution, and then on other random streams at its end.
const STEPS: usize = 40;
const OTHERS: u64 = 16;

/// Searches the resolution at which `run(resolution, stream)` gives `k` clusters, from `start`, by bisection of its
/// logarithm. Where no resolution gives `k`, the nearest count found is returned, with a warning.
pub(super) fn search(
    (task, k): (&str, usize),
    start: f64,
    ctx: &Ctx<'_>,
    run: impl Fn(f64, u64) -> Result<Partition>,
) -> Result<Partition> {
    let mut gamma = if start > 0.0 { start } else { 1.0 };
    let (mut low, mut high) = (None::<f64>, None::<f64>);
    let mut best = run(gamma, 0)?;
    let mut last = best.n_clusters;
    for _ in 0..STEPS {
        if best.n_clusters == k {
            return Ok(best);
        }
        if last < k {
            low = Some(gamma);
        } else {
            high = Some(gamma);
        }
        gamma = match (low, high) {
            (Some(a), Some(b)) if b / a < 1.0 + 1e-4 => break,
            (Some(a), Some(b)) => (a * b).sqrt(),
            (Some(a), None) if a < 1e9 => a * 2.0,
            (None, Some(b)) if b > 1e-9 => b / 2.0,
            _ => break,
        };
        if ctx.stopping() {
            break;
        }
        let next = run(gamma, 0)?;
        last = next.n_clusters;
        best = nearer(best, next, k);
    }
    // The count jumps over k here: other random streams may land on it.
    if low.is_some() && high.is_some() {
        for item in 1..=OTHERS {
            if best.n_clusters == k || ctx.stopping() {
                break;
            }
            let aside = [1.0, 0.98, 1.02, 0.95, 1.05][item as usize % 5];
            best = nearer(best, run(gamma * aside, item)?, k);
        }
    }
    if best.n_clusters != k {
        let (found, at) = (best.n_clusters, best.resolution);
        ctx.warn(&format!("{task}: no resolution gave {k} clusters; kept {found}, found at resolution {at:.4}"));
    }
    Ok(best)
}

fn nearer(a: Partition, b: Partition, k: usize) -> Partition {
    if b.n_clusters.abs_diff(k) < a.n_clusters.abs_diff(k) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(k: usize, counts: impl Fn(f64) -> usize) -> (usize, f64) {
        let run = |resolution: f64, _| {
            let n_clusters = counts(resolution);
            Ok(Partition { membership: vec![], n_clusters, quality: 0.0, resolution, n_iterations: 1 })
        };
        let p = search(("t", k), 1.0, &Ctx::new(0), run).unwrap();
        (p.n_clusters, p.resolution)
    }

    #[test]
    fn the_count_is_found_above_and_below_the_start() {
        let counts = |g: f64| (10.0 * g) as usize;
        assert_eq!(found(10, counts).1, 1.0);
        assert_eq!(found(3, counts).0, 3);
        assert_eq!(found(77, counts).0, 77);
    }

    #[test]
    fn a_count_out_of_reach_gives_the_nearest() {
        assert_eq!(found(4, |g| if g < 1.3 { 2 } else { 5 }).0, 5);
        assert_eq!(found(1, |_| 3).0, 3);
        assert_eq!(found(9, |_| 3).0, 3);
    }
}
