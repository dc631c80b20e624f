//! Data that tests need and the project does not hold.

use std::path::PathBuf;

/// A file or folder of the data beside the checkout (or under `TEGULA_DATA`), if it is on this machine.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var_os("TEGULA_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no data at {}", path.display());
    None
}
