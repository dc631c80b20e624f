//! The values of one array of a zarr store.

use rayon::prelude::*;
use serde_json::Value as Json;
use tegula_core::Result;

use super::codec::Codec;
use super::meta::Array;
use crate::store::chunks::{FREE_BYTES, MOST_SHRUNK, scatter};
use crate::store::{Leaf, Store, Type};

/// Chunks unpacked before they are put where they belong, and bytes of them.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 1 << 28;

/// Bytes in memory for each byte of a text: the shortest has four.
const TEXT: usize = size_of::<String>() / 4;

/// Where a chunk lies in its array, and its key.
type Stored = (Vec<usize>, String);

impl Store {
    /// Stored chunks of an array: where they lie and their keys, in order.
    fn zarr_chunks(&self, array: &Array) -> Result<(Vec<Stored>, usize)> {
        let mut stored = 0usize;
        let mut out = Vec::new();
        for (name, size) in self.zarr()?.below(&array.key)? {
            if let Some(offset) = array.offset(&name) {
                stored = stored.saturating_add(size);
                out.push((offset, super::join(&array.key, &name)));
            }
        }
        out.sort();
        Ok((out, stored))
    }

    /// All values as bytes, rows first.
    pub(in crate::store) fn zarr_bytes(&self, leaf: &Leaf, array: &Array, size: usize) -> Result<Vec<u8>> {
        let too_big = || self.damaged(&leaf.path, "its size does not fit the file");
        let total = leaf.len().and_then(|n| n.checked_mul(size)).ok_or_else(too_big)?;
        let per_chunk = array.chunk.iter().try_fold(size, |a, &d| a.checked_mul(d)).ok_or_else(too_big)?;
        let (chunks, stored) = self.zarr_chunks(array)?;
        if total.max(per_chunk) > stored.saturating_mul(MOST_SHRUNK).saturating_add(FREE_BYTES) {
            return Err(too_big());
        }
        self.room.take(chunks.len(), per_chunk).ok_or_else(too_big)?;
        let mut out = filled(leaf, &array.fill, total, size);
        let most = (BATCH_BYTES / per_chunk.max(1)).clamp(rayon::current_num_threads().min(BATCH), BATCH);
        let row: usize = leaf.shape.iter().skip(1).product::<usize>() * size;
        for batch in chunks.chunks(most) {
            let unpacked: Vec<Result<Vec<u8>>> =
                batch.par_iter().map(|(_, key)| self.zarr_chunk(leaf, array, key, per_chunk, size)).collect();
            for ((offset, _), bytes) in batch.iter().zip(unpacked) {
                let bytes = bytes?;
                if leaf.shape.is_empty() {
                    out.copy_from_slice(&bytes);
                } else if let [n] = leaf.shape[..] {
                    let len = array.chunk[0].min(n - offset[0]) * size;
                    out[offset[0] * size..][..len].copy_from_slice(&bytes[..len]);
                } else {
                    scatter(&bytes, &array.chunk, offset, &leaf.shape, size, &mut out[offset[0] * row..]);
                }
            }
        }
        Ok(out)
    }

    fn zarr_chunk(&self, leaf: &Leaf, array: &Array, key: &str, per_chunk: usize, size: usize) -> Result<Vec<u8>> {
        let damaged = |why: &str| self.damaged(&leaf.path, format!("chunk `{key}`: {why}"));
        let stored = self.zarr()?.read(key)?.ok_or_else(|| damaged("is gone"))?;
        let most = if array.shard.is_some() { stored.len().saturating_mul(MOST_SHRUNK) } else { per_chunk };
        let mut bytes = Codec::undo(&array.codecs, stored, most).ok_or_else(|| damaged("cannot be unpacked"))?;
        if let Some((inner, codecs)) = &array.shard {
            let mut out = filled(leaf, &array.fill, per_chunk, size);
            let per_inner = inner.iter().product::<usize>() * size;
            let row: usize = array.chunk.iter().skip(1).product::<usize>() * size;
            for (offset, packed) in shard(&bytes, &array.chunk, inner).ok_or_else(|| damaged("has no index"))? {
                let own = Codec::undo(codecs, packed.to_vec(), per_inner).filter(|b| b.len() == per_inner);
                let own = own.ok_or_else(|| damaged("cannot be unpacked"))?;
                match offset[..] {
                    [] => out.copy_from_slice(&own),
                    [at] => out[at * size..][..per_inner].copy_from_slice(&own),
                    _ => scatter(&own, inner, &offset, &array.chunk, size, &mut out[offset[0] * row..]),
                }
            }
            bytes = out;
        }
        if bytes.len() != per_chunk {
            return Err(damaged("has another size than stated"));
        }
        Ok(if array.turned && array.chunk.len() > 1 { rows_first(&bytes, &array.chunk, size) } else { bytes })
    }

    /// All texts of an array of texts of any length; `None` where it is another.
    pub(in crate::store) fn zarr_texts(&self, leaf: &Leaf, array: &Array) -> Result<Option<Vec<String>>> {
        if !array.texts {
            return Ok(None);
        }
        let too_big = || self.damaged(&leaf.path, "its size does not fit the file");
        let n = leaf.len().unwrap_or(usize::MAX);
        let (chunks, stored) = self.zarr_chunks(array)?;
        if n > stored.saturating_mul(MOST_SHRUNK).saturating_add(FREE_BYTES) / 4 {
            return Err(too_big());
        }
        self.room.take(n, size_of::<String>()).ok_or_else(too_big)?;
        let mut out = vec![String::new(); n];
        for (offset, key) in chunks {
            let damaged = |why: &str| self.damaged(&leaf.path, format!("chunk `{key}`: {why}"));
            let packed = self.zarr()?.read(&key)?.ok_or_else(|| damaged("is gone"))?;
            let most = packed.len().saturating_mul(MOST_SHRUNK).saturating_add(FREE_BYTES);
            let bytes = Codec::undo(&array.codecs, packed, most).ok_or_else(|| damaged("cannot be unpacked"))?;
            self.room.take(bytes.len(), TEXT).ok_or_else(too_big)?;
            let mut texts = Vec::new();
            match &array.shard {
                None => texts = split_texts(&bytes).ok_or_else(|| damaged("holds no texts"))?,
                Some((inner, codecs)) => {
                    let parts = shard(&bytes, &array.chunk, inner).ok_or_else(|| damaged("has no index"))?;
                    for (at, packed) in parts {
                        let own =
                            Codec::undo(codecs, packed.to_vec(), most).ok_or_else(|| damaged("cannot be unpacked"))?;
                        self.room.take(own.len(), TEXT).ok_or_else(too_big)?;
                        let own = split_texts(&own);
                        if at.first().is_some_and(|&at| at > n) {
                            break;
                        }
                        texts.resize(at.first().copied().unwrap_or(0).max(texts.len()), String::new());
                        texts.extend(own.ok_or_else(|| damaged("holds no texts"))?);
                    }
                }
            }
            match offset[..] {
                [] => out[0] = texts.into_iter().next().unwrap_or_default(),
                [at] => out[at..].iter_mut().zip(texts).for_each(|(to, t)| *to = t),
                _ if array.chunk == array.shape => out.iter_mut().zip(texts).for_each(|(to, t)| *to = t),
                _ => return Err(damaged("texts of several dimensions in several chunks are not read")),
            }
        }
        Ok(Some(out))
    }
}

/// The chunks kept in a shard, with their places in it; those that are not stored are left out.
fn shard<'a>(bytes: &'a [u8], chunk: &[usize], inner: &[usize]) -> Option<Vec<(Vec<usize>, &'a [u8])>> {
    const ENTRY: usize = 16;
    const CHECKSUM: usize = 4;
    let grid: Vec<usize> = chunk.iter().zip(inner).map(|(o, i)| o / i).collect();
    let n = grid.iter().try_fold(1usize, |a, &d| a.checked_mul(d))?;
    let end = bytes.len().checked_sub(CHECKSUM)?;
    let index = bytes.get(end.checked_sub(n.checked_mul(ENTRY)?)?..end)?;
    let mut out = Vec::new();
    for (k, entry) in index.chunks_exact(ENTRY).enumerate() {
        let (start, len) =
            (u64::from_le_bytes(entry[..8].try_into().ok()?), u64::from_le_bytes(entry[8..].try_into().ok()?));
        if start == u64::MAX && len == u64::MAX {
            continue;
        }
        let start = usize::try_from(start).ok()?;
        let packed = bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)?;
        let (mut rest, mut offset) = (k, vec![0; grid.len()]);
        for d in (0..grid.len()).rev() {
            offset[d] = rest % grid[d] * inner[d];
            rest /= grid[d];
        }
        out.push((offset, packed));
    }
    Some(out)
}

/// A count, then each text with its length before it.
fn split_texts(bytes: &[u8]) -> Option<Vec<String>> {
    let (n, mut rest) = bytes.split_first_chunk::<4>()?;
    let n = u32::from_le_bytes(*n) as usize;
    let mut out = Vec::with_capacity(n.min(rest.len() / 4));
    for _ in 0..n {
        let (len, more) = rest.split_first_chunk::<4>()?;
        let (text, more) = more.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        out.push(String::from_utf8_lossy(text).into_owned());
        rest = more;
    }
    Some(out)
}

/// A chunk stored columns first, rows first.
fn rows_first(bytes: &[u8], chunk: &[usize], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut strides = vec![size; chunk.len()];
    for d in 1..chunk.len() {
        strides[d] = strides[d - 1] * chunk[d - 1];
    }
    let mut at = vec![0usize; chunk.len()];
    for _ in 0..bytes.len() / size.max(1) {
        let from: usize = at.iter().zip(&strides).map(|(i, s)| i * s).sum();
        out.extend_from_slice(&bytes[from..from + size]);
        for d in (0..chunk.len()).rev() {
            at[d] += 1;
            if at[d] < chunk[d] {
                break;
            }
            at[d] = 0;
        }
    }
    out
}

/// Bytes that stand where no chunk is stored.
fn filled(leaf: &Leaf, fill: &Json, total: usize, size: usize) -> Vec<u8> {
    let number = match fill {
        Json::String(s) if s == "NaN" => Some(f64::NAN),
        Json::Bool(b) => Some(f64::from(u8::from(*b))),
        other => other.as_f64(),
    };
    let value: Option<Vec<u8>> = match (&leaf.dtype, number.filter(|&x| x != 0.0)) {
        (Some(Type::Float { size: 4, big: false }), Some(x)) => Some((x as f32).to_le_bytes().to_vec()),
        (Some(Type::Float { size: 8, big: false }), Some(x)) => Some(x.to_le_bytes().to_vec()),
        (Some(Type::Int { big: false, .. } | Type::Enum { .. }), Some(x)) => {
            Some((x as i64).to_le_bytes()[..size].to_vec())
        }
        _ => None,
    };
    value.map_or_else(|| vec![0; total], |v| v.repeat(total / size.max(1)))
}
