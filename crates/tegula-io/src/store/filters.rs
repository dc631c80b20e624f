//! Packing and unpacking of one chunk: deflate, shuffle, LZF, Fletcher's checksum; unpacking of Zstandard, LZ4 and Blosc,
//! which Python's hdf5plugin adds.

use flate2::{Compress, Compression, FlushCompress, Status};
use libdeflater::Decompressor;

use super::blosc::{blosc, unzstd};
use super::lz::lz4;
use super::message::Filter;
use super::shuffle::{shuffle, unshuffle};

pub(crate) const DEFLATE: u16 = 1;
pub(crate) const SHUFFLE: u16 = 2;
pub(crate) const FLETCHER32: u16 = 3;
pub(crate) const LZF: u16 = 32000;
const BLOSC: u16 = 32001;
const LZ4: u16 = 32004;
const ZSTD: u16 = 32015;
/// Filters from here on are registered by others than the makers of HDF5.
const REGISTERED: u16 = 256;

/// True for a filter that is undone here.
pub(crate) fn known(id: u16) -> bool {
    [DEFLATE, SHUFFLE, FLETCHER32, LZF, BLOSC, LZ4, ZSTD].contains(&id)
}

/// What to say of a filter that neither this nor a library undoes.
pub(crate) fn refused(f: &Filter) -> Option<String> {
    let name = f.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    let way_out = "write the file again with compression=\"gzip\", or none";
    (f.id >= REGISTERED && !known(f.id))
        .then(|| format!("is packed by HDF5's filter {}{name}, which is not read; {way_out}", f.id))
}

/// Memory that is used again from chunk to chunk.
#[derive(Default)]
pub(crate) struct Scratch {
    a: Vec<u8>,
    b: Vec<u8>,
    inflate: Option<Decompressor>,
}

impl Scratch {
    /// The bytes of a chunk that holds `size` of them; `None` where it does not.
    pub(crate) fn unpack<'a>(
        &'a mut self,
        stored: &'a [u8],
        filters: &[Filter],
        mask: u32,
        size: usize,
    ) -> Option<&'a [u8]> {
        let mut in_a = false;
        let mut first = true;
        for (k, f) in filters.iter().enumerate().rev() {
            if k < 32 && mask >> k & 1 == 1 {
                continue;
            }
            let (from, to) = if in_a { (&self.a, &mut self.b) } else { (&self.b, &mut self.a) };
            let from: &[u8] = if first { stored } else { from };
            to.clear();
            match f.id {
                // A checksum below may still follow the packed bytes.
                DEFLATE => inflate(&mut self.inflate, from, to, size + 4)?,
                LZF => unlzf(from, to, size + 4)?,
                SHUFFLE => unshuffle(from, to, f.values.first().map_or(1, |&v| v as usize)),
                ZSTD => *to = unzstd(from, size + 4)?,
                BLOSC => *to = blosc(from, size + 4)?,
                LZ4 => unlz4(from, to, size + 4)?,
                FLETCHER32 => to.extend_from_slice(from.get(..from.len().checked_sub(4)?)?),
                _ => return None,
            }
            in_a = !in_a;
            first = false;
        }
        let out: &[u8] = if first {
            stored
        } else if in_a {
            &self.a
        } else {
            &self.b
        };
        (out.len() == size).then_some(out)
    }
}

/// Unpacks a zlib stream that becomes `limit` bytes at most.
fn inflate(state: &mut Option<Decompressor>, from: &[u8], to: &mut Vec<u8>, limit: usize) -> Option<()> {
    to.resize(limit, 0);
    let size = state.get_or_insert_with(Decompressor::new).zlib_decompress(from, to).ok()?;
    to.truncate(size);
    Some(())
}

/// Packs one chunk at the given level, after a shuffle of values of `value_size` bytes.
pub(crate) fn pack(state: &mut Option<Compress>, bytes: &[u8], value_size: usize, level: u32) -> Option<Vec<u8>> {
    let mut shuffled = Vec::new();
    let bytes = if value_size > 1 {
        shuffle(bytes, &mut shuffled, value_size);
        &shuffled
    } else {
        bytes
    };
    let state = state.get_or_insert_with(|| Compress::new(Compression::new(level), true));
    state.reset();
    // The bound of deflate: 5 bytes per 16 KiB block, and a little.
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 1000 + 64);
    loop {
        let done = state.total_in() as usize;
        match state.compress_vec(&bytes[done..], &mut out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => return Some(out),
            Err(_) => return None,
            Ok(_) => out.reserve(bytes.len() / 8 + 64),
        }
    }
}

/// LZ4 as HDF5 has it: sizes, high bytes first, of the whole and of a block, then each block with its own.
fn unlz4(from: &[u8], to: &mut Vec<u8>, limit: usize) -> Option<()> {
    let (whole, rest) = from.split_first_chunk::<8>()?;
    let (block, mut rest) = rest.split_first_chunk::<4>()?;
    let whole = usize::try_from(u64::from_be_bytes(*whole)).ok().filter(|&n| n <= limit)?;
    let block = u32::from_be_bytes(*block) as usize;
    while to.len() < whole {
        let (packed, after) = rest.split_first_chunk::<4>()?;
        let (packed, after) = after.split_at_checked(u32::from_be_bytes(*packed) as usize)?;
        let size = block.min(whole - to.len());
        // What does not shrink is kept as it is.
        if packed.len() == size {
            to.extend_from_slice(packed);
        } else {
            to.extend(lz4(packed, size)?);
        }
        if size == 0 {
            return None;
        }
        rest = after;
    }
    Some(())
}

/// LZF: a control byte says how many bytes follow as they are, or how far back and how much to repeat.
fn unlzf(from: &[u8], to: &mut Vec<u8>, limit: usize) -> Option<()> {
    let mut i = 0;
    while i < from.len() {
        let control = from[i] as usize;
        i += 1;
        if control < 32 {
            to.extend_from_slice(from.get(i..=i + control)?);
            i += control + 1;
        } else {
            let mut length = control >> 5;
            if length == 7 {
                length += *from.get(i)? as usize;
                i += 1;
            }
            let back = (control & 31) << 8 | *from.get(i)? as usize;
            i += 1;
            let start = to.len().checked_sub(back + 1)?;
            for k in start..start + length + 2 {
                to.push(to[k]);
            }
        }
        if to.len() > limit {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(id: u16, values: &[u32]) -> Filter {
        Filter { id, optional: false, name: None, values: values.to_vec() }
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing(bytes in proptest::collection::vec(0u8..4, 0..3000), size in 1usize..9) {
            let packed = pack(&mut None, &bytes, size, 3).unwrap();
            let mut pipeline = vec![filter(SHUFFLE, &[size as u32]), filter(DEFLATE, &[3])];
            if size == 1 { pipeline.remove(0); }
            let mut scratch = Scratch::default();
            prop_assert_eq!(scratch.unpack(&packed, &pipeline, 0, bytes.len()), Some(&bytes[..]));
            prop_assert_eq!(scratch.unpack(&packed, &pipeline, 0, bytes.len() + 1), None);
        }

        #[test]
        fn noise_is_refused_or_unpacked_but_never_harms(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for id in [DEFLATE, LZF, SHUFFLE, FLETCHER32, 77] {
                let _ = Scratch::default().unpack(&bytes, &[filter(id, &[4])], 0, 64);
            }
        }
    }

    #[test]
    fn lzf_repeats_what_lies_behind() {
        let mut out = Vec::new();
        // "ab" as it is, then 4 bytes from 2 back.
        assert!(unlzf(&[1, b'a', b'b', 0x40, 1], &mut out, 100).is_some());
        assert_eq!(out, b"ababab");
    }
}
