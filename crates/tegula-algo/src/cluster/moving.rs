//! Local moving: every node goes where the objective gains most, until none wants to move.

use std::collections::VecDeque;

use rand::Rng;
use tegula_core::{Ctx, Result};

use super::level::Level;

/// Running sums of masses may be off by this part of their total.
const DRIFT: f64 = 1e-10;

/// Moving ends where as many visits as there are nodes gained less than this part of all gained before: the last ones
/// take most of the time, and what is left is gained sooner on coarser levels and in later rounds.
const TAIL: f64 = 0.05;

/// Visits between two looks at the user's wishes.
const VISITS: usize = 1 << 14;

/// Moves single nodes while that raises the objective enough, the neighbours of a moved node again through a queue.
/// Labels are below the number of nodes and stay so. Returns whether anything moved.
pub(super) fn move_nodes(
    level: &Level<'_>,
    membership: &mut [u32],
    rng: &mut impl Rng,
    (ctx, task): (&Ctx<'_>, &str),
) -> Result<bool> {
    let n = level.len();
    let (mut tot, mut size) = (vec![0.0f64; n], vec![0u32; n]);
    for (i, &c) in membership.iter().enumerate() {
        tot[c as usize] += level.mass[i];
        size[c as usize] += 1;
    }
    let mut empty: Vec<u32> = (0..n as u32).rev().filter(|&c| size[c as usize] == 0).collect();
    // The masses of CPM are whole numbers and their sums exact.
    let drift = if level.exact() { 0.0 } else { DRIFT * level.total };
    let noise = level.noise();
    let mut queue: VecDeque<u32> = shuffled(n, rng).into();
    let mut queued = vec![true; n];
    let (mut sum, mut touched) = (vec![0.0f64; n], Vec::<u32>::new());
    let (mut moved, mut visits) = (false, 0usize);
    let (mut before, mut lately) = (0.0, 0.0);

    while let Some(node) = queue.pop_front() {
        if visits > 0 && visits.is_multiple_of(n) {
            before += lately;
            if lately < TAIL * before {
                break;
            }
            lately = 0.0;
        }
        visits += 1;
        if visits.is_multiple_of(VISITS) {
            ctx.tick(task, 0)?;
        }
        let i = node as usize;
        queued[i] = false;
        let (nodes, weights) = level.row(i);
        for (&j, &w) in nodes.iter().zip(weights) {
            let c = membership[j as usize];
            let s = &mut sum[c as usize];
            if *s == 0.0 {
                touched.push(c);
            }
            *s += f64::from(w);
        }
        let (own, k) = (membership[i], level.mass[i]);
        let price = level.scale * k;
        let stay = sum[own as usize] - price * (tot[own as usize] - k);
        let (mut best, mut gain) = (own, stay + noise * sum[own as usize] + price * drift);
        for c in touched.drain(..) {
            let w = std::mem::take(&mut sum[c as usize]);
            let g = w - noise * w - price * tot[c as usize];
            if g > gain && c != own {
                (best, gain) = (c, g);
            }
        }
        // To be alone is worth 0.
        if gain < 0.0
            && size[own as usize] > 1
            && let Some(&c) = empty.last()
        {
            (best, gain) = (c, 0.0);
        }
        if best == own {
            continue;
        }
        moved = true;
        lately += gain - stay;
        tot[own as usize] -= k;
        size[own as usize] -= 1;
        if size[best as usize] == 0 {
            empty.pop();
        }
        if size[own as usize] == 0 {
            tot[own as usize] = 0.0;
            empty.push(own);
        }
        tot[best as usize] += k;
        size[best as usize] += 1;
        membership[i] = best;
        for &j in nodes {
            if !queued[j as usize] && membership[j as usize] != best {
                queued[j as usize] = true;
                queue.push_back(j);
            }
        }
    }
    Ok(moved)
}

/// The numbers below `n` in random order.
pub(super) fn shuffled(n: usize, rng: &mut impl Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        let j = (u64::from(rng.next_u32()) * (i as u64 + 1)) >> 32;
        order.swap(i, j as usize);
    }
    order
}
