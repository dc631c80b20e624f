//! Values on their way into a file.

use std::ops::Range;

/// Values to be written.
#[derive(Clone, Copy)]
pub(crate) enum Cells<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    /// Positions, written as signed integers of the given number of bytes.
    Positions(&'a [usize], usize),
    /// Values of any type, as stored.
    Bytes(&'a [u8]),
}

impl Cells<'_> {
    /// Number of values of `size` bytes.
    pub(crate) fn len(&self, size: usize) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::Positions(v, _) => v.len(),
            Self::Bytes(v) => v.len() / size,
        }
    }

    /// The bytes of the `k`-th chunk of so many values, zeros where it sticks out.
    pub(crate) fn chunk(&self, k: usize, values: usize, size: usize, out: &mut Vec<u8>) {
        out.clear();
        self.put(k * values..((k + 1) * values).min(self.len(size)), size, out);
        out.resize(values * size, 0);
    }

    /// Adds the bytes of the given values.
    pub(crate) fn put(&self, range: Range<usize>, size: usize, out: &mut Vec<u8>) {
        macro_rules! plain {
            ($v:expr, $n:literal) => {{
                let start = out.len();
                out.resize(start + range.len() * $n, 0);
                for (o, x) in out[start..].chunks_exact_mut($n).zip(&$v[range]) {
                    o.copy_from_slice(&x.to_le_bytes());
                }
            }};
        }
        match self {
            Self::F32(v) => plain!(v, 4),
            Self::F64(v) => plain!(v, 8),
            Self::I32(v) => plain!(v, 4),
            Self::I64(v) => plain!(v, 8),
            Self::U32(v) => plain!(v, 4),
            Self::U64(v) => plain!(v, 8),
            Self::Positions(v, bytes) => v[range].iter().for_each(|x| out.extend(&(*x as u64).to_le_bytes()[..*bytes])),
            Self::Bytes(v) => out.extend(&v[range.start * size..range.end * size]),
        }
    }
}
