//! Silhouette: how well observations lie within their own cluster.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use tegula_core::{Coords, Ctx, Dense, Error, Labels, Result, par};

/// Rows and columns per block of distances: 256 × 256 in `f64` are 512 KiB.
const BLOCK: usize = 256;

/// Mean silhouette of a labelling in an embedding, over all pairs of observations.
///
/// For each observation (b − a) / max(a, b), with a its mean distance to its own cluster's others and b to the
/// nearest other cluster; 0 for the only one of its cluster. Observations without a label are left out. Exact: time
/// O(N² d), memory O(N (d + clusters)). Rousseeuw 1987, <https://doi.org/10.1016/0377-0427(87)90125-7>.
///
/// # Errors
/// [`Error::Data`] for fewer than 2 clusters, or one per observation; [`Error::Shape`]; [`Error::Cancelled`].
///
/// ```
/// use tegula_algo::metrics::silhouette;
/// use tegula_core::{Ctx, Dense, Labels};
/// let line = Dense::new(4, 1, vec![0.0, 1.0, 10.0, 11.0])?;
/// let s = silhouette(&line, &Labels::from_clusters(&[0, 0, 1, 1]), &Ctx::default())?;
/// assert!((s - 0.899_749_4).abs() < 1e-6);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn silhouette(data: &Dense, labels: &Labels, ctx: &Ctx<'_>) -> Result<f64> {
    check_length(labels, data.n_rows())?;
    mean_silhouette(data.n_cols(), labels, |i, row| row.extend(data.row(i).iter().map(|&v| f64::from(v))), ctx)
}

/// Mean silhouette of a labelling in the tissue; see [`silhouette`].
///
/// # Errors
/// As [`silhouette`].
///
/// ```
/// use tegula_algo::metrics::silhouette_coords;
/// use tegula_core::{Coords, Ctx, Labels};
/// let line = Coords::new(2, vec![0.0, 0.0, 1.0, 0.0, 10.0, 0.0, 11.0, 0.0])?;
/// let s = silhouette_coords(&line, &Labels::from_clusters(&[0, 0, 1, 1]), &Ctx::default())?;
/// assert!((s - 0.899_749_4).abs() < 1e-6);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn silhouette_coords(coords: &Coords, labels: &Labels, ctx: &Ctx<'_>) -> Result<f64> {
    check_length(labels, coords.len())?;
    mean_silhouette(coords.dim(), labels, |i, row| row.extend_from_slice(coords.point(i)), ctx)
}

fn check_length(labels: &Labels, n: usize) -> Result<()> {
    if labels.len() == n {
        return Ok(());
    }
    Err(Error::shape("labels", format!("({})", labels.len()), format!("({n})")))
}

fn mean_silhouette(d: usize, labels: &Labels, push_row: impl Fn(usize, &mut Vec<f64>), ctx: &Ctx<'_>) -> Result<f64> {
    const TASK: &str = "silhouette";
    let clusters = Clusters::of(labels);
    let (n, k) = (clusters.order.len(), clusters.starts.len() - 1);
    if k < 2 || k >= n {
        let reason = format!("{k} clusters of {n} observations; silhouette needs 2 to {}", n.max(3) - 1);
        return Err(Error::data("labels", reason));
    }
    let mut rows = Vec::with_capacity(n * d);
    clusters.order.iter().for_each(|&i| push_row(i, &mut rows));
    centre(&mut rows, d);
    let norms: Vec<f64> = rows.chunks(d).map(|r| r.iter().map(|v| v * v).sum()).collect();
    ctx.begin(TASK, n as u64);
    let parts: Vec<Result<f64>> = par::map(n, BLOCK, |queries| {
        let m = queries.len();
        let mut sums = vec![0.0; m * k];
        let mut products = vec![0.0; m * BLOCK.min(n)];
        for start in (0..n).step_by(BLOCK) {
            let len = BLOCK.min(n - start);
            let products = &mut products[..m * len];
            matmul(
                MatMut::from_column_major_slice_mut(&mut *products, len, m),
                Accum::Replace,
                MatRef::from_row_major_slice(&rows[start * d..(start + len) * d], len, d),
                MatRef::from_column_major_slice(&rows[queries.start * d..queries.end * d], d, m),
                -2.0,
                Par::Seq,
            );
            for (q, products) in products.chunks_mut(len).enumerate() {
                let own = queries.start + q;
                for (p, norm) in products.iter_mut().zip(&norms[start..start + len]) {
                    *p = (*p + norm + norms[own]).max(0.0).sqrt();
                }
                if (start..start + len).contains(&own) {
                    products[own - start] = 0.0;
                }
                clusters.add(start, products, &mut sums[q * k..(q + 1) * k]);
            }
        }
        ctx.tick(TASK, m as u64)?;
        Ok(queries.clone().zip(sums.chunks(k)).map(|(i, s)| clusters.silhouette(i, s)).sum())
    });
    ctx.end(TASK);
    let total: f64 = parts.into_iter().sum::<Result<f64>>()?;
    Ok(total / n as f64)
}

/// Labelled observations, cluster after cluster.
struct Clusters {
    order: Vec<usize>,
    /// Where each cluster starts in `order`; one more at the end.
    starts: Vec<usize>,
    /// Cluster of each place in `order`.
    own: Vec<usize>,
}

impl Clusters {
    fn of(labels: &Labels) -> Self {
        let codes = labels.codes();
        let mut order: Vec<usize> = (0..codes.len()).filter(|&i| codes[i] >= 0).collect();
        order.sort_by_key(|&i| codes[i]);
        let mut starts = vec![0];
        let mut own = Vec::with_capacity(order.len());
        for group in order.chunk_by(|&a, &b| codes[a] == codes[b]) {
            own.resize(own.len() + group.len(), starts.len() - 1);
            starts.push(own.len());
        }
        Self { order, starts, own }
    }

    /// Adds the distances to the places from `start` on to the sum of the cluster each belongs to.
    fn add(&self, start: usize, distances: &[f64], sums: &mut [f64]) {
        let end = start + distances.len();
        let mut at = start;
        while at < end {
            let c = self.own[at];
            let stop = self.starts[c + 1].min(end);
            sums[c] += distances[at - start..stop - start].iter().sum::<f64>();
            at = stop;
        }
    }

    fn silhouette(&self, place: usize, sums: &[f64]) -> f64 {
        let own = self.own[place];
        let size = |c: usize| self.starts[c + 1] - self.starts[c];
        if size(own) == 1 {
            return 0.0;
        }
        let within = sums[own] / (size(own) - 1) as f64;
        let means = sums.iter().enumerate().filter(|e| e.0 != own).map(|(c, s)| s / size(c) as f64);
        let nearest = means.fold(f64::INFINITY, f64::min);
        let larger = within.max(nearest);
        if larger == 0.0 { 0.0 } else { (nearest - within) / larger }
    }
}

/// Moves the mean to the origin, where products lose least.
fn centre(rows: &mut [f64], d: usize) {
    let n = (rows.len() / d.max(1)) as f64;
    for j in 0..d {
        let mean = rows.iter().skip(j).step_by(d).sum::<f64>() / n;
        rows.iter_mut().skip(j).step_by(d).for_each(|v| *v -= mean);
    }
}
