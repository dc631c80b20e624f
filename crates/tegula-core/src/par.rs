//! Parallel work whose result does not depend on the number of threads.
//!
//! The rule of the room: work is cut into blocks of a fixed size, never by the number of threads; partial results
//! are combined in the order of the blocks.

use std::ops::Range;

use rayon::prelude::*;

/// Items per block where a caller has no reason for another number.
pub const BLOCK: usize = 1024;

/// The blocks of `0..n`, `size` items each (the last one shorter).
pub fn blocks(n: usize, size: usize) -> impl IndexedParallelIterator<Item = Range<usize>> {
    let size = size.max(1);
    (0..n.div_ceil(size)).into_par_iter().map(move |b| b * size..((b + 1) * size).min(n))
}

/// `f` of every block, in the order of the blocks.
pub fn map<T: Send>(n: usize, size: usize, f: impl Fn(Range<usize>) -> T + Sync + Send) -> Vec<T> {
    blocks(n, size).map(f).collect()
}

/// The sum of `f` over all blocks, added up in order: the same bits for any number of threads.
///
/// ```
/// let s = tegula_core::par::sum(10_000, |r| r.map(|i| 1.0 / (1.0 + i as f64)).sum::<f64>());
/// assert!((s - 9.787_606).abs() < 1e-6);
/// ```
pub fn sum(n: usize, f: impl Fn(Range<usize>) -> f64 + Sync + Send) -> f64 {
    map(n, BLOCK, f).into_iter().sum()
}

/// The element-wise sum of the vectors `f` makes of every block, added up in order.
///
/// `width` is the length of each vector. Blocks of `size` items: choose it so that few vectors live at once.
pub fn sum_vectors(
    n: usize,
    size: usize,
    width: usize,
    f: impl Fn(Range<usize>) -> Vec<f64> + Sync + Send,
) -> Vec<f64> {
    let mut total = vec![0.0; width];
    for part in map(n, size, f) {
        for (t, p) in total.iter_mut().zip(part) {
            *t += p;
        }
    }
    total
}
