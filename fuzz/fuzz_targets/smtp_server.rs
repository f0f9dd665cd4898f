//! The same replies and messages wherever the octets are cut; nothing without AUTH on submission; sessions are bounded.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (&[u8], &[u8])| gatepost_laws::smtp_server::law(input));
