//! How a method reads and writes the few files its parameters may name: by somebody else's hand.

use std::path::Path;

use crate::{Error, Result};

/// Who opens files for a method, which never does so itself: weights of a network are read and written here.
///
/// ```
/// use std::{collections::BTreeMap, path::{Path, PathBuf}, sync::Mutex};
/// use tegula_core::{Ctx, Files, Result};
/// struct Memory(Mutex<BTreeMap<PathBuf, Vec<u8>>>);
/// impl Files for Memory {
///     fn read(&self, path: &Path) -> Result<Vec<u8>> {
///         Ok(self.0.lock().unwrap()[path].clone())
///     }
///     fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
///         self.0.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
///         Ok(())
///     }
/// }
/// let memory = Memory(Mutex::default());
/// let ctx = Ctx::new(0).with_files(&memory);
/// ctx.files().write(Path::new("a"), b"1")?;
/// assert_eq!(ctx.files().read(Path::new("a"))?, b"1");
/// assert!(Ctx::new(0).files().read(Path::new("a")).is_err());
/// # Ok::<(), tegula_core::Error>(())
/// ```
pub trait Files: Sync {
    /// The bytes of a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn read(&self, path: &Path) -> Result<Vec<u8>>;

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()>;
}

/// Nobody: every file is refused.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        Err(refused(path))
    }

    fn write(&self, path: &Path, _: &[u8]) -> Result<()> {
        Err(refused(path))
    }
}

fn refused(path: &Path) -> Error {
    let reason = "files are out of reach here; give the context somebody who opens them (Ctx::with_files)";
    Error::config(format!("`{}`", path.display()), reason)
}
