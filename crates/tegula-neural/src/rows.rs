//! Dense matrices as the kernels want them, and their products.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::scalar::Scalar;

/// Bytes of a cache line.
const LINE: usize = 64;
/// Columns that a matrix is padded to multiples of.
const PIECE: usize = 16;

/// Values of which the first lies at the beginning of a cache line.
#[derive(Debug)]
pub struct Lines<T> {
    from: usize,
    len: usize,
    data: Vec<T>,
}

impl<T: Scalar> Lines<T> {
    /// Zeros.
    pub fn zeros(len: usize) -> Self {
        let line = LINE / size_of::<T>();
        let data = vec![T::default(); len + line];
        Self { from: data.as_ptr().align_offset(LINE).min(line), len, data }
    }

    /// The values.
    pub fn get(&self) -> &[T] {
        &self.data[self.from..self.from + self.len]
    }

    /// The values, to be changed.
    pub fn get_mut(&mut self) -> &mut [T] {
        &mut self.data[self.from..self.from + self.len]
    }

    /// At least so many values; what they were may be lost.
    pub fn grow(&mut self, len: usize) {
        if self.len < len {
            *self = Self::zeros(len);
        }
    }
}

/// A matrix by rows. Each row begins on a cache line and is padded with zeros to whole lines; rows are an odd number of
/// lines apart, since rows a power of two apart would fight for the same few places in the cache.
#[derive(Debug)]
pub struct Rows<T> {
    n: usize,
    width: usize,
    apart: usize,
    data: Lines<T>,
}

impl<T: Scalar> Clone for Rows<T> {
    fn clone(&self) -> Self {
        let mut copy = Self { data: Lines::zeros(self.data.len), ..*self };
        copy.data_mut().copy_from_slice(self.data());
        copy
    }
}

impl<T: Scalar> Rows<T> {
    /// Zeros: `n` rows of at least `width` columns.
    pub fn zeros(n: usize, width: usize) -> Self {
        let (line, width) = (LINE / size_of::<T>(), width.div_ceil(PIECE) * PIECE);
        let lines = width / line;
        // Few columns lie side by side: they are read in streams.
        let apart = line * if width > 64 && lines.is_multiple_of(2) { lines + 1 } else { lines };
        Self { n, width, apart, data: Lines::zeros(n * apart) }
    }

    /// The values of a matrix by rows of `width`.
    pub fn from_rows(width: usize, values: &[f32]) -> Self {
        let mut rows = Self::zeros(values.len() / width.max(1), width);
        for i in 0..rows.n {
            for (to, from) in rows.row_mut(i).iter_mut().zip(&values[i * width..(i + 1) * width]) {
                *to = T::from_f64(f64::from(*from));
            }
        }
        rows
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of columns, padding included: a multiple of 16.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How far the beginnings of two rows are apart.
    pub fn apart(&self) -> usize {
        self.apart
    }

    /// All values from the first row on; row `i` begins at `i * apart`.
    pub fn data(&self) -> &[T] {
        self.data.get()
    }

    /// As [`Rows::data`], to be changed.
    pub fn data_mut(&mut self) -> &mut [T] {
        self.data.get_mut()
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[T] {
        &self.data()[i * self.apart..][..self.width]
    }

    /// Row `i`, to be changed.
    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        let (apart, width) = (self.apart, self.width);
        &mut self.data_mut()[i * apart..][..width]
    }

    /// Rows `from..from + n` for a product.
    pub fn view(&self, from: usize, n: usize) -> MatRef<'_, T> {
        view(&self.data()[from * self.apart..], n, self.width, self.apart)
    }

    /// All rows for a product.
    pub fn all(&self) -> MatRef<'_, T> {
        self.view(0, self.n)
    }

    /// The first `n` rows to write a product to.
    pub fn view_mut(&mut self, n: usize) -> MatMut<'_, T> {
        let (width, apart) = (self.width, self.apart);
        view_mut(self.data_mut(), n, width, apart)
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut t = Self::zeros(self.width, self.n);
        for i in 0..self.n {
            for (j, v) in self.row(i).iter().enumerate() {
                t.row_mut(j)[i] = *v;
            }
        }
        t
    }

    /// Sets everything to zero.
    pub fn clear(&mut self) {
        self.data_mut().fill(T::default());
    }
}

/// `n` rows of `width` values that begin `apart` from each other.
pub fn view<T>(data: &[T], n: usize, width: usize, apart: usize) -> MatRef<'_, T> {
    MatRef::from_row_major_slice_with_stride(
        &data[..n.saturating_sub(1) * apart + if n > 0 { width } else { 0 }],
        n,
        width,
        apart,
    )
}

/// As [`view`], to be written to.
pub fn view_mut<T>(data: &mut [T], n: usize, width: usize, apart: usize) -> MatMut<'_, T> {
    let end = n.saturating_sub(1) * apart + if n > 0 { width } else { 0 };
    // Not from_row_major_slice_with_stride_mut, which in faer 0.24.4 forgets to transpose.
    MatMut::from_column_major_slice_with_stride_mut(&mut data[..end], width, n, apart).transpose_mut()
}

/// `to = factor · a · b`, on this thread alone: the same bits whatever runs beside it.
pub fn product<T: Scalar>(to: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>, factor: f64) {
    matmul(to, Accum::Replace, a, b, T::from_f64(factor), Par::Seq);
}

/// `to += factor · a · b`, on this thread alone.
pub fn add_product<T: Scalar>(to: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>, factor: f64) {
    matmul(to, Accum::Add, a, b, T::from_f64(factor), Par::Seq);
}

/// The first `n` rows of a matrix, `size` at a time.
pub(crate) fn blocks<T: Scalar>(m: &mut Rows<T>, n: usize, size: usize) -> Vec<&mut [T]> {
    let apart = m.apart();
    m.data_mut()[..n * apart].chunks_mut(size * apart).collect()
}

/// The ranges of a block that go through the products together, `size` rows each.
pub(crate) fn steps(range: &Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = range.end;
    range.clone().step_by(size).map(move |from| from..(from + size).min(end))
}

/// Columns of a block of a symmetric product; blocks above the diagonal are mirrored, not computed.
const SYMMETRIC: usize = 128;

/// The lower blocks of `to += aᵀ · a`; [`mirror`] completes them.
pub fn add_gram<T: Scalar>(mut to: MatMut<'_, T>, a: MatRef<'_, T>) {
    let w = a.ncols();
    for from in (0..w).step_by(SYMMETRIC) {
        let size = SYMMETRIC.min(w - from);
        let block = to.as_mut().submatrix_mut(from, 0, size, from + size);
        add_product(block, a.subcols(from, size).transpose(), a.subcols(0, from + size), 1.0);
    }
}

/// Copies what is below the diagonal to what is above.
pub fn mirror<T: Scalar>(m: &mut Rows<T>) {
    for i in 0..m.n.min(m.width) {
        for j in 0..i {
            let v = m.data()[i * m.apart + j];
            let at = j * m.apart + i;
            m.data_mut()[at] = v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_on_cache_lines_an_odd_number_apart() {
        for width in [1, 30, 64, 100, 512] {
            let m = Rows::<f32>::zeros(5, width);
            assert_eq!(m.data().as_ptr().align_offset(64), 0);
            assert_eq!(m.apart % 16, 0);
            assert!(m.width >= width && m.width <= m.apart && m.width - width < 16);
            assert!(m.apart / 16 % 2 == 1 || m.width <= 64);
        }
    }

    #[test]
    fn products_of_rows_apart_are_written_where_they_belong() {
        for (n, k, m) in [(19, 16, 16), (3, 70, 33), (150, 528, 32), (40, 100, 130)] {
            let fill = |rows: usize, width: usize, by: usize| {
                let values: Vec<f32> = (0..rows * width).map(|v| (v * by % 7) as f32 - 3.0).collect();
                Rows::<f32>::from_rows(width, &values)
            };
            let (a, b) = (fill(n, k, 3), fill(Rows::<f32>::zeros(1, k).width(), m, 5));
            let mut c = Rows::zeros(n + 1, m);
            product(c.view_mut(n), a.all(), b.all(), 1.0);
            for i in 0..n {
                for j in 0..m {
                    let expected: f32 = (0..a.width()).map(|l| a.row(i)[l] * b.row(l)[j]).sum();
                    assert_eq!(c.row(i)[j], expected);
                }
            }
            assert!(c.row(n).iter().all(|v| *v == 0.0), "nothing behind the last row");
        }
    }

    #[test]
    fn gram_and_transpose_by_hand() {
        let m = Rows::<f64>::from_rows(2, &[1.0, 2.0, 3.0, 4.0]);
        let mut g = Rows::zeros(16, 16);
        add_gram(g.view_mut(16), m.all());
        mirror(&mut g);
        assert_eq!((g.row(0)[0], g.row(0)[1], g.row(1)[0], g.row(1)[1]), (10.0, 14.0, 14.0, 20.0));
        assert_eq!(m.transposed().row(1)[0], 2.0);
    }
}
