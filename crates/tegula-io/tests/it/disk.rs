//! A full disk, an unwritable folder, a program that is killed, two at once: the old result stays whole.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tegula_core::{AnnData, Dense, Frame};
use tegula_io::{WriteOptions, read, write, write_h5ad};
use tempfile::TempDir;

use crate::data::{assert_same, full};

/// What is written, with the options of the example.
const KINDS: [(&str, &str); 6] = [
    ("out.h5ad", ""),
    ("out.zarr", ""),
    ("out.csv", "slot=X"),
    ("out.csv.gz", "slot=X"),
    ("out.parquet", "slot=X"),
    ("out", "format=10x_mtx"),
];

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

/// Numbers that no packing makes small.
fn noise(seed: u32) -> AnnData {
    const N: usize = 120;
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 997.0
    };
    let x = Dense::new(N, N, (0..N * N).map(|_| next()).collect::<Vec<_>>()).unwrap();
    AnnData::new(Some(x.into()), Frame::with_range_index(N), Frame::with_range_index(N)).unwrap()
}

/// The options that the words of the example stand for.
fn options(words: &str) -> WriteOptions {
    let given = |name: &str| words.strip_prefix(name).map(str::to_owned);
    WriteOptions { slot: given("slot="), format: given("format="), ..Default::default() }
}

/// A folder with an input and an old output.
fn folder(name: &str, words: &str) -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.h5ad"), dir.path().join(name));
    write_h5ad(&noise(1), &input, &WriteOptions::default()).unwrap();
    write(&full(), &output, &options(words)).unwrap();
    (dir, input, output)
}

/// Every file below a path, by its name.
fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if path.is_file() {
        return [(path.to_path_buf(), fs::read(path).unwrap())].into();
    }
    fs::read_dir(path).unwrap().flat_map(|e| files(&e.unwrap().path())).collect()
}

fn names(dir: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Runs the example where files may grow to 8 blocks only; the signal that tells it is ignored, or kills it.
fn short_of_space(binary: &Path, input: &Path, output: &Path, words: &str, ignored: bool) -> Output {
    let trap = if ignored { "trap '' XFSZ; " } else { "" };
    let script = format!("ulimit -c 0; {trap}ulimit -f 8; exec \"$0\" \"$@\"");
    Command::new("bash").args(["-c", &script]).args([binary, input, output]).args(["fresh", words]).output().unwrap()
}

#[test]
fn a_full_disk_leaves_the_old_result_and_nothing_else() {
    let Some(binary) = roundtrip() else { return };
    for (name, words) in KINDS {
        let (dir, input, output) = folder(name, words);
        let before = files(dir.path());
        // The system refuses what is too much as it does on a full disk.
        let run = short_of_space(&binary, &input, &output, words, true);
        assert!(!run.status.success(), "{name}");
        assert!(String::from_utf8_lossy(&run.stderr).contains(name), "{run:?}");
        assert_eq!(files(dir.path()), before, "{name}");
        assert_eq!(names(&dir), ["in.h5ad", name]);
    }
}

#[test]
fn a_program_killed_while_it_writes_leaves_the_old_result() {
    let Some(binary) = roundtrip() else { return };
    for (name, words) in KINDS {
        let (dir, input, output) = folder(name, words);
        let before = files(&output);
        // Killed by the system in the middle of a write, with no chance to tidy up.
        let run = short_of_space(&binary, &input, &output, words, false);
        assert!(run.status.code().is_none_or(|c| c > 128), "{name}: {run:?}");
        assert_eq!(files(&output), before, "{name}");
        let left: Vec<String> = names(&dir).into_iter().filter(|n| n != "in.h5ad" && n != name).collect();
        let hidden = format!(".{name}.");
        let part = Path::new(&left[0]).extension().is_some_and(|e| e == "part");
        assert!(left.len() == 1 && left[0].starts_with(&hidden) && part, "{left:?}");
        // What is left harms no one, and goes when the same name is written.
        write(&full(), &output, &options(words)).unwrap();
        assert_eq!(names(&dir), ["in.h5ad", name]);
    }
}

#[test]
fn two_programs_writing_one_name_leave_one_result_whole() {
    let Some(binary) = roundtrip() else { return };
    for (name, words) in KINDS {
        let (dir, input, output) = folder(name, words);
        let other = dir.path().join("other.h5ad");
        write_h5ad(&noise(2), &other, &WriteOptions::default()).unwrap();
        let want = [1, 2].map(|seed| {
            write(&noise(seed), &output, &options(words)).unwrap();
            files(&output)
        });
        for _ in 0..3 {
            let run =
                |from: &Path| Command::new(&binary).arg(from).arg(&output).args(["fresh", words]).spawn().unwrap();
            let children = [run(&input), run(&other), run(&input), run(&other)];
            for mut child in children {
                assert!(child.wait().unwrap().success(), "{name}");
            }
            assert!(want.contains(&files(&output)), "{name}");
        }
        assert_eq!(names(&dir), ["in.h5ad", "other.h5ad", name].map(str::to_owned).to_vec(), "{name}");
    }
}

#[test]
fn a_link_stays_a_link_whatever_is_written() {
    for (name, words) in KINDS {
        let (dir, _, output) = folder(name, words);
        let real = dir.path().join("real").join(name);
        fs::create_dir(real.parent().unwrap()).unwrap();
        fs::rename(&output, &real).unwrap();
        symlink(Path::new("real").join(name), &output).unwrap();
        let before = files(&real);
        write(&noise(1), &output, &options(words)).unwrap();
        assert!(fs::symlink_metadata(&output).unwrap().is_symlink(), "{name}");
        assert_ne!(files(&real), before, "{name}");
        assert_eq!(fs::read_dir(real.parent().unwrap()).unwrap().count(), 1, "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.h5ad"), dir.path().join("b.h5ad"));
    symlink(&a, &b).unwrap();
    symlink(&b, &a).unwrap();
    let e = write(&full(), &a, &options("")).unwrap_err().to_string();
    assert!(e.contains("the symbolic links go round in a circle"), "{e}");
}

#[test]
fn a_name_that_is_no_text_is_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(std::ffi::OsStr::from_bytes(b"a \xff\n.h5ad"));
    match write(&full(), &path, &options("")) {
        Ok(()) => assert_same(&read(&path).unwrap(), &full()),
        Err(e) => println!("skipped: this file system has no such names ({e})"),
    }
}

#[test]
fn a_folder_without_permission_is_named_and_keeps_what_is_in_it() {
    const NOBODY: u32 = 65534;
    let Some(binary) = roundtrip() else { return };
    for (name, words) in KINDS {
        let (dir, input, output) = folder(name, words);
        let closed = dir.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::rename(&output, closed.join(name)).unwrap();
        let before = files(&closed);
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(dir.path(), 0o755);
        mode(&closed, 0o555);
        let mut command = Command::new(&binary);
        command.arg(&input).arg(closed.join(name)).args(["fresh", words]);
        if fs::metadata(dir.path()).unwrap().uid() == 0 {
            // Who may do everything becomes who may do nothing.
            command.uid(NOBODY).gid(NOBODY);
        }
        match command.output() {
            Ok(run) => {
                let text = String::from_utf8_lossy(&run.stderr);
                assert!(!run.status.success() && text.contains("permission denied; check"), "{name}: {text}");
                assert_eq!(files(&closed), before, "{name}");
            }
            Err(e) => println!("skipped: no other user can run it ({e})"),
        }
        mode(&closed, 0o755);
    }
}
