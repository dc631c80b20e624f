//! Sums over all points of a kernel in the plane, by a mesh.

use std::ops::Range;

use rayon::prelude::*;

use tegula_core::par;

use super::convolve::Convolver;
use super::spline::ORDER;
use super::stencil::{Gather, Points, Spread, Wide};
use super::{Sums, bounds};
use crate::linalg::panel::with_lanes;

/// Rows of cells spread by one task; no less than a spline reaches.
const STRIP: usize = 8;
/// Points gathered by one task.
const POINTS: usize = 1024;
/// Least number of cells along the longer axis.
const MIN_CELLS: f64 = 16.0;
/// Extents below count as this, whose square is still a number.
const SMALLEST: f64 = 1e-100;
/// Up to so many cells times channels: some 350 MB.
const MAX_CELLS: f64 = (1 << 23) as f64;
/// Up to so many cells times channels for each point; beyond, a tree is faster and no less exact.
const CELLS_PER_POINT: f64 = 128.0;
/// As many cells times channels as are always worth it.
const FEW_CELLS: f64 = 32768.0;

/// The field of a kernel for `G` channels of charges at a time.
///
/// Charges are spread over the nodes by B-splines, convolved with the kernel, and the field's gradient is that of the
/// spline through its values at the nodes. Splines interpolate: the kernel's transform is divided by theirs.
pub(super) struct Mesh<const G: usize> {
    kernel: fn(f64) -> f64,
    widest: f64,
    convolver: Convolver<G>,
    grid: Vec<f64>,
    low: [f64; 2],
    spacing: f64,
    nodes: [usize; 2],
    /// The points by cell, and the place of each point in it.
    order: Vec<u32>,
    /// Their positions in cells.
    places: Vec<[f64; 2]>,
    keys: Vec<u32>,
    rank: Vec<u32>,
    /// Where the points of each row of cells start in `order`, and one more.
    starts: Vec<u32>,
    /// Field and gradient by place.
    found: Vec<[f64; 3]>,
}

impl<const G: usize> Mesh<G> {
    /// Of a kernel of the squared distance, with cells no wider than `widest`.
    pub(super) fn new(kernel: fn(f64) -> f64, widest: f64) -> Self {
        Self {
            kernel,
            widest,
            convolver: Convolver::new(),
            grid: Vec::new(),
            low: [0.0; 2],
            spacing: widest,
            nodes: [0; 2],
            order: Vec::new(),
            places: Vec::new(),
            keys: Vec::new(),
            rank: Vec::new(),
            starts: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Whether a mesh over these points is worth its cells.
    pub(super) fn reaches(&self, y: &[[f64; 2]]) -> bool {
        let (low, high) = bounds(y);
        let cells: f64 = (0..2).map(|a| (high[a] - low[a]) / self.widest + 1.0).product();
        cells * (G as f64) < MAX_CELLS && cells * (G as f64) < FEW_CELLS.max(CELLS_PER_POINT * y.len() as f64)
    }

    /// Some places, seen from the row of nodes `first` on.
    fn points(&self, of: Range<usize>, first: usize) -> Points<'_> {
        Points { places: &self.places[of.clone()], order: &self.order[of], stride: self.stride(), first }
    }

    /// The places in the strip of cells that begins at row `first`.
    fn of_rows(&self, first: usize) -> Range<usize> {
        let at = |row: usize| self.starts[row.min(self.starts.len() - 1)] as usize;
        at(first)..at(first + STRIP)
    }

    /// Counting sort by cell, row after row.
    fn sort(&mut self, y: &[[f64; 2]], cells: [usize; 2]) {
        let (low, spacing) = (self.low, self.spacing);
        let place = |p: [f64; 2]| [(p[0] - low[0]) / spacing, (p[1] - low[1]) / spacing];
        let key = |[i, j]: [f64; 2]| (i as usize * cells[1] + j as usize) as u32;
        y.par_iter().map(|&p| key(place(p))).collect_into_vec(&mut self.keys);
        let mut starts = vec![0u32; cells[0] * cells[1] + 1];
        self.keys.iter().for_each(|&k| starts[k as usize + 1] += 1);
        (1..starts.len()).for_each(|k| starts[k] += starts[k - 1]);
        self.starts.clear();
        self.starts.extend(starts.iter().step_by(cells[1]));
        self.order.resize(y.len(), 0);
        self.rank.resize(y.len(), 0);
        for (i, &k) in self.keys.iter().enumerate() {
            let next = &mut starts[k as usize];
            self.order[*next as usize] = i as u32;
            self.rank[i] = *next;
            *next += 1;
        }
        self.order.par_iter().map(|&i| place(y[i as usize])).collect_into_vec(&mut self.places);
    }

    /// Nodes of a row with room for all eight lanes of the last point's weights.
    fn stride(&self) -> usize {
        self.nodes[1] + 2
    }
}

impl<const G: usize> Sums<2, G> for Mesh<G> {
    fn place(&mut self, y: &[[f64; 2]]) {
        let (low, high) = bounds(y);
        let extent = [high[0] - low[0], high[1] - low[1]];
        let longest = extent[0].max(extent[1]).max(SMALLEST);
        // Halves of the widest, so that the transform of the kernel lasts many calls.
        let mut spacing = self.widest;
        while longest / spacing < MIN_CELLS {
            spacing /= 2.0;
        }
        let cells = extent.map(|e| (e / spacing) as usize + 1);
        (self.low, self.spacing, self.nodes) = (low, spacing, cells.map(|c| c + ORDER - 1));
        self.convolver.prepare(self.nodes, spacing, self.kernel);
        self.sort(y, cells);
    }

    fn solve(&mut self, channels: usize, charge: impl Fn(usize) -> [f64; G] + Sync + Send) {
        let (row, mut grid) = (self.stride() * G, std::mem::take(&mut self.grid));
        grid.clear();
        grid.resize(self.nodes[0] * row, 0.0);
        // Strips of even number write to no row that another of them writes to; then those of odd number.
        for odd in 0..2 {
            let chunks = grid[(odd * STRIP * row).min(self.nodes[0] * row)..].par_chunks_mut(2 * STRIP * row);
            chunks.enumerate().for_each(|(s, chunk)| {
                let first = (2 * s + odd) * STRIP;
                let points = self.points(self.of_rows(first), first);
                with_lanes(Wide(Spread { points, nodes: chunk, charge: &charge }));
            });
        }
        self.convolver.apply(&mut grid, self.stride(), channels);
        self.grid = grid;
    }

    fn gather(
        &mut self,
        target: impl Fn(usize) -> [f64; G] + Sync,
        out: &mut [[f64; 2]],
        write: impl Fn(&mut [f64; 2], [f64; 2]) + Sync + Send,
    ) -> f64 {
        let mut found = std::mem::take(&mut self.found);
        found.resize(self.places.len(), [0.0; 3]);
        found.par_chunks_mut(POINTS).enumerate().for_each(|(b, found)| {
            let points = self.points(b * POINTS..b * POINTS + found.len(), 0);
            with_lanes(Wide(Gather { points, nodes: &self.grid, target: &target, found }));
        });
        out.par_iter_mut().zip(&self.rank).with_min_len(POINTS).for_each(|(o, &r)| {
            let [_, down, across] = found[r as usize];
            write(o, [down / self.spacing, across / self.spacing]);
        });
        self.found = found;
        par::sum(self.places.len(), |range| self.found[range].iter().map(|f| f[0]).sum())
    }
}
