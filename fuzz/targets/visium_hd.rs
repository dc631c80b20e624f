//! Visium HD folders.

#![no_main]

const FILES: &[&str] = &[
    "square_008um/filtered_feature_bc_matrix/matrix.mtx",
    "square_008um/filtered_feature_bc_matrix/barcodes.tsv",
    "square_008um/filtered_feature_bc_matrix/features.tsv",
    "square_008um/spatial/tissue_positions.parquet",
    "square_008um/spatial/scalefactors_json.json",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("visium_hd", FILES, bytes));
