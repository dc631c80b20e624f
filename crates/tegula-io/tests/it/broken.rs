//! No input, however broken, may panic, hang or be harmed.

use std::path::Path;

use proptest::prelude::*;
use tegula_core::{AnnData, Error};
use tegula_io::{WriteOptions, read, write_h5ad};

use crate::data::{full, shared};

fn sample() -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("whole");
    write_h5ad(&full(), &path, &WriteOptions::default()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (dir, bytes)
}

fn message(path: &Path) -> String {
    read(path).unwrap_err().to_string()
}

#[test]
#[allow(clippy::disallowed_methods)] // broken files on purpose
fn files_that_are_no_h5ad_are_named_for_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = |n: &str| dir.path().join(n);
    assert!(message(&path("none")).ends_with("no such file; check the path"));
    assert!(message(dir.path()).contains("found a folder with nothing"));
    std::fs::write(path("empty"), b"").unwrap();
    assert!(message(&path("empty")).ends_with("the file is empty; make it again"));
    std::fs::write(path("text"), "gene count\n".repeat(99)).unwrap();
    assert!(message(&path("text")).contains("found a text that begins with `gene count`"));
}

#[test]
#[allow(clippy::disallowed_methods)] // broken files on purpose
fn a_file_cut_short_anywhere_is_refused() {
    let (dir, bytes) = sample();
    let path = dir.path().join("cut");
    for k in 0..20 {
        std::fs::write(&path, &bytes[..bytes.len() * k / 20]).unwrap();
        let e = read(&path).err().unwrap_or_else(|| panic!("cut at {k}/20 was read"));
        assert!(matches!(e, Error::Format { .. }), "{e}");
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // broken files on purpose
fn a_python_file_cut_short_is_refused_or_read_but_never_panics() {
    for name in ["fixtures/anndata_archives/v0.7.0/adata.h5ad", "fixtures/anndata_archives/v0.5.0/adata.h5ad"] {
        let Some(p) = shared(name) else { continue };
        let bytes = std::fs::read(p).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut");
        for k in 0..20 {
            std::fs::write(&path, &bytes[..bytes.len() * k / 20]).unwrap();
            assert!(matches!(read(&path), Err(Error::Format { .. })), "{name} cut at {k}/20 was read");
        }
    }
}

#[test]
fn writing_refuses_a_missing_folder_and_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let a = AnnData::default();
    let text = |p: &Path| write_h5ad(&a, p, &WriteOptions::default()).unwrap_err().to_string();
    assert!(text(&dir.path().join("no/a.h5ad")).ends_with("does not exist; make it first"));
    assert!(text(dir.path()).ends_with("this is a folder; name a file"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    #[allow(clippy::disallowed_methods)] // broken files on purpose
    fn flipped_bytes_never_harm(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        thread_local!(static SAMPLE: (tempfile::TempDir, Vec<u8>) = sample());
        SAMPLE.with(|(dir, bytes)| {
            let mut bytes = bytes.clone();
            for (at, value) in &flips {
                let k = at.index(bytes.len());
                bytes[k] = *value;
            }
            let path = dir.path().join("flipped");
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(a) = read(&path) {
                let _ = write_h5ad(&a, dir.path().join("again"), &WriteOptions::default());
            }
        });
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // broken files on purpose
    fn flipped_bytes_of_a_python_file_never_harm(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
    ) {
        if let Some(p) = shared("fixtures/anndata_archives/v0.7.0/adata.h5ad") {
            let mut bytes = std::fs::read(p).unwrap();
            for (at, value) in &flips {
                let k = at.index(bytes.len());
                bytes[k] = *value;
            }
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("flipped");
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(a) = read(&path) {
                let _ = write_h5ad(&a, dir.path().join("again"), &WriteOptions::default());
            }
        }
    }
}
