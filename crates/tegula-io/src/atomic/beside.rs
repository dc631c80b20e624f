//! Names beside a target that files and folders have until they are complete.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::folder_of;

/// Distinguishes names that one process makes at the same time.
static NEXT: AtomicU64 = AtomicU64::new(0);
const END: &str = ".part";

/// Says that somebody works on what has a temporary name, until it is dropped. Where the system has no locks it says
/// nothing, and nothing is ever taken for left behind.
#[derive(Debug)]
pub(super) struct Hold(#[expect(dead_code, reason = "the lock ends when the file closes")] Option<File>);

/// Makes something under a temporary name, and removes what programs that were killed left beside the target.
pub(super) fn begin<T>(target: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T, Hold)> {
    const TRIES: usize = 8;
    let mut path = name(target)?;
    tidy(target);
    for _ in 0..TRIES {
        let made = make(&path)?;
        if let Some(hold) = hold(&path) {
            return Ok((path, made, hold));
        }
        // Another program tidied up before it was held.
        path = name(target)?;
    }
    Err(io::Error::other("others write here at the same time; try again"))
}

/// A name beside the target that nothing has yet.
pub(super) fn name(target: &Path) -> io::Result<PathBuf> {
    let Some(name) = target.file_name() else {
        return Err(io::Error::other("this is not a name for a file; name a file"));
    };
    let folder = folder_of(target);
    if !folder.is_dir() {
        let reason = format!("the folder `{}` does not exist; make it first", folder.display());
        return Err(io::Error::other(reason));
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(folder.join(format!(".{}.{}-{number}{END}", name.to_string_lossy(), std::process::id())))
}

/// Takes hold of what was just made; `None` where another program has it, or had it and removed it.
fn hold(path: &Path) -> Option<Hold> {
    let locked = lock(path);
    let gone = matches!(locked, Err(TryLockError::WouldBlock)) || fs::symlink_metadata(path).is_err();
    (!gone).then(|| Hold(locked.ok()))
}

/// Removes what nobody holds.
fn tidy(target: &Path) {
    let Some(name) = target.file_name().map(|n| n.to_string_lossy().into_owned()) else { return };
    let is_left = |found: &str| {
        let number = found.strip_prefix('.').and_then(|f| f.strip_prefix(&*name)).and_then(|f| f.strip_prefix('.'));
        let number = number.and_then(|f| f.strip_suffix(END));
        number.is_some_and(|n| n.contains('-') && n.chars().all(|c| c == '-' || c.is_ascii_digit()))
    };
    for entry in fs::read_dir(folder_of(target)).into_iter().flatten().flatten() {
        if !entry.file_name().to_str().is_some_and(is_left) {
            continue;
        }
        // Best effort: what stays is in nobody's way.
        if let Ok(_held) = lock(&entry.path()) {
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
                _ => fs::remove_file(entry.path()),
            };
        }
    }
}

#[cfg(unix)]
fn lock(path: &Path) -> Result<File, TryLockError> {
    let file = File::open(path).map_err(TryLockError::Error)?;
    file.try_lock().map(|()| file)
}

/// Here a lock keeps the writer itself from writing.
#[cfg(not(unix))]
fn lock(_: &Path) -> Result<File, TryLockError> {
    Err(TryLockError::Error(io::ErrorKind::Unsupported.into()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::{AtomicFile, folder, write};
    use super::*;

    #[test]
    fn what_nobody_holds_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| folder::put(&dir.path().join(name), b"half").unwrap();
        let kept = [".a.part", ".a.7.part", ".ab.7-0.part", ".a.7-0.parts", "a.7-0.part", ".a.x-0.part"];
        kept.iter().chain(&[".a.7-0.part", ".a.7-12.part"]).for_each(|name| make(name));
        fs::create_dir(dir.path().join(".a.8-0.part")).unwrap();
        make(".a.8-0.part/in");
        let target = dir.path().join("a");
        let (first, second) = (AtomicFile::create(&target).unwrap(), AtomicFile::create(&target).unwrap());
        let names = || {
            let names = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names().len(), kept.len() + 2, "{:?}", names());
        first.commit().unwrap();
        write(&target, b"third").unwrap();
        second.commit().unwrap();
        assert_eq!(names(), kept.iter().chain(&["a"]).map(|&n| n.to_owned()).collect());
    }

    #[test]
    fn what_another_removed_before_it_was_held_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a");
        let made = std::cell::Cell::new(0);
        let make = |path: &Path| {
            folder::put(path, b"")?;
            made.set(made.get() + 1);
            if made.get() < 3 { fs::remove_file(path) } else { Ok(()) }
        };
        let (path, ..) = begin(&target, make).unwrap();
        assert!(path.exists() && made.get() == 3);
        let held = begin(&target, |path| folder::put(path, b"").and_then(|()| Ok(lock(path)?)));
        assert!(held.unwrap_err().to_string().contains("others write here"));
    }
}
