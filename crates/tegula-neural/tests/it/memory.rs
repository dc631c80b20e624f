//! Files that are kept in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tegula_core::{Files, Result};

/// Files in memory.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<PathBuf, Vec<u8>>>);

impl Files for Memory {
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let all = self.0.lock().unwrap();
        all.get(path).cloned().ok_or_else(|| tegula_core::Error::io(path, std::io::ErrorKind::NotFound.into()))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.0.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }
}
