//! The bytes of an array, unpacked on all threads straight to where they belong.

use hdf5_pure::Layout;
use rayon::prelude::*;
use tegula_core::Result;

use super::file::{Data, Leaf, Store};
use super::filters::{Scratch, known, refused};
use super::message::Filter;

/// More than deflate can shrink anything (1032), and LZF (88).
pub(super) const MOST_SHRUNK: usize = 1040;
/// What may be taken without a byte of the file to back it.
pub(super) const FREE_BYTES: usize = 1 << 26;
/// Values decoded at a time where data are not packed.
const PIECE: usize = 1 << 16;

/// Turns stored bytes into values; both slices cover the same values.
pub(super) type Decode<'a, T> = &'a (dyn Fn(&[u8], &mut [T]) + Sync);

/// One stored chunk of an array.
pub(super) struct Chunk {
    pub(super) offset: Vec<usize>,
    pub(super) start: usize,
    pub(super) size: usize,
    pub(super) mask: u32,
}

impl Leaf {
    pub(super) fn filters(&self) -> Vec<Filter> {
        let own =
            |f: hdf5_pure::Filter| Filter { id: f.id, optional: f.is_optional, name: f.name, values: f.client_data };
        self.dataset().map(|d| d.filter_pipeline().into_iter().map(own).collect()).unwrap_or_default()
    }

    /// Shape of a chunk and all stored chunks; `None` where the array is not chunked or they cannot be listed.
    pub(super) fn chunks(&self) -> Option<(Vec<usize>, Vec<Chunk>)> {
        let Layout::Chunked { chunk_shape, .. } = self.layout()? else { return None };
        let shape: Vec<usize> = chunk_shape.into_iter().map(|d| d as usize).collect();
        if shape.len() != self.shape.len() || shape.contains(&0) || shape.is_empty() {
            return None;
        }
        let chunks = self.dataset()?.chunks().ok()?;
        let own = |c: hdf5_pure::Chunk| Chunk {
            offset: c.offset.iter().map(|&o| o as usize).collect(),
            start: c.address as usize,
            size: c.storage_size as usize,
            mask: c.filter_mask,
        };
        Some((shape, chunks.into_iter().map(own).collect()))
    }
}

impl Store {
    /// Reads all of an array: `value_size` bytes in the file become `per_value` items of `T`.
    pub(super) fn fill<T: Copy + Default + Send>(
        &self,
        leaf: &Leaf,
        value_size: usize,
        per_value: usize,
        decode: Decode<'_, T>,
    ) -> Result<Vec<T>> {
        let too_big = || self.damaged(&leaf.path, "its size does not fit the file");
        let n = leaf.len().ok_or_else(too_big)?;
        let items = n.checked_mul(per_value).ok_or_else(too_big)?;
        let logical = n.checked_mul(value_size).ok_or_else(too_big)?;
        if n == 0 {
            return Ok(Vec::new());
        }
        self.room.take(items, size_of::<T>()).ok_or_else(too_big)?;
        if let Data::Zarr(array) = &leaf.data {
            let bytes = self.zarr_bytes(leaf, array, value_size)?;
            let mut out = vec![T::default(); items];
            out.par_chunks_mut(PIECE * per_value)
                .zip(bytes.par_chunks(PIECE * value_size))
                .for_each(|(o, b)| decode(b, o));
            return Ok(out);
        }
        match leaf.layout() {
            Some(Layout::Contiguous { address: Some(start), .. }) => {
                let start = start as usize;
                self.check_within(&leaf.path, start, logical)?;
                let mut out = vec![T::default(); items];
                let pieces = out.par_chunks_mut(PIECE * per_value).enumerate();
                pieces.try_for_each_init(Vec::new, |stored, (k, piece)| {
                    let size = piece.len() / per_value * value_size;
                    decode(self.stored(&leaf.path, start + k * PIECE * value_size, size, stored)?, piece);
                    Ok(())
                })?;
                Ok(out)
            }
            Some(Layout::Chunked { .. }) => {
                let filters = leaf.filters();
                if let Some(reason) = filters.iter().find_map(refused) {
                    return Err(self.bad(&leaf.path, reason));
                }
                match leaf.chunks() {
                    Some((shape, chunks)) if filters.iter().all(|f| known(f.id)) => {
                        self.check_backed(leaf, logical, &chunks)?;
                        let mut out = vec![T::default(); items];
                        self.fill_chunked(leaf, value_size, per_value, &shape, &chunks, decode, &mut out)?;
                        Ok(out)
                    }
                    _ => self.fill_slowly(leaf, logical, items, decode),
                }
            }
            _ => self.fill_slowly(leaf, logical, items, decode),
        }
    }

    /// For small and rare layouts: through the library, on one thread.
    fn fill_slowly<T: Copy + Default>(
        &self,
        leaf: &Leaf,
        logical: usize,
        items: usize,
        decode: Decode<'_, T>,
    ) -> Result<Vec<T>> {
        if logical > self.len().saturating_mul(MOST_SHRUNK) && logical > FREE_BYTES {
            return Err(self.damaged(&leaf.path, "its size does not fit the file"));
        }
        let dataset = leaf.dataset().ok_or_else(|| self.damaged(&leaf.path, "it is in no HDF5 file"))?;
        let bytes = dataset.read_raw().map_err(|e| self.damaged(&leaf.path, e))?;
        if bytes.len() != logical {
            return Err(self.damaged(&leaf.path, "it has another size than stated"));
        }
        let mut out = vec![T::default(); items];
        decode(&bytes, &mut out);
        Ok(out)
    }

    /// Refuses an array whose stored bytes cannot possibly unpack to its size.
    fn check_backed(&self, leaf: &Leaf, logical: usize, chunks: &[Chunk]) -> Result<()> {
        let mut stored = 0usize;
        for c in chunks {
            self.check_within(&leaf.path, c.start, c.size)?;
            stored = stored.saturating_add(c.size);
        }
        if logical > FREE_BYTES && logical > stored.saturating_mul(MOST_SHRUNK) {
            return Err(self.damaged(&leaf.path, "its size does not fit the file"));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // the geometry of one array, needed together in this one place
    fn fill_chunked<T: Copy + Default + Send>(
        &self,
        leaf: &Leaf,
        value_size: usize,
        per_value: usize,
        chunk: &[usize],
        chunks: &[Chunk],
        decode: Decode<'_, T>,
        out: &mut [T],
    ) -> Result<()> {
        let filters = leaf.filters();
        let row: usize = leaf.shape[1..].iter().product();
        let band_rows = chunk[0].min(leaf.shape[0]);
        let chunk_values = chunk.iter().try_fold(1usize, |a, &d| a.checked_mul(d));
        let chunk_bytes = chunk_values.and_then(|v| v.checked_mul(value_size));
        let chunk_bytes = chunk_bytes.filter(|&size| self.room.take(chunks.len(), size).is_some());
        let chunk_bytes = chunk_bytes.ok_or_else(|| self.damaged(&leaf.path, "its chunks do not fit the file"))?;
        // Chunks by the band of rows they belong to.
        let mut bands: Vec<Vec<&Chunk>> = Vec::new();
        bands.resize_with(leaf.shape[0].div_ceil(band_rows), Vec::new);
        for c in chunks {
            if chunk_bytes > c.size.saturating_mul(MOST_SHRUNK).saturating_add(FREE_BYTES) {
                return Err(self.damaged(&leaf.path, "a chunk's size does not fit the file"));
            }
            let whole = c.offset.iter().zip(chunk).zip(&leaf.shape).all(|((o, d), n)| o % d == 0 && o < n);
            if !whole || c.offset.len() != chunk.len() {
                return Err(self.damaged(&leaf.path, "a chunk lies outside"));
            }
            bands[c.offset[0] / chunk[0]].push(c);
        }
        let broken = || self.damaged(&leaf.path, "a chunk cannot be unpacked");
        out.par_chunks_mut(band_rows * row * per_value).zip(&bands).try_for_each_init(
            || (Vec::new(), Scratch::default(), Vec::new()),
            |(stored, scratch, values), (band, chunks)| {
                for c in chunks {
                    let stored = self.stored(&leaf.path, c.start, c.size, stored)?;
                    let bytes = scratch.unpack(stored, &filters, c.mask, chunk_bytes).ok_or_else(broken)?;
                    if leaf.shape.len() == 1 || chunk[1..] == leaf.shape[1..] {
                        let values = band.len() / per_value;
                        decode(&bytes[..values * value_size], band);
                    } else {
                        values.resize(chunk_bytes / value_size * per_value, T::default());
                        decode(bytes, values);
                        scatter(values, chunk, &c.offset, &leaf.shape, per_value, band);
                    }
                }
                Ok(())
            },
        )
    }
}

/// Copies a chunk into its band of rows, cutting off what sticks out at the edges.
pub(super) fn scatter<T: Copy>(
    from: &[T],
    chunk: &[usize],
    offset: &[usize],
    shape: &[usize],
    per_value: usize,
    band: &mut [T],
) {
    let last = shape.len() - 1;
    let run = chunk[last].min(shape[last] - offset[last]) * per_value;
    let lines: usize = chunk[..last].iter().product();
    let mut at = vec![0usize; last];
    for line in 0..lines {
        let mut rest = line;
        for d in (0..last).rev() {
            at[d] = rest % chunk[d];
            rest /= chunk[d];
        }
        if (0..last).any(|d| offset[d] + at[d] >= shape[d]) {
            continue;
        }
        // The band begins at this chunk's first row.
        let mut to = at[0];
        for d in 1..last {
            to = to * shape[d] + offset[d] + at[d];
        }
        let to = (to * shape[last] + offset[last]) * per_value;
        let start = line * chunk[last] * per_value;
        band[to..to + run].copy_from_slice(&from[start..start + run]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::AtomicFile;
    use crate::store::filters::{DEFLATE, pack};
    use crate::store::tree::Placed;
    use crate::store::{Cells, Target, Type, Writer};

    #[test]
    fn what_many_parts_share_does_not_fill_the_memory() {
        const CHUNK: usize = 1 << 20;
        const CHUNKS: usize = 1 << 10;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shared.h5");
        let mut w = Writer::new(AtomicFile::create(&path).unwrap(), &path, None).unwrap();
        let packed = pack(&mut None, &vec![0; 4 * CHUNK], 1, 9).unwrap();
        let address = w.append(&packed).unwrap();
        let at = |k: usize| Placed { offset: vec![k * CHUNK], size: packed.len(), mask: 0, address };
        let placed: Vec<Placed> = (0..CHUNKS).map(at).collect();
        let deflate = Filter { id: DEFLATE, optional: false, name: None, values: vec![9] };
        let mut chunked = |n: usize| {
            w.chunked(&Type::F32, &[n * CHUNK], &[CHUNK], std::slice::from_ref(&deflate), &placed[..n], &[]).unwrap()
        };
        let (few, many) = (chunked(2), chunked(CHUNKS));
        let text = "a".repeat(1 << 16);
        let reference = w.place_in_heap(std::iter::once((text.len(), text.as_bytes()))).unwrap();
        let mut texts = |n: usize| w.array(&Type::Str, &[n], Cells::Bytes(&reference.repeat(n)), &[]).unwrap();
        let (twice, often) = (texts(2), texts(1 << 13));
        let children = [("few", few), ("many", many), ("often", often), ("twice", twice)];
        let root = w.group(&children.map(|(name, at)| (name.to_owned(), at)), &[]).unwrap();
        w.finish(root).unwrap().commit().unwrap();

        let (store, root) = Store::open(&path).unwrap();
        let leaf = |name: &str| root.data(name).unwrap();
        assert_eq!(store.numbers::<f32>(leaf("few")).unwrap(), vec![0.0; 2 * CHUNK]);
        assert_eq!(store.texts(leaf("twice")).unwrap(), [text.clone(), text]);
        let refused = [store.numbers::<f32>(leaf("many")).map(|_| ()), store.texts(leaf("often")).map(|_| ())];
        for refused in refused {
            let e = refused.unwrap_err().to_string();
            assert!(e.contains("not fit the file"), "{e}");
        }
    }
}
