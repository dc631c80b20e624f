//! 10x HDF5.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tegula_fuzz::file("10x_h5", bytes));
