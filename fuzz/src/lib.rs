//! What all targets share: bytes become a file or a folder, and a reader is let loose on it.
//!
//! A reader may refuse its input or read it. It may not panic, hang, take more memory than its input can be worth, or give
//! what contradicts itself. A panic inside a library that it uses is caught, and the file called damaged; one in Tegula's
//! own code is a crash here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Once};

use tegula_core::AnnData;
use tegula_io::{ReadOptions, WriteOptions, read_with, write_h5ad};
use tempfile::TempDir;

/// What parts an input into files, on a line of its own.
const BETWEEN: &[u8] = b"\n=====\n";

/// A folder in memory where there is one.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let shared = Path::new("/dev/shm");
    let made = if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() };
    made.expect("a folder to work in")
});

/// A file of these bytes.
pub fn stored(bytes: &[u8]) -> PathBuf {
    tolerate();
    put("input", bytes)
}

fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    fs::write(&path, bytes).expect("room for the input");
    path
}

/// Reads a file of these bytes as a format.
pub fn file(format: &str, bytes: &[u8]) {
    read(&stored(bytes), &of(format));
}

/// Reads a table of expression, and what follows it as the table of its observations.
pub fn tables(bytes: &[u8]) {
    let parted = bytes.windows(BETWEEN.len()).position(|w| w == BETWEEN);
    let matrix = stored(&bytes[..parted.unwrap_or(bytes.len())]);
    let obs = parted.map(|at| put("obs", &bytes[at + BETWEEN.len()..]));
    read(&matrix, &ReadOptions { obs, ..of("table") });
}

/// Reads a folder of these files as a format; the bytes are what is in them, one after the other.
pub fn folder(format: &str, names: &[&str], bytes: &[u8]) {
    tolerate();
    let folder = FOLDER.path().join("folder");
    let mut rest = Some(bytes);
    for name in names {
        let path = folder.join(name);
        let Some(left) = rest else {
            let _ = fs::remove_file(path);
            continue;
        };
        let end = left.windows(BETWEEN.len()).position(|w| w == BETWEEN);
        fs::create_dir_all(path.parent().unwrap_or(&folder)).expect("a folder to work in");
        fs::write(path, &left[..end.unwrap_or(left.len())]).expect("room for the input");
        rest = end.map(|at| &left[at + BETWEEN.len()..]);
    }
    read(&folder, &of(format));
}

/// How to read what is of this format.
fn of(format: &str) -> ReadOptions {
    ReadOptions { format: Some(format.to_owned()), bin_size: bin_size(format), ..ReadOptions::default() }
}

fn read(path: &Path, options: &ReadOptions) {
    if let Ok(reading) = read_with(path, options) {
        check(&reading.adata);
        if reading.format == "h5ad" {
            // What was not understood is carried over from one file to the other.
            let _ = write_h5ad(&reading.adata, FOLDER.path().join("output"), &WriteOptions::default());
        }
    }
}

/// Bins so small that sums are many.
fn bin_size(format: &str) -> Option<u32> {
    ["gem", "gef"].contains(&format).then_some(1)
}

/// What is read agrees with itself.
fn check(adata: &AnnData) {
    let (n, m) = (adata.n_obs(), adata.n_vars());
    if let Some(x) = adata.x() {
        assert_eq!((x.n_rows(), x.n_cols()), (n, m));
    }
    for frame in [adata.obs(), adata.var()] {
        assert!(frame.columns().values().all(|c| c.len() == frame.n_rows()));
    }
    for value in adata.obsm().values() {
        assert!(value.n_rows().is_none_or(|rows| rows == n));
    }
}

/// Lets panics of libraries pass, which readers catch; those of our own end the process.
fn tolerate() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|at| at.file().contains("crates/tegula")) {
                // libFuzzer's own: it ends the process and keeps the input.
                report(info);
            }
        }));
    });
}
