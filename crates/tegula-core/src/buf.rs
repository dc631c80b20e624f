//! A shared, copy-on-write slice: owned by us, or lent by somebody else (a NumPy array, a mapped file).

use std::fmt::{self, Debug};
use std::ops::Deref;
use std::sync::Arc;

use rayon::prelude::*;

/// Somebody else's memory that we may read for as long as we hold it.
pub type Foreign<T> = Arc<dyn AsRef<[T]> + Send + Sync>;

/// A shared, copy-on-write slice.
///
/// Cloning costs nothing; [`Buf::make_mut`] copies only where somebody else still looks on.
///
/// ```
/// use tegula_core::Buf;
/// let a: Buf<f32> = vec![1.0, 2.0].into();
/// let mut b = a.clone();
/// b.make_mut()[0] = 5.0;
/// assert_eq!((a[0], b[0]), (1.0, 5.0));
/// ```
#[derive(Clone)]
pub enum Buf<T> {
    /// Memory of our own.
    Owned(Arc<Vec<T>>),
    /// Memory lent to us; never written.
    Foreign(Foreign<T>),
}

impl<T: Clone> Buf<T> {
    /// The values, to be changed; copied first unless nobody else holds them.
    pub fn make_mut(&mut self) -> &mut Vec<T> {
        if let Self::Foreign(f) = self {
            *self = Self::Owned(Arc::new(f.as_ref().as_ref().to_vec()));
        }
        match self {
            Self::Owned(v) => Arc::make_mut(v),
            Self::Foreign(_) => unreachable!("made owned above"),
        }
    }

    /// The values as a vector; copied unless nobody else holds them.
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::Owned(v) => Arc::try_unwrap(v).unwrap_or_else(|v| v.as_ref().clone()),
            Self::Foreign(f) => f.as_ref().as_ref().to_vec(),
        }
    }
}

impl<T: Copy + Default + Send + Sync> Buf<T> {
    /// Changes the values in parallel, in pieces: the `k`-th ends before `ends[k]`, the last one at the end.
    ///
    /// In place where nobody else holds them; else every piece is changed as it is copied, while it is in the cache.
    ///
    /// # Panics
    /// Where `ends` do not ascend to the number of values: a bug of the caller.
    ///
    /// ```
    /// let mut a: tegula_core::Buf<f32> = vec![1.0, 2.0, 3.0].into();
    /// a.update(&[2, 3], |k, piece| piece.iter_mut().for_each(|v| *v += k as f32));
    /// assert_eq!(a[..], [1.0, 2.0, 4.0]);
    /// ```
    pub fn update(&mut self, ends: &[usize], f: impl Fn(usize, &mut [T]) + Sync) {
        assert_eq!(ends.last().copied().unwrap_or(0), self.len(), "the pieces are all there is");
        if let Self::Owned(v) = self
            && let Some(v) = Arc::get_mut(v)
        {
            pieces(v, ends).into_par_iter().enumerate().for_each(|(k, piece)| f(k, piece));
            return;
        }
        let mut fresh = vec![T::default(); self.len()];
        pieces(&mut fresh, ends).into_par_iter().enumerate().for_each(|(k, piece)| {
            piece.copy_from_slice(&self[ends[k] - piece.len()..ends[k]]);
            f(k, piece);
        });
        *self = fresh.into();
    }
}

fn pieces<'a, T>(mut rest: &'a mut [T], ends: &[usize]) -> Vec<&'a mut [T]> {
    let mut start = 0;
    let one = |&end: &usize| rest.split_off_mut(..end - std::mem::replace(&mut start, end)).unwrap_or_default();
    ends.iter().map(one).collect()
}

impl<T> Deref for Buf<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(v) => v,
            Self::Foreign(f) => f.as_ref().as_ref(),
        }
    }
}

impl<T> Default for Buf<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<T>> for Buf<T> {
    fn from(v: Vec<T>) -> Self {
        Self::Owned(Arc::new(v))
    }
}

impl<T> FromIterator<T> for Buf<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        Vec::from_iter(iter).into()
    }
}

impl<T: PartialEq> PartialEq for Buf<T> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<T: Debug> Debug for Buf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        f.debug_list().entries(self.iter().take(SHOWN)).finish()?;
        if self.len() > SHOWN { write!(f, "… {} in all", self.len()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_of_shared_and_lent_values_harm_nobody() {
        let add = |k: usize, piece: &mut [u32]| piece.iter_mut().for_each(|v| *v += 10 * k as u32);
        let lent = Buf::Foreign(Arc::new(vec![1u32, 2, 3, 4]));
        let owned: Buf<u32> = vec![1, 2, 3, 4].into();
        for before in [lent, owned] {
            let mut after = before.clone();
            after.update(&[1, 1, 4], add);
            assert_eq!((&before[..], &after[..]), (&[1, 2, 3, 4][..], &[1, 22, 23, 24][..]));
            let place = after.as_ptr();
            after.update(&[2, 4], add);
            assert_eq!((after.as_ptr(), &after[..]), (place, &[1, 22, 33, 34][..]), "alone, in place");
        }
        Buf::from(Vec::<u32>::new()).update(&[], add);
    }
}
