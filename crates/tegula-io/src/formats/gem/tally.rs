//! Sums of counts by gene and place. Memory follows the number of sums, not of what is added.

use rayon::prelude::*;

/// What is added before it is merged with the sums so far.
const FRESH: usize = 1 << 22;

/// Counts of a gene at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::formats) struct Entry<const K: usize> {
    pub(in crate::formats) at: u64,
    pub(in crate::formats) gene: u32,
    pub(in crate::formats) counts: [u32; K],
}

impl<const K: usize> Entry<K> {
    fn key(&self) -> (u32, u64) {
        (self.gene, self.at)
    }
}

/// Sums so far, by gene and place, and what is not yet among them.
#[derive(Default)]
pub(in crate::formats) struct Tally<const K: usize> {
    sums: Vec<Entry<K>>,
    fresh: Vec<Entry<K>>,
}

impl<const K: usize> Tally<K> {
    pub(in crate::formats) fn add(&mut self, entries: impl Iterator<Item = Entry<K>>) {
        self.fresh.extend(entries);
        if self.fresh.len() >= FRESH.max(self.sums.len() / 2) {
            self.merge();
        }
    }

    pub(in crate::formats) fn is_empty(&self) -> bool {
        self.sums.is_empty() && self.fresh.is_empty()
    }

    /// The sums, by gene, then by place.
    pub(in crate::formats) fn finish(mut self) -> Vec<Entry<K>> {
        self.merge();
        self.sums
    }

    fn merge(&mut self) {
        combine(&mut self.fresh);
        let from = self.fresh.first().map_or(self.sums.len(), |f| self.sums.partition_point(|s| s.key() < f.key()));
        // Files list gene after gene, so most sums lie before all that is new.
        let later = self.sums.split_off(from);
        self.sums.reserve_exact(later.len() + self.fresh.len());
        let (mut a, mut b) = (later.into_iter().peekable(), self.fresh.drain(..).peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            let mut e = *x;
            match x.key().cmp(&y.key()) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => {
                    e = *y;
                    b.next();
                }
                std::cmp::Ordering::Equal => {
                    plus(&mut e, y);
                    a.next();
                    b.next();
                }
            }
            self.sums.push(e);
        }
        self.sums.extend(a);
        self.sums.extend(b);
    }
}

fn plus<const K: usize>(to: &mut Entry<K>, more: &Entry<K>) {
    to.counts.iter_mut().zip(more.counts).for_each(|(a, b)| *a = a.saturating_add(b));
}

/// Sorts by gene and place, and sums what is there twice.
pub(super) fn combine<const K: usize>(entries: &mut Vec<Entry<K>>) {
    // Files list gene after gene: then only the places of each are to be sorted.
    if entries.is_sorted_by_key(|e| e.gene) {
        entries.par_chunk_by_mut(|a, b| a.gene == b.gene).for_each(by_place);
    } else {
        entries.par_sort_unstable_by_key(Entry::key);
    }
    entries.dedup_by(|next, kept| {
        let same = next.key() == kept.key();
        if same {
            plus(kept, next);
        }
        same
    });
}

/// Sorts the entries of a gene by place.
fn by_place<const K: usize>(gene: &mut [Entry<K>]) {
    let (low, high) = (|e: &Entry<K>| e.at as u32, |e: &Entry<K>| (e.at >> 32) as u32);
    let ends =
        |of: &dyn Fn(&Entry<K>) -> u32| gene.iter().map(of).fold((u32::MAX, 0), |(a, b), v| (a.min(v), b.max(v)));
    let ((x, last), (y, last_y)) = (ends(&high), ends(&low));
    let shift = u32::BITS - (last_y - y).leading_zeros();
    if u64::from(last - x) << shift > u64::from(u32::MAX) {
        return gene.sort_unstable_by_key(|e| e.at);
    }
    // Within a gene a place is told by 32 bits; with the entry's number behind them it sorts as a plain number.
    let place = |e: &Entry<K>| u64::from(high(e) - x) << shift | u64::from(low(e) - y);
    let key = |(k, e): (u64, &Entry<K>)| place(e) << 32 | k;
    let mut keys: Vec<u64> = (0..).zip(&*gene).map(key).collect();
    keys.sort_unstable();
    let before = gene.to_vec();
    for (to, key) in gene.iter_mut().zip(keys) {
        *to = before[key as u32 as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn sums_do_not_depend_on_order_and_batches(
            rows in proptest::collection::vec((0u32..5, 0u64..3, 0u64..3, 1u32..4), 0..200),
            // How far apart places lie, across and down.
            far in (1u64..=u64::from(u32::MAX / 2), 1u64..=u64::from(u32::MAX / 2)),
            near in any::<(bool, bool)>(),
            cut in 1usize..60,
        ) {
            let far = (if near.0 { 1 } else { far.0 }, if near.1 { 1 } else { far.1 });
            let rows: Vec<_> = rows.into_iter().map(|(g, x, y, c)| (g, (x * far.0) << 32 | (y * far.1), c)).collect();
            let mut tally = Tally::<1>::default();
            let mut known = BTreeMap::new();
            for batch in rows.chunks(cut) {
                tally.add(batch.iter().map(|&(gene, at, c)| Entry { at, gene, counts: [c] }));
                tally.merge();
            }
            for (gene, at, c) in rows {
                *known.entry((gene, at)).or_insert(0) += c;
            }
            let sums: Vec<_> = tally.finish().iter().map(|e| (e.key(), e.counts[0])).collect();
            prop_assert_eq!(sums, known.into_iter().collect::<Vec<_>>());
        }
    }
}
