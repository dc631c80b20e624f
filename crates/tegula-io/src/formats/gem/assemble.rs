//! Sums as an annotated matrix, with the slots of spateo.

use rayon::prelude::*;
use tegula_core::{AnnData, Array, ArrayData, Column, Csr, Dict, Frame, Result, keys};

use super::super::names::unique;
use super::super::{Notes, ReadOptions};
use super::Entry;

/// µm between two spots of the chip.
const SPOT: f64 = 0.5;

/// What was counted.
pub(in crate::formats) struct Sums<const K: usize> {
    /// Ids of the genes, and their symbols.
    pub(in crate::formats) genes: Vec<(String, Option<String>)>,
    /// By gene, then by place.
    pub(in crate::formats) entries: Vec<Entry<K>>,
    /// Names of the counts after the first.
    pub(in crate::formats) layers: Vec<&'static str>,
    /// Whether genes have symbols beside their ids.
    pub(in crate::formats) ids: bool,
}

/// Where an observation lies.
pub(in crate::formats) enum Positions {
    /// Places are bins of so many spots along the side.
    Bins(u32),
    /// Places are cells, which are these spots (the cell as gene, the spot as place).
    Cells(Vec<Entry<1>>),
}

/// The matrix of places × genes; both in the order of their names, as spateo sorts them.
pub(in crate::formats) fn assemble<const K: usize>(
    sums: Sums<K>,
    positions: &Positions,
    options: &ReadOptions,
    notes: &mut Notes,
) -> Result<AnnData> {
    let Sums { genes, entries, layers, ids } = sums;
    let places = places(&entries);
    let name = |&at: &u64| match positions {
        Positions::Bins(_) => format!("{}-{}", at >> 32, at & u64::from(u32::MAX)),
        Positions::Cells(_) => at.to_string(),
    };
    let named: Vec<String> = places.par_iter().map(name).collect();
    let order = sorted(&named);
    let row_of = inverse(&order);
    let by_name = |i: &usize| named[*i].clone();
    let mut obs = Frame::new(order.iter().map(by_name).collect());

    // Genes in the order of their ids; a gene's entries lie together.
    let gene_ids: Vec<&str> = genes.iter().map(|g| g.0.as_str()).collect();
    let gene_order = sorted(&gene_ids);
    let ranges: Vec<std::ops::Range<usize>> = gene_order
        .iter()
        .map(|&g| entries.partition_point(|e| (e.gene as usize) < g)..entries.partition_point(|e| e.gene as usize <= g))
        .collect();
    let rows: Vec<u32> = entries.par_iter().map(|e| row_of[places.partition_point(|&p| p < e.at)] as u32).collect();
    let mut indptr = vec![0usize; places.len() + 1];
    for &i in &rows {
        indptr[i as usize + 1] += 1;
    }
    for i in 0..places.len() {
        indptr[i + 1] += indptr[i];
    }
    let mut next = indptr.clone();
    let mut indices = vec![0u32; entries.len()];
    let mut values: [Vec<f32>; K] = std::array::from_fn(|_| vec![0f32; entries.len()]);
    for (column, range) in ranges.into_iter().enumerate() {
        for k in range {
            let at = &mut next[rows[k] as usize];
            indices[*at] = column as u32;
            for (to, count) in values.iter_mut().zip(entries[k].counts) {
                to[*at] = count as f32;
            }
            *at += 1;
        }
    }
    let mut values = values.into_iter();
    let x = Csr::new(places.len(), genes.len(), indptr, indices, values.next().unwrap_or_default())?;
    drop((rows, next, entries));

    let mut var = Frame::new(gene_order.iter().map(|&g| genes[g].0.clone()).collect());
    if ids && !options.gene_ids {
        let symbols = gene_order.iter().map(|&g| genes[g].1.clone().unwrap_or_else(|| genes[g].0.clone())).collect();
        let gene_ids = Column::Str(var.index().to_vec());
        var = Frame::new(unique(symbols, "variables", notes));
        var.insert("gene_ids", gene_ids)?;
    }
    let (xy, area) = match positions {
        Positions::Bins(size) => bins(&order, &places, *size),
        Positions::Cells(spots) => cells(&order, &places, spots),
    };
    obs.insert("area", Column::Int(area))?;
    let mut adata = AnnData::new(None, obs, var)?;
    for (layer, values) in layers.into_iter().zip(values) {
        adata.set_matrix(Some(layer), x.with_values(values))?;
    }
    adata.set_x(x)?;
    adata.set_obsm(keys::SPATIAL, Array::new(vec![order.len(), 2], ArrayData::F64(xy.into()))?)?;
    let mut about = Dict::new();
    if let Positions::Bins(size) = positions {
        about.insert("binsize".into(), (*size as usize).into());
    }
    about.insert("scale".into(), SPOT.into());
    about.insert("scale_unit".into(), "um".into());
    adata.set_uns(keys::SPATIAL, about);
    adata.set_uns("__type", "UMI");
    Ok(adata)
}

/// The distinct places, ascending; found in stretches, so that they never take more than the entries.
fn places<const K: usize>(entries: &[Entry<K>]) -> Vec<u64> {
    const STRETCH: usize = 1 << 20;
    let distinct = |mut v: Vec<u64>| {
        v.sort_unstable();
        v.dedup();
        v
    };
    let parts: Vec<Vec<u64>> =
        entries.par_chunks(STRETCH).map(|c| distinct(c.iter().map(|e| e.at).collect())).collect();
    distinct(parts.concat())
}

/// Middles and areas of bins.
fn bins(order: &[usize], places: &[u64], size: u32) -> (Vec<f64>, Vec<i64>) {
    let middle = |i: u64| i as f64 * f64::from(size) + f64::from(size) / 2.0;
    let xy = order.iter().flat_map(|&i| [middle(places[i] >> 32), middle(places[i] & u64::from(u32::MAX))]).collect();
    (xy, vec![i64::from(size) * i64::from(size); order.len()])
}

/// Means and numbers of the spots of cells.
fn cells(order: &[usize], places: &[u64], spots: &[Entry<1>]) -> (Vec<f64>, Vec<i64>) {
    let (mut xy, mut area) = (Vec::new(), Vec::new());
    for &i in order {
        let from = spots.partition_point(|s| u64::from(s.gene) < places[i]);
        let own = spots[from..].iter().take_while(|s| u64::from(s.gene) == places[i]);
        let (mut x, mut y, mut n) = (0u64, 0u64, 0u64);
        for spot in own {
            x += spot.at >> 32;
            y += spot.at & u64::from(u32::MAX);
            n += 1;
        }
        // The middle of a spot lies half a step beside its number.
        let mean = |sum: u64| sum as f64 / n.max(1) as f64 + 0.5;
        xy.extend([mean(x), mean(y)]);
        area.push(n as i64);
    }
    (xy, area)
}

/// Positions of the names in their order.
fn sorted<S: AsRef<str> + Sync>(names: &[S]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.par_sort_by(|&a, &b| names[a].as_ref().cmp(names[b].as_ref()));
    order
}

fn inverse(order: &[usize]) -> Vec<usize> {
    let mut out = vec![0; order.len()];
    order.iter().enumerate().for_each(|(k, &i)| out[i] = k);
    out
}
