//! Fields re-concatenate to the input, whatever the chunks.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::header::law(input));
