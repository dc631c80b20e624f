//! The nearest of one row while others are looked through.

use crate::linalg::panel::W;

/// The nearest of one row so far, in single precision, and some more until there are too many.
pub(super) struct List {
    kept: usize,
    /// Squared distance, whose bits grow with it, then the row.
    found: Vec<u64>,
    farthest: f32,
}

impl List {
    /// A list of the nearest `kept`.
    pub(super) fn new(kept: usize) -> Self {
        Self { kept, found: Vec::with_capacity(2 * kept + 3 * W), farthest: f32::INFINITY }
    }

    /// No more than so far are wanted beyond this squared distance; infinite before that many were seen.
    pub(super) fn farthest(&self) -> f32 {
        self.farthest
    }

    /// The rows, in no order.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        self.found.iter().map(|&e| e as u32)
    }

    /// One more; rounding may have made its squared distance negative.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "what is not inlined is not compiled for the wider instructions")]
    pub(super) fn push(&mut self, d2: f32, j: u32) {
        self.found.push(u64::from(d2.max(0.0).to_bits()) << 32 | u64::from(j));
    }

    /// Whether it is time to drop some.
    pub(super) fn is_long(&self) -> bool {
        self.found.len() >= 2 * self.kept + 2 * W
    }

    /// Drops all but the nearest.
    pub(super) fn keep(&mut self) {
        if self.select() {
            self.found.truncate(self.kept);
        }
    }

    /// Drops what is farther than the last of the nearest by more than `margin`.
    pub(super) fn keep_within(&mut self, margin: f32) {
        if self.select() {
            let limit = (self.farthest + margin).to_bits();
            let mut end = self.kept;
            for at in self.kept..self.found.len() {
                if (self.found[at] >> 32) as u32 <= limit {
                    self.found.swap(end, at);
                    end += 1;
                }
            }
            self.found.truncate(end);
        }
    }

    /// Keeps only these of its rows.
    pub(super) fn keep_rows(&mut self, rows: &[u32]) {
        self.found.retain(|&e| rows.contains(&(e as u32)));
    }

    /// Brings the nearest to the front, where there are enough.
    fn select(&mut self) -> bool {
        if self.found.len() < self.kept {
            return false;
        }
        let (_, last, _) = self.found.select_nth_unstable(self.kept - 1);
        self.farthest = f32::from_bits((*last >> 32) as u32);
        true
    }
}
