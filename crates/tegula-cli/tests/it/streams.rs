//! Standard input, pipes, standard output.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::door::{Ran, ran, run_in, tegula};
use crate::files::small;

/// Runs the command and gives it these bytes through a pipe.
fn piped(dir: &Path, args: &[&str], bytes: &[u8]) -> Ran {
    let mut run = tegula();
    let run = run.current_dir(dir).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().unwrap();
    // What is refused before it is read closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    ran(child.wait_with_output().unwrap())
}

/// Counts of two thousand genes, far more than the bytes that tell the format.
fn gem() -> String {
    let mut text = "geneID\tx\ty\tMIDCount\n".to_owned();
    for k in 0..20_000 {
        writeln!(text, "Gene{}\t{}\t{}\t{}", k / 10, k % 97, k % 89, 1 + k % 3).unwrap();
    }
    text
}

#[test]
fn a_pipe_gives_what_the_file_gives() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("a.gem"), gem()).unwrap();
    run_in(dir, &["convert", "a.gem", "-o", "a.h5ad"]).ok();
    for input in ["-", "/dev/stdin"] {
        piped(dir, &["convert", input, "-o", "b.h5ad"], gem().as_bytes()).ok();
        let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
        assert!(read("a.h5ad") == read("b.h5ad"), "{input}");
    }
    let h5ad = std::fs::read(dir.join("a.h5ad")).unwrap();
    piped(dir, &["pp", "log1p", "-", "-o", "c.h5ad"], &h5ad).ok();
    piped(dir, &["info", "-"], b"").fails(1, &["standard input", "the file is empty"]);
    piped(dir, &["info", "-"], &h5ad[..5000]).fails(1, &["standard input", "cut short"]);
    piped(dir, &["pp", "log1p", "-", "--in-place"], &h5ad).fails(2, &["--in-place", "standard input"]);
    run_in(dir, &["info", "/dev/zero"]).fails(1, &["/dev/zero", "a pipe or a device"]);
}

#[test]
fn a_table_goes_to_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    small(dir, "in.h5ad", |_| ());
    let said = run_in(dir, &["convert", "in.h5ad", "-o", "-", "--slot", "obs"]).ok();
    run_in(dir, &["convert", "in.h5ad", "-o", "obs.csv"]).ok();
    assert_eq!(said, std::fs::read_to_string(dir.join("obs.csv")).unwrap());
    let said = run_in(dir, &["convert", "in.h5ad", "-o", "-", "--slot", "X", "--to", "tsv"]).ok();
    assert!(said.starts_with("\tgene0\tgene1"), "{said}");
    let said = run_in(dir, &["tl", "kmeans", "in.h5ad", "--n-clusters", "2", "--use-rep", "spatial", "-o", "-"]).ok();
    assert!(said.starts_with(",side,kmeans\nspot0,"), "{said}");
    run_in(dir, &["convert", "in.h5ad", "-o", "-", "--to", "h5ad"]).fails(2, &["standard output", "csv or tsv"]);
    run_in(dir, &["pp", "log1p", "in.h5ad", "-o", "-", "--json"]).fails(2, &["--json", "standard output"]);
}

#[test]
fn ctrl_c_ends_what_only_reads() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("never");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nobody writes, so that opening waits.
    let mut child = tegula().arg("info").arg(&pipe).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(ends(&mut child), "it still waits");
}

#[test]
fn no_copy_of_a_pipe_stays_behind() {
    let dir = tempfile::tempdir().unwrap();
    let is_empty = || std::fs::read_dir(dir.path()).unwrap().next().is_none();
    let info = |input: &str| {
        let mut run = tegula();
        run.args(["info", input]).env("TMPDIR", dir.path()).stdin(Stdio::piped());
        run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for (input, bytes) in [("-", gem()), ("/dev/stdin", "nothing".to_owned())] {
        // Closing the pipe ends the copy.
        let mut child = info(input);
        let _ = child.stdin.take().unwrap().write_all(bytes.as_bytes());
        assert!(ends(&mut child) && is_empty());
    }
    let mut child = info("-");
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"geneID\tx").unwrap();
    // Its folder alone may be there before the command knows of it.
    let is_copied = || std::fs::read_dir(dir.path()).unwrap().any(|e| e.unwrap().path().join("input").exists());
    assert!((0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        is_copied()
    }));
    assert!(!is_empty());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(ends(&mut child) && is_empty());
}

fn ends(child: &mut Child) -> bool {
    for _ in 0..300 {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    false
}
