//! The graph as attention walks it: from every observation to its neighbours and itself, and back.

use rayon::prelude::*;
use tegula_core::{Coords, Csr};

/// Directed edges to every observation (its neighbours and itself), and the same edges from every observation.
#[derive(Debug, Clone)]
pub struct Edges {
    /// Where the edges to each observation start.
    starts: Vec<usize>,
    /// Where each edge comes from.
    sources: Vec<u32>,
    /// Where the edges from each observation start.
    back_starts: Vec<usize>,
    /// Where each edge leads to, and its number.
    back: Vec<(u32, u32)>,
    /// The number of each edge among those in `back`.
    turned: Vec<u32>,
}

impl Edges {
    /// The edges among the observations `order`, numbered by their place there: to `i` from each of row `i`, and from
    /// `i` itself. Edges to others than those in `order` are left out.
    pub fn new(graph: &Csr, order: &[u32]) -> Self {
        let mut place = vec![u32::MAX; graph.n_rows()];
        for (new, &old) in (0u32..).zip(order) {
            place[old as usize] = new;
        }
        let rows: Vec<Vec<u32>> = (0..order.len())
            .into_par_iter()
            .map(|i| {
                let others = graph.row(order[i] as usize).0.iter().map(|&j| place[j as usize]);
                let mut row: Vec<u32> = others.filter(|&j| j != u32::MAX && j as usize != i).collect();
                row.push(i as u32);
                row.sort_unstable();
                row
            })
            .collect();
        let starts = ends(rows.iter().map(Vec::len));
        let sources: Vec<u32> = rows.into_iter().flatten().collect();
        let mut counts = vec![0usize; order.len()];
        for &j in &sources {
            counts[j as usize] += 1;
        }
        let back_starts = ends(counts.into_iter());
        let mut next = back_starts.clone();
        let (mut back, mut turned) = (vec![(0, 0); sources.len()], vec![0; sources.len()]);
        for i in 0..order.len() {
            for e in starts[i]..starts[i + 1] {
                let at = &mut next[sources[e] as usize];
                back[*at] = (i as u32, e as u32);
                turned[e] = *at as u32;
                *at += 1;
            }
        }
        Self { starts, sources, back_starts, back, turned }
    }

    /// Number of observations.
    pub fn n(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of edges, those of observations to themselves included.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// True where there is no edge, and so no observation.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Where the edges to each observation start.
    pub(crate) fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Where the edges from each observation start.
    pub(crate) fn back_starts(&self) -> &[usize] {
        &self.back_starts
    }

    /// Where the edges to observation `i` come from.
    pub fn to(&self, i: usize) -> &[u32] {
        &self.sources[self.starts[i]..self.starts[i + 1]]
    }

    /// Where the edges from observation `j` lead to, each with its number.
    pub(crate) fn from(&self, j: usize) -> &[(u32, u32)] {
        &self.back[self.back_starts[j]..self.back_starts[j + 1]]
    }

    /// Values of the edges, in pieces that belong to `size` observations each.
    pub(crate) fn cut<'a, T>(&self, size: usize, values: &'a mut [T]) -> Vec<&'a mut [T]> {
        cut(&self.starts, size, values)
    }

    /// As [`Edges::cut`], of the edges sorted by where they come from.
    pub(crate) fn cut_back<'a, T>(&self, size: usize, values: &'a mut [T]) -> Vec<&'a mut [T]> {
        cut(&self.back_starts, size, values)
    }

    /// The numbers of the edges to observation `i` among those sorted by where they come from.
    pub(crate) fn turned(&self, i: usize) -> &[u32] {
        &self.turned[self.starts[i]..self.starts[i + 1]]
    }

    /// Number of parts that no edge joins.
    pub fn parts(&self) -> usize {
        let (mut seen, mut parts, mut stack) = (vec![false; self.n()], 0, Vec::new());
        for i in 0..self.n() {
            if seen[i] {
                continue;
            }
            parts += 1;
            seen[i] = true;
            stack.push(i);
            while let Some(k) = stack.pop() {
                let back = self.from(k).iter().map(|e| e.0);
                for j in self.to(k).iter().copied().chain(back) {
                    if !std::mem::replace(&mut seen[j as usize], true) {
                        stack.push(j as usize);
                    }
                }
            }
        }
        parts
    }
}

fn cut<'a, T>(starts: &[usize], size: usize, mut rest: &'a mut [T]) -> Vec<&'a mut [T]> {
    let last = starts.len() - 1;
    let len = |from: usize| starts[(from + size).min(last)] - starts[from];
    (0..last).step_by(size).map(|from| rest.split_off_mut(..len(from)).unwrap_or_default()).collect()
}

/// 0 and the running sums of some lengths.
fn ends(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let sum = |total: &mut usize, n| {
        *total += n;
        Some(*total)
    };
    std::iter::once(0).chain(lengths.scan(0, sum)).collect()
}

/// Places of a row of the curve: 2^16 by 2^16.
const SIDE: u32 = 1 << 16;

/// The observations along a Hilbert curve over their first two coordinates, so that neighbours in the tissue are near
/// each other in memory; ties by the lower index.
pub fn along_curve(coords: &Coords) -> Vec<u32> {
    let range = |d: usize| {
        let values = (0..coords.len()).map(|i| coords.point(i)[d]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (x, y) = (range(0), range(1));
    let size = (x.1 - x.0).max(y.1 - y.0);
    let scale = if size > 0.0 { f64::from(SIDE - 1) / size } else { 0.0 };
    let cell = |v: f64, low: f64| (((v - low) * scale) as u32).min(SIDE - 1);
    let key = |i: usize| (hilbert(cell(coords.point(i)[0], x.0), cell(coords.point(i)[1], y.0)), i as u32);
    let mut order: Vec<(u32, u32)> = (0..coords.len()).into_par_iter().map(key).collect();
    order.par_sort_unstable();
    order.into_iter().map(|e| e.1).collect()
}

/// How far along the Hilbert curve a place lies (Hilbert 1891).
fn hilbert(mut x: u32, mut y: u32) -> u32 {
    let (mut along, mut half) = (0u32, SIDE / 2);
    while half > 0 {
        let (right, upper) = (u32::from(x & half > 0), u32::from(y & half > 0));
        along = along.wrapping_add(half.wrapping_mul(half).wrapping_mul((3 * right) ^ upper));
        if upper == 0 {
            if right == 1 {
                (x, y) = (SIDE - 1 - x, SIDE - 1 - y);
            }
            (x, y) = (y, x);
        }
        half /= 2;
    }
    along
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_go_both_ways_with_the_same_numbers() {
        // 0 and 1 know each other, 2 knows 0 but is not known; 3 is left out.
        let graph = Csr::from_rows(4, &[vec![(1, 1.0), (3, 1.0)], vec![(0, 1.0)], vec![(0, 1.0)], vec![]]);
        let edges = Edges::new(&graph, &[2, 0, 1]);
        assert_eq!((edges.n(), edges.len(), edges.parts()), (3, 6, 1));
        assert_eq!((edges.to(0), edges.to(1), edges.to(2)), (&[0, 1][..], &[1, 2][..], &[1, 2][..]));
        assert_eq!(edges.from(1), &[(0, 1), (1, 2), (2, 4)]);
        for i in 0..3 {
            for (k, &t) in edges.turned(i).iter().enumerate() {
                assert_eq!(edges.back[t as usize], (i as u32, (edges.starts[i] + k) as u32));
            }
        }
    }

    #[test]
    fn steps_of_the_curve_are_single_steps() {
        let n = 16u32;
        let mut cells: Vec<(u32, u32, u32)> =
            (0..n * n).map(|c| (hilbert(c % n * 4096, c / n * 4096), c % n, c / n)).collect();
        cells.sort_unstable();
        for w in cells.windows(2) {
            assert_eq!(w[0].1.abs_diff(w[1].1) + w[0].2.abs_diff(w[1].2), 1, "{w:?}");
        }
        let line = Coords::new(2, vec![3.0, 0.0, 1.0, 0.0, 2.0, 0.0]).unwrap();
        let order = along_curve(&line);
        assert!(order == [1, 2, 0] || order == [0, 2, 1]);
    }
}
