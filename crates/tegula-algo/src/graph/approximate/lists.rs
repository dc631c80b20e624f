//! The nearest found so far, for every place.

use rayon::prelude::*;

/// Marks a neighbour that the last round brought: what it leads to has not been looked at.
pub(super) const NEW: u32 = 1 << 31;
/// No neighbour yet.
const NONE: u32 = u32::MAX;

/// `k` neighbours of every place, nearest first; places not yet filled are infinitely far.
#[derive(Clone)]
pub(super) struct Lists {
    k: usize,
    indices: Vec<u32>,
    distances: Vec<f32>,
}

/// The neighbours of one place.
pub(super) struct List<'a> {
    indices: &'a mut [u32],
    distances: &'a mut [f32],
}

impl Lists {
    pub(super) fn new(n: usize, k: usize) -> Self {
        Self { k, indices: vec![NONE; n * k], distances: vec![f32::INFINITY; n * k] }
    }

    pub(super) fn k(&self) -> usize {
        self.k
    }

    pub(super) fn len(&self) -> usize {
        self.indices.len() / self.k
    }

    /// The neighbours of a place.
    pub(super) fn neighbors(&self, p: usize) -> impl Iterator<Item = u32> {
        self.raw(p).iter().filter(|&&j| j != NONE).map(|j| j & !NEW)
    }

    /// The neighbours of a place with their marks; those not yet there at the end.
    #[inline]
    pub(super) fn raw(&self, p: usize) -> &[u32] {
        &self.indices[p * self.k..(p + 1) * self.k]
    }

    /// The squared distances to [`Lists::raw`].
    pub(super) fn distances(&self, p: usize) -> &[f32] {
        &self.distances[p * self.k..(p + 1) * self.k]
    }

    /// Marks all as new.
    pub(super) fn renew(&mut self) {
        self.indices.par_iter_mut().filter(|j| **j != NONE).for_each(|j| *j |= NEW);
    }

    /// The lists of these places, one after the other.
    pub(super) fn gathered(&self, places: &[u32]) -> Self {
        let mut out =
            Self { k: self.k, indices: vec![0; places.len() * self.k], distances: vec![0.0; places.len() * self.k] };
        out.indices.par_chunks_mut(self.k).zip(out.distances.par_chunks_mut(self.k)).zip(places).for_each(
            |((indices, distances), &p)| {
                indices.copy_from_slice(self.raw(p as usize));
                distances.copy_from_slice(self.distances(p as usize));
            },
        );
        out
    }

    /// All lists, to be changed, in stretches that end at `ends`.
    pub(super) fn stretches(&mut self, ends: &[usize]) -> Vec<Stretch<'_>> {
        let k = self.k;
        let (mut indices, mut distances, mut from) = (&mut self.indices[..], &mut self.distances[..], 0);
        let mut out = Vec::with_capacity(ends.len());
        for &end in ends {
            let (i, rest_i) = indices.split_at_mut((end - from) * k);
            let (d, rest_d) = distances.split_at_mut((end - from) * k);
            out.push(Stretch { k, from, indices: i, distances: d });
            (indices, distances, from) = (rest_i, rest_d, end);
        }
        out
    }
}

/// The lists of a stretch of places.
pub(super) struct Stretch<'a> {
    k: usize,
    /// The first place.
    pub(super) from: usize,
    indices: &'a mut [u32],
    distances: &'a mut [f32],
}

impl Stretch<'_> {
    pub(super) fn len(&self) -> usize {
        self.indices.len() / self.k
    }

    /// The list of the `q`-th place of the stretch.
    #[inline]
    pub(super) fn list(&mut self, q: usize) -> List<'_> {
        let range = q * self.k..(q + 1) * self.k;
        List { indices: &mut self.indices[range.clone()], distances: &mut self.distances[range] }
    }
}

impl List<'_> {
    /// Neighbours there may be.
    pub(super) fn len(&self) -> usize {
        self.indices.len()
    }

    /// Squared distance of the farthest; infinite while the list is not full.
    #[inline]
    pub(super) fn farthest(&self) -> f32 {
        self.distances[self.distances.len() - 1]
    }

    /// Takes all marks off.
    pub(super) fn settle(&mut self) {
        self.indices.iter_mut().filter(|j| **j != NONE).for_each(|j| *j &= !NEW);
    }

    pub(super) fn holds(&self, j: u32) -> bool {
        self.indices.iter().any(|&x| x & !NEW == j)
    }

    /// Takes in `j`, marked as new, if it is nearer than the farthest; ties stay as they are.
    #[inline]
    pub(super) fn push(&mut self, d2: f32, j: u32) -> bool {
        if d2 >= self.farthest() {
            return false;
        }
        let at = self.distances.partition_point(|&d| d <= d2);
        let last = self.distances.len() - 1;
        self.distances.copy_within(at..last, at + 1);
        self.indices.copy_within(at..last, at + 1);
        (self.distances[at], self.indices[at]) = (d2, j | NEW);
        true
    }
}

/// Whether a neighbour of [`Lists::raw`] is there at all.
#[inline]
pub(super) fn is_there(j: u32) -> bool {
    j != NONE
}
