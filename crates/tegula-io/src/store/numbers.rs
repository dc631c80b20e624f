//! Numbers and flags of any stored width, as the width we work with.

use tegula_core::Result;

use super::file::{Leaf, Store};
use super::types::Type;

/// A number that stored numbers turn into. Real numbers are cut to whole ones; what does not fit saturates.
pub(crate) trait Number: Copy + Default + Send + Sync + 'static {
    fn from_i64(x: i64) -> Self;
    fn from_u64(x: u64) -> Self;
    fn from_f64(x: f64) -> Self;
}

macro_rules! float {
    ($($t:ty),*) => {$(
        impl Number for $t {
            fn from_i64(x: i64) -> Self { x as $t }
            fn from_u64(x: u64) -> Self { x as $t }
            fn from_f64(x: f64) -> Self { x as $t }
        }
    )*};
}

macro_rules! whole {
    ($($t:ty),*) => {$(
        impl Number for $t {
            fn from_i64(x: i64) -> Self { <$t>::try_from(x).unwrap_or(if x < 0 && <$t>::MIN != 0 { <$t>::MIN } else { <$t>::MAX }) }
            fn from_u64(x: u64) -> Self { <$t>::try_from(x).unwrap_or(<$t>::MAX) }
            fn from_f64(x: f64) -> Self { x as $t }
        }
    )*};
}

float!(f32, f64);
whole!(i32, i64, u8, u32, u64, usize);

impl Number for bool {
    fn from_i64(x: i64) -> Self {
        x != 0
    }

    fn from_u64(x: u64) -> Self {
        x != 0
    }

    fn from_f64(x: f64) -> Self {
        x != 0.0
    }
}

/// Turns stored bytes into numbers, record by record.
type Decoder<T> = Box<dyn Fn(&[u8], &mut [T]) + Sync>;

/// A function that decodes values of the stored type at `offset` in records of `stride` bytes.
pub(super) fn decoder<T: Number>(t: &Type, offset: usize, stride: usize) -> Option<Decoder<T>> {
    macro_rules! each {
        ($src:ty, $n:literal, $big:expr, $from:expr) => {{
            let from = $from;
            let read = move |b: &[u8]| {
                let mut a = [0u8; $n];
                a.copy_from_slice(&b[offset..offset + $n]);
                a
            };
            if $big {
                Box::new(move |bytes: &[u8], out: &mut [T]| {
                    for (b, o) in bytes.chunks_exact(stride).zip(out) {
                        *o = from(<$src>::from_be_bytes(read(b)));
                    }
                })
            } else if offset == 0 && stride == $n {
                Box::new(move |bytes: &[u8], out: &mut [T]| {
                    for (b, o) in bytes.chunks_exact($n).zip(out) {
                        let mut a = [0u8; $n];
                        a.copy_from_slice(b);
                        *o = from(<$src>::from_le_bytes(a));
                    }
                })
            } else {
                Box::new(move |bytes: &[u8], out: &mut [T]| {
                    for (b, o) in bytes.chunks_exact(stride).zip(out) {
                        *o = from(<$src>::from_le_bytes(read(b)));
                    }
                })
            }
        }};
    }
    if offset + t.size() > stride || t.size() == 0 {
        return None;
    }
    Some(match t {
        Type::Int { size: 1, signed: true, .. } => each!(i8, 1, false, |x: i8| T::from_i64(i64::from(x))),
        Type::Int { size: 2, signed: true, big } => each!(i16, 2, *big, |x: i16| T::from_i64(i64::from(x))),
        Type::Int { size: 4, signed: true, big } => each!(i32, 4, *big, |x: i32| T::from_i64(i64::from(x))),
        Type::Int { size: 8, signed: true, big } => each!(i64, 8, *big, |x: i64| T::from_i64(x)),
        Type::Int { size: 1, .. } => each!(u8, 1, false, |x: u8| T::from_u64(u64::from(x))),
        Type::Int { size: 2, big, .. } => each!(u16, 2, *big, |x: u16| T::from_u64(u64::from(x))),
        Type::Int { size: 4, big, .. } => each!(u32, 4, *big, |x: u32| T::from_u64(u64::from(x))),
        Type::Int { size: 8, big, .. } => each!(u64, 8, *big, |x: u64| T::from_u64(x)),
        Type::Float { size: 2, big } => each!(u16, 2, *big, |x: u16| T::from_f64(half(x))),
        Type::Float { size: 4, big } => each!(f32, 4, *big, |x: f32| T::from_f64(f64::from(x))),
        Type::Float { size: 8, big } => each!(f64, 8, *big, |x: f64| T::from_f64(x)),
        Type::Enum { base, .. } => return decoder(base, offset, stride),
        _ => return None,
    })
}

/// A 16-bit real number.
fn half(x: u16) -> f64 {
    let sign = if x >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, mantissa) = (i32::from(x >> 10 & 31), f64::from(x & 1023));
    sign * match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        e => (1024.0 + mantissa) * 2f64.powi(e - 25),
    }
}

impl Store {
    /// All values of an array of numbers or flags.
    pub(crate) fn numbers<T: Number>(&self, leaf: &Leaf) -> Result<Vec<T>> {
        let not = || self.bad(&leaf.path, "holds no numbers where numbers belong; make the file again");
        let t = leaf.dtype.as_ref().ok_or_else(not)?;
        let decode = decoder::<T>(t, 0, t.size()).ok_or_else(not)?;
        self.fill(leaf, t.size(), 1, &*decode)
    }

    /// The numbers at `offset` in records of `stride` bytes.
    pub(crate) fn field<T: Number>(
        &self,
        leaf: &Leaf,
        t: &Type,
        raw: &[u8],
        offset: usize,
        stride: usize,
    ) -> Result<Vec<T>> {
        let decode = decoder::<T>(t, offset, stride);
        let decode = decode.ok_or_else(|| self.bad(&leaf.path, "a field holds no numbers; make the file again"))?;
        let mut out = vec![T::default(); raw.len() / stride];
        decode(raw, &mut out);
        Ok(out)
    }

    /// All values of an array as the bytes they are stored in.
    pub(crate) fn raw(&self, leaf: &Leaf) -> Result<Vec<u8>> {
        let size = leaf.dtype.as_ref().map_or(0, Type::size);
        if size == 0 {
            return Err(self.bad(&leaf.path, "has a type that is not supported; store it as another"));
        }
        self.fill(leaf, size, size, &|from: &[u8], to: &mut [u8]| to.copy_from_slice(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_and_byte_orders_are_undone() {
        let read = |t: Type, b: &[u8]| {
            let mut out = vec![0f64; b.len() / t.size()];
            decoder::<f64>(&t, 0, t.size()).unwrap()(b, &mut out);
            out
        };
        assert_eq!(read(Type::I8, &[255, 1]), [-1.0, 1.0]);
        assert_eq!(read(Type::Int { size: 2, signed: false, big: true }, &[1, 0]), [256.0]);
        assert_eq!(read(Type::Float { size: 2, big: false }, &[0x00, 0x3c, 0x00, 0xc0]), [1.0, -2.0]);
        assert_eq!(read(Type::bool(), &[0, 1]), [0.0, 1.0]);
    }

    #[test]
    fn a_column_that_does_not_fit_becomes_one_that_no_matrix_has() {
        assert_eq!(u32::from_i64(-1), u32::MAX);
        assert_eq!(usize::from_i64(-5), usize::MAX);
        assert_eq!(i32::from_i64(-5_000_000_000), i32::MIN);
    }
}
