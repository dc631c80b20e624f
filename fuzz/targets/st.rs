//! ST tables.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::file("st", bytes));
