//! Neighbours in the tissue.

use rayon::prelude::*;
use tegula_core::{Coords, Csr, Error, Result};

use super::knn::{Knn, check_k};
use crate::index::{KdTree, Tick};

/// Observations looked at before a graph of all within a radius is made: a radius in the wrong unit connects everything
/// with everything.
const SAMPLE: usize = 64;
/// Edges that such a graph may have: some 10 GB.
const MOST_EDGES: f64 = 5e8;

/// The `k` nearest others of every observation in space, exactly; ties by the lower index.
///
/// Any arrangement is welcome: lattices, lines, duplicates, all observations at one place. O(N (k + log N)).
///
/// # Errors
/// [`Error::Param`] where `k` is 0 or there are not more than `k` observations.
///
/// ```
/// use tegula_algo::graph::spatial_knn;
/// use tegula_core::Coords;
/// let nearest = spatial_knn(&Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 2.0])?, 1)?;
/// assert_eq!(nearest.neighbors(2), &[0]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn spatial_knn(coords: &Coords, k: usize) -> Result<Knn> {
    nearest(coords, k, &|| Ok(()))
}

/// [`spatial_knn`] that the user may give up.
pub(super) fn nearest(coords: &Coords, k: usize, tick: &Tick<'_>) -> Result<Knn> {
    check_k("pp.spatial_neighbors", "n_neighbors", k, coords.len())?;
    let (mut distances, indices) = KdTree::new(coords).all_nearest(k, tick)?;
    distances.par_iter_mut().for_each(|d| *d = d.sqrt());
    Ok(Knn::from_parts(k, indices, distances))
}

/// The distances of every observation to all others not farther than `radius`: symmetric. Distances of 0 between
/// duplicates are stored.
///
/// # Errors
/// [`Error::Param`] where `radius` is not a positive number, or so large that the graph would not fit into memory.
///
/// ```
/// use tegula_algo::graph::spatial_radius;
/// use tegula_core::Coords;
/// let near = spatial_radius(&Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 2.0])?, 2.0)?;
/// assert_eq!(near.row(0), (&[1u32, 2][..], &[1.0f32, 2.0][..]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn spatial_radius(coords: &Coords, radius: f64) -> Result<Csr> {
    within(coords, radius, &|| Ok(()))
}

/// [`spatial_radius`] that the user may give up.
pub(super) fn within(coords: &Coords, radius: f64, tick: &Tick<'_>) -> Result<Csr> {
    check_radius("radius", radius)?;
    let (tree, n) = (KdTree::new(coords), coords.len());
    let sample: Vec<usize> = (0..n).step_by(n.div_ceil(SAMPLE).max(1)).collect();
    let found: usize = sample.par_iter().map(|&i| tree.within(coords.point(i), radius).len()).sum();
    let each = found as f64 / sample.len().max(1) as f64;
    if each * n as f64 > MOST_EDGES {
        let must = format!("smaller: every observation would have about {each:.0} neighbours");
        return Err(Error::param("pp.spatial_neighbors", "radius", radius, must));
    }
    Ok(Csr::from_rows(n, &tree.all_within(radius, tick)?))
}

/// Refuses what is no radius.
pub(super) fn check_radius(name: &str, radius: f64) -> Result<()> {
    if radius > 0.0 && radius.is_finite() {
        Ok(())
    } else {
        Err(Error::param("pp.spatial_neighbors", name, radius, "a number above 0"))
    }
}

/// The symmetric matrix of the distances of pairs of points, each pair given once.
pub(super) fn symmetric(coords: &Coords, pairs: &[(u32, u32)]) -> Csr {
    let n = coords.len();
    let key = |i: u32, j: u32| (u64::from(i) << 32) | u64::from(j);
    let mut both: Vec<u64> = pairs.par_iter().flat_map_iter(|&(i, j)| [key(i, j), key(j, i)]).collect();
    both.par_sort_unstable();
    both.dedup();
    let ends = |e: u64| ((e >> 32) as usize, e as u32 as usize);
    let mut indptr = vec![0; n + 1];
    for &e in &both {
        indptr[ends(e).0 + 1] += 1;
    }
    for i in 0..n {
        indptr[i + 1] += indptr[i];
    }
    let (indices, values): (Vec<u32>, Vec<f32>) =
        both.par_iter().map(|&e| (e as u32, coords.distance2(ends(e).0, ends(e).1).sqrt() as f32)).unzip();
    Csr::new(n, n, indptr, indices, values).unwrap_or_else(|_| unreachable!("sorted pairs of points"))
}
