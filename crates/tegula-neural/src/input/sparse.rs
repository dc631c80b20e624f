//! Products of a sparse matrix: 64 columns of the dense one at a time, which stay in the cache close to the core.

#![allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use tegula_algo::linalg::panel::with_lanes;
use tegula_core::{Csr, par};

use crate::gather::{PANEL, Terms, gather};
use crate::rows::{Lines, Rows};
use crate::scalar::Scalar;
use crate::train::Go;

/// Rows of the result per task.
const TASK: usize = 512;
/// Columns of X per task of a transposed product.
const COLUMNS: usize = 128;
/// Observations per block of columns: what a panel of them takes stays in the second cache.
const BLOCK: usize = 4096;

/// A sparse matrix by rows, and once more by columns inside blocks of rows.
#[derive(Debug)]
pub(super) struct Sparse<T> {
    by_rows: Csr,
    order: Vec<u32>,
    blocks: Vec<Block>,
    /// The dense factor, panel after panel.
    packed: Lines<T>,
}

/// Some rows by columns: which of them have an entry, and its value.
#[derive(Debug)]
struct Block {
    starts: Vec<u32>,
    rows: Vec<u16>,
    values: Vec<f32>,
}

impl<T: Scalar> Sparse<T> {
    pub(super) fn new(m: &Csr, order: &[u32]) -> Self {
        let blocks = par::map(order.len(), BLOCK, |range| block(m, &order[range]));
        Self { by_rows: m.clone(), order: order.to_vec(), blocks, packed: Lines::zeros(0) }
    }

    pub(super) fn n(&self) -> usize {
        self.order.len()
    }

    pub(super) fn nnz(&self) -> usize {
        self.blocks.iter().map(|b| b.rows.len()).sum()
    }

    pub(super) fn times(&mut self, w: &Rows<T>, out: &mut Rows<T>, from: usize, go: Go<'_>) {
        pack(w, 0, w.n(), &mut self.packed);
        let (apart, width, this) = (out.apart(), out.width(), &*self);
        let out = &mut out.data_mut()[from * apart..][..this.n() * apart];
        out.par_chunks_mut(TASK * apart).enumerate().for_each(|(b, chunk)| {
            if !go() {
                return;
            }
            let order = &this.order[b * TASK..][..chunk.len() / apart];
            let packed = Packed { data: this.packed.get(), n: w.n(), width };
            with_lanes(TimesRows { by_rows: &this.by_rows, order, packed, chunk, apart });
        });
    }

    pub(super) fn add_transposed_times(&mut self, d: &Rows<T>, from: usize, out: &mut Rows<T>, go: Go<'_>) {
        let (apart, width, n) = (out.apart(), out.width(), self.n());
        for (k, block) in self.blocks.iter().enumerate() {
            let rows = (n - k * BLOCK).min(BLOCK);
            pack(d, from + k * BLOCK, rows, &mut self.packed);
            let packed = self.packed.get();
            out.data_mut().par_chunks_mut(COLUMNS * apart).enumerate().for_each(|(b, chunk)| {
                if !go() {
                    return;
                }
                let packed = Packed { data: packed, n: rows, width };
                with_lanes(AddColumns { block, packed, first: b * COLUMNS, chunk, apart });
            });
        }
    }

    pub(super) fn transposed_times_two(&self, a: &[T], b: &[T]) -> Vec<[f64; 2]> {
        let columns = par::map(self.by_rows.n_cols(), COLUMNS, |columns| {
            let sum = |j: usize| {
                let mut sums = [0f64; 2];
                for (k, block) in self.blocks.iter().enumerate() {
                    let (a, b) = (&a[k * BLOCK..], &b[k * BLOCK..]);
                    let (rows, values) = block.column(j);
                    for (&i, &v) in rows.iter().zip(values) {
                        sums[0] += f64::from(v) * a[usize::from(i)].to_f64();
                        sums[1] += f64::from(v) * b[usize::from(i)].to_f64();
                    }
                }
                sums
            };
            columns.map(sum).collect::<Vec<_>>()
        });
        columns.into_iter().flatten().collect()
    }
}

impl Block {
    #[inline(always)]
    fn column(&self, j: usize) -> (&[u16], &[f32]) {
        let range = self.starts[j] as usize..self.starts[j + 1] as usize;
        (&self.rows[range.clone()], &self.values[range])
    }
}

fn block(m: &Csr, order: &[u32]) -> Block {
    let mut starts = vec![0u32; m.n_cols() + 1];
    for &i in order {
        for &j in m.row(i as usize).0 {
            starts[j as usize + 1] += 1;
        }
    }
    for j in 0..m.n_cols() {
        starts[j + 1] += starts[j];
    }
    let mut next = starts.clone();
    let nnz = starts[m.n_cols()] as usize;
    let (mut rows, mut values) = (vec![0u16; nnz], vec![0f32; nnz]);
    for (local, &i) in (0u16..).zip(order) {
        let (columns, row) = m.row(i as usize);
        for (&j, &v) in columns.iter().zip(row) {
            let at = &mut next[j as usize];
            rows[*at as usize] = local;
            values[*at as usize] = v;
            *at += 1;
        }
    }
    Block { starts, rows, values }
}

/// `n` rows of a matrix, panel after panel of 64 columns, the last one filled up with zeros.
#[derive(Clone, Copy)]
struct Packed<'a, T> {
    data: &'a [T],
    n: usize,
    width: usize,
}

impl<'a, T> Packed<'a, T> {
    /// The panels, each with the columns it is of.
    #[inline(always)]
    fn panels(self) -> impl Iterator<Item = (&'a [T], std::ops::Range<usize>)> {
        let columns = (0..self.width).step_by(PANEL).map(move |from| from..(from + PANEL).min(self.width));
        self.data.chunks_exact(self.n * PANEL).zip(columns)
    }
}

fn pack<T: Scalar>(m: &Rows<T>, from: usize, n: usize, packed: &mut Lines<T>) {
    let len = m.width().div_ceil(PANEL) * PANEL * n;
    packed.grow(len);
    packed.get_mut()[..len].par_chunks_mut(n * PANEL).enumerate().for_each(|(p, panel)| {
        let width = PANEL.min(m.width() - p * PANEL);
        for (i, to) in panel.chunks_exact_mut(PANEL).enumerate() {
            to[..width].copy_from_slice(&m.row(from + i)[p * PANEL..][..width]);
            to[width..].fill(T::default());
        }
    });
}

/// The entries of a row or a column, and which rows of a panel they stand for.
#[derive(Clone, Copy)]
struct Entries<'a, I> {
    at: &'a [I],
    by: &'a [f32],
}

impl<'a, I> Entries<'a, I> {
    #[inline(always)]
    fn new(at: &'a [I], by: &'a [f32]) -> Self {
        let n = at.len().min(by.len());
        Self { at: &at[..n], by: &by[..n] }
    }
}

impl<T: Scalar, I: Copy + Into<u32>> Terms<T> for Entries<'_, I> {
    #[inline(always)]
    fn count(self) -> usize {
        self.at.len()
    }

    #[inline(always)]
    fn at(self, k: usize) -> usize {
        self.at[k].into() as usize * PANEL
    }

    #[inline(always)]
    fn by<S: Simd>(self, simd: S, k: usize) -> T::Lanes<S> {
        T::splat_f32(simd, self.by[k])
    }
}

struct TimesRows<'a, T> {
    by_rows: &'a Csr,
    order: &'a [u32],
    packed: Packed<'a, T>,
    chunk: &'a mut [T],
    apart: usize,
}

impl<T: Scalar> WithSimd for TimesRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (panel, columns) in self.packed.panels() {
            for (out, &i) in self.chunk.chunks_exact_mut(self.apart).zip(self.order) {
                let (at, by) = self.by_rows.row(i as usize);
                let out = &mut out[columns.clone()];
                gather::<false, S, T, _>(simd, Entries::new(at, by), panel, out);
            }
        }
    }
}

struct AddColumns<'a, T> {
    block: &'a Block,
    packed: Packed<'a, T>,
    first: usize,
    chunk: &'a mut [T],
    apart: usize,
}

impl<T: Scalar> WithSimd for AddColumns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (panel, columns) in self.packed.panels() {
            for (j, out) in (self.first..).zip(self.chunk.chunks_exact_mut(self.apart)) {
                let (at, by) = self.block.column(j);
                let out = &mut out[columns.clone()];
                gather::<true, S, T, _>(simd, Entries::new(at, by), panel, out);
            }
        }
    }
}
