//! The streaming canonicalizer is independent of chunks, and canonical bodies and fields are stable.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::canon::law(input));
