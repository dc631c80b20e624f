//! The bytes of a file, read where they are asked for, by any thread.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// An open file.
pub(super) struct Bytes {
    file: File,
    len: usize,
}

impl Bytes {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let len = usize::try_from(file.metadata()?.len()).map_err(|_| ErrorKind::FileTooLarge)?;
        Ok(Self { file, len })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Fills `to` with what stands at `start`.
    pub(super) fn read(&self, start: usize, to: &mut [u8]) -> Result<()> {
        let mut done = 0;
        while done < to.len() {
            match read_at(&self.file, &mut to[done..], (start + done) as u64) {
                Ok(0) => return Err(Error::new(ErrorKind::UnexpectedEof, "became shorter while it was read")),
                Ok(n) => done += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, to, at)
}

#[cfg(windows)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, to, at)
}
