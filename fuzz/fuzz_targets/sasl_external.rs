//! EXTERNAL: one question with the certificate of TLS, whatever is said.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::sasl_external::law(input));
