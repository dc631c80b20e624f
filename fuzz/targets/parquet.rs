//! Parquet tables.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = tegula_io::read_parquet(tegula_fuzz::stored(bytes));
});
