//! Texts of any length: they lie in heaps, and the arrays hold addresses into these.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::{MutexGuard, PoisonError};

use tegula_core::Result;

use super::file::{Data, Leaf, Store};
use super::types::Type;

/// The heaps of a file that were looked into so far, by their addresses.
pub(crate) type Heaps = HashMap<u64, Heap>;

/// A heap, and where each object lies in it.
pub(crate) struct Heap {
    bytes: Vec<u8>,
    objects: HashMap<u32, Range<usize>>,
}

impl Heap {
    fn get(&self, index: u32) -> Option<&[u8]> {
        self.bytes.get(self.objects.get(&index)?.clone())
    }
}

/// Size of the heap that begins so.
fn stated(head: &[u8]) -> Option<usize> {
    let size = head.get(8..HEAD)?.try_into().ok()?;
    usize::try_from(u64::from_le_bytes(size)).ok().filter(|&n| n >= HEAD && head.starts_with(b"GCOL"))
}

/// Where the objects of a heap lie in it.
fn objects(heap: &[u8]) -> Option<HashMap<u32, Range<usize>>> {
    let mut out = HashMap::new();
    let mut at = HEAD;
    while at + HEAD <= heap.len() {
        let index = u16::from_le_bytes(heap[at..at + 2].try_into().ok()?);
        let size = usize::try_from(u64::from_le_bytes(heap[at + 8..at + HEAD].try_into().ok()?)).ok()?;
        if index == 0 {
            break;
        }
        let stop = (at + HEAD).checked_add(size)?;
        if stop > heap.len() {
            return None;
        }
        out.insert(u32::from(index), at + HEAD..stop);
        at = stop.checked_next_multiple_of(8)?;
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

    /// The heaps that were looked into so far, for one who looks into them at a time.
    pub(super) fn heaps(&self) -> MutexGuard<'_, Heaps> {
        self.heaps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a reference points at: the same bytes any number of times, but not without end.
    pub(super) fn in_heap<'a>(&self, path: &str, heaps: &'a mut Heaps, reference: &[u8]) -> Result<&'a [u8]> {
        let lost = || self.damaged(path, "a text cannot be found");
        let too_long = || self.damaged(path, "its texts do not fit the file");
        let (length, place) = reference.split_first_chunk::<4>().ok_or_else(lost)?;
        let (address, index) = place.split_first_chunk::<8>().ok_or_else(lost)?;
        let (address, index) = (u64::from_le_bytes(*address), index.first_chunk::<4>().ok_or_else(lost)?);
        if *length == [0; 4] || address == 0 {
            return Ok(&[]);
        }
        let heap = match heaps.entry(address) {
            Entry::Occupied(e) => e.into_mut(),
            Entry::Vacant(e) => {
                let (start, mut bytes) = (usize::try_from(address).map_err(|_| lost())?, Vec::new());
                let size = stated(self.stored(path, start, HEAD, &mut bytes)?).ok_or_else(lost)?;
                self.room_in_heaps.take(1, size).ok_or_else(too_long)?;
                self.stored(path, start, size, &mut bytes)?;
                e.insert(Heap { objects: objects(&bytes).ok_or_else(lost)?, bytes })
            }
        };
        let bytes = heap.get(u32::from_le_bytes(*index)).ok_or_else(lost)?;
        self.room_in_heaps.take(1, bytes.len()).ok_or_else(too_long)?;
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
                let mut heaps = self.heaps();
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
/// Bytes before what a heap or an object in it holds.
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
