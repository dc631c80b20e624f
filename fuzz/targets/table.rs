//! Tables of text.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::tables(bytes));
