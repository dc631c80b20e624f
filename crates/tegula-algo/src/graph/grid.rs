//! Neighbours on a lattice, ring by ring.

use rayon::prelude::*;
use tegula_core::{Coords, Csr, Result};

use super::lattice::lattice;
use super::spatial::spatial_knn;
use crate::index::Tick;

/// A neighbour farther than this many median distances is beyond a gap.
const CUT: f64 = 1.3;

/// Neighbours on a lattice as squidpy finds them: of the `n_neighbors` nearest those nearer than 1.3 times the median.
/// All distances are 1.
///
/// 4 or 8 suit a square lattice, 6 a hexagonal one. Where [`lattice`] finds x and y in different units, as in Visium's
/// rows and columns, the lattice is made regular first.
///
/// # Errors
/// As [`spatial_knn`].
///
/// ```
/// use tegula_algo::graph::grid;
/// use tegula_core::Coords;
/// let bins = Coords::new(2, (0..9).flat_map(|i| [f64::from(i % 3), f64::from(i / 3)]).collect())?;
/// assert_eq!(grid(&bins, 4)?.row(0).0, &[1, 3]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn grid(coords: &Coords, n_neighbors: usize) -> Result<Csr> {
    let straight = lattice(coords).map(|l| l.straighten(coords));
    let near = spatial_knn(straight.as_ref().unwrap_or(coords), n_neighbors)?;
    let mut all: Vec<f64> = (0..near.n_obs()).flat_map(|i| near.distances(i)).copied().collect();
    let half = all.len() / 2;
    let (below, &mut upper, _) = all.select_nth_unstable_by(half, f64::total_cmp);
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let median = if (near.n_obs() * n_neighbors).is_multiple_of(2) { 0.5 * (lower + upper) } else { upper };
    let rows: Vec<Vec<(u32, f32)>> = (0..near.n_obs())
        .into_par_iter()
        .map(|i| {
            let pairs = near.neighbors(i).iter().zip(near.distances(i));
            let mut row: Vec<(u32, f32)> = pairs.filter(|e| *e.1 < CUT * median).map(|e| (*e.0, 1.0)).collect();
            row.sort_unstable_by_key(|e| e.0);
            row
        })
        .collect();
    Ok(Csr::from_rows(near.n_obs(), &rows))
}

/// The points in 1 to `n_rings` steps along a graph, each with the number of steps.
///
/// ```
/// use tegula_algo::graph::rings;
/// use tegula_core::Csr;
/// let path = Csr::from_rows(3, &[vec![(1, 1.0)], vec![(0, 1.0), (2, 1.0)], vec![(1, 1.0)]]);
/// assert_eq!(rings(&path, 2).row(0), (&[1u32, 2][..], &[1.0f32, 2.0][..]));
/// ```
pub fn rings(graph: &Csr, n_rings: usize) -> Csr {
    followed(graph, n_rings, &|| Ok(())).unwrap_or_else(|_| unreachable!("nobody gives up"))
}

/// [`rings`] that the user may give up.
pub(super) fn followed(graph: &Csr, n_rings: usize, tick: &Tick<'_>) -> Result<Csr> {
    let rows: Vec<Vec<(u32, f32)>> = (0..graph.n_rows())
        .into_par_iter()
        .map(|i| {
            tick()?;
            let mut seen = vec![i as u32];
            let mut ring = vec![i as u32];
            let mut row: Vec<(u32, f32)> = Vec::new();
            for step in 1..=n_rings {
                let mut next: Vec<u32> = ring.iter().flat_map(|&j| graph.row(j as usize).0).copied().collect();
                next.sort_unstable();
                next.dedup();
                next.retain(|j| seen.binary_search(j).is_err());
                if next.is_empty() {
                    break;
                }
                row.extend(next.iter().map(|&j| (j, step as f32)));
                seen.extend_from_slice(&next);
                seen.sort_unstable();
                ring = next;
            }
            row.sort_unstable_by_key(|e| e.0);
            Ok(row)
        })
        .collect::<Result<_>>()?;
    Ok(Csr::from_rows(graph.n_cols(), &rows))
}
