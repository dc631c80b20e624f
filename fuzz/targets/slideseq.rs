//! Slide-seq folders.

#![no_main]

const FILES: &[&str] = &[
    "digital_expression.txt",
    "BeadLocations.csv",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("slideseq", FILES, bytes));
