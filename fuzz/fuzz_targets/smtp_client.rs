//! The same words and events wherever the octets are cut; no line in a line; nothing of value without TLS; a message that was
//! not asked for is not sent.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (&[u8], &[u8], bool)| gatepost_laws::smtp_client::law(input));
