//! Sums over all points of a kernel in the plane, by a mesh.

use rayon::prelude::*;

use tegula_core::par;

use super::convolve::Convolver;
use super::spline::{Lanes, ORDER, slopes, weights};
use crate::linalg::panel::vectorised;

/// Rows of cells spread by one task; no less than a spline reaches.
const STRIP: usize = 8;
/// Points gathered by one task.
const POINTS: usize = 1024;
/// Least number of cells along the longer axis.
const MIN_CELLS: f64 = 16.0;
/// Up to so many cells along an axis; a mesh has four times as many nodes as this, squared.
pub(super) const MAX_CELLS: usize = 1024;

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
            rank: Vec::new(),
            starts: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Whether a mesh over this extent needs no wider cells than allowed.
    pub(super) fn reaches(&self, extent: f64) -> bool {
        extent / self.widest < MAX_CELLS as f64
    }

    /// Lays the mesh over points with this box.
    pub(super) fn place(&mut self, y: &[[f64; 2]], low: [f64; 2], high: [f64; 2]) {
        let extent = [high[0] - low[0], high[1] - low[1]];
        let longest = extent[0].max(extent[1]);
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

    /// Counting sort by cell, row after row.
    fn sort(&mut self, y: &[[f64; 2]], cells: [usize; 2]) {
        let keys: Vec<u32> = y
            .par_iter()
            .map(|&p| {
                let [i, j] = self.cell(p).0;
                (i * cells[1] + j) as u32
            })
            .collect();
        let mut starts = vec![0u32; cells[0] * cells[1] + 1];
        keys.iter().for_each(|&k| starts[k as usize + 1] += 1);
        (1..starts.len()).for_each(|k| starts[k] += starts[k - 1]);
        self.starts.clear();
        self.starts.extend(starts.iter().step_by(cells[1]));
        self.order.resize(y.len(), 0);
        self.rank.resize(y.len(), 0);
        for (i, &k) in keys.iter().enumerate() {
            let place = &mut starts[k as usize];
            self.order[*place as usize] = i as u32;
            self.rank[i] = *place;
            *place += 1;
        }
    }

    /// The cell of a point and where in it the point lies.
    #[inline(always)]
    fn cell(&self, p: [f64; 2]) -> ([usize; 2], [f64; 2]) {
        let u = [(p[0] - self.low[0]) / self.spacing, (p[1] - self.low[1]) / self.spacing];
        let i = u.map(|v| v as usize);
        (i, [u[0] - i[0] as f64, u[1] - i[1] as f64])
    }

    /// Nodes of a row with room for all eight lanes of the last point's weights.
    fn stride(&self) -> usize {
        self.nodes[1] + 2
    }

    /// Spreads charges over the nodes and makes the field of them.
    pub(super) fn solve(&mut self, y: &[[f64; 2]], channels: usize, charge: impl Fn(usize) -> [f64; G] + Sync) {
        let (row, mut grid) = (self.stride() * G, std::mem::take(&mut self.grid));
        grid.clear();
        grid.resize(self.nodes[0] * row, 0.0);
        // Strips of even number write to no row that another of them writes to; then those of odd number.
        for odd in 0..2 {
            let chunks = grid[(odd * STRIP * row).min(self.nodes[0] * row)..].par_chunks_mut(2 * STRIP * row);
            chunks.enumerate().for_each(|(s, chunk)| {
                vectorised(
                    #[inline(always)]
                    || self.spread(y, (2 * s + odd) * STRIP, chunk, &charge),
                );
            });
        }
        self.convolver.apply(&mut grid, self.stride(), channels);
        self.grid = grid;
    }

    /// Adds the charges of the strip of cells that begins at row `first` to the rows from there on.
    #[inline(always)]
    fn spread(&self, y: &[[f64; 2]], first: usize, rows: &mut [f64], charge: impl Fn(usize) -> [f64; G]) {
        let last = self.starts.len() - 1;
        let range = self.starts[first.min(last)] as usize..self.starts[(first + STRIP).min(last)] as usize;
        for &i in &self.order[range] {
            let ([r, c], t) = self.cell(y[i as usize]);
            let (w0, w1, q) = (weights(t[0]), weights(t[1]), charge(i as usize));
            for (a, w) in w0[..ORDER].iter().enumerate() {
                let nodes = &mut rows[((r - first + a) * self.stride() + c) * G..][..8 * G];
                if G == 1 {
                    let w = w * q[0];
                    for l in 0..8 {
                        nodes[l] += w * w1[l];
                    }
                } else {
                    for (node, v) in nodes.chunks_exact_mut(G).zip(&w1[..ORDER]) {
                        let w = w * v;
                        for l in 0..G {
                            node[l] += w * q[l];
                        }
                    }
                }
            }
        }
    }

    /// Hands field and gradient at every point, the channels weighed by `target`, to `write` with its place in `out`;
    /// returns the sum of the field.
    pub(super) fn gather<T: Send>(
        &mut self,
        y: &[[f64; 2]],
        target: impl Fn(usize) -> [f64; G] + Sync,
        out: &mut [T],
        write: impl Fn(&mut T, [f64; 3]) + Sync + Send,
    ) -> f64 {
        let mut found = std::mem::take(&mut self.found);
        found.resize(y.len(), [0.0; 3]);
        found.par_chunks_mut(POINTS).zip(self.order.par_chunks(POINTS)).for_each(|(found, order)| {
            vectorised(
                #[inline(always)]
                || {
                    for (f, &i) in found.iter_mut().zip(order) {
                        *f = self.at(y[i as usize], target(i as usize));
                    }
                },
            );
        });
        out.par_iter_mut().zip(&self.rank).with_min_len(POINTS).for_each(|(o, &r)| write(o, found[r as usize]));
        self.found = found;
        par::sum(y.len(), |range| self.found[range].iter().map(|f| f[0]).sum())
    }

    #[inline(always)]
    fn at(&self, p: [f64; 2], target: [f64; G]) -> [f64; 3] {
        let ([r, c], t) = self.cell(p);
        let (w0, s0, w1, s1) = (weights(t[0]), slopes(t[0]), weights(t[1]), slopes(t[1]));
        let (mut value, mut down, mut across) = ([0.0; 8], [0.0; 8], [0.0; 8]);
        for a in 0..ORDER {
            let nodes = &self.grid[((r + a) * self.stride() + c) * G..][..8 * G];
            let (plain, slope) = if G == 1 { along_one(nodes, &w1, &s1) } else { along(nodes, &w1, &s1) };
            for l in 0..8 {
                value[l] += w0[a] * plain[l];
                down[l] += s0[a] * plain[l];
                across[l] += w0[a] * slope[l];
            }
        }
        let sum = |v: Lanes| {
            let mut sum = 0.0;
            for l in 0..8 {
                sum += if G == 1 { v[l] * target[0] } else { v[l] * target[l % G] };
            }
            sum
        };
        [sum(value), sum(down) / self.spacing, sum(across) / self.spacing]
    }
}

/// One channel: lanes are nodes, to be added up at the end.
#[inline(always)]
fn along_one(nodes: &[f64], w: &Lanes, s: &Lanes) -> (Lanes, Lanes) {
    let (mut plain, mut slope) = ([0.0; 8], [0.0; 8]);
    for l in 0..8 {
        plain[l] = nodes[l] * w[l];
        slope[l] = nodes[l] * s[l];
    }
    (plain, slope)
}

/// Eight channels: lanes are channels.
#[inline(always)]
fn along(nodes: &[f64], w: &Lanes, s: &Lanes) -> (Lanes, Lanes) {
    let (mut plain, mut slope) = ([0.0; 8], [0.0; 8]);
    for (node, (w, s)) in nodes.chunks_exact(8).zip(w[..ORDER].iter().zip(s)) {
        for l in 0..8 {
            plain[l] += w * node[l];
            slope[l] += s * node[l];
        }
    }
    (plain, slope)
}
