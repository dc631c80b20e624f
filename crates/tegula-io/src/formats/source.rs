//! What lies at a path, looked into just far enough to tell its format.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tegula_core::{Error, Result};

use super::foreign::Foreign;
use crate::store::file::{Stamp, stamp};
use crate::store::zarr::Files;
use crate::store::{Branch, Store};

/// Bytes of a text that tell what it is.
const HEAD: usize = 1 << 16;
/// Bytes after which a second line is waited for no longer.
const LONGEST_HEAD: usize = 1 << 26;
/// The first bytes of a gzipped file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Names of a folder that are listed.
const MOST_NAMES: usize = 1 << 14;

/// A file or folder of unknown format.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// What tells the file, or those directly in the folder, from later ones.
    stamps: Vec<(PathBuf, Stamp)>,
}

/// What a [`Source`] is on the outside.
pub(crate) enum Kind {
    /// An HDF5 file, its structure read.
    Hdf5 { store: Box<Store>, root: Branch, stamp: Stamp },
    /// A folder with the names in it, sorted.
    Folder(Vec<String>),
    /// A zip archive with the names in it, sorted.
    Zip(Files, Vec<String>),
    /// A text, gzipped or not: its first lines.
    Text(Vec<String>),
    /// Something known that is not read.
    Foreign(&'static Foreign),
    /// Anything else.
    Bytes,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let fail = |e| Error::io(path, e);
        let before = stamp(path).map_err(fail)?;
        let kind = fs::metadata(path).map_err(fail)?.file_type();
        if !kind.is_file() && !kind.is_dir() {
            // Read twice, as files are, the second reading would miss what the first has taken.
            return Err(Error::format(path, "", "this is a pipe or a device; save what it gives to a file first"));
        }
        if kind.is_dir() {
            let folder = Self::folder(path)?;
            let files = folder.names().iter().map(|n| path.join(n)).filter(|p| p.is_file());
            let stamps = files.filter_map(|p| stamp(&p).ok().map(|s| (p, s))).collect();
            return Ok(Self { stamps, ..folder });
        }
        let stamps = vec![(path.to_path_buf(), before)];
        let source = |kind| Ok(Self { path: path.to_path_buf(), kind, stamps });
        let mut head = Vec::new();
        File::open(path).map_err(fail)?.take(HEAD as u64).read_to_end(&mut head).map_err(fail)?;
        if head.is_empty() {
            return Err(Error::format(path, "", "the file is empty; make it again"));
        }
        if hdf5_pure::is_hdf5_bytes(&head) {
            let (store, root) = Store::open(path)?;
            return source(Kind::Hdf5 { store: Box::new(store), root, stamp: before });
        }
        if head.starts_with(b"PK\x03\x04") {
            let files = Files::open(path)?;
            let names = files.names()?;
            return source(Foreign::of_zip(&names).map_or(Kind::Zip(files, names), Kind::Foreign));
        }
        let file = BufReader::new(File::open(path).map_err(fail)?);
        let (head, whole) =
            if head.starts_with(&GZIP) { first_lines(MultiGzDecoder::new(file)) } else { first_lines(file) };
        if let Some(foreign) = Foreign::of(&head) {
            return source(Kind::Foreign(foreign));
        }
        source(lines(&head, whole).map_or(Kind::Bytes, Kind::Text))
    }

    /// A folder, only to tell what it is.
    pub(crate) fn folder(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_path_buf(), kind: Kind::Folder(names(path)?), stamps: Vec::new() })
    }

    /// A file that is no longer what it was when reading began.
    pub(crate) fn changed(&self) -> Option<&Path> {
        self.stamps.iter().find(|(p, s)| stamp(p).ok().as_ref() != Some(s)).map(|(p, _)| p.as_path())
    }

    /// True for a text that stops within a line, as one does that was cut short.
    pub(crate) fn stops_within_a_line(&self) -> bool {
        let last = || -> std::io::Result<[u8; 3]> {
            let (mut file, mut bytes) = (File::open(&self.path)?, [0; 3]);
            file.read_exact(&mut bytes[..2])?;
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut bytes[2..])?;
            Ok(bytes)
        };
        matches!(self.kind, Kind::Text(_)) && last().is_ok_and(|b| b[..2] != GZIP && b[2] != b'\n')
    }

    /// Names in the folder; none where it is no folder.
    pub(crate) fn names(&self) -> &[String] {
        if let Kind::Folder(names) = &self.kind { names } else { &[] }
    }

    /// Names in the folder or archive.
    pub(crate) fn names_within(&self) -> &[String] {
        if let Kind::Zip(_, names) = &self.kind { names } else { self.names() }
    }

    /// The files of the folder or archive.
    pub(crate) fn files(&self) -> Result<Files> {
        if let Kind::Zip(files, _) = &self.kind { Ok(files.clone()) } else { Files::open(&self.path) }
    }

    /// The first name in the folder for which `is` holds.
    pub(crate) fn name(&self, is: impl Fn(&str) -> bool) -> Option<&str> {
        self.names().iter().map(String::as_str).find(|n| is(n))
    }

    /// True where the folder holds exactly this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.name(|n| n == name).is_some()
    }

    /// The structure of an HDF5 file.
    pub(crate) fn hdf5(&self) -> Option<(&Store, &Branch)> {
        if let Kind::Hdf5 { store, root, .. } = &self.kind { Some((store, root)) } else { None }
    }

    /// First lines of a text; none where it is no text.
    pub(crate) fn lines(&self) -> &[String] {
        if let Kind::Text(lines) = &self.kind { lines } else { &[] }
    }

    /// The last part of the path, for messages and names.
    pub(crate) fn stem(&self) -> String {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        path.file_name().map_or_else(|| "library".to_owned(), |n| n.to_string_lossy().into_owned())
    }

    /// What is there, in words, for messages.
    pub(crate) fn found(&self) -> String {
        const SHOWN: usize = 6;
        let list = |names: &mut dyn Iterator<Item = &String>| {
            let mut names: Vec<String> = names.take(SHOWN + 1).map(|n| format!("`{n}`")).collect();
            if names.len() > SHOWN {
                names[SHOWN] = "…".into();
            }
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        };
        match &self.kind {
            Kind::Hdf5 { root, .. } => format!("an HDF5 file with {}", list(&mut root.children.keys())),
            Kind::Folder(names) => format!("a folder with {}", list(&mut names.iter())),
            Kind::Zip(_, names) => format!("a zip archive with {}", list(&mut names.iter())),
            Kind::Text(lines) => {
                let start: String = lines.first().map(|l| l.chars().take(60).collect()).unwrap_or_default();
                format!("a text that begins with `{}`", start.trim())
            }
            Kind::Foreign(foreign) => foreign.what.to_owned(),
            Kind::Bytes => "bytes that are neither HDF5, nor zip, nor text".to_owned(),
        }
    }
}

/// The names in a folder, sorted; without what macOS keeps beside files (`._matrix.mtx`), which archives carry along.
pub(crate) fn names(path: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(path).map_err(|e| Error::io(path, e))?;
    let all = entries.take(MOST_NAMES).filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = all.filter(|n| !n.starts_with("._")).collect();
    names.sort_unstable();
    Ok(names)
}

/// How a text begins, at least its first two lines: the names of all genes take more than [`HEAD`]; and whether that is all.
fn first_lines(mut text: impl Read) -> (Vec<u8>, bool) {
    let (mut head, mut more) = (Vec::new(), HEAD);
    loop {
        let before = head.len();
        // A file cut short still shows what it was to be; its reader will find the cut.
        let _ = (&mut text).take(more as u64).read_to_end(&mut head);
        let whole = head.len() < before + more;
        let seen = || head.iter().filter(|&&b| b == b'\n').nth(1).is_some() || head.contains(&0);
        if whole || head.len() >= LONGEST_HEAD || seen() {
            return (head, whole);
        }
        more = head.len();
    }
}

/// The lines of a text, if it is cut off without the last one; `None` where the bytes are none.
fn lines(head: &[u8], whole: bool) -> Option<Vec<String>> {
    if head.contains(&0) {
        return None;
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = String::from_utf8_lossy(head);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if !whole && lines.len() > 1 {
        lines.pop();
    }
    Some(lines)
}
