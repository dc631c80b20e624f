//! A round over the neighbours of neighbours.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_core::{Ctx, Result, par};

use super::super::knn::TASK;
use super::lists::{Lists, NEW, Stretch, is_there};
use super::points::{Points, distance2};
use crate::linalg::panel::with_lanes;

/// Places worked on together.
const BLOCK: usize = 256;

/// Every place looks at the neighbours of its neighbours where one of the two steps is new; followed are the nearest
/// `width` of a place and as many of those it is near to. Returns how many neighbours changed.
pub(super) fn round(points: &Points, lists: &mut Lists, width: usize, ctx: &Ctx<'_>) -> Result<usize> {
    let n = lists.len();
    let links = Links::of(lists, width);
    let slots = (8 * width * width).next_power_of_two();
    let mut next = lists.clone();
    let ends: Vec<usize> = (BLOCK..n).step_by(BLOCK).chain([n]).collect();
    let changed = next
        .stretches(&ends)
        .into_par_iter()
        .map(|block| {
            let changed = with_lanes(Join { points, links: &links, lists, block, slots });
            ctx.tick(TASK, 0).map(|()| changed)
        })
        .sum::<Result<usize>>()?;
    *lists = next;
    Ok(changed)
}

/// The links followed from every place, with their marks.
struct Links {
    starts: Vec<usize>,
    to: Vec<u32>,
}

impl Links {
    /// The nearest of every place and the nearest of those that count it among theirs.
    fn of(lists: &Lists, width: usize) -> Self {
        let n = lists.len();
        let followed = lists.k().min(width);
        let parts = par::map(n, n.div_ceil(16).max(1), |range| {
            // (place here, distance, from where): what leads into this range.
            let mut back: Vec<(u32, f32, u32)> = Vec::with_capacity(range.len() * followed);
            for p in 0..n {
                for (&j, &d) in lists.raw(p)[..followed].iter().zip(lists.distances(p)) {
                    if is_there(j) && range.contains(&((j & !NEW) as usize)) {
                        back.push((j & !NEW, d, p as u32 | (j & NEW)));
                    }
                }
            }
            back.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
            let (mut counts, mut to, mut at) = (Vec::with_capacity(range.len()), Vec::new(), 0);
            for p in range {
                let own = lists.raw(p)[..followed].iter().copied().filter(|&j| is_there(j));
                let before = to.len();
                to.extend(own);
                let end = at + back[at..].partition_point(|e| e.0 == p as u32);
                for e in back[at..end].iter().take(width) {
                    if !to[before..].iter().any(|&j| j & !NEW == e.2 & !NEW) {
                        to.push(e.2);
                    }
                }
                at = end;
                counts.push(to.len() - before);
            }
            (counts, to)
        });
        let mut starts = vec![0];
        let mut to = Vec::with_capacity(parts.iter().map(|p| p.1.len()).sum());
        for (counts, part) in parts {
            for c in counts {
                starts.push(starts[starts.len() - 1] + c);
            }
            to.extend(part);
        }
        Self { starts, to }
    }

    #[inline(always)]
    fn from(&self, p: usize) -> &[u32] {
        &self.to[self.starts[p]..self.starts[p + 1]]
    }
}

struct Join<'a, 'b> {
    points: &'a Points,
    links: &'a Links,
    lists: &'a Lists,
    block: Stretch<'b>,
    slots: usize,
}

impl WithSimd for Join<'_, '_> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> usize {
        let mut seen = Seen::new(self.slots);
        let mut changed = 0;
        for q in 0..self.block.len() {
            let p = self.block.from + q;
            seen.clear();
            seen.insert(p as u32);
            self.lists.neighbors(p).for_each(|j| {
                seen.insert(j);
            });
            let row = self.points.row(p as u32);
            let mut list = self.block.list(q);
            list.settle();
            for &u in self.links.from(p) {
                for &x in self.links.from((u & !NEW) as usize) {
                    if (u | x) & NEW == 0 || !seen.insert(x & !NEW) {
                        continue;
                    }
                    let d2 = distance2(simd, row, self.points.row(x & !NEW));
                    changed += usize::from(list.push(d2, x & !NEW));
                }
            }
        }
        changed
    }
}

/// A small set of places, without order.
struct Seen {
    slots: Vec<u32>,
}

impl Seen {
    /// For half as many places as there are slots, a power of two.
    fn new(slots: usize) -> Self {
        Self { slots: vec![u32::MAX; slots] }
    }

    fn clear(&mut self) {
        self.slots.fill(u32::MAX);
    }

    /// True where it was not there yet.
    #[inline(always)]
    fn insert(&mut self, j: u32) -> bool {
        // The multiplier spreads neighbouring numbers over all slots.
        let mut at = (j.wrapping_mul(0x9E37_79B9) >> (32 - self.slots.len().trailing_zeros())) as usize;
        loop {
            match self.slots[at] {
                x if x == j => return false,
                u32::MAX => {
                    self.slots[at] = j;
                    return true;
                }
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }
}
