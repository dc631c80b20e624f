//! `CosMx` folders.

#![no_main]

const FILES: &[&str] = &[
    "a_exprMat_file.csv",
    "a_metadata_file.csv",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("cosmx", FILES, bytes));
