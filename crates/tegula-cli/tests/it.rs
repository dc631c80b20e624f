//! Tests of the command: what it prints, what it writes, how it fails.

mod bad_input;
mod door;
mod files;
mod good;
