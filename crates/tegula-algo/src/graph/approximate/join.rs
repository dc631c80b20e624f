//! A round over the neighbours of neighbours.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_core::{Ctx, Result, par};

use super::super::knn::TASK;
use super::lists::{Lists, NEW, Stretch, is_there};
use super::points::{Points, distance2};
use crate::linalg::panel::with_lanes;

/// Ranges of places whose links are gathered together.
const RANGES: usize = 8;
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
        // What leads into a range of places: each range reads all lists, so there are few.
        let parts = par::map(n, n.div_ceil(RANGES).max(1), |range| {
            let mut ends = vec![0usize; range.len() + 1];
            let into = |each: &mut dyn FnMut(usize, f32, u32)| {
                for p in 0..n {
                    for (&j, &d) in lists.raw(p)[..followed].iter().zip(lists.distances(p)) {
                        let at = (j & !NEW) as usize;
                        if range.contains(&at) && is_there(j) {
                            each(at - range.start, d, p as u32 | (j & NEW));
                        }
                    }
                }
            };
            into(&mut |at, _, _| ends[at + 1] += 1);
            (0..range.len()).for_each(|at| ends[at + 1] += ends[at]);
            let mut back = vec![(0f32, 0u32); ends[range.len()]];
            let mut next = ends.clone();
            into(&mut |at, d, from| {
                back[next[at]] = (d, from);
                next[at] += 1;
            });
            let (mut counts, mut to) =
                (Vec::with_capacity(range.len()), Vec::with_capacity(2 * followed * range.len()));
            for (at, p) in range.enumerate() {
                let before = to.len();
                to.extend(lists.raw(p)[..followed].iter().copied().filter(|&j| is_there(j)));
                let own = to.len();
                let back = &mut back[ends[at]..ends[at + 1]];
                if back.len() > width {
                    back.select_nth_unstable_by(width, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                }
                for &mut (_, from) in back.iter_mut().take(width) {
                    if !to[before..own].iter().any(|&j| j & !NEW == from & !NEW) {
                        to.push(from);
                    }
                }
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
