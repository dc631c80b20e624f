//! The bytes of values, sorted by their place in a value: what is alike packs better.

/// First bytes of all values, then all second bytes, ….
pub(super) fn shuffle(from: &[u8], to: &mut Vec<u8>, size: usize) {
    let n = from.len() / size;
    to.resize(from.len(), 0);
    if size == 4 {
        let (b0, rest) = to.split_at_mut(n);
        let (b1, rest) = rest.split_at_mut(n);
        let (b2, b3) = rest.split_at_mut(n);
        for (i, v) in from.chunks_exact(4).enumerate() {
            (b0[i], b1[i], b2[i], b3[i]) = (v[0], v[1], v[2], v[3]);
        }
    } else {
        for (k, lane) in to.chunks_exact_mut(n.max(1)).take(size).enumerate() {
            for (i, b) in lane.iter_mut().enumerate() {
                *b = from[i * size + k];
            }
        }
    }
    to[n * size..].copy_from_slice(&from[n * size..]);
}

/// Undoes [`shuffle`].
pub(super) fn unshuffled(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut plain = Vec::new();
    unshuffle(bytes, &mut plain, size);
    plain
}

/// Undoes [`shuffle`] into memory that is used again.
pub(super) fn unshuffle(from: &[u8], to: &mut Vec<u8>, size: usize) {
    if size <= 1 {
        to.extend_from_slice(from);
        return;
    }
    let n = from.len() / size;
    to.resize(from.len(), 0);
    if size == 4 {
        let (b0, rest) = from.split_at(n);
        let (b1, rest) = rest.split_at(n);
        let (b2, b3) = rest.split_at(n);
        for (i, v) in to.chunks_exact_mut(4).enumerate() {
            v.copy_from_slice(&[b0[i], b1[i], b2[i], b3[i]]);
        }
    } else {
        for (k, lane) in from.chunks_exact(n.max(1)).take(size).enumerate() {
            for (i, b) in lane.iter().enumerate() {
                to[i * size + k] = *b;
            }
        }
    }
    to[n * size..].copy_from_slice(&from[n * size..]);
}
