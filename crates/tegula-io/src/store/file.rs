//! An HDF5 file as a tree of groups and arrays.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use hdf5_pure::{AttrValue, Dataset, Datatype, FormatError, Group};
use indexmap::IndexMap;
use tegula_core::{Error, Result};

use super::bytes::Bytes;
use super::heap::Heaps;
use super::metered::Metered;
use super::types::Type;
use super::zarr::{self, Files};
use crate::room::Room;

/// An open HDF5 file, or an open zarr store.
pub(crate) struct Store {
    pub(crate) path: PathBuf,
    pub(super) backing: Backing,
    /// Memory left to its arrays, and to its texts of any length.
    pub(super) room: Room,
    pub(super) room_in_heaps: Room,
    pub(super) heaps: Mutex<Heaps>,
}

/// What the tree lies in.
pub(super) enum Backing {
    Hdf5(Arc<Bytes>),
    Zarr(Files),
}

/// A group.
pub(crate) struct Branch {
    pub(crate) path: String,
    pub(crate) attrs: Attrs,
    pub(crate) children: IndexMap<String, Node>,
}

/// An array or a scalar.
pub(crate) struct Leaf {
    pub(crate) path: String,
    pub(crate) attrs: Attrs,
    pub(crate) shape: Vec<usize>,
    /// `None` where it is one we have no use for.
    pub(crate) dtype: Option<Type>,
    pub(super) data: Data,
}

/// Where the values of an array lie.
pub(super) enum Data {
    Hdf5(Dataset),
    Zarr(Box<zarr::Array>),
}

/// Something with a name in a file.
pub(crate) enum Node {
    Group(Branch),
    Data(Leaf),
}

/// The attributes of a group or an array.
#[derive(Default)]
pub(crate) struct Attrs {
    pub(super) values: HashMap<String, AttrValue>,
    pub(super) types: HashMap<String, Datatype>,
}

/// Length and time of change of a file: what tells it from a later one.
pub(crate) type Stamp = (u64, Option<SystemTime>);

pub(crate) fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let m = std::fs::metadata(path)?;
    Ok((m.len(), m.modified().ok()))
}

impl Store {
    /// Opens a file and reads its structure; the data are read when asked for.
    pub(crate) fn open(path: &Path) -> Result<(Self, Branch)> {
        let meta = std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
        if meta.is_dir() {
            return Err(Error::io(path, std::io::ErrorKind::IsADirectory.into()));
        }
        let fail = |e| Error::io(path, e);
        let bytes = Bytes::open(path).map_err(fail)?;
        let mut head = vec![0; bytes.len().min(HEAD)];
        bytes.read(0, &mut head).map_err(fail)?;
        let bad = |reason: String| Error::format(path, "", reason);
        if head.is_empty() {
            return Err(bad("the file is empty; make it again".into()));
        }
        if !hdf5_pure::is_hdf5_bytes(&head) {
            return Err(bad("this is not an HDF5 file; name an h5ad file".into()));
        }
        if stated_end(&head).is_some_and(|end| end > bytes.len() as u64) {
            return Err(bad("the file is cut short: it ends before it says it does; copy or make it again".into()));
        }
        let (room, room_in_heaps) = (Room::packed(bytes.len()), Room::plain(bytes.len()));
        let bytes = Arc::new(bytes);
        let file = hdf5_pure::File::from_source(Metered::new(bytes.clone()))
            .map_err(|e| bad(format!("the file is damaged or cut short ({e}); copy or make it again")))?;
        let root = file.root();
        let (path, heaps) = (path.to_path_buf(), Mutex::default());
        let store = Self { path, backing: Backing::Hdf5(bytes), room, room_in_heaps, heaps };
        let mut left = MOST_OBJECTS;
        let root = store.branch(&root, String::new(), 0, &mut left)?;
        Ok((store, root))
    }

    /// Bytes of the file; 0 for a store of many files.
    pub(crate) fn len(&self) -> usize {
        match &self.backing {
            Backing::Hdf5(bytes) => bytes.len(),
            Backing::Zarr(_) => 0,
        }
    }

    /// Reads bytes of the file for what lies at a path in it.
    pub(super) fn stored<'a>(&self, at: &str, start: usize, size: usize, to: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        let Backing::Hdf5(bytes) = &self.backing else { return Err(self.bad(at, "is not in an HDF5 file")) };
        self.check_within(at, start, size)?;
        to.resize(size, 0);
        bytes.read(start, to).map_err(|e| Error::io(&self.path, e))?;
        Ok(to)
    }

    /// Refuses bytes beyond the end.
    pub(super) fn check_within(&self, at: &str, start: usize, size: usize) -> Result<()> {
        let within = start.checked_add(size).is_some_and(|end| end <= self.len());
        if within { Ok(()) } else { Err(self.damaged(at, "its data lie beyond the end of the file")) }
    }

    /// The error for something wrong inside this file.
    pub(crate) fn bad(&self, at: &str, reason: impl Display) -> Error {
        Error::format(&self.path, at, reason)
    }

    pub(crate) fn damaged(&self, at: &str, why: impl Display) -> Error {
        self.bad(at, format!("is damaged, or newer than this reader ({why}); copy or make the file again"))
    }

    /// The error for a group that cannot be listed.
    fn unfollowed(&self, at: &str, e: hdf5_pure::Error) -> Error {
        match e {
            // A soft link has the address that means none.
            hdf5_pure::Error::Format(FormatError::UnexpectedEof { expected: usize::MAX, .. }) => {
                let way_out = "read and write the file with anndata, which puts in its place what it leads to";
                self.bad(at, format!("holds a soft link, which is not followed in HDF5's first format; {way_out}"))
            }
            e => self.damaged(at, e),
        }
    }

    fn branch(&self, group: &Group, path: String, depth: usize, left: &mut usize) -> Result<Branch> {
        if depth > DEEPEST {
            return Err(self.damaged(&path, "its groups nest without end"));
        }
        let fail = |e| self.unfollowed(&path, e);
        let attrs = Attrs { values: group.attrs().map_err(fail)?, types: group.attr_datatypes().map_err(fail)? };
        let mut children = IndexMap::new();
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        for (name, dataset) in group.iter_datasets().map_err(fail)? {
            take_one(left).ok_or_else(|| self.damaged(&path, "too many objects"))?;
            let at = below(&name);
            let fail = |e| self.damaged(&at, e);
            let shape = dataset.shape().map_err(fail)?.into_iter().map(|d| d as usize).collect();
            let attrs =
                Attrs { values: dataset.attrs().map_err(fail)?, types: dataset.attr_datatypes().map_err(fail)? };
            let dtype = dataset.datatype().ok().as_ref().and_then(Type::from_stored);
            children.insert(name, Node::Data(Leaf { path: at, attrs, shape, dtype, data: Data::Hdf5(dataset) }));
        }
        for (name, group) in group.iter_groups().map_err(fail)? {
            take_one(left).ok_or_else(|| self.damaged(&path, "too many objects"))?;
            let at = below(&name);
            let node = self.branch(&group, at, depth + 1, left)?;
            children.insert(name, Node::Group(node));
        }
        children.sort_unstable_keys();
        Ok(Branch { path, attrs, children })
    }
}

/// Where an HDF5 file says it ends; `None` where it says so in another width, or not at its beginning.
fn stated_end(bytes: &[u8]) -> Option<u64> {
    const WIDE: u8 = 8;
    let (width, at) = match bytes.get(8)? {
        0 => (13, 40),
        1 => (13, 44),
        _ => (9, 28),
    };
    let whole = bytes.starts_with(b"\x89HDF") && *bytes.get(width)? == WIDE;
    let end = u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?);
    (whole && end != u64::MAX).then_some(end)
}

/// Bytes among which a file says that it is HDF5.
const HEAD: usize = 1 << 16;
/// Groups inside groups: far more than any real file has.
pub(super) const DEEPEST: usize = 64;
/// Objects in a file: far more than any real file has; hard links could make a small file seem endless.
pub(super) const MOST_OBJECTS: usize = 1 << 20;

pub(super) fn take_one(left: &mut usize) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}

impl Attrs {
    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }

    /// A list of texts; a list of nothing may have any type.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let value = self.values.get(name)?;
        match value.as_strings() {
            Some(v) => Some(v.to_vec()),
            None => value.to_i64s().is_none_or(|v| v.is_empty()).then(Vec::new),
        }
    }

    /// A list of whole numbers.
    pub(crate) fn sizes(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.values.get(name)?.to_u64s()?.into_iter().map(|x| x as usize).collect())
    }

    /// A flag.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(AttrValue::as_i64).is_some_and(|x| x != 0)
    }

    /// True where there is such an attribute, of whatever type.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.types.contains_key(name) || self.values.contains_key(name)
    }

    /// `encoding-type`, empty where none is stated.
    pub(crate) fn encoding(&self) -> &str {
        self.text("encoding-type").unwrap_or_default()
    }
}

impl Branch {
    pub(crate) fn group(&self, name: &str) -> Option<&Branch> {
        if let Some(Node::Group(b)) = self.children.get(name) { Some(b) } else { None }
    }

    pub(crate) fn data(&self, name: &str) -> Option<&Leaf> {
        if let Some(Node::Data(l)) = self.children.get(name) { Some(l) } else { None }
    }

    /// What lies at a path below this group.
    pub(crate) fn find(&self, path: &str) -> Option<&Node> {
        // A key of a legacy file may itself hold a point (`raw.X`), never a slash.
        match path.split_once('/') {
            None => self.children.get(path),
            Some((head, rest)) => self.group(head)?.find(rest),
        }
    }
}

impl Leaf {
    /// Number of values.
    pub(crate) fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |a, &d| a.checked_mul(d))
    }

    /// The array of an HDF5 file.
    pub(super) fn dataset(&self) -> Option<&Dataset> {
        if let Data::Hdf5(d) = &self.data { Some(d) } else { None }
    }

    /// Its address in the file, known only for the layouts that have one.
    pub(super) fn layout(&self) -> Option<hdf5_pure::Layout> {
        self.dataset()?.layout().ok()
    }
}

impl Node {
    pub(crate) fn attrs(&self) -> &Attrs {
        match self {
            Self::Group(b) => &b.attrs,
            Self::Data(l) => &l.attrs,
        }
    }

    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Group(b) => &b.path,
            Self::Data(l) => &l.path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_where_they_end() {
        let stated = |version: u8, width: (usize, u8), at: usize| {
            let mut bytes = b"\x89HDF\r\n\x1a\n".to_vec();
            bytes.resize(64, 0);
            bytes[8] = version;
            bytes[width.0] = width.1;
            bytes[at..at + 8].copy_from_slice(&2048u64.to_le_bytes());
            stated_end(&bytes)
        };
        assert_eq!([stated(0, (13, 8), 40), stated(1, (13, 8), 44), stated(3, (9, 8), 28)], [Some(2048); 3]);
        assert_eq!([stated(0, (13, 4), 40), stated_end(b"\x89HDF\r\n\x1a\n"), stated_end(&[0; 64])], [None; 3]);
    }
}
