//! The nearest of all rows of a cell, among the cells around it.

use super::super::knn::{Centred, distance2};
use super::super::shortlist::List;
use super::cells::{Cell, lengths};
use crate::index::panels::{Panels, Queries, length2, scan};
use crate::linalg::panel::W;

/// Rows searched together.
pub(super) const BLOCK: usize = 128;
/// Neighbours kept beyond those wanted: single precision may confuse the last ones.
const SPARE: usize = 4;
/// Squared distances below this share of squared lengths are rounding.
const NOISE: f32 = 1e-6;

/// All cells, ready to be searched.
pub(super) struct Search<'a> {
    data: &'a Centred<'a>,
    cells: &'a [Cell],
    centres: Queries,
    lengths: Vec<f32>,
    k: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(data: &'a Centred<'a>, cells: &'a [Cell], k: usize) -> Self {
        let mut centres = Queries::new(data.dim());
        for c in cells {
            centres.push(&c.centre);
        }
        Self { data, cells, centres, lengths: lengths(cells.iter().map(|c| &c.centre)), k }
    }

    /// Distance of the centres of two cells.
    pub(super) fn apart(&self, a: usize, b: usize) -> f32 {
        let pairs = self.cells[a].centre.iter().zip(&self.cells[b].centre);
        pairs.map(|(x, y)| (x - y) * (x - y)).sum::<f32>().sqrt()
    }

    /// Squared distances of up to [`BLOCK`] rows from the centres of all cells: those of cell `c` from `c * BLOCK` on.
    pub(super) fn squares(&self, rows: &[u32]) -> Vec<f32> {
        let panels = Panels::new(rows.len(), self.data.dim(), |i, to| self.data.write(rows[i] as usize, to));
        let mut squares = vec![f32::INFINITY; self.cells.len() * BLOCK];
        let all = |c: usize, first: usize, scores: &[f32; W], limit: f32| {
            let to = &mut squares[c * BLOCK + first..][..W];
            to.iter_mut().zip(scores).for_each(|(to, s)| *to = s + self.lengths[c]);
            limit
        };
        scan(&panels, 0..panels.n_groups(), &self.centres, &mut vec![f32::INFINITY; self.cells.len()], all);
        squares
    }

    /// The nearest of every row of cell `a`, nearest first, with their squared distances in the data. A cell is looked
    /// through where its border is nearer than `share` times the distance of the farthest neighbour so far.
    pub(super) fn nearest(&self, a: usize, share: f32) -> Vec<(f64, u32)> {
        let mut out = Vec::with_capacity(self.cells[a].rows.len() * self.k);
        let apart: Vec<f32> = (0..self.cells.len()).map(|b| self.apart(a, b)).collect();
        for rows in self.cells[a].rows.chunks(BLOCK) {
            for (list, &i) in self.block(a, rows, share, &apart).iter_mut().zip(rows) {
                list.keep();
                let measured =
                    list.rows().map(|j| (distance2(self.data.data.row(i as usize), self.data.data.row(j as usize)), j));
                let mut measured: Vec<(f64, u32)> = measured.collect();
                measured.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                out.extend_from_slice(&measured[..self.k]);
            }
        }
        out
    }

    fn block(&self, a: usize, rows: &[u32], share: f32, apart: &[f32]) -> Vec<List> {
        let squares = self.squares(rows);
        let square = |b: usize, q: usize| squares[b * BLOCK + q];
        let kept = (self.k + SPARE).min(self.data.data.n_rows() - 1);
        let mut lists: Vec<List> = rows.iter().map(|_| List::new(kept)).collect();
        let mut space = Space { queries: Queries::new(self.data.dim()), asking: Vec::new(), rows: Vec::new() };
        for &i in rows {
            let mut x = vec![0f32; self.data.dim()];
            self.data.write(i as usize, &mut x);
            space.rows.push(x);
        }
        self.look(a, rows, 0..rows.len(), &mut lists, &mut space);
        lists.iter_mut().for_each(List::keep);
        // The border between both cells is (d(x, b)² − d(x, a)²) / 2 d(a, b) away.
        let reaches = |b: usize, q: usize, list: &List| {
            let far = list.farthest();
            let border = square(b, q) - square(a, q);
            far == f32::INFINITY || far > NOISE * square(a, q) && border <= 2.0 * share * far.sqrt() * apart[b]
        };
        let asks = |b: &usize| *b != a && lists.iter().enumerate().any(|(q, list)| reaches(*b, q, list));
        let mut others: Vec<usize> = (0..self.cells.len()).filter(asks).collect();
        others.sort_unstable_by(|&b, &c| apart[b].total_cmp(&apart[c]).then(b.cmp(&c)));
        for b in others {
            let asking: Vec<usize> = (0..rows.len()).filter(|&q| reaches(b, q, &lists[q])).collect();
            self.look(b, rows, asking.into_iter(), &mut lists, &mut space);
        }
        lists
    }

    /// Offers the rows of cell `b` to some of the rows of a block.
    fn look(&self, b: usize, rows: &[u32], asking: impl Iterator<Item = usize>, lists: &mut [List], space: &mut Space) {
        let cell = &self.cells[b];
        let Space { queries, asking: who, rows: numbers } = space;
        queries.clear();
        who.clear();
        let mut x = vec![0f32; self.data.dim()];
        let mut limits = Vec::new();
        for q in asking {
            x.iter_mut().zip(numbers[q].iter().zip(&cell.centre)).for_each(|(x, (v, c))| *x = v - c);
            let norm = length2(&x) as f32;
            queries.push(&x);
            who.push((q, norm));
            limits.push(lists[q].farthest() - norm);
        }
        let near = |at: usize, first: usize, scores: &[f32; W], limit: f32| {
            let (q, norm) = who[at];
            let list = &mut lists[q];
            for (&j, &s) in cell.rows[first..].iter().zip(scores).filter(|e| *e.1 <= limit && *e.0 != rows[q]) {
                list.push(s + norm, j);
                if list.is_long() {
                    list.keep();
                }
            }
            list.farthest() - norm
        };
        scan(&cell.panels, 0..cell.panels.n_groups(), queries, &mut limits, near);
    }
}

/// What the cells of a block share.
struct Space {
    queries: Queries,
    /// The rows that look through a cell, by their number in the block, and their squared distances from its centre.
    asking: Vec<(usize, f32)>,
    rows: Vec<Vec<f32>>,
}
