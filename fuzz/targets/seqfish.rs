//! seqFISH folders.

#![no_main]

const FILES: &[&str] = &[
    "CxG.csv",
    "CellCoordinates.csv",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("seqfish", FILES, bytes));
