//! The same results whatever the chunks, diagnosis and all; and what can be signed verifies.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::dkim::law(input));
