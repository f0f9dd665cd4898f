//! LOGIN: at most one question, of two messages, and nobody is let in without an answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::sasl_login::law(input));
