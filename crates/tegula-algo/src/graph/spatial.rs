//! Neighbours in the tissue.

use rayon::prelude::*;
use tegula_core::{Coords, Csr, Error, Result};

use super::knn::{Knn, check_k};
use crate::index::KdTree;

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
    check_k("pp.spatial_neighbors", "n_neighbors", k, coords.len())?;
    let (mut distances, indices) = KdTree::new(coords).all_nearest(k);
    distances.par_iter_mut().for_each(|d| *d = d.sqrt());
    Ok(Knn::from_parts(k, indices, distances))
}

/// The distances of every observation to all others not farther than `radius`: symmetric. Distances of 0 between
/// duplicates are stored.
///
/// # Errors
/// [`Error::Param`] where `radius` is not a positive number.
///
/// ```
/// use tegula_algo::graph::spatial_radius;
/// use tegula_core::Coords;
/// let near = spatial_radius(&Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 2.0])?, 2.0)?;
/// assert_eq!(near.row(0), (&[1u32, 2][..], &[1.0f32, 2.0][..]));
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn spatial_radius(coords: &Coords, radius: f64) -> Result<Csr> {
    if !(radius > 0.0 && radius.is_finite()) {
        return Err(Error::param("pp.spatial_neighbors", "radius", radius, "a number above 0"));
    }
    let n = coords.len();
    let tree = KdTree::new(coords);
    let rows: Vec<Vec<(u32, f32)>> = (0..n)
        .into_par_iter()
        .map(|i| {
            let mut row = tree.within(coords.point(i), radius);
            row.retain(|e| e.0 as usize != i);
            row.sort_unstable_by_key(|e| e.0);
            row.into_iter().map(|(j, d)| (j, d as f32)).collect()
        })
        .collect();
    Ok(Csr::from_rows(n, &rows))
}
