//! Texts of any length: they lie in heaps, and the arrays hold addresses into these.

use std::collections::HashMap;
use std::ops::Range;

use tegula_core::Result;

use super::file::{Data, Leaf, Store};
use super::types::Type;

/// The heaps of a file that were looked into so far: address → where each object lies.
#[derive(Default)]
pub(crate) struct Heaps(HashMap<u64, HashMap<u32, Range<usize>>>);

impl Heaps {
    /// The bytes a 16-byte reference points at; `None` where it points nowhere sensible.
    pub(crate) fn get<'a>(&mut self, file: &'a [u8], reference: &[u8]) -> Option<&'a [u8]> {
        let address = u64::from_le_bytes(reference[4..12].try_into().ok()?);
        let index = u32::from_le_bytes(reference[12..16].try_into().ok()?);
        if reference[..4] == [0; 4] || address == 0 {
            return Some(&[]);
        }
        let heap = match self.0.entry(address) {
            std::collections::hash_map::Entry::Occupied(e) => e.into_mut(),
            std::collections::hash_map::Entry::Vacant(e) => e.insert(objects(file, address as usize)?),
        };
        file.get(heap.get(&index)?.clone())
    }
}

/// Where the objects of one heap lie in the file.
fn objects(file: &[u8], start: usize) -> Option<HashMap<u32, Range<usize>>> {
    let head = file.get(start..start.checked_add(16)?)?;
    let size = usize::try_from(u64::from_le_bytes(head[8..16].try_into().ok()?)).ok()?;
    if &head[..4] != b"GCOL" {
        return None;
    }
    let end = start.checked_add(size)?;
    file.get(start..end)?;
    let mut out = HashMap::new();
    let mut at = start + 16;
    while at + 16 <= end {
        let index = u16::from_le_bytes(file[at..at + 2].try_into().ok()?);
        let size = usize::try_from(u64::from_le_bytes(file[at + 8..at + 16].try_into().ok()?)).ok()?;
        if index == 0 {
            break;
        }
        let stop = (at + 16).checked_add(size)?;
        if stop > end {
            return None;
        }
        out.insert(u32::from(index), at + 16..stop);
        at = start + (stop - start).next_multiple_of(8);
    }
    Some(out)
}

/// Text from bytes, without what fills a fixed width.
fn text(bytes: &[u8], padding: u8) -> String {
    const SPACE: u8 = 2;
    let end = match padding {
        SPACE => bytes.iter().rposition(|&b| b != b' ').map_or(0, |k| k + 1),
        1 => bytes.iter().rposition(|&b| b != 0).map_or(0, |k| k + 1),
        _ => bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len()),
    };
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Text of four bytes per character, without what fills a fixed width.
fn wide(bytes: &[u8]) -> String {
    let characters = bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b));
    let text: String = characters.map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.trim_end_matches('\0').to_owned()
}

impl Store {
    /// All values of an array of texts.
    pub(crate) fn texts(&self, leaf: &Leaf) -> Result<Vec<String>> {
        if let Data::Zarr(array) = &leaf.data
            && let Some(texts) = self.zarr_texts(leaf, array)?
        {
            return Ok(texts);
        }
        let raw = self.raw(leaf)?;
        let Some(t) = &leaf.dtype else { return Err(self.bad(&leaf.path, "holds no text; make the file again")) };
        self.texts_in(&leaf.path, t, &raw, 0, t.size())
    }

    /// What a reference points at: the same bytes any number of times, but not without end.
    pub(super) fn in_heap(&self, path: &str, heaps: &mut Heaps, reference: &[u8]) -> Result<&[u8]> {
        let bytes = heaps.get(self.bytes(), reference).ok_or_else(|| self.damaged(path, "a text cannot be found"))?;
        self.heaps.take(1, bytes.len()).ok_or_else(|| self.damaged(path, "its texts do not fit the file"))?;
        Ok(bytes)
    }

    /// The texts at `offset` in records of `stride` bytes.
    pub(crate) fn texts_in(
        &self,
        path: &str,
        t: &Type,
        raw: &[u8],
        offset: usize,
        stride: usize,
    ) -> Result<Vec<String>> {
        let end = offset + t.size();
        if stride == 0 || end > stride {
            return Err(self.damaged(path, "a field lies outside its record"));
        }
        let no_room = || self.damaged(path, "its texts do not fit the file");
        self.room.take(raw.len() / stride, size_of::<String>()).ok_or_else(no_room)?;
        match t {
            Type::Text { padding, .. } => {
                Ok(raw.chunks_exact(stride).map(|r| text(&r[offset..end], *padding)).collect())
            }
            Type::Wide { .. } => Ok(raw.chunks_exact(stride).map(|r| wide(&r[offset..end])).collect()),
            Type::Str => {
                let mut heaps = Heaps::default();
                raw.chunks_exact(stride)
                    .map(|r| {
                        let bytes = self.in_heap(path, &mut heaps, &r[offset..end])?;
                        Ok(text(bytes, 1))
                    })
                    .collect()
            }
            _ => Err(self.bad(path, "holds no text where text belongs; make the file again")),
        }
    }
}

/// Collects objects into heaps of about [`HEAP`] bytes.
#[derive(Default)]
pub(crate) struct HeapBuilder {
    bytes: Vec<u8>,
    count: u16,
}

/// Size of a heap that is not made larger by a single text.
pub(crate) const HEAP: usize = 1 << 16;
/// The smallest heap HDF5 makes.
const SMALLEST_HEAP: usize = 4096;
const HEAD: usize = 16;

impl HeapBuilder {
    /// True where an object of `size` bytes still goes into a heap of `capacity` bytes.
    pub(crate) fn fits(&self, size: usize, capacity: usize) -> bool {
        self.count < u16::MAX && HEAD + self.bytes.len() + HEAD + size.next_multiple_of(8) <= capacity
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds an object and says which one it is.
    pub(crate) fn push(&mut self, object: &[u8]) -> u32 {
        self.count += 1;
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend([0; 6]);
        self.bytes.extend((object.len() as u64).to_le_bytes());
        self.bytes.extend(object);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        u32::from(self.count)
    }

    /// The heap, at least `size` bytes, and begins a new one.
    pub(crate) fn finish(&mut self, size: usize) -> Vec<u8> {
        let used = HEAD + self.bytes.len();
        let size = used.max(size).max(SMALLEST_HEAP);
        let mut out = b"GCOL\x01\0\0\0".to_vec();
        out.extend((size as u64).to_le_bytes());
        out.append(&mut self.bytes);
        let free = size - used;
        if free >= HEAD {
            out.extend([0; 8]);
            out.extend((free as u64).to_le_bytes());
        }
        out.resize(size, 0);
        self.count = 0;
        out
    }
}

/// The 16 bytes that stand for `length` items in a heap.
pub(crate) fn reference(length: usize, heap: u64, index: u32) -> [u8; 16] {
    let mut out = [0u8; 16];
    if length > 0 {
        out[..4].copy_from_slice(&(length as u32).to_le_bytes());
        out[4..12].copy_from_slice(&heap.to_le_bytes());
        out[12..].copy_from_slice(&index.to_le_bytes());
    }
    out
}
