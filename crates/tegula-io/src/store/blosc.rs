//! Unpacking of what HDF5's added filters and zarr's codecs have in common: Zstandard, and Blosc around it and others.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::lz;
use super::shuffle::unshuffled;
use super::zarr::u32_at;

/// Everything a reader gives, but no more than `most` bytes.
pub(super) fn all(reader: impl Read, most: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(most as u64 + 1).read_to_end(&mut out).ok()?;
    (out.len() <= most).then_some(out)
}

/// A Zstandard stream that becomes `most` bytes at most.
pub(super) fn unzstd(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    all(ruzstd::decoding::StreamingDecoder::new(bytes).ok()?, most)
}

/// A Blosc buffer: blocks of equal size, each shuffled, perhaps split by bytes of values, and packed.
pub(super) fn blosc(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    const HEAD: usize = 16;
    const SHUFFLED: u8 = 1;
    const PLAIN: u8 = 2;
    const BITS: u8 = 4;
    const WHOLE: u8 = 16;
    const MOST_SPLITS: usize = 16;
    const LEAST: usize = 128;
    let (flags, value) = (*bytes.get(2)?, usize::from(*bytes.get(3)?).max(1));
    let (size, block) = (u32_at(bytes, 4)?, u32_at(bytes, 8)?);
    if size > most {
        return None;
    }
    if flags & PLAIN != 0 {
        return bytes.get(HEAD..HEAD.checked_add(size)?).map(<[u8]>::to_vec);
    }
    if size == 0 {
        return Some(Vec::new());
    }
    if block == 0 {
        return None;
    }
    let mut out = Vec::with_capacity(size);
    for k in 0..size.div_ceil(block) {
        let mut at = u32_at(bytes, HEAD + 4 * k)?;
        let len = block.min(size - k * block);
        let split = flags & WHOLE == 0 && len == block && value <= MOST_SPLITS && block / value >= LEAST;
        let parts = if split { value } else { 1 };
        if len % parts != 0 {
            return None;
        }
        let mut own = Vec::with_capacity(len);
        for _ in 0..parts {
            let packed = u32_at(bytes, at)?;
            let from = at + 4;
            let stored = bytes.get(from..from.checked_add(packed)?)?;
            at = from + packed;
            let want = len / parts;
            if packed == want {
                own.extend_from_slice(stored);
                continue;
            }
            let part = match flags >> 5 {
                0 => lz::blosclz(stored, want)?,
                1 => lz::lz4(stored, want)?,
                2 => snap::raw::decompress_len(stored)
                    .ok()
                    .filter(|&n| n == want)
                    .and_then(|_| snap::raw::Decoder::new().decompress_vec(stored).ok())?,
                3 => all(ZlibDecoder::new(stored), want)?,
                4 => unzstd(stored, want)?,
                _ => return None,
            };
            if part.len() != want {
                return None;
            }
            own.extend(part);
        }
        if flags & SHUFFLED != 0 && value > 1 {
            own = unshuffled(&own, value);
        } else if flags & BITS != 0 {
            own = unshuffle_bits(&own, value);
        }
        out.extend(own);
    }
    Some(out)
}

/// Undoes the shuffling of single bits, eight values at a time; what is left over was not shuffled.
fn unshuffle_bits(bytes: &[u8], size: usize) -> Vec<u8> {
    let n = bytes.len() / size / 8 * 8;
    let mut out = bytes.to_vec();
    out[..n * size].fill(0);
    for lane in 0..size * 8 {
        for i in 0..n {
            let bit = bytes[lane * (n / 8) + i / 8] >> (i % 8) & 1;
            out[i * size + lane / 8] |= bit << (lane % 8);
        }
    }
    out
}
