//! Stereo-seq GEM.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::file("gem", bytes));
