//! Folders that are there whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tegula_core::{Error, Result};

use super::beside::{self, Hold};
use super::{folder_of, resolve_link};

/// What may not be replaced: finds, among the sorted names in a folder, one that is not ours.
pub(crate) type Foreign = fn(&[String]) -> Option<&String>;

/// A folder under a temporary name beside its target; [`AtomicFolder::commit`] gives it the target's name.
///
/// Dropped without that, it disappears with all that is in it.
#[derive(Debug)]
pub(crate) struct AtomicFolder {
    temporary: PathBuf,
    target: PathBuf,
    /// The name the caller used, for messages.
    named: PathBuf,
    foreign: Foreign,
    _hold: Hold,
}

impl AtomicFolder {
    /// Begins a folder that will replace `path`; a symbolic link stays a link.
    ///
    /// What stands there already must be a folder in which `foreign` finds nothing.
    pub(crate) fn create(path: &Path, foreign: Foreign) -> Result<Self> {
        let fail = |e| Error::io(path, e);
        let target = resolve_link(path).map_err(fail)?;
        let new = |path: &Path| {
            check(&target, foreign)?;
            fs::create_dir(path)
        };
        let (temporary, (), hold) = beside::begin(&target, new).map_err(fail)?;
        Ok(Self { temporary, target, named: path.to_path_buf(), foreign, _hold: hold })
    }

    /// Where it is until it is complete.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// A new file in it.
    #[allow(clippy::disallowed_methods)] // the folder is there whole or not at all
    pub(crate) fn file(&self, name: &str) -> io::Result<File> {
        File::create(self.temporary.join(name))
    }

    /// Flushes everything to the disk and gives the folder its name; what had it is removed.
    pub(crate) fn commit(self) -> Result<()> {
        let done =
            flush(&self.temporary).and_then(|()| check(&self.target, self.foreign)).and_then(|()| self.replace());
        done.map_err(|e| Error::io(&self.named, e))?;
        if let Ok(folder) = File::open(folder_of(&self.target)) {
            // As for files: makes the new name durable where the file system can.
            let _ = folder.sync_all();
        }
        // Dropping removes what the target was before.
        Ok(())
    }

    fn replace(&self) -> io::Result<()> {
        const TRIES: usize = 8;
        let mut last = None;
        // Others may write the same name meanwhile: each of them gives it whole, the last one stays.
        for _ in 0..TRIES {
            let done = if self.target.exists() {
                exchange(&self.temporary, &self.target)
            } else {
                fs::rename(&self.temporary, &self.target)
            };
            match done {
                Ok(()) => return Ok(()),
                Err(e) if self.temporary.exists() => last = Some(e),
                Err(e) => return Err(e),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("others write here at the same time; try again")))
    }
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

/// Refuses to replace what is not ours.
fn check(target: &Path, foreign: Foreign) -> io::Result<()> {
    match fs::metadata(target) {
        Err(_) => Ok(()),
        Ok(m) if !m.is_dir() => Err(io::Error::other("a file of this name is there; name another folder")),
        Ok(_) => {
            let names = fs::read_dir(target)?.map(|e| Ok(e?.file_name().to_string_lossy().into_owned()));
            let mut names = names.collect::<io::Result<Vec<String>>>()?;
            names.sort_unstable();
            let reason = |name| format!("this folder holds something else (`{name}`); name a new or empty folder");
            foreign(&names).map_or(Ok(()), |name| Err(io::Error::other(reason(name))))
        }
    }
}

/// Two folders change names, so that at no time there is none under either.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        // Not every file system can.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => in_turn(a, b),
        done => done.map_err(io::Error::from),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    in_turn(a, b)
}

/// As [`exchange`], with a moment at which nothing is called `b`.
fn in_turn(a: &Path, b: &Path) -> io::Result<()> {
    let aside = beside::name(b)?;
    fs::rename(b, &aside)?;
    if let Err(e) = fs::rename(a, b) {
        fs::rename(&aside, b)?;
        return Err(e);
    }
    fs::rename(&aside, a)
}

/// Flushes all files and folders below a folder, and itself: at once, many small files are many times as fast.
#[cfg(target_os = "linux")]
fn flush(folder: &Path) -> io::Result<()> {
    let opened = File::open(folder)?;
    rustix::fs::syncfs(&opened).map_err(io::Error::from).or_else(|_| flush_each(folder))
}

#[cfg(not(target_os = "linux"))]
fn flush(folder: &Path) -> io::Result<()> {
    flush_each(folder)
}

/// As [`flush`], one by one.
fn flush_each(folder: &Path) -> io::Result<()> {
    let (mut open, mut all) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            let to = if entry.file_type()?.is_dir() { &mut open } else { &mut all };
            to.push(entry.path());
        }
        all.push(path);
    }
    all.par_iter().try_for_each(|path| File::open(path)?.sync_all())
}

/// Writes a file of a folder that is not complete yet.
#[allow(clippy::disallowed_methods)] // the folder is there whole or not at all
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anything(_: &[String]) -> Option<&String> {
        None
    }

    fn make(path: &Path, name: &str) -> AtomicFolder {
        let folder = AtomicFolder::create(path, anything).unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        put(&folder.path().join("in").join(name), b"x").unwrap();
        folder
    }

    #[test]
    fn a_folder_replaces_a_folder_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        make(&path, "old").commit().unwrap();
        drop(make(&path, "given up"));
        assert!(path.join("in/old").exists() && !path.join("in/given up").exists());
        make(&path, "new").commit().unwrap();
        assert!(path.join("in/new").exists() && !path.join("in/old").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn names_change_places_where_the_file_system_cannot_exchange_them() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        make(&a, "1").commit().unwrap();
        make(&b, "2").commit().unwrap();
        in_turn(&a, &b).unwrap();
        flush_each(dir.path()).unwrap();
        assert!(a.join("in/2").exists() && b.join("in/1").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_not_ours_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (path, file) = (dir.path().join("a"), dir.path().join("f"));
        make(&path, "mine").commit().unwrap();
        put(&file, b"x").unwrap();
        let e = AtomicFolder::create(&path, <[String]>::first).unwrap_err().to_string();
        assert!(e.contains("holds something else (`in`)"), "{e}");
        let e = AtomicFolder::create(&file, anything).unwrap_err().to_string();
        assert!(e.contains("a file of this name is there"), "{e}");
        let e = AtomicFolder::create(&dir.path().join("no/a"), anything).unwrap_err().to_string();
        assert!(e.contains("does not exist; make it first"), "{e}");
    }
}
