//! MERSCOPE folders.

#![no_main]

const FILES: &[&str] = &[
    "cell_by_gene.csv",
    "cell_metadata.csv",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("merscope", FILES, bytes));
