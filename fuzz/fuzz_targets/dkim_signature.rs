//! Signatures: the semicolon at the end of a tag-list changes nothing, and limits hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| gatepost_laws::dkim_signature::law(input));
