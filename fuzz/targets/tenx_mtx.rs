//! 10x mtx folders.

#![no_main]

const FILES: &[&str] = &[
    "matrix.mtx",
    "barcodes.tsv",
    "features.tsv",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("10x_mtx", FILES, bytes));
