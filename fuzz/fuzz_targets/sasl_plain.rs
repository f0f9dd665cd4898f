//! PLAIN: what is read says the same when it is written again, and nobody is let in without an answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::sasl_plain::law(input));
