//! How much a file may become in memory.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory that is left to what is read from one file.
///
/// Each part of a file is checked against its own bytes; but a file can be made in which many parts have the same ones.
pub(crate) struct Room(AtomicUsize);

impl Room {
    /// For a file of so many bytes, packed: more than packing and wider types make of any real one.
    pub(crate) fn packed(bytes: usize) -> Self {
        const MOST: usize = 1 << 12;
        const FREE: usize = 1 << 28;
        Self::new(bytes, MOST, FREE)
    }

    /// For what stands in a file of so many bytes as it is, each part for one reader.
    pub(crate) fn plain(bytes: usize) -> Self {
        const MOST: usize = 1 << 4;
        const FREE: usize = 1 << 26;
        Self::new(bytes, MOST, FREE)
    }

    /// For what is read to follow the structure of a file of so many bytes: some of them again and again.
    pub(crate) fn structure(bytes: usize) -> Self {
        const MOST: usize = 1 << 8;
        const FREE: usize = 1 << 28;
        Self::new(bytes, MOST, FREE)
    }

    /// For parts that are files themselves.
    pub(crate) fn endless() -> Self {
        Self::new(usize::MAX, 1, 0)
    }

    fn new(bytes: usize, most: usize, free: usize) -> Self {
        Self(AtomicUsize::new(bytes.saturating_mul(most).saturating_add(free)))
    }

    /// Takes `n` times `bytes`; `None` where that is more than is left.
    pub(crate) fn take(&self, n: usize, bytes: usize) -> Option<()> {
        let wanted = n.checked_mul(bytes)?;
        let less = |left: usize| left.checked_sub(wanted);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone() {
        let room = Room::new(3, 2, 4);
        assert_eq!((room.take(3, 3), room.take(1, 2)), (Some(()), None));
        assert_eq!((room.take(1, 1), room.take(1, 1), room.take(0, 1)), (Some(()), None, Some(())));
        assert_eq!(Room::endless().take(usize::MAX, 2), None);
    }
}
