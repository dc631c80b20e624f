//! Where the pieces of a zarr store lie: in a folder, or in a zip archive.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use tegula_core::{Error, Result};

use crate::room::Room;

/// More than deflate can shrink anything.
const MOST_SHRUNK: usize = 1040;
/// Files of one array.
const MOST_FILES: usize = 1 << 22;

/// Named bytes.
#[derive(Clone)]
pub(crate) enum Files {
    Folder(PathBuf),
    /// Read once, whoever looks into it.
    Zip(Arc<Archive>),
}

/// A zip archive in memory.
pub(crate) struct Archive {
    path: PathBuf,
    bytes: Vec<u8>,
    entries: BTreeMap<String, Entry>,
    room: Room,
}

/// Where a file lies in an archive.
struct Entry {
    packed: bool,
    size: usize,
    unpacked: usize,
    header: usize,
}

impl Files {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
        let damaged = || Error::format(path, "", "the zip archive is damaged or cut short; copy or make it again");
        let entries = inside(entries(&bytes).ok_or_else(damaged)?);
        Ok(Self::Zip(Arc::new(Archive { path: path.to_path_buf(), room: Room::packed(bytes.len()), bytes, entries })))
    }

    /// The folder or the archive.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Zip(archive) => &archive.path,
        }
    }

    /// The memory that what lies in them may take.
    pub(super) fn room(&self) -> Room {
        match self {
            Self::Folder(_) => Room::endless(),
            Self::Zip(archive) => Room::packed(archive.bytes.len()),
        }
    }

    /// Names of files and folders at the top.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = self.children("")?;
        if let Self::Zip(archive) = self {
            names.extend(archive.entries.keys().filter(|k| !k.contains('/')).cloned());
            names.sort_unstable();
        }
        Ok(names)
    }

    /// All bytes under a key; `None` where there are none.
    pub(crate) fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(root) => {
                let path = root.join(key);
                match fs::read(&path) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(e)
                        if matches!(
                            e.kind(),
                            ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory
                        ) =>
                    {
                        Ok(None)
                    }
                    Err(e) => Err(Error::io(path, e)),
                }
            }
            Self::Zip(archive) => match archive.entries.get(key) {
                None => Ok(None),
                Some(e) => {
                    let bytes = archive.room.take(1, e.unpacked).and_then(|()| e.unpack(&archive.bytes));
                    bytes.map(Some).ok_or_else(|| {
                        Error::format(&archive.path, key, "cannot be unpacked; copy or make the archive again")
                    })
                }
            },
        }
    }

    /// Names directly below a key.
    pub(crate) fn children(&self, key: &str) -> Result<Vec<String>> {
        match self {
            Self::Folder(root) => {
                let path = root.join(key);
                let listed = fs::read_dir(&path).map_err(|e| Error::io(&path, e))?;
                let folders = listed.filter_map(std::result::Result::ok).filter(|e| e.path().is_dir());
                let mut names: Vec<String> = folders.filter_map(|e| e.file_name().into_string().ok()).collect();
                names.sort_unstable();
                Ok(names)
            }
            Self::Zip(archive) => {
                let prefix = if key.is_empty() { String::new() } else { format!("{key}/") };
                let below =
                    archive.entries.range(prefix.clone()..).map(|(k, _)| k).take_while(|k| k.starts_with(&prefix));
                let names: BTreeSet<&str> = below.filter_map(|k| Some(k[prefix.len()..].split_once('/')?.0)).collect();
                Ok(names.into_iter().filter(|n| !n.is_empty()).map(str::to_owned).collect())
            }
        }
    }

    /// Everything below a key, with sizes; keys relative to it.
    pub(crate) fn below(&self, key: &str) -> Result<Vec<(String, usize)>> {
        match self {
            Self::Folder(root) => {
                let mut out = Vec::new();
                let mut open = vec![String::new()];
                while let Some(at) = open.pop() {
                    let path = root.join(key).join(&at);
                    for entry in fs::read_dir(&path).map_err(|e| Error::io(&path, e))? {
                        let Some((entry, meta)) =
                            entry.ok().and_then(|e| Some((e.file_name(), fs::metadata(e.path()).ok()?)))
                        else {
                            continue;
                        };
                        let Ok(name) = entry.into_string() else { continue };
                        let name = super::join(&at, &name);
                        if !meta.is_dir() {
                            out.push((name, meta.len() as usize));
                        } else if name.matches('/').count() < super::DEEPEST {
                            open.push(name);
                        }
                        if out.len() + open.len() > MOST_FILES {
                            return Err(Error::format(&path, "", "holds more files than an array has; copy it again"));
                        }
                    }
                }
                Ok(out)
            }
            Self::Zip(archive) => {
                let prefix = format!("{key}/");
                let below = archive.entries.range(prefix.clone()..).take_while(|(k, _)| k.starts_with(&prefix));
                Ok(below.map(|(k, e)| (k[prefix.len()..].to_owned(), e.size)).collect())
            }
        }
    }
}

impl Entry {
    fn unpack(&self, archive: &[u8]) -> Option<Vec<u8>> {
        let head = archive.get(self.header..self.header.checked_add(30)?)?;
        if !head.starts_with(b"PK\x03\x04") {
            return None;
        }
        let start = self.header + 30 + usize::from(u16_at(head, 26)?) + usize::from(u16_at(head, 28)?);
        let stored = archive.get(start..start.checked_add(self.size)?)?;
        if !self.packed {
            return (self.size == self.unpacked).then(|| stored.to_vec());
        }
        if self.unpacked > self.size.saturating_mul(MOST_SHRUNK).saturating_add(MOST_SHRUNK) {
            return None;
        }
        let mut out = Vec::with_capacity(self.unpacked);
        DeflateDecoder::new(stored).take(self.unpacked as u64 + 1).read_to_end(&mut out).ok()?;
        (out.len() == self.unpacked).then_some(out)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]))
}

/// A number of four bytes, low ones first.
pub(in crate::store) fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at.checked_add(4)?).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    let b: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
    usize::try_from(u64::from_le_bytes(b)).ok()
}

/// The directory at the end of an archive. Where a name is there twice, the later counts.
fn entries(bytes: &[u8]) -> Option<BTreeMap<String, Entry>> {
    const WIDE: usize = 0xffff_ffff;
    let from = bytes.len().saturating_sub(22 + (1 << 16));
    let end = from + bytes[from..].windows(4).rposition(|w| w == b"PK\x05\x06")?;
    let mut at = u32_at(bytes, end + 16)?;
    if at == WIDE {
        let locator = end.checked_sub(20)?;
        at = u64_at(bytes, u64_at(bytes, locator + 8)?.checked_add(48)?)?;
    }
    let mut out = BTreeMap::new();
    while bytes.get(at..at.checked_add(4)?)? == b"PK\x01\x02" {
        let (name, extra, comment) = (u16_at(bytes, at + 28)?, u16_at(bytes, at + 30)?, u16_at(bytes, at + 32)?);
        let start = at + 46;
        let more = start + usize::from(name);
        let key = std::str::from_utf8(bytes.get(start..more)?).ok()?;
        let next = more + usize::from(extra) + usize::from(comment);
        let (mut size, mut unpacked, mut header) =
            (u32_at(bytes, at + 20)?, u32_at(bytes, at + 24)?, u32_at(bytes, at + 42)?);
        let mut field = more;
        while field + 4 <= more + usize::from(extra) {
            let (id, len) = (u16_at(bytes, field)?, usize::from(u16_at(bytes, field + 2)?));
            if id == 1 {
                let mut wide = field + 4;
                for value in [&mut unpacked, &mut size, &mut header] {
                    if *value == WIDE {
                        *value = u64_at(bytes, wide)?;
                        wide += 8;
                    }
                }
            }
            field += 4 + len;
        }
        let packed = match u16_at(bytes, at + 10)? {
            0 => false,
            8 => true,
            _ => return None,
        };
        if !key.ends_with('/') {
            out.insert(key.to_owned(), Entry { packed, size, unpacked, header });
        }
        at = next;
    }
    Some(out)
}

/// An archive that holds one folder alone is taken for that folder, as most programs pack one; without what macOS adds.
fn inside(mut entries: BTreeMap<String, Entry>) -> BTreeMap<String, Entry> {
    entries.retain(|key, _| !key.split('/').any(|name| name == "__MACOSX" || name.starts_with("._")));
    let first = entries.keys().next().and_then(|key| key.split_once('/'));
    let Some(top) = first.map(|(folder, _)| format!("{folder}/")) else { return entries };
    if !entries.keys().all(|key| key.starts_with(&top)) {
        return entries;
    }
    entries.into_iter().map(|(key, entry)| (key[top.len()..].to_owned(), entry)).collect()
}
