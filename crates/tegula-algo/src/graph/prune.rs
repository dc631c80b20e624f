//! What may be done to a graph of distances: long edges cut, weights transformed.

use rayon::prelude::*;
use tegula_core::{Coords, Csr, sum_duplicates};

use crate::stats::quantile::quantile;

/// Keeps the edges not shorter than `shortest` nor longer than `longest`, and of these the shorter `percentile` percent.
///
/// The percentile is squidpy's: it counts a distance of 0 for each point itself and for each edge already cut, and
/// interpolates as numpy does.
///
/// ```
/// use tegula_algo::graph::prune;
/// use tegula_core::{Coords, Csr};
/// let coords = Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 9.0, 0.0])?;
/// let line = Csr::from_rows(3, &[vec![(1, 1.0)], vec![(0, 1.0), (2, 8.0)], vec![(1, 8.0)]]);
/// assert_eq!(prune(&line, &coords, 0.0, f64::INFINITY, Some(70.0)).nnz(), 2);
/// assert_eq!(prune(&line, &coords, 2.0, 9.0, None).row(1).0, &[2]);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn prune(lengths: &Csr, coords: &Coords, shortest: f64, longest: f64, percentile: Option<f64>) -> Csr {
    let n = lengths.n_rows();
    // The stored distances are rounded to f32: equal ones must not come apart at the border.
    let length = |i: usize, j: u32| coords.distance2(i, j as usize).sqrt();
    let inside = |d: f64| d >= shortest && d <= longest;
    let border = percentile.map_or(f64::INFINITY, |percent| {
        let of_row = |i: usize| lengths.row(i).0.iter().map(move |&j| length(i, j));
        let mut all: Vec<f64> =
            (0..n).into_par_iter().flat_map_iter(of_row).map(|d| if inside(d) { d } else { 0.0 }).collect();
        all.resize(all.len() + n, 0.0);
        quantile(&mut all, percent / 100.0).unwrap_or(f64::INFINITY)
    });
    let rows: Vec<Vec<(u32, f32)>> = (0..n)
        .into_par_iter()
        .map(|i| {
            let (cols, values) = lengths.row(i);
            let keep = |j: u32| Some(length(i, j)).is_some_and(|d| inside(d) && d <= border);
            cols.iter().zip(values).filter(|e| keep(*e.0)).map(|e| (*e.0, *e.1)).collect()
        })
        .collect();
    Csr::from_rows(lengths.n_cols(), &rows)
}

/// D^-½ A D^-½ with D the sums of the columns: every weight divided by the roots of both ends' degrees. A node that
/// nobody points to keeps weights of 0.
///
/// ```
/// use tegula_algo::graph::spectral;
/// use tegula_core::Csr;
/// let star = Csr::from_rows(3, &[vec![(1, 1.0), (2, 1.0)], vec![(0, 1.0)], vec![(0, 1.0)]]);
/// assert_eq!(spectral(&star).get(0, 1), 0.5f32.sqrt());
/// ```
pub fn spectral(graph: &Csr) -> Csr {
    let mut degrees = vec![0f64; graph.n_cols()];
    for (&j, &w) in graph.indices().iter().zip(graph.values().iter()) {
        degrees[j as usize] += f64::from(w);
    }
    let root: Vec<f32> = degrees.iter().map(|&d| if d > 0.0 { (1.0 / d).sqrt() as f32 } else { 0.0 }).collect();
    let scaled = (0..graph.n_rows()).flat_map(|i| {
        let (cols, values) = graph.row(i);
        cols.iter().zip(values).map(|(&j, &w)| root[i] * root[j as usize] * w).collect::<Vec<_>>()
    });
    graph.with_values(scaled.collect::<Vec<f32>>())
}

/// The cosine of the angle between the neighbourhoods of every two nodes that share a neighbour, itself included.
///
/// ```
/// use tegula_algo::graph::cosine;
/// use tegula_core::Csr;
/// let star = Csr::from_rows(3, &[vec![(1, 1.0), (2, 1.0)], vec![(0, 1.0)], vec![(0, 1.0)]]);
/// assert_eq!(cosine(&star).row(1), (&[1u32, 2][..], &[1.0f32, 1.0][..]));
/// ```
pub fn cosine(graph: &Csr) -> Csr {
    let norm = |i: usize| graph.row(i).1.iter().map(|&w| f64::from(w) * f64::from(w)).sum::<f64>().sqrt();
    let unit: Vec<f32> = (0..graph.n_rows())
        .into_par_iter()
        .flat_map_iter(|i| {
            let norm = norm(i);
            graph.row(i).1.iter().map(move |&w| if norm > 0.0 { (f64::from(w) / norm) as f32 } else { 0.0 })
        })
        .collect();
    let unit = graph.with_values(unit);
    let columns = unit.transpose();
    let rows: Vec<Vec<(u32, f32)>> = (0..graph.n_rows())
        .into_par_iter()
        .map(|i| {
            let (cols, values) = unit.row(i);
            let mut products: Vec<(u32, f32)> = Vec::new();
            for (&j, &u) in cols.iter().zip(values) {
                let (others, weights) = columns.row(j as usize);
                products.extend(others.iter().zip(weights).map(|(&l, &v)| (l, u * v)));
            }
            sum_duplicates(&mut products);
            products
        })
        .collect();
    Csr::from_rows(graph.n_rows(), &rows)
}
