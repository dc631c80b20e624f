//! Writes zarr, version 2: numbers shuffled and packed with zlib, texts of any length.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};
use tegula_core::{Error, Result};

use crate::atomic::folder::put;
use crate::store::filters::pack;
use crate::store::target::check_name;
use crate::store::writer::{AttrData, SMALL};
use crate::store::{Attr, Cells, Node, Store, Target, Type};

/// Bytes of a chunk, about: a chunk is a file, and many files are slow to copy.
const CHUNK: usize = 1 << 22;
/// Texts of a chunk.
const TEXTS: usize = 1 << 16;

/// A zarr store being written: each object in a numbered folder, until the group it belongs to takes it in.
pub(crate) struct ZarrWriter {
    folder: PathBuf,
    /// For messages.
    path: PathBuf,
    level: Option<u32>,
    next: u64,
}

impl ZarrWriter {
    /// Begins a store in an empty folder; arrays are packed with zlib at `level`. `path` is for messages.
    pub(crate) fn new(folder: &Path, path: &Path, level: Option<u32>) -> Self {
        Self { folder: folder.to_path_buf(), path: path.to_path_buf(), level, next: 0 }
    }

    fn failed(&self, e: io::Error) -> Error {
        Error::io(&self.path, e)
    }

    fn place(&self, object: u64) -> PathBuf {
        self.folder.join(object.to_string())
    }

    /// A new object: its attributes, and what tells its kind.
    fn object(&mut self, kind: &str, meta: &Json, attrs: &[Attr]) -> Result<(u64, PathBuf)> {
        let id = self.next;
        self.next += 1;
        let place = self.place(id);
        let attrs: Map<String, Json> = attrs.iter().filter_map(|Attr(k, v)| Some((k.clone(), value(v)?))).collect();
        let done = fs::create_dir(&place)
            .and_then(|()| put(&place.join(kind), meta.to_string().as_bytes()))
            .and_then(|()| put(&place.join(".zattrs"), Json::Object(attrs).to_string().as_bytes()));
        done.map_err(|e| self.failed(e))?;
        Ok((id, place))
    }

    /// Completes the store: the root takes the place of all.
    pub(crate) fn finish(self, root: u64) -> Result<()> {
        let place = self.place(root);
        let up = || -> io::Result<()> {
            for entry in fs::read_dir(&place)? {
                let entry = entry?;
                fs::rename(entry.path(), self.folder.join(entry.file_name()))?;
            }
            fs::remove_dir(&place)
        };
        up().map_err(|e| self.failed(e))
    }
}

/// An attribute as JSON; `None` for those of HDF5 alone.
fn value(data: &AttrData) -> Option<Json> {
    Some(match data {
        AttrData::Text(t) => json!(t),
        AttrData::Texts(v) => json!(v),
        AttrData::Flag(b) => json!(b),
        AttrData::Sizes(v) => json!(v),
        AttrData::Raw(..) => return None,
    })
}

/// The type as NumPy states it; `None` for types of HDF5 alone.
fn numpy(t: &Type) -> Option<Json> {
    Some(match t {
        Type::Int { size: 1, signed, .. } => json!(if *signed { "|i1" } else { "|u1" }),
        Type::Int { size, signed, big: false } => json!(format!("<{}{size}", if *signed { 'i' } else { 'u' })),
        Type::Float { size, big: false } => json!(format!("<f{size}")),
        Type::Wide { size } => json!(format!("<U{}", size / 4)),
        t if t.is_bool() => json!("|b1"),
        Type::Compound { fields, .. } => {
            let fields: Option<Vec<Json>> = fields.iter().map(|(name, _, t)| Some(json!([name, numpy(t)?]))).collect();
            json!(fields?)
        }
        _ => return None,
    })
}

/// Chunks of whole rows, about so many values each.
fn rows(shape: &[usize], values: usize) -> Vec<usize> {
    let mut chunk: Vec<usize> = shape.iter().map(|&d| d.max(1)).collect();
    if let Some((first, rest)) = chunk.split_first_mut() {
        *first = (values / rest.iter().product::<usize>()).clamp(1, *first);
    }
    chunk
}

/// The name of the `k`-th chunk.
fn key(k: usize, dimensions: usize) -> String {
    k.to_string() + &".0".repeat(dimensions.saturating_sub(1))
}

/// The description of an array.
fn zarray(shape: &[usize], chunk: &[usize], dtype: &Json, fill: &Json, filters: &Json, level: Option<u32>) -> Json {
    let compressor = level.map(|level| json!({"id": "zlib", "level": level}));
    json!({
        "zarr_format": 2, "shape": shape, "chunks": chunk, "dtype": dtype, "fill_value": fill, "order": "C",
        "filters": filters, "compressor": compressor, "dimension_separator": ".",
    })
}

impl Target for ZarrWriter {
    fn array(&mut self, t: &Type, shape: &[usize], cells: Cells<'_>, attrs: &[Attr]) -> Result<u64> {
        let unknown = || Error::data(self.path.display(), "a type that zarr does not have; write h5ad");
        let dtype = numpy(t).ok_or_else(unknown)?;
        let (size, n) = (t.size(), shape.iter().product::<usize>());
        let plain = matches!(t, Type::Compound { .. }) || shape.is_empty() || n * size < SMALL;
        let level = self.level.filter(|_| !plain);
        let filters =
            if level.is_some() && size > 1 { json!([{"id": "shuffle", "elementsize": size}]) } else { Json::Null };
        let fill = if t.is_bool() {
            json!(false)
        } else if matches!(t, Type::Compound { .. }) {
            Json::Null
        } else {
            json!(0)
        };
        let chunk = rows(shape, CHUNK / size.max(1));
        let (id, place) = self.object(".zarray", &zarray(shape, &chunk, &dtype, &fill, &filters, level), attrs)?;
        let values: usize = chunk.iter().product();
        let done = (0..n.div_ceil(values)).into_par_iter().try_for_each_init(
            || (None, Vec::new()),
            |(state, bytes), k| {
                cells.chunk(k, values, size, bytes);
                let path = place.join(key(k, shape.len()));
                match level {
                    None => put(&path, bytes),
                    Some(level) => match pack(state, bytes, size, level) {
                        Some(packed) => put(&path, &packed),
                        None => Err(io::Error::other("packing the data failed")),
                    },
                }
            },
        );
        done.map_err(|e| self.failed(e))?;
        Ok(id)
    }

    fn texts<S: AsRef<str>>(&mut self, shape: &[usize], values: &[S], attrs: &[Attr]) -> Result<u64> {
        // Texts of several dimensions are few: one chunk.
        let chunk = rows(shape, if shape.len() > 1 { usize::MAX } else { TEXTS });
        let level = self.level.filter(|_| values.len() > 1);
        let meta = zarray(shape, &chunk, &json!("|O"), &json!(""), &json!([{"id": "vlen-utf8"}]), level);
        let (id, place) = self.object(".zarray", &meta, attrs)?;
        let per: usize = chunk.iter().product();
        for (k, values) in values.chunks(per).enumerate() {
            let mut bytes = (per as u32).to_le_bytes().to_vec();
            for text in values {
                let text = text.as_ref().as_bytes();
                bytes.extend((text.len() as u32).to_le_bytes());
                bytes.extend(text);
            }
            // The last chunk is as long as the others.
            bytes.resize(bytes.len() + (per - values.len()) * 4, 0);
            if let Some(level) = level {
                let failed = || self.failed(io::Error::other("packing the data failed"));
                bytes = pack(&mut None, &bytes, 1, level).ok_or_else(failed)?;
            }
            put(&place.join(key(k, shape.len())), &bytes).map_err(|e| self.failed(e))?;
        }
        Ok(id)
    }

    fn field_of_texts(&mut self, values: &[String]) -> Result<(Type, Vec<u8>)> {
        let longest = values.iter().map(|v| v.chars().count()).max().unwrap_or(0).max(1);
        let mut bytes = vec![0; longest * 4 * values.len()];
        for (text, to) in values.iter().zip(bytes.chunks_exact_mut(longest * 4)) {
            for (c, to) in text.chars().zip(to.chunks_exact_mut(4)) {
                to.copy_from_slice(&u32::from(c).to_le_bytes());
            }
        }
        Ok((Type::Wide { size: longest as u32 * 4 }, bytes))
    }

    fn group(&mut self, children: &[(String, u64)], attrs: &[Attr]) -> Result<u64> {
        let (id, place) = self.object(".zgroup", &json!({"zarr_format": 2}), attrs)?;
        for (name, child) in children {
            check_name(name)?;
            if name.starts_with(".z") {
                let reason = "is a name that zarr keeps for itself; rename it";
                return Err(Error::data(format!("the name `{name}`"), reason));
            }
            fs::rename(self.place(*child), place.join(name)).map_err(|e| self.failed(e))?;
        }
        Ok(id)
    }

    fn carry(&mut self, _: &Store, _: &Node, _: Vec<Attr>) -> Result<Option<u64>> {
        Ok(None)
    }
}
