//! STARmap folders.

#![no_main]

const FILES: &[&str] = &[
    "raw_expression.csv",
    "spatial.csv",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("starmap", FILES, bytes));
