//! One gene in all groups: moments, rank sums, scores.

use super::groups::Groups;
use super::{RankGenesGroupsParams, RankMethod};
use crate::stats::distribution::{normal_sf, student_two_sided};

/// What one gene tells of one group against its rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) score: f64,
    pub(super) pval: f64,
    pub(super) logfoldchange: f64,
    /// Share of the group's observations that express the gene, and of the rest's.
    pub(super) pts: f64,
    pub(super) pts_rest: f64,
}

/// Number, mean and sum of squared deviations of some values.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    n: f64,
    mean: f64,
    squares: f64,
    nonzero: f64,
}

impl Moments {
    /// Of both sets together, without cancellation.
    fn join(self, other: Self) -> Self {
        let n = self.n + other.n;
        if self.n == 0.0 || other.n == 0.0 {
            return if self.n == 0.0 { other } else { self };
        }
        let apart = other.mean - self.mean;
        Self {
            n,
            mean: (self.n * self.mean + other.n * other.mean) / n,
            squares: self.squares + other.squares + apart * apart * (self.n * other.n / n),
            nonzero: self.nonzero + other.nonzero,
        }
    }

    fn variance(&self) -> f64 {
        if self.n > 1.0 { self.squares / (self.n - 1.0) } else { 0.0 }
    }
}

/// Working memory of a thread.
#[derive(Default)]
pub(super) struct Scratch {
    moments: Vec<Moments>,
    keys: Vec<u64>,
    zeros: Vec<(usize, f64)>,
    block: Vec<(usize, f64)>,
}

/// The gene whose stored values are `values`, of the observations `rows`, in every group.
pub(super) fn compare(
    rows: &[u32],
    values: &[f32],
    groups: &Groups,
    params: &RankGenesGroupsParams,
    log_base: f64,
    scratch: &mut Scratch,
) -> Vec<Outcome> {
    moments(rows, values, groups, &mut scratch.moments);
    let k = groups.len();
    let m = &scratch.moments;
    // Everything but one bucket: what lies before it joined with what lies behind it.
    let mut behind = vec![Moments::default(); k + 2];
    for b in (0..=k).rev() {
        behind[b] = m[b].join(behind[b + 1]);
    }
    let mut before = Moments::default();
    let rest: Vec<Moments> = (0..k)
        .map(|b| {
            let rest = groups.reference.map_or_else(|| before.join(behind[b + 1]), |r| m[r]);
            before = before.join(m[b]);
            rest
        })
        .collect();
    let tests: Vec<(f64, f64)> = match params.method {
        RankMethod::Wilcoxon => {
            let ranks = Ranks::of(rows, values, groups, scratch);
            (0..k).map(|b| ranks.test(b, groups, params.tie_correct)).collect()
        }
        RankMethod::TTest => (0..k).map(|b| welch(&m[b], &rest[b], rest[b].n)).collect(),
        RankMethod::TTestOverestimVar => (0..k).map(|b| welch(&m[b], &rest[b], m[b].n)).collect(),
    };
    let m = &scratch.moments;
    let linear = |mean: f64| (mean * log_base).exp_m1() + 1e-9;
    (0..k)
        .map(|b| Outcome {
            score: tests[b].0,
            pval: tests[b].1,
            logfoldchange: (linear(m[b].mean) / linear(rest[b].mean)).log2(),
            pts: m[b].nonzero / m[b].n,
            pts_rest: rest[b].nonzero / rest[b].n,
        })
        .collect()
}

fn moments(rows: &[u32], values: &[f32], groups: &Groups, out: &mut Vec<Moments>) {
    out.clear();
    out.extend(groups.sizes.iter().map(|&n| Moments { n: n as f64, ..Moments::default() }));
    for (&i, &v) in rows.iter().zip(values) {
        let m = &mut out[groups.bucket[i as usize] as usize];
        m.mean += f64::from(v);
        m.nonzero += f64::from(u8::from(v != 0.0));
    }
    for m in out.iter_mut() {
        m.mean /= m.n.max(1.0);
        m.squares = (m.n - m.nonzero) * m.mean * m.mean;
    }
    for (&i, &v) in rows.iter().zip(values).filter(|e| *e.1 != 0.0) {
        let m = &mut out[groups.bucket[i as usize] as usize];
        m.squares += (f64::from(v) - m.mean).powi(2);
    }
}

/// Welch's t and its p-value, the rest counted as `n_rest` observations.
fn welch(group: &Moments, rest: &Moments, n_rest: f64) -> (f64, f64) {
    let (a, b) = (group.variance() / group.n, rest.variance() / n_rest);
    let df = (a + b) * (a + b) / (a * a / (group.n - 1.0) + b * b / (n_rest - 1.0));
    let t = (group.mean - rest.mean) / (a + b).sqrt();
    if t.is_nan() {
        return (0.0, 1.0);
    }
    (t, student_two_sided(t, if df.is_nan() { 1.0 } else { df }))
}

/// Sums of the ranks of every group among the observations it is compared with.
struct Ranks {
    sum: Vec<f64>,
    /// Σ (t³ − t) over the blocks of t equal values.
    ties: Vec<f64>,
}

impl Ranks {
    /// Only the non-zero values are sorted; the zeros are one block of equal values between the negative and the
    /// positive ones.
    fn of(rows: &[u32], values: &[f32], groups: &Groups, scratch: &mut Scratch) -> Self {
        let k = groups.len();
        let buckets = if groups.reference.is_some() { k } else { k + 1 };
        let Scratch { keys, zeros, block, .. } = scratch;
        zeros.clear();
        zeros.extend(groups.sizes[..buckets].iter().enumerate().map(|(b, &n)| (b, n as f64)));
        keys.clear();
        for (&i, &v) in rows.iter().zip(values) {
            let b = groups.bucket[i as usize];
            if v != 0.0 && (b as usize) < buckets {
                zeros[b as usize].1 -= 1.0;
                keys.push(u64::from(ascending(v)) << 32 | u64::from(b));
            }
        }
        zeros.retain(|z| z.1 > 0.0);
        keys.sort_unstable();
        let mut walk = Walk {
            reference: groups.reference,
            before: vec![0.0; k + 1],
            all_before: 0.0,
            sum: vec![0.0; k + 1],
            ties: vec![0.0; k + 1],
            ties_of_all: 0.0,
        };
        let positive = keys.partition_point(|key| key >> 32 < u64::from(ascending(0.0)));
        for (part, last) in [(&keys[..positive], false), (&keys[positive..], true)] {
            if last {
                walk.pass(zeros);
            }
            for equal in part.chunk_by(|a, b| a >> 32 == b >> 32) {
                block.clear();
                block.extend(equal.chunk_by(|a, b| a == b).map(|same| (same[0] as u32 as usize, same.len() as f64)));
                walk.pass(block);
            }
        }
        let ties = walk.ties.iter().map(|t| t + walk.ties_of_all).collect();
        Self { sum: walk.sum, ties }
    }

    /// Standardised rank sum of group `b` and its two-sided p-value.
    fn test(&self, b: usize, groups: &Groups, tie_correct: bool) -> (f64, f64) {
        let (n, m) = (groups.sizes[b] as f64, groups.size_of_rest(b) as f64);
        let all = n + m;
        let correction = if tie_correct { 1.0 - self.ties[b] / (all * all * all - all) } else { 1.0 };
        let deviation = (correction * n * m * (all + 1.0) / 12.0).sqrt();
        let z = (self.sum[b] - n * (all + 1.0) / 2.0) / deviation;
        if z.is_nan() { (0.0, 1.0) } else { (z, 2.0 * normal_sf(z.abs())) }
    }
}

/// A walk over the blocks of equal values, ascending.
struct Walk {
    reference: Option<usize>,
    /// Observations passed, by bucket and in all.
    before: Vec<f64>,
    all_before: f64,
    sum: Vec<f64>,
    /// Ties of each group with the reference beyond those within the reference.
    ties: Vec<f64>,
    ties_of_all: f64,
}

impl Walk {
    /// A block of equal values as `(bucket, how many)`. Ranks are halves of whole numbers, so all sums are exact.
    fn pass(&mut self, block: &[(usize, f64)]) {
        let cubes = |t: f64| t * t * t - t;
        if let Some(r) = self.reference {
            let own = block.iter().find(|e| e.0 == r).map_or(0.0, |e| e.1);
            self.ties_of_all += cubes(own);
            for &(b, count) in block.iter().filter(|e| e.0 != r) {
                let t = count + own;
                self.sum[b] += count * (self.before[b] + self.before[r] + f64::midpoint(t, 1.0));
                self.ties[b] += cubes(t) - cubes(own);
            }
            for &(b, count) in block {
                self.before[b] += count;
            }
        } else {
            let t: f64 = block.iter().map(|e| e.1).sum();
            let rank = self.all_before + f64::midpoint(t, 1.0);
            for &(b, count) in block {
                self.sum[b] += count * rank;
            }
            self.ties_of_all += cubes(t);
            self.all_before += t;
        }
    }
}

/// Bits that ascend as the numbers do.
fn ascending(v: f32) -> u32 {
    let bits = v.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}
