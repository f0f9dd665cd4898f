//! Paths and address literals are read as they are printed, and hold nothing that ends a command.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| gatepost_laws::smtp_path::law(input));
