//! XOAUTH2: what is read is what our client would have written, and a refusal always ends it.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::sasl_bearer::xoauth2(input));
