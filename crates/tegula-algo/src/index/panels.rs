//! The small ones among all distances of two sets of rows, without a table of all of them.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::linalg::panel::{Real, Row, W, with_lanes};

/// Queries whose sums stay in registers together.
const TILE: usize = 6;
/// Panels of [`W`] rows in a group: with the widest registers they are gone through together.
const WIDE: usize = 4;
/// Rows of a group.
pub(crate) const GROUP: usize = WIDE * W;
/// Groups packed by one task.
const PACKED: usize = 16;

/// Rows in groups: the first number of each row, the second of each, …, at last the squared length of each.
pub(crate) struct Panels {
    dim: usize,
    len: usize,
    lines: Vec<[Row<f32>; WIDE]>,
}

impl Panels {
    /// `len` rows of `dim` numbers; `write(i, row)` writes row `i`.
    pub(crate) fn new(len: usize, dim: usize, write: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let height = dim + 1;
        let mut lines = vec![[Row::default(); WIDE]; len.div_ceil(GROUP) * height];
        lines.par_chunks_mut(PACKED * height).enumerate().for_each(|(task, lines)| {
            let mut row = vec![0f32; dim];
            for (g, group) in lines.chunks_exact_mut(height).enumerate() {
                for at in 0..GROUP {
                    let i = (task * PACKED + g) * GROUP + at;
                    let (p, lane) = (at / W, at % W);
                    if i >= len {
                        // No row is infinitely far.
                        group[dim][p].0[lane] = f32::INFINITY;
                        continue;
                    }
                    write(i, &mut row);
                    group.iter_mut().zip(&row).for_each(|(line, &x)| line[p].0[lane] = x);
                    group[dim][p].0[lane] = length2(&row) as f32;
                }
            }
        });
        Self { dim, len, lines }
    }

    /// Number of groups.
    pub(crate) fn n_groups(&self) -> usize {
        self.len.div_ceil(GROUP)
    }
}

/// Squared length of a row.
pub(crate) fn length2(row: &[f32]) -> f64 {
    row.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// Rows to be compared with panels, times −2, interleaved by tiles.
pub(crate) struct Queries {
    dim: usize,
    len: usize,
    numbers: Vec<f32>,
}

impl Queries {
    /// None yet.
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, len: 0, numbers: Vec::new() }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.numbers.clear();
    }

    /// One more.
    pub(crate) fn push(&mut self, row: &[f32]) {
        let lane = self.len % TILE;
        if lane == 0 {
            self.numbers.resize(self.numbers.len() + self.dim * TILE, 0.0);
        }
        let start = self.numbers.len() - self.dim * TILE;
        let tile = self.numbers[start..].chunks_exact_mut(TILE);
        tile.zip(row).for_each(|(to, &x)| to[lane] = -2.0 * x);
        self.len += 1;
    }
}

/// Scores ‖y‖² − 2x·y of every query x with the rows y of some groups, in `f32`.
///
/// Wherever one in a panel does not exceed the limit of its query, `near(query, first row, scores, limit)` gets the
/// scores of the panel and answers with the limit from then on. A score is one chain of fused sums: the width of the
/// registers changes no bit of it.
pub(crate) fn scan(
    panels: &Panels,
    groups: Range<usize>,
    queries: &Queries,
    limits: &mut [f32],
    near: impl FnMut(usize, usize, &[f32; W], f32) -> f32,
) {
    with_lanes(Scan { panels, groups, queries, limits, near });
}

struct Scan<'a, F> {
    panels: &'a Panels,
    groups: Range<usize>,
    queries: &'a Queries,
    limits: &'a mut [f32],
    near: F,
}

impl<F: FnMut(usize, usize, &[f32; W], f32) -> f32> WithSimd for Scan<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as the registers hold.
        match f32::lanes::<S>(&Row::default()).len() {
            1 => self.tiles::<S, 4, 1>(simd),
            2 => self.tiles::<S, 1, 2>(simd),
            4 => self.tiles::<S, 1, 4>(simd),
            8 => self.tiles::<S, 1, 8>(simd),
            _ => self.tiles::<S, 1, 16>(simd),
        }
    }
}

impl<F: FnMut(usize, usize, &[f32; W], f32) -> f32> Scan<'_, F> {
    /// All tiles, `P` panels of `R` registers side by side; `P` is 1 or all of a group.
    #[inline(always)]
    fn tiles<S: Simd, const P: usize, const R: usize>(mut self, simd: S) {
        for (t, numbers) in self.queries.numbers.chunks_exact(self.queries.dim * TILE).enumerate() {
            let queries = t * TILE..self.queries.len.min((t + 1) * TILE);
            let mut limits = [f32::NEG_INFINITY; TILE];
            limits[..queries.len()].copy_from_slice(&self.limits[queries.clone()]);
            for g in self.groups.clone() {
                let filled = (self.panels.len - g * GROUP).div_ceil(W).min(WIDE);
                if filled == P {
                    self.tile::<S, P, R>(simd, (g, 0), numbers, queries.start, &mut limits);
                } else {
                    for p in 0..filled {
                        self.tile::<S, 1, R>(simd, (g, p), numbers, queries.start, &mut limits);
                    }
                }
            }
            self.limits[queries.clone()].copy_from_slice(&limits[..queries.len()]);
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        at: (usize, usize),
        numbers: &[f32],
        first: usize,
        limits: &mut [f32; TILE],
    ) {
        let scores = self.scores::<S, P, R>(simd, at, numbers);
        for q in 0..TILE {
            let mut least = f32::lanes::<S>(&scores[q][0])[0];
            for scores in &scores[q] {
                for &s in f32::lanes::<S>(scores) {
                    least = simd.min_f32s(least, s);
                }
            }
            if simd.reduce_min_f32s(least) > limits[q] {
                continue;
            }
            for (p, scores) in scores[q].iter().enumerate() {
                if scores.0.iter().any(|&s| s <= limits[q]) {
                    limits[q] = (self.near)(first + q, at.0 * GROUP + (at.1 + p) * W, &scores.0, limits[q]);
                }
            }
        }
    }

    /// The scores of a tile of queries with `P` panels of group `g` from panel `from` on.
    #[inline(always)]
    fn scores<S: Simd, const P: usize, const R: usize>(
        &self,
        simd: S,
        (g, from): (usize, usize),
        numbers: &[f32],
    ) -> [[Row<f32>; P]; TILE] {
        let dim = self.panels.dim;
        let group = &self.panels.lines[g * (dim + 1)..(g + 1) * (dim + 1)];
        let registers = |line: &[Row<f32>; WIDE], p: usize| {
            let lanes = f32::lanes::<S>(&line[(from + p) % WIDE]);
            std::array::from_fn::<_, R, _>(|r| lanes[r])
        };
        let mut sums = [[[f32::splat(simd, 0.0); R]; P]; TILE];
        for q in 0..TILE {
            for p in 0..P {
                sums[q][p] = registers(&group[dim], p);
            }
        }
        // Nothing in here may fail, for the same reason as below.
        for (line, numbers) in group.iter().zip(numbers.chunks_exact(TILE)) {
            let rows = std::array::from_fn::<_, P, _>(|p| registers(line, p));
            for q in 0..TILE {
                let x = f32::splat(simd, numbers[q]);
                for p in 0..P {
                    for r in 0..R {
                        sums[q][p][r] = <f32 as Real>::mul_add(simd, x, rows[p][r], sums[q][p][r]);
                    }
                }
            }
        }
        let mut scores = [[Row::<f32>::default(); P]; TILE];
        for q in 0..TILE {
            for p in 0..P {
                // A copy of its own, read at a place known when compiled: else the sums would not stay in registers.
                let sums = sums[q][p];
                f32::lanes_mut::<S>(&mut scores[q][p])[..R].copy_from_slice(&sums);
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_of_registers_finds_the_same_small_scores() {
        // Neither groups nor panels nor tiles are full.
        let (n, m, dim) = (150, 8, 5);
        let number = |i: usize, j: usize| ((i * 31 + j * 17) % 23) as f32 - 11.0;
        let panels = Panels::new(n, dim, |i, row| row.iter_mut().enumerate().for_each(|(j, x)| *x = number(i, j)));
        let mut queries = Queries::new(dim);
        for q in 0..m {
            queries.push(&(0..dim).map(|j| number(q + 7, j)).collect::<Vec<_>>());
        }
        let limit = |q: usize| if q == 3 { f32::INFINITY } else { 60.0 * q as f32 - 200.0 };
        let mut expected = Vec::new();
        for (q, i) in (0..m).flat_map(|q| (0..n).map(move |i| (q, i))) {
            let score: f32 = (0..dim).map(|j| number(i, j) * (number(i, j) - 2.0 * number(q + 7, j))).sum();
            if score <= limit(q) {
                expected.push((q, i, score));
            }
        }
        for wide in [true, false] {
            let (mut found, mut limits) = (Vec::new(), (0..m).map(limit).collect::<Vec<f32>>());
            let near = |q: usize, first: usize, scores: &[f32; W], limit: f32| {
                let near = (first..n).zip(scores).filter(|e| *e.1 <= limit);
                found.extend(near.map(|(i, &s)| (q, i, s)));
                limit
            };
            if wide {
                scan(&panels, 0..panels.n_groups(), &queries, &mut limits, near);
            } else {
                let groups = 0..panels.n_groups();
                Scan { panels: &panels, groups, queries: &queries, limits: &mut limits, near }.with_simd(pulp::Scalar);
            }
            found.sort_by_key(|a| (a.0, a.1));
            assert_eq!(found, expected);
        }
    }
}
