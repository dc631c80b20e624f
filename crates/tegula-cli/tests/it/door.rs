//! Runs the command as a person would.

use std::path::Path;
use std::process::{Command, Output};

/// The command, ready for arguments.
pub(crate) fn tegula() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tegula"))
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the command with these arguments in this folder.
pub(crate) fn run_in(dir: &Path, args: &[&str]) -> Ran {
    ran(tegula().current_dir(dir).args(args).output().unwrap())
}

/// What a run left behind.
pub(crate) fn ran(Output { status, stdout, stderr }: Output) -> Ran {
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

impl Ran {
    /// Asserts that it went well; returns what it printed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// Asserts that it failed with this code, with one error line that holds all of `words`, and no panic.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "stderr: {}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in: {}", self.err);
        }
    }
}
