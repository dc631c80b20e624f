//! Writes HDF5 files: objects one after the other, parents after their children, data packed on all threads.
//!
//! The subset: superblock 2, object headers 2 with links and attributes in them, contiguous or chunked arrays
//! (layout 3, B-tree 1), global heaps. Every HDF5 library since 1.8 reads it.

use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tegula_core::{Error, Result};

use super::cells::Cells;
use super::copy::{can_copy, copy};
use super::filters::{DEFLATE, SHUFFLE, pack};
use super::heap::{HEAP, HeapBuilder, reference};
use super::message::{self, Filter, Message};
use super::target::{Target, check_name};
use super::tree::Placed;
use super::types::Type;
use super::{Node, Store};

/// Arrays below this many bytes are not packed: it would cost more than it saves.
pub(super) const SMALL: usize = 4096;
/// Bytes of a chunk, about.
const CHUNK: usize = 1 << 18;
/// Heap for the texts of attributes.
const ATTR_HEAP: usize = 4096;

/// An attribute to be written.
pub(crate) struct Attr(pub(crate) String, pub(crate) AttrData);

/// The value of an [`Attr`].
pub(crate) enum AttrData {
    Text(String),
    Texts(Vec<String>),
    Flag(bool),
    Sizes(Vec<usize>),
    Raw(Type, Vec<usize>, Vec<u8>),
}

impl Attr {
    pub(crate) fn text(name: &str, value: &str) -> Self {
        Self(name.to_owned(), AttrData::Text(value.to_owned()))
    }

    /// `encoding-type` and `encoding-version`.
    pub(crate) fn encoding(kind: &str, version: &str) -> Vec<Self> {
        vec![Self::text("encoding-type", kind), Self::text("encoding-version", version)]
    }
}

/// An HDF5 file being written.
pub(crate) struct Writer<W: Write + Seek> {
    out: BufWriter<W>,
    path: PathBuf,
    end: u64,
    level: Option<u32>,
    heap: HeapBuilder,
    heap_at: u64,
    /// Reserved places that are filled in at the end.
    patches: Vec<(u64, Vec<u8>)>,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file; arrays are packed with gzip at `level`. `path` is for messages.
    pub(crate) fn new(out: W, path: &Path, level: Option<u32>) -> Result<Self> {
        let out = BufWriter::with_capacity(1 << 20, out);
        let mut w = Self {
            out,
            path: path.to_path_buf(),
            end: 0,
            level,
            heap: HeapBuilder::default(),
            heap_at: 0,
            patches: Vec::new(),
        };
        w.append(&message::superblock(0, 0))?;
        Ok(w)
    }

    fn failed(&self, e: std::io::Error) -> Error {
        Error::io(&self.path, e)
    }

    /// Adds bytes at the next multiple of 8 and says where.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let gap = (self.end.next_multiple_of(8) - self.end) as usize;
        let at = self.end + gap as u64;
        let done = self.out.write_all(&[0; 8][..gap]).and_then(|()| self.out.write_all(bytes));
        done.map_err(|e| self.failed(e))?;
        self.end = at + bytes.len() as u64;
        Ok(at)
    }

    fn reserve(&mut self, size: usize) -> Result<u64> {
        self.append(&vec![0; size])
    }

    fn header(&mut self, messages: &[Message]) -> Result<u64> {
        let Some(bytes) = message::object_header(messages) else {
            let reason = "one attribute exceeds 64 KiB, which HDF5 cannot hold; a table may have about 4000 columns";
            return Err(Error::data(self.path.display(), reason));
        };
        self.append(&bytes)
    }

    /// Puts a text of an attribute into the shared heap.
    fn attr_text(&mut self, text: &str) -> Result<[u8; 16]> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Ok([0; 16]);
        }
        if !self.heap.is_empty() && !self.heap.fits(bytes.len(), ATTR_HEAP) {
            self.close_heap();
        }
        if !self.heap.fits(bytes.len(), ATTR_HEAP) {
            let mut own = HeapBuilder::default();
            let index = own.push(bytes);
            let at = self.append(&own.finish(0))?;
            return Ok(reference(bytes.len(), at, index));
        }
        if self.heap.is_empty() {
            self.heap_at = self.reserve(ATTR_HEAP)?;
        }
        let index = self.heap.push(bytes);
        Ok(reference(bytes.len(), self.heap_at, index))
    }

    fn close_heap(&mut self) {
        if !self.heap.is_empty() {
            let bytes = self.heap.finish(ATTR_HEAP);
            self.patches.push((self.heap_at, bytes));
        }
    }

    fn attributes(&mut self, attrs: &[Attr], messages: &mut Vec<Message>) -> Result<()> {
        const ATTRIBUTE: u8 = 0x0c;
        for Attr(name, data) in attrs {
            let bytes = match data {
                AttrData::Text(s) => message::attribute(name, &Type::Str, Some(&[]), &self.attr_text(s)?),
                AttrData::Texts(v) => {
                    let mut refs = Vec::with_capacity(v.len() * 16);
                    for s in v {
                        refs.extend(self.attr_text(s)?);
                    }
                    message::attribute(name, &Type::Str, Some(&[v.len()]), &refs)
                }
                AttrData::Flag(b) => message::attribute(name, &Type::bool(), Some(&[]), &[u8::from(*b)]),
                AttrData::Sizes(v) => {
                    let bytes: Vec<u8> = v.iter().flat_map(|&x| (x as i64).to_le_bytes()).collect();
                    message::attribute(name, &Type::I64, Some(&[v.len()]), &bytes)
                }
                AttrData::Raw(t, shape, bytes) => message::attribute(name, t, Some(shape), bytes),
            };
            messages.push((ATTRIBUTE, bytes));
        }
        Ok(())
    }

    /// Puts `(length, bytes)` objects into heaps and gives the references to them.
    pub(crate) fn place_in_heap<'b>(&mut self, objects: impl Iterator<Item = (usize, &'b [u8])>) -> Result<Vec<u8>> {
        let mut refs: Vec<u8> = Vec::new();
        let mut open: Vec<(usize, usize, u32)> = Vec::new();
        let mut heap = HeapBuilder::default();
        for (length, bytes) in objects {
            if length > 0 && !heap.is_empty() && !heap.fits(bytes.len(), HEAP) {
                self.place(&mut heap, &mut open, &mut refs)?;
            }
            if length > 0 {
                open.push((refs.len(), length, heap.push(bytes)));
            }
            refs.extend([0; 16]);
        }
        if !heap.is_empty() {
            self.place(&mut heap, &mut open, &mut refs)?;
        }
        Ok(refs)
    }

    fn place(&mut self, heap: &mut HeapBuilder, open: &mut Vec<(usize, usize, u32)>, refs: &mut [u8]) -> Result<()> {
        let at = self.append(&heap.finish(0))?;
        for (k, length, index) in open.drain(..) {
            refs[k..k + 16].copy_from_slice(&reference(length, at, index));
        }
        Ok(())
    }

    /// Adds the header of an array whose bytes lie at `at`; a `shape` of `None` holds nothing.
    pub(crate) fn contiguous(
        &mut self,
        t: &Type,
        shape: Option<&[usize]>,
        at: u64,
        size: usize,
        attrs: &[Attr],
    ) -> Result<u64> {
        let mut messages = data_messages(t, shape, false);
        messages.push((LAYOUT, message::contiguous(at, size as u64)));
        self.attributes(attrs, &mut messages)?;
        self.header(&messages)
    }

    /// Adds the header of an array whose chunks are in the file already.
    pub(crate) fn chunked(
        &mut self,
        t: &Type,
        shape: &[usize],
        chunk: &[usize],
        filters: &[Filter],
        placed: &[Placed],
        attrs: &[Attr],
    ) -> Result<u64> {
        let index = self.chunk_tree(placed, chunk, t.size())?;
        self.indexed(t, shape, chunk, filters, index, attrs)
    }

    /// Adds the header of an array whose chunks and their index are in the file already.
    pub(super) fn indexed(
        &mut self,
        t: &Type,
        shape: &[usize],
        chunk: &[usize],
        filters: &[Filter],
        index: u64,
        attrs: &[Attr],
    ) -> Result<u64> {
        let mut messages = data_messages(t, Some(shape), true);
        if !filters.is_empty() {
            messages.push((PIPELINE, message::pipeline(filters)));
        }
        messages.push((LAYOUT, message::chunked(index, chunk, t.size())));
        self.attributes(attrs, &mut messages)?;
        self.header(&messages)
    }

    fn pack_all(
        &mut self,
        cells: Cells<'_>,
        size: usize,
        chunk_values: usize,
        shape: &[usize],
        rows: usize,
        level: u32,
    ) -> Result<Vec<Placed>> {
        let n = cells.len(size);
        let count = n.div_ceil(chunk_values);
        let batch = rayon::current_num_threads() * 8;
        let mut placed = Vec::with_capacity(count);
        for first in (0..count).step_by(batch) {
            let packed: Vec<Option<Vec<u8>>> = (first..(first + batch).min(count))
                .into_par_iter()
                .map_init(
                    || (None, Vec::new()),
                    |(state, bytes), k| {
                        cells.chunk(k, chunk_values, size, bytes);
                        pack(state, bytes, size, level)
                    },
                )
                .collect();
            for (k, bytes) in packed.into_iter().enumerate() {
                let bytes = bytes.ok_or_else(|| self.failed(std::io::Error::other("packing the data failed")))?;
                let mut offset = vec![0; shape.len()];
                offset[0] = (first + k) * rows;
                placed.push(Placed { offset, size: bytes.len(), mask: 0, address: self.append(&bytes)? });
            }
        }
        Ok(placed)
    }

    /// Completes the file and gives back what it was written to.
    pub(crate) fn finish(mut self, root: u64) -> Result<W> {
        self.close_heap();
        self.append(&[])?;
        self.patches.push((0, message::superblock(self.end, root)));
        let path = self.path.clone();
        let failed = |e| Error::io(&path, e);
        for (at, bytes) in std::mem::take(&mut self.patches) {
            let done = self.out.seek(SeekFrom::Start(at)).and_then(|_| self.out.write_all(&bytes));
            done.map_err(failed)?;
        }
        self.out.into_inner().map_err(|e| failed(e.into_error()))
    }
}

impl<W: Write + Seek> Target for Writer<W> {
    fn array(&mut self, t: &Type, shape: &[usize], cells: Cells<'_>, attrs: &[Attr]) -> Result<u64> {
        let (size, n) = (t.size(), shape.iter().product::<usize>());
        debug_assert_eq!(n, cells.len(size));
        match self.level {
            Some(level) if !shape.is_empty() && n * size >= SMALL => {
                let row: usize = shape[1..].iter().product();
                let rows = (CHUNK / (row * size)).clamp(1, shape[0]);
                let mut chunk = shape.to_vec();
                chunk[0] = rows;
                let placed = self.pack_all(cells, size, rows * row, shape, rows, level)?;
                let mut filters = vec![Filter { id: DEFLATE, optional: false, name: None, values: vec![level] }];
                if size > 1 {
                    filters.insert(0, Filter { id: SHUFFLE, optional: false, name: None, values: vec![size as u32] });
                }
                self.chunked(t, shape, &chunk, &filters, &placed, attrs)
            }
            _ => {
                let at = if n == 0 { message::UNDEFINED } else { self.append(&[])? };
                let piece = (1 << 20) / size;
                let mut bytes = Vec::new();
                for start in (0..n).step_by(piece) {
                    bytes.clear();
                    cells.put(start..(start + piece).min(n), size, &mut bytes);
                    self.out.write_all(&bytes).map_err(|e| self.failed(e))?;
                    self.end += bytes.len() as u64;
                }
                self.contiguous(t, Some(shape), at, n * size, attrs)
            }
        }
    }

    fn texts<S: AsRef<str>>(&mut self, shape: &[usize], values: &[S], attrs: &[Attr]) -> Result<u64> {
        let objects = values.iter().map(|s| (s.as_ref().len(), s.as_ref().as_bytes()));
        let refs = self.place_in_heap(objects)?;
        self.array(&Type::Str, shape, Cells::Bytes(&refs), attrs)
    }

    fn field_of_texts(&mut self, values: &[String]) -> Result<(Type, Vec<u8>)> {
        let refs = self.place_in_heap(values.iter().map(|s| (s.len(), s.as_bytes())))?;
        Ok((Type::Str, refs))
    }

    fn group(&mut self, children: &[(String, u64)], attrs: &[Attr]) -> Result<u64> {
        const LINK_INFO: u8 = 2;
        const LINK: u8 = 6;
        const GROUP_INFO: u8 = 10;
        let mut messages = vec![(LINK_INFO, message::link_info()), (GROUP_INFO, message::group_info())];
        for (name, address) in children {
            check_name(name)?;
            messages.push((LINK, message::hard_link(name, *address)));
        }
        self.attributes(attrs, &mut messages)?;
        self.header(&messages)
    }

    fn carry(&mut self, from: &Store, node: &Node, more: Vec<Attr>) -> Result<Option<u64>> {
        if can_copy(node) { copy(from, node, self, more).map(Some) } else { Ok(None) }
    }
}

const DATASPACE: u8 = 1;
const DATATYPE: u8 = 3;
const FILL: u8 = 5;
const LAYOUT: u8 = 8;
const PIPELINE: u8 = 11;

fn data_messages(t: &Type, shape: Option<&[usize]>, chunked: bool) -> Vec<Message> {
    vec![(DATASPACE, message::dataspace(shape)), (DATATYPE, message::datatype(t)), (FILL, message::fill_value(chunked))]
}
