//! A zip of a `SpatialData` store.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::file("spatialdata", bytes));
