//! Silhouette: how well observations lie within their own cluster.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use tegula_core::{Coords, Ctx, Dense, Error, Labels, Result, par};

use crate::stats::shuffled;

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
    Ok(mean(&of_embedding(data, labels, usize::MAX, ctx)?))
}

/// Mean silhouette of a random sample of `size` observations, each against all others, and its standard error; exact,
/// with an error of 0, where there are no more.
///
/// Time O(size × N d): for large N, where [`silhouette`] takes hours.
///
/// # Errors
/// As [`silhouette`]; [`Error::Param`] for a size below 2.
///
/// ```
/// use tegula_algo::metrics::silhouette_sampled;
/// use tegula_core::{Ctx, Dense, Labels};
/// let line = Dense::new(4, 1, vec![0.0, 1.0, 10.0, 11.0])?;
/// let (s, error) = silhouette_sampled(&line, &Labels::from_clusters(&[0, 0, 1, 1]), 100, &Ctx::default())?;
/// assert!((s - 0.899_749_4).abs() < 1e-6 && error == 0.0);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn silhouette_sampled(data: &Dense, labels: &Labels, size: usize, ctx: &Ctx<'_>) -> Result<(f64, f64)> {
    if size < 2 {
        return Err(Error::param("silhouette", "size", size, "at least 2"));
    }
    let values = of_embedding(data, labels, size, ctx)?;
    let (n, all, mean) =
        (values.len() as f64, labels.codes().iter().filter(|&&c| c >= 0).count() as f64, mean(&values));
    let variance = values.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Ok((mean, (variance / n * (1.0 - n / all)).sqrt()))
}

/// ASW: the mean silhouette moved to 0…1, as in scib; higher keeps the groups apart.
///
/// # Errors
/// As [`silhouette`].
///
/// ```
/// use tegula_algo::metrics::asw;
/// use tegula_core::{Ctx, Dense, Labels};
/// let line = Dense::new(4, 1, vec![0.0, 1.0, 10.0, 11.0])?;
/// assert!((asw(&line, &Labels::from_clusters(&[0, 0, 1, 1]), &Ctx::default())? - 0.949_874_7).abs() < 1e-6);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn asw(data: &Dense, labels: &Labels, ctx: &Ctx<'_>) -> Result<f64> {
    Ok(f64::midpoint(silhouette(data, labels, ctx)?, 1.0))
}

/// Batch ASW as in scib: 1 − |silhouette of the batches| inside each group, averaged over its observations, then over
/// the groups; higher is better mixed.
///
/// Groups of one batch, or of as many batches as observations, say nothing and are left out. Luecken et al. 2022,
/// <https://doi.org/10.1038/s41592-021-01336-8>.
///
/// # Errors
/// As [`silhouette`]; [`Error::Data`] where no group says anything.
///
/// ```
/// use tegula_algo::metrics::asw_batch;
/// use tegula_core::{Ctx, Dense, Labels};
/// let line = Dense::new(4, 1, vec![0.0, 1.0, 0.0, 1.0])?;
/// let (group, batch) = (Labels::from_clusters(&[0, 0, 0, 0]), Labels::from_clusters(&[0, 0, 1, 1]));
/// // Each is 1 from its own batch's other, and half from the other batch's two: |0.5 − 1| / 1.
/// assert!((asw_batch(&line, &batch, &group, &Ctx::default())? - 0.5).abs() < 1e-12);
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub fn asw_batch(data: &Dense, batch: &Labels, labels: &Labels, ctx: &Ctx<'_>) -> Result<f64> {
    check_length(labels, data.n_rows())?;
    check_length(batch, data.n_rows())?;
    let mut means = Vec::new();
    for group in 0..labels.categories().len() as i32 {
        let rows: Vec<usize> =
            (0..labels.len()).filter(|&i| labels.codes()[i] == group && batch.codes()[i] >= 0).collect();
        let batches = batch.select(&rows);
        let mut present = batches.codes().to_vec();
        present.sort_unstable();
        present.dedup();
        if present.len() < 2 || present.len() == rows.len() {
            continue;
        }
        let values = of_embedding(&data.select_rows(&rows), &batches, usize::MAX, ctx)?;
        means.push(values.iter().map(|s| 1.0 - s.abs()).sum::<f64>() / values.len() as f64);
    }
    if means.is_empty() {
        return Err(Error::data("batches", "no group holds two of them; name other columns"));
    }
    Ok(mean(&means))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn of_embedding(data: &Dense, labels: &Labels, size: usize, ctx: &Ctx<'_>) -> Result<Vec<f64>> {
    check_length(labels, data.n_rows())?;
    let push = |i: usize, row: &mut Vec<f64>| row.extend(data.row(i).iter().map(|&v| f64::from(v)));
    silhouettes(data.n_cols(), labels, push, size, ctx)
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
    let push = |i: usize, row: &mut Vec<f64>| row.extend_from_slice(coords.point(i));
    Ok(mean(&silhouettes(coords.dim(), labels, push, usize::MAX, ctx)?))
}

fn check_length(labels: &Labels, n: usize) -> Result<()> {
    if labels.len() == n {
        return Ok(());
    }
    Err(Error::shape("labels", format!("({})", labels.len()), format!("({n})")))
}

/// The silhouettes of all labelled observations, or of a random sample of `size` where there are more.
fn silhouettes(
    d: usize,
    labels: &Labels,
    push_row: impl Fn(usize, &mut Vec<f64>),
    size: usize,
    ctx: &Ctx<'_>,
) -> Result<Vec<f64>> {
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
    let sample: Option<Vec<usize>> = (size < n).then(|| {
        let mut places = shuffled(n, &mut ctx.rng("silhouette", 0));
        places.truncate(size);
        places.sort_unstable();
        places.into_iter().map(|p| p as usize).collect()
    });
    let count = size.min(n);
    let place = |q: usize| sample.as_ref().map_or(q, |s| s[q]);
    ctx.begin(TASK, count as u64);
    let parts: Vec<Result<Vec<f64>>> = par::map(count, BLOCK, |queries| {
        let m = queries.len();
        let gathered: Vec<f64> = match &sample {
            Some(s) => s[queries.clone()].iter().flat_map(|&p| &rows[p * d..(p + 1) * d]).copied().collect(),
            None => Vec::new(),
        };
        let asked = if sample.is_some() { &gathered[..] } else { &rows[queries.start * d..queries.end * d] };
        let mut sums = vec![0.0; m * k];
        let mut products = vec![0.0; m * BLOCK.min(n)];
        for start in (0..n).step_by(BLOCK) {
            let len = BLOCK.min(n - start);
            let products = &mut products[..m * len];
            matmul(
                MatMut::from_column_major_slice_mut(&mut *products, len, m),
                Accum::Replace,
                MatRef::from_row_major_slice(&rows[start * d..(start + len) * d], len, d),
                MatRef::from_column_major_slice(asked, d, m),
                -2.0,
                Par::Seq,
            );
            for (q, products) in products.chunks_mut(len).enumerate() {
                let own = place(queries.start + q);
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
        Ok(queries.clone().zip(sums.chunks(k)).map(|(q, s)| clusters.silhouette(place(q), s)).collect())
    });
    ctx.end(TASK);
    Ok(parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
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
