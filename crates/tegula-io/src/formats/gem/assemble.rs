//! Sums as an annotated matrix, with the slots of spateo.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::prelude::*;
use tegula_core::{AnnData, Array, ArrayData, Column, Csr, Dict, Frame, Result, keys};

use super::super::names::symbols_or_ids;
use super::super::{Notes, ReadOptions};
use super::Entry;

/// µm between two spots of the chip.
const SPOT: f64 = 0.5;
/// Groups of columns that are written side by side.
const GROUPS: usize = 16;

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
    let (places, place_of) = places(&entries);
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
    let ranges: Vec<Range<usize>> = gene_order
        .iter()
        .map(|&g| entries.partition_point(|e| (e.gene as usize) < g)..entries.partition_point(|e| e.gene as usize <= g))
        .collect();
    let rows: Vec<u32> = place_of.into_par_iter().map(|p| row_of[p as usize] as u32).collect();
    let (indptr, indices, values) = by_rows(&entries, &rows, &ranges, places.len());
    let mut values = values.into_iter();
    let x = Csr::new(places.len(), genes.len(), indptr, indices, values.next().unwrap_or_default())?;
    drop((rows, entries));

    let symbol = |&g: &usize| genes[g].1.clone().unwrap_or_else(|| genes[g].0.clone());
    let symbols = ids.then(|| gene_order.iter().map(symbol).collect());
    let var = symbols_or_ids(gene_order.iter().map(|&g| genes[g].0.clone()).collect(), symbols, options, notes)?;
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

/// The distinct places, ascending, and which of them each entry has.
fn places<const K: usize>(entries: &[Entry<K>]) -> (Vec<u64>, Vec<u32>) {
    let (low, high) = (|at: u64| at & u64::from(u32::MAX), |at: u64| at >> 32);
    let both = |a: [u64; 4], b: [u64; 4]| [a[0].min(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].max(b[3])];
    let ends = entries.par_iter().map(|e| [high(e.at), high(e.at), low(e.at), low(e.at)]).reduce_with(both);
    let [x, x_last, y, y_last] = ends.unwrap_or_default();
    let (wide, tall) = (x_last - x + 1, y_last - y + 1);
    if wide.saturating_mul(tall) > entries.len().max(1 << 16) as u64 {
        return scattered(entries);
    }
    // Most of a grid is filled: a table of it is soon made, and asked in one step.
    let cell = |at: u64| ((high(at) - x) * tall + low(at) - y) as usize;
    let table = zeros((wide * tall) as usize);
    entries.par_iter().map(|e| &table[cell(e.at)]).filter(|c| c.load(Relaxed) == 0).for_each(|c| c.store(1, Relaxed));
    let mut table: Vec<u32> = table.into_iter().map(AtomicU32::into_inner).collect();
    let mut places = Vec::new();
    for (k, is_place) in (0..).zip(&mut table) {
        if *is_place == 1 {
            *is_place = places.len() as u32;
            places.push((x + k / tall) << 32 | (y + k % tall));
        }
    }
    let place_of = entries.par_iter().map(|e| table[cell(e.at)]).collect();
    (places, place_of)
}

/// The same of places far apart; found in stretches, so that they never take more than the entries.
fn scattered<const K: usize>(entries: &[Entry<K>]) -> (Vec<u64>, Vec<u32>) {
    const STRETCH: usize = 1 << 20;
    let distinct = |mut v: Vec<u64>| {
        v.sort_unstable();
        v.dedup();
        v
    };
    let parts: Vec<Vec<u64>> =
        entries.par_chunks(STRETCH).map(|c| distinct(c.iter().map(|e| e.at).collect())).collect();
    let places = distinct(parts.concat());
    let place_of = entries.par_iter().map(|e| places.partition_point(|&p| p < e.at) as u32).collect();
    (places, place_of)
}

/// Ends of rows, columns and counts of a matrix whose column `j` has the entries `ranges[j]`, in the rows given.
fn by_rows<const K: usize>(
    entries: &[Entry<K>],
    rows: &[u32],
    ranges: &[Range<usize>],
    n_rows: usize,
) -> (Vec<usize>, Vec<u32>, [Vec<f32>; K]) {
    // Columns go in groups, each of which knows where in every row it begins; all write at once, nowhere the same.
    let groups = ranges.chunks(ranges.len().div_ceil(GROUPS).max(1)).collect::<Vec<_>>();
    let count = |group: &&[Range<usize>]| {
        let mut counts = vec![0u32; n_rows];
        group.iter().flat_map(|r| &rows[r.clone()]).for_each(|&i| counts[i as usize] += 1);
        counts
    };
    let counts: Vec<Vec<u32>> = groups.par_iter().map(count).collect();
    let mut indptr = vec![0usize; n_rows + 1];
    for i in 0..n_rows {
        indptr[i + 1] = indptr[i] + counts.iter().map(|c| c[i] as usize).sum::<usize>();
    }
    let (columns, values): (_, [_; K]) = (zeros(entries.len()), std::array::from_fn(|_| zeros(entries.len())));
    groups.par_iter().enumerate().for_each(|(g, group)| {
        let before = |i: usize| counts[..g].iter().map(|c| c[i] as usize).sum::<usize>();
        let mut next: Vec<usize> = (0..n_rows).map(|i| indptr[i] + before(i)).collect();
        for (j, range) in (g * groups[0].len()..).zip(group.iter()) {
            for k in range.clone() {
                let at = &mut next[rows[k] as usize];
                columns[*at].store(j as u32, Relaxed);
                for (to, count) in values.iter().zip(entries[k].counts) {
                    to[*at].store((count as f32).to_bits(), Relaxed);
                }
                *at += 1;
            }
        }
    });
    let columns = columns.into_iter().map(AtomicU32::into_inner).collect();
    (indptr, columns, values.map(|v| v.into_iter().map(|bits| f32::from_bits(bits.into_inner())).collect()))
}

/// Numbers that all threads write.
fn zeros(n: usize) -> Vec<AtomicU32> {
    (0..n).into_par_iter().map(|_| AtomicU32::new(0)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(places: &[(u64, u64)]) -> Vec<Entry<1>> {
        places.iter().map(|&(x, y)| Entry { at: x << 32 | y, gene: 0, counts: [1] }).collect()
    }

    proptest! {
        #[test]
        fn a_table_finds_the_places_that_sorting_finds(
            at in proptest::collection::vec((90u64..99, 0u64..200), 1..80),
            far in any::<bool>(),
        ) {
            let mut all = entries(&at);
            if far {
                all.push(Entry { at: u64::MAX, gene: 0, counts: [1] });
            }
            prop_assert_eq!(places(&all), scattered(&all));
        }
    }

    #[test]
    fn columns_written_side_by_side_stand_in_their_rows() {
        // Column j holds rows j, j + 1, … below 50; more columns than groups.
        let (n, columns) = (50u32, 40u32);
        let rows: Vec<u32> = (0..columns).flat_map(|j| j..n).collect();
        let mut from = 0;
        let range = |j: u32| {
            let start = from;
            from += (n - j) as usize;
            start..from
        };
        let ranges: Vec<_> = (0..columns).map(range).collect();
        let of = |k: usize| Entry { at: 0, gene: 0, counts: [k as u32, 7] };
        let entries: Vec<Entry<2>> = (0..rows.len()).map(of).collect();
        let (indptr, indices, [first, second]) = by_rows(&entries, &rows, &ranges, n as usize);
        for i in 0..n as usize {
            let row = indptr[i]..indptr[i + 1];
            assert_eq!(indices[row.clone()], (0..columns.min(i as u32 + 1)).collect::<Vec<_>>());
            for at in row {
                let k = ranges[indices[at] as usize].start + i - indices[at] as usize;
                assert_eq!((first[at], second[at]), (k as f32, 7.0));
            }
        }
        assert_eq!(by_rows::<1>(&[], &[], &[], 0).0, [0]);
    }
}
