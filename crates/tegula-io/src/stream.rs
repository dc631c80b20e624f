//! Streams, which can be read but once.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use tegula_core::{Error, Result};
use tempfile::TempDir;

/// A copy of a stream (standard input, a pipe) in a temporary file, which goes when this does.
///
/// Formats are recognised by content, and few of them are read from front to back: so a stream is kept first.
///
/// ```
/// let kept = tegula_io::Spooled::empty()?;
/// kept.fill(&mut &b"cell,A,B\nc1,1,2\n"[..])?;
/// assert_eq!(tegula_io::read(kept.path())?.n_vars(), 2);
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Spooled {
    folder: TempDir,
}

impl Spooled {
    /// A place for a copy.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder for temporary files (`TMPDIR`) cannot be written to.
    pub fn empty() -> Result<Self> {
        let folder = TempDir::with_prefix("tegula-").map_err(|e| Error::io(std::env::temp_dir(), e))?;
        Ok(Self { folder })
    }

    /// Copies a stream to its end.
    ///
    /// # Errors
    /// [`Error::Io`] where the stream cannot be read, the disk is full, or a copy is there already.
    pub fn fill(&self, stream: &mut dyn Read) -> Result<()> {
        let fail = |e| Error::io(self.path(), e);
        let mut file = File::create_new(self.path()).map_err(fail)?;
        io::copy(stream, &mut file).map_err(fail).map(|_| ())
    }

    /// Removes the copy, complete or not, where the program ends without dropping this.
    pub fn remove(&self) {
        // Best effort: the system clears its folder for temporary files, too.
        let _ = fs::remove_dir_all(self.folder.path());
    }

    /// Where the copy lies.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("input")
    }
}
