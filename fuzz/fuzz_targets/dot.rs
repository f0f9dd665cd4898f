//! Unstuffing is independent of chunks and ends at CRLF.CRLF only.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::dot::law(input));
