//! A record that parses is made of its terms: each span holds one, and advice stays inside.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| gatepost_laws::spf_record::law(input));
