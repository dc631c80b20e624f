//! Files that are there whole or not at all.
//!
//! Everything Tegula writes goes to a temporary file in the folder of its target, is flushed to the disk, and takes
//! the target's name at the very end. Whatever happens before that, the target is as it was and the temporary file is
//! removed. What a program that is killed leaves begins with a point and ends in `.part`; it is never read, and removed when
//! the same target is written again.

mod beside;
pub(crate) mod folder;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use beside::Hold;
use tegula_core::{Error, Result};

/// Writes a whole file, or leaves what was there.
///
/// ```
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("metrics.json");
/// tegula_io::atomic::write(&path, b"{}")?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"{}");
/// # Ok::<(), tegula_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where the folder cannot be written to or the disk is full.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|e| Error::io(path, e))?;
    file.commit()
}

/// A file under a temporary name beside its target; [`AtomicFile::commit`] gives it the target's name.
///
/// Dropped without that, it disappears.
#[derive(Debug)]
pub struct AtomicFile {
    /// `None` once committed.
    file: Option<File>,
    temporary: PathBuf,
    target: PathBuf,
    /// The name the caller used, for messages.
    named: PathBuf,
    _hold: Hold,
}

impl AtomicFile {
    /// Begins a file that will replace `path`.
    ///
    /// A symbolic link stays a link: what it points at is replaced.
    ///
    /// # Errors
    /// [`Error::Io`] where `path` is a folder or a device, or its folder is missing or cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let named = path.as_ref().to_path_buf();
        let fail = |e| Error::io(&named, e);
        let target = resolve_link(&named).map_err(fail)?;
        let before = fs::metadata(&target).ok();
        match &before {
            Some(m) if m.is_dir() => return Err(fail(io::ErrorKind::IsADirectory.into())),
            Some(m) if !m.is_file() => {
                return Err(fail(io::Error::other("this is a device, not a file; name a file")));
            }
            _ => {}
        }
        let new = |path: &Path| OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let (temporary, file, hold) = beside::begin(&target, new).map_err(fail)?;
        if let Some(m) = before {
            // Best effort: not every file system keeps permissions.
            let _ = file.set_permissions(m.permissions());
        }
        Ok(Self { file: Some(file), temporary, target, named, _hold: hold })
    }

    /// Flushes everything to the disk and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Io`] where the system refuses; the target is then as it was.
    pub fn commit(mut self) -> Result<()> {
        let finish = |file: File| -> io::Result<()> {
            file.sync_all()?;
            drop(file);
            fs::rename(&self.temporary, &self.target)
        };
        let Some(file) = self.file.take() else { return Ok(()) };
        if let Err(e) = finish(file) {
            let _ = fs::remove_file(&self.temporary);
            return Err(Error::io(&self.named, e));
        }
        if let Ok(folder) = File::open(folder_of(&self.target)) {
            // Makes the new name itself durable; file systems that cannot, need not.
            let _ = folder.sync_all();
        }
        Ok(())
    }

    fn inner(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("already committed"))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.inner()?.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner()?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.inner()?.seek(pos)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// What a chain of symbolic links ends at, whether or not it exists.
fn resolve_link(path: &Path) -> io::Result<PathBuf> {
    const LONGEST_CHAIN: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..LONGEST_CHAIN {
        match fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("the symbolic links go round in a circle; name a file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut v: Vec<String> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        v.sort();
        v
    }

    #[test]
    fn a_file_that_is_given_up_leaves_the_old_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, b"old").unwrap();
        let mut half = AtomicFile::create(&path).unwrap();
        half.write_all(b"new").unwrap();
        drop(half);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        write(&real, b"old").unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("real", &link).unwrap();
            write(&link, b"new").unwrap();
            assert_eq!(fs::read(&real).unwrap(), b"new");
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        }
    }

    #[test]
    fn folders_devices_and_missing_folders_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let text = |p: &Path| write(p, b"").unwrap_err().to_string();
        assert!(text(dir.path()).ends_with("this is a folder; name a file"));
        assert!(text(&dir.path().join("no/such")).ends_with("does not exist; make it first"));
        #[cfg(unix)]
        assert!(text(Path::new("/dev/full")).ends_with("this is a device, not a file; name a file"));
        assert_eq!(names(dir.path()), [""; 0]);
    }
}
