//! Streams, which can be read but once.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use tegula_core::{Error, Result};
use tempfile::TempDir;

/// A copy of a stream (standard input, a pipe) in a temporary file, which goes when this does.
///
/// Formats are recognised by content, and few of them are read from front to back: so a stream is kept first.
///
/// ```
/// let kept = tegula_io::Spooled::new(&mut &b"cell,A,B\nc1,1,2\n"[..])?;
/// assert_eq!(tegula_io::read(kept.path())?.n_vars(), 2);
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Spooled {
    folder: TempDir,
}

impl Spooled {
    /// Copies a stream to its end.
    ///
    /// # Errors
    /// [`Error::Io`] where the stream cannot be read, or the folder for temporary files (`TMPDIR`) is full.
    pub fn new(stream: &mut dyn Read) -> Result<Self> {
        let folder = TempDir::with_prefix("tegula-").map_err(|e| Error::io(std::env::temp_dir(), e))?;
        let kept = Self { folder };
        let fail = |e| Error::io(kept.path(), e);
        let mut file = File::create_new(kept.path()).map_err(fail)?;
        io::copy(stream, &mut file).map_err(fail)?;
        Ok(kept)
    }

    /// Where the copy lies.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("input")
    }
}
