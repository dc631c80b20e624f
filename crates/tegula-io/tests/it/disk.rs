//! A full disk, an unwritable folder: the old file stays, nothing else is left.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tegula_io::{WriteOptions, read, write_h5ad};

use crate::data::{assert_same, full};

/// The example binary beside this test; `None`, said aloud, where it was not built.
fn roundtrip() -> Option<PathBuf> {
    let here = std::env::current_exe().unwrap();
    let binary = here.parent()?.parent()?.join("examples/roundtrip");
    if binary.exists() {
        return Some(binary);
    }
    println!("skipped: no binary at {}", binary.display());
    None
}

#[test]
fn a_write_that_fails_half_way_leaves_the_old_file() {
    let Some(binary) = roundtrip() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.h5ad"), dir.path().join("out.h5ad"));
    write_h5ad(&full(), &input, &WriteOptions::default()).unwrap();
    tegula_io::atomic::write(&output, b"old").unwrap();
    // Files may grow to 8 blocks only: the system refuses the rest as it does on a full disk.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$1\" \"$2\" fresh";
    let run = Command::new("bash").args(["-c", script]).args([&binary, &input, &output]).output().unwrap();
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).contains("out.h5ad"), "{run:?}");
    assert_eq!(std::fs::read(&output).unwrap(), b"old");
    assert_same(&read(&input).unwrap(), &full());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_folder_without_permission_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    match write_h5ad(&full(), closed.join("a.h5ad"), &WriteOptions::default()) {
        Err(e) => assert!(e.to_string().contains("permission denied"), "{e}"),
        Ok(()) => println!("skipped: this user may write everywhere"),
    }
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o755)).unwrap();
}
