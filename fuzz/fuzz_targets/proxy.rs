//! A PROXY header is the same however its octets come, and nothing behind it is taken.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::proxy::law(input));
