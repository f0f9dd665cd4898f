//! What is written is read back the same, whatever it is; what is read can be written, and what could be ours is removed.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| gatepost_laws::authres::law(input));
