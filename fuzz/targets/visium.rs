//! Visium folders.

#![no_main]

const FILES: &[&str] = &[
    "filtered_feature_bc_matrix/matrix.mtx",
    "filtered_feature_bc_matrix/barcodes.tsv",
    "filtered_feature_bc_matrix/features.tsv",
    "spatial/tissue_positions.csv",
    "spatial/scalefactors_json.json",
    "spatial/tissue_lowres_image.png",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::folder("visium", FILES, bytes));
