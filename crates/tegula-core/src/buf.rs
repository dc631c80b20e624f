//! A shared, copy-on-write slice: owned by us, or lent by somebody else (a NumPy array, a mapped file).

use std::fmt::{self, Debug};
use std::ops::Deref;
use std::sync::Arc;

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

impl<T> Deref for Buf<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(v) => v,
            Self::Foreign(f) => f.as_ref().as_ref(),
        }
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
