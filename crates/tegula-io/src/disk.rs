//! The files of this machine, for methods whose parameters name some.

use std::fs;
use std::path::Path;

use tegula_core::{Error, Files, Result};

use crate::atomic;

/// The files of this machine: for [`tegula_core::Ctx::with_files`].
///
/// ```
/// use tegula_core::Ctx;
/// use tegula_io::Disk;
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("weights");
/// let ctx = Ctx::new(0).with_files(&Disk);
/// ctx.files().write(&path, b"w")?;
/// assert_eq!(ctx.files().read(&path)?, b"w");
/// # Ok::<(), tegula_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        fs::read(path).map_err(|e| Error::io(path, e))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        atomic::write(path, bytes)
    }
}
