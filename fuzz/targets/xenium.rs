//! Xenium folders.

#![no_main]

const FILES: &[&str] = &[
    "cell_feature_matrix/matrix.mtx",
    "cell_feature_matrix/barcodes.tsv",
    "cell_feature_matrix/features.tsv",
    "cells.csv",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("xenium", FILES, bytes));
